//! What a mailbox shows: counts for lamps and the order in which messages are heard.
//!
//! Counts are never kept, only counted: from the states that the event log gives. A lamp can't
//! stick or fall below zero.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use crate::dialplan::effect::Folder;
use crate::message::MessageSummary;
use crate::message::state::RecipientState;

/// The counts behind a message-waiting lamp (RFC 3842 vocabulary).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lamp {
    /// Messages not heard yet.
    pub new: u32,
    /// Messages heard or kept, and not deleted.
    pub saved: u32,
    /// Those of `new` that are urgent.
    pub urgent_new: u32,
}

impl Lamp {
    /// Counts a mailbox, given each message's state and whether it is urgent.
    pub fn count<'a>(mailbox: impl IntoIterator<Item = (&'a RecipientState, bool)>) -> Self {
        let mut lamp = Self::default();
        for (state, urgent) in mailbox {
            match state.folder() {
                Some(Folder::New) => {
                    lamp.new += 1;
                    lamp.urgent_new += u32::from(urgent);
                }
                Some(Folder::Saved) => lamp.saved += 1,
                Some(Folder::Deleted) | None => {}
            }
        }
        lamp
    }

    /// Whether the lamp is lit.
    pub const fn lit(self) -> bool {
        self.new > 0
    }
}

/// The order in which a mailbox is heard: urgent messages before others, the oldest first.
pub fn hearing_order(a: &MessageSummary, b: &MessageSummary) -> Ordering {
    b.urgent.cmp(&a.urgent).then(a.at.cmp(&b.at)).then(a.id.cmp(&b.id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Event;
    use crate::message::state::tests_support::any_event;
    use crate::time::UnixMillis;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn counts_add_up_to_what_is_not_deleted(
            mailbox in proptest::collection::vec((proptest::collection::vec(any_event(), 0..20), any::<bool>()), 0..20)
        ) {
            let states: Vec<_> = mailbox.iter().map(|(events, urgent)| {
                let mut state = RecipientState::default();
                let _ = state.apply(UnixMillis(0), &Event::Accepted);
                for event in events {
                    let _ = state.apply(UnixMillis(1), event);
                }
                (state, *urgent)
            }).collect();
            let lamp = Lamp::count(states.iter().map(|(s, u)| (s, *u)));
            let kept = states.iter().filter(|(s, _)| s.folder().is_some_and(|f| f != Folder::Deleted)).count();
            prop_assert_eq!(lamp.new + lamp.saved, u32::try_from(kept).unwrap());
            prop_assert!(lamp.urgent_new <= lamp.new);
            prop_assert_eq!(lamp.lit(), lamp.new > 0);
        }
    }
}
