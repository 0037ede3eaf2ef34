//! The legal paths of a message, walked at random and by hand.

use super::tests_support::any_event;
use super::*;
use proptest::prelude::*;

fn at(n: i64) -> UnixMillis {
    UnixMillis(n)
}

fn accepted() -> RecipientState {
    let mut state = RecipientState::default();
    assert_eq!(state.apply(at(1), &Event::Accepted), Ok(true));
    state
}

#[test]
fn the_whole_way_keeps_device_and_time_of_each_step() {
    let mut state = accepted();
    let device = "browser".to_owned();
    for (n, event) in [
        Event::Notified { device: device.clone() },
        Event::Delivered { device: device.clone() },
        Event::Heard { device, heard_ms: 900 },
    ]
    .iter()
    .enumerate()
    {
        assert_eq!(state.apply(at(n as i64 + 2), event), Ok(true));
        assert_eq!(state.apply(at(99), event), Ok(false), "a repeated step changes nothing");
    }
    let steps: Vec<_> = state.steps().into_iter().map(|s| (s.step, s.at.0)).collect();
    let expected =
        [(Step::Accepted, 1), (Step::Notified, 2), (Step::Delivered, 3), (Step::Heard, 4)];
    assert_eq!(steps, expected);
    assert_eq!(state.folder(), Some(Folder::Saved));
}

#[test]
fn a_second_device_is_another_notification_until_it_was_heard() {
    let mut state = accepted();
    let notified = |d: &str| Event::Notified { device: d.into() };
    assert_eq!(state.apply(at(2), &notified("browser")), Ok(true));
    assert_eq!(state.apply(at(3), &notified("phone:desk")), Ok(true));
    assert_eq!(state.apply(at(4), &Event::Heard { device: "x".into(), heard_ms: 5 }), Ok(true));
    assert_eq!(state.apply(at(5), &notified("phone:mobile")), Ok(false));
    assert_eq!(state.notified.len(), 2);
}

#[test]
fn failure_is_no_end_and_never_follows_a_delivery() {
    let mut state = accepted();
    let failed = Event::Failed { reason: "busy".into() };
    assert_eq!(state.apply(at(2), &failed), Ok(true));
    assert!(state.finished());
    assert_eq!(state.apply(at(3), &Event::Delivered { device: "d".into() }), Ok(true));
    assert_eq!(state.failed, None);
    assert_eq!(state.apply(at(4), &failed), Ok(false));
}

#[test]
fn only_restoring_leaves_deletion_and_nothing_comes_before_acceptance() {
    let mut state = RecipientState::default();
    assert_eq!(state.apply(at(0), &Event::Deleted), Err(Illegal::NotAccepted));
    let mut state = accepted();
    assert_eq!(state.apply(at(2), &Event::Deleted), Ok(true));
    assert_eq!(state.apply(at(3), &Event::Saved), Err(Illegal::Deleted));
    let late = Event::Heard { device: "d".into(), heard_ms: 1 };
    assert_eq!(state.apply(at(3), &late), Ok(false));
    assert_eq!(state.folder(), Some(Folder::Deleted));
    assert_eq!(state.apply(at(4), &Event::Restored), Ok(true));
    assert_eq!(state.folder(), Some(Folder::New));
    assert!(state.finished(), "nobody is told of what they took back themselves");
    assert_eq!(state.apply(at(4), &Event::Restored), Ok(false));
    assert_eq!(state.apply(at(5), &Event::Saved), Ok(true));
    assert_eq!(state.apply(at(6), &Event::Deleted), Ok(true));
    assert_eq!(state.apply(at(7), &Event::Restored), Ok(true));
    assert_eq!(state.folder(), Some(Folder::Saved), "it comes back as it was");
}

#[test]
fn to_and_fro_does_not_fill_the_log() {
    let mut state = accepted();
    let written = (0..1000).filter(|n| {
        let event = if n % 2 == 0 { Event::Deleted } else { Event::Restored };
        state.apply(at(*n), &event) == Ok(true)
    });
    assert_eq!(written.count(), 2 * MAX_REPORTS + 1);
    assert_eq!(state.apply(at(0), &Event::Restored), Err(Illegal::RestoredTooOften));
}

#[test]
fn a_held_message_is_nowhere_until_its_time() {
    let mut state = accepted();
    let until = at(90);
    assert_eq!(state.apply(at(1), &Event::Held { until }), Ok(true));
    assert_eq!((state.folder(), state.finished()), (None, false));
    let early = Event::Notified { device: "browser".into() };
    assert_eq!(state.apply(at(2), &early), Ok(false));
    assert_eq!(state.apply(at(2), &Event::Deleted), Err(Illegal::Held));
    assert_eq!(state.apply(at(90), &Event::Released), Ok(true));
    assert_eq!(state.apply(at(91), &Event::Released), Ok(false));
    assert_eq!(state.folder(), Some(Folder::New));
    assert_eq!(state.apply(at(91), &Event::Held { until }), Ok(false), "once");
    assert_eq!(state.apply(at(92), &early), Ok(true));
}

#[test]
fn what_is_gone_never_comes_back_and_only_deleted_or_expired_is_purged() {
    let mut state = accepted();
    assert_eq!(state.apply(at(2), &Event::Purged), Ok(false), "not out of the mailbox");
    assert_eq!(state.apply(at(3), &Event::Expired), Ok(true));
    assert_eq!((state.folder(), state.finished()), (None, true));
    assert_eq!(state.apply(at(4), &Event::Saved), Err(Illegal::Gone));
    assert_eq!(state.apply(at(4), &Event::Restored), Err(Illegal::Gone));
    assert_eq!(state.apply(at(5), &Event::Purged), Ok(true));
    assert_eq!(state.apply(at(6), &Event::Purged), Ok(false));
    let mut state = accepted();
    assert_eq!(state.apply(at(2), &Event::Deleted), Ok(true));
    assert_eq!(state.apply(at(3), &Event::Expired), Ok(false));
    assert_eq!(state.apply(at(4), &Event::Purged), Ok(true));
    assert_eq!(state.apply(at(5), &Event::Restored), Err(Illegal::Gone));
}

#[test]
fn what_is_called_off_is_finished_and_stays_in_the_mailbox() {
    let off = Event::CalledOff { reason: "confirmed by another".into() };
    let mut state = accepted();
    assert_eq!(state.apply(at(2), &off), Ok(true));
    assert_eq!(state.apply(at(3), &off), Ok(false), "once");
    assert_eq!(state.apply(at(4), &Event::Failed { reason: "busy".into() }), Ok(false));
    assert!(state.finished());
    assert_eq!((state.step(), state.folder()), (Step::Accepted, Some(Folder::New)));
    let heard = Event::Heard { device: "browser".into(), heard_ms: 5 };
    assert_eq!(state.apply(at(5), &heard), Ok(true));
    // Before its time it is called off for when it comes.
    let mut state = accepted();
    assert_eq!(state.apply(at(2), &Event::Held { until: at(50) }), Ok(true));
    assert_eq!(state.apply(at(3), &off), Ok(true));
    assert!(state.is_held());
    assert_eq!(state.apply(at(50), &Event::Released), Ok(true));
    assert!(state.finished() && state.folder() == Some(Folder::New));
    // Who heard it needs nothing more.
    let mut state = accepted();
    assert_eq!(state.apply(at(2), &heard), Ok(true));
    assert_eq!(state.apply(at(3), &off), Ok(false));
}

#[test]
fn the_first_confirmation_stands() {
    let mut state = accepted();
    let confirmed = |device: &str| Event::Confirmed { device: device.into() };
    assert_eq!(state.apply(at(2), &confirmed("desk")), Ok(true));
    assert_eq!(state.apply(at(3), &confirmed("browser")), Ok(false));
    assert_eq!(state.confirmed, Some(Reached { device: "desk".into(), at: at(2) }));
}

proptest! {
    #[test]
    fn any_sequence_gives_a_legal_state(events in proptest::collection::vec(any_event(), 0..200)) {
        let mut state = RecipientState::default();
        for (n, event) in events.iter().enumerate() {
            let before = state.clone();
            match state.apply(at(n as i64), event) {
                Ok(true) => prop_assert_ne!(&state, &before),
                Ok(false) | Err(_) => prop_assert_eq!(&state, &before),
            }
            prop_assert!(state.step() >= before.step(), "a step is never taken back");
            let leaves = matches!(event, Event::Restored | Event::Purged | Event::Confirmed { .. });
            if before.deleted.is_some() && !leaves {
                prop_assert_eq!(&state, &before, "only restoring leaves deleted");
            }
            let ends = matches!(event, Event::Released | Event::CalledOff { .. });
            if before.is_held() && !ends {
                prop_assert_eq!(&state, &before, "only its time ends a wait");
            }
            prop_assert!(state.accepted.is_some() || state == RecipientState::default());
            prop_assert!(state.failed.is_none() || state.step() < Step::Delivered);
            prop_assert!(state.notified.len() <= MAX_REPORTS);
            let nowhere = state.accepted.is_none() || state.is_held() || state.is_gone();
            prop_assert_eq!(state.folder().is_none(), nowhere);
            let deleted = state.deleted.is_some() && !state.is_gone();
            prop_assert_eq!(state.folder() == Some(Folder::Deleted), deleted);
            if before.is_gone() && *event != Event::Purged {
                prop_assert_eq!(&state, &before, "what is gone is gone");
            }
            // Told twice is told once.
            let mut again = state.clone();
            if again.apply(at(n as i64 + 1), event) != Ok(true) {
                prop_assert_eq!(again, state.clone());
            }
        }
    }
}
