//! Bounded waiting for something that can be seen.

use std::thread;
use std::time::{Duration, Instant};

/// How long the harness waits for something that should happen at once, on a busy machine.
pub const SOON: Duration = Duration::from_secs(15);

/// How long the harness waits for something that includes speaking or ringing.
pub const LATER: Duration = Duration::from_secs(60);

/// How often [`until`] looks.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Looks until `look` finds something; panics with `what` when that takes longer than `at_most`.
#[track_caller]
pub fn until<T>(what: &str, at_most: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < at_most, "waited {at_most:?} in vain for: {what}");
        thread::sleep(LOOK_EVERY);
    }
}

/// Watches for the whole of `span` that `look` stays true. For what must *not* happen, where
/// nothing that can be seen marks the end.
#[track_caller]
pub fn holds(what: &str, span: Duration, mut look: impl FnMut() -> bool) {
    let begun = Instant::now();
    while begun.elapsed() < span {
        assert!(look(), "no longer true after {:?}: {what}", begun.elapsed());
        thread::sleep(LOOK_EVERY);
    }
}

/// The longest that anything which is not polled for may take where the machine is busy with
/// other tests.
pub const BUSY: Duration = Duration::from_secs(3);

/// Judges how soon something was seen, by the quickest of several: a busy machine makes some of
/// them late, and none of them early.
#[track_caller]
pub fn judge(what: &str, aim: Duration, seen: &[Duration]) {
    println!("{what}: {seen:?}");
    let quickest = seen.iter().min().expect("something was measured");
    assert!(*quickest <= aim, "{what}: none of {seen:?} within {aim:?}");
    assert!(seen.iter().all(|took| *took <= BUSY), "{what}: {seen:?}");
}
