//! Messages that wait for their time: which have to, and when to look for those that are due.
//!
//! Their time is one of the wall clock, which an operator or NTP may set forwards or backwards.
//! So nobody sleeps until a message is due: whoever releases them looks again after
//! [`look_again`] at the latest, and a clock that jumped is noticed then.

use std::time::Duration;

use crate::time::UnixMillis;

/// The longest that a jump of the clock goes unnoticed.
pub const LOOK_EVERY: Duration = Duration::from_secs(15);

/// Until when a message that is committed `now` is held, if it is.
pub fn until(now: UnixMillis, not_before: Option<UnixMillis>) -> Option<UnixMillis> {
    not_before.filter(|due| *due > now)
}

/// How long to wait before looking for due messages, when the next one is due at `next`.
pub fn look_again(now: UnixMillis, next: UnixMillis) -> Duration {
    next.since(now).min(LOOK_EVERY)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: UnixMillis = UnixMillis(1_800_000_000_000);

    #[test]
    fn only_what_lies_ahead_is_held() {
        let later = NOON.after(Duration::from_millis(1));
        assert_eq!(until(NOON, None), None);
        assert_eq!(until(NOON, Some(NOON)), None);
        assert_eq!(until(later, Some(NOON)), None);
        assert_eq!(until(NOON, Some(later)), Some(later));
    }

    #[test]
    fn a_message_is_released_in_time_whatever_the_clock_does() {
        let due = NOON.after(Duration::from_secs(3600));
        // Each entry: after so many looks, the clock is set by so many milliseconds.
        for jumps in [vec![], vec![(3, 1_800_000)], vec![(2, -900_000), (9, 3_600_000)]] {
            let (mut wall, mut real) = (NOON, Duration::ZERO);
            let mut reached = None;
            for look in 0..2000 {
                if wall >= due {
                    break;
                }
                let wait = look_again(wall, due);
                assert!(wait > Duration::ZERO && wait <= LOOK_EVERY);
                wall = wall.after(wait);
                real += wait;
                if let Some((_, by)) = jumps.iter().find(|(at, _)| *at == look) {
                    wall = UnixMillis(wall.0 + by);
                    reached = reached.or((wall >= due).then_some(real));
                }
            }
            assert!(wall >= due);
            if let Some(reached) = reached {
                assert!(real - reached <= LOOK_EVERY, "released late after a jump");
            }
        }
    }
}
