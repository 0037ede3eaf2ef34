//! How many calls may be made in a time: judged from when the last ones began.

use std::time::Duration;

use crate::time::UnixMillis;

/// An hour.
pub const HOUR: Duration = Duration::from_secs(3_600);
/// A day.
pub const DAY: Duration = Duration::from_secs(86_400);

/// Whether one more may begin `now`, where at most `most` may begin in any `window` and the last
/// ones began at `begun`. Times that lie ahead count too: a clock that is set back makes nobody's
/// telephone ring more often.
///
/// # Errors
/// How long to wait until one may.
pub fn judge(
    now: UnixMillis,
    begun: &[UnixMillis],
    most: u32,
    window: Duration,
) -> Result<(), Duration> {
    if most == 0 {
        return Err(window);
    }
    let mut recent: Vec<_> = begun.iter().filter(|at| at.after(window) > now).collect();
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    if recent.len() < most {
        return Ok(());
    }
    recent.sort_unstable();
    // When this one is out of the window, there is room.
    let frees = recent.get(recent.len() - most).map_or(window, |at| at.after(window).since(now));
    Err(frees.clamp(Duration::from_secs(1), window))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(secs: i64) -> UnixMillis {
        UnixMillis(secs * 1000)
    }

    #[test]
    fn the_wait_is_until_there_is_room() {
        assert_eq!(judge(at(0), &[], 1, HOUR), Ok(()));
        assert_eq!(judge(at(10), &[at(0)], 0, HOUR), Err(HOUR));
        let begun = [at(0), at(100), at(200)];
        assert_eq!(judge(at(300), &begun, 4, HOUR), Ok(()));
        assert_eq!(judge(at(300), &begun, 3, HOUR), Err(Duration::from_secs(3300)));
        assert_eq!(judge(at(300), &begun, 2, HOUR), Err(Duration::from_secs(3400)));
        assert_eq!(judge(at(3600), &begun, 3, HOUR), Ok(()));
        assert_eq!(judge(at(-7200), &begun, 3, HOUR), Err(HOUR), "the clock was set back");
    }

    proptest! {
        /// However often one asks, and whatever the clock does: no window holds more.
        #[test]
        fn no_window_holds_more_than_allowed(
            steps in proptest::collection::vec((-4000i64..4000, any::<bool>()), 1..80), most in 1u32..5
        ) {
            let (mut clock, mut begun) = (1_000_000i64, Vec::new());
            for (step, forward) in steps {
                clock += if forward { step.abs() } else { step };
                match judge(at(clock), &begun, most, HOUR) {
                    Ok(()) => begun.push(at(clock)),
                    Err(wait) => {
                        prop_assert!(wait > Duration::ZERO && wait <= HOUR);
                    }
                }
                for end in &begun {
                    let within = begun.iter().filter(|b| *b <= end && b.after(HOUR) > *end).count();
                    prop_assert!(within <= most as usize);
                }
            }
        }
    }
}
