//! The task that releases messages when their time has come.

use std::pin::pin;
use std::time::Duration;

use hark_engine::message::hold;

use crate::clock;
use crate::messages::Messages;

/// When to try again what the store could not give.
const AGAIN: Duration = Duration::from_secs(5);

/// Releases messages that waited for their time, those of an earlier run too.
pub(super) async fn release(messages: Messages) {
    let held = messages.held();
    loop {
        // Begun before the store is asked: what is committed meanwhile is not slept through.
        let mut news = pin!(held.notified());
        news.as_mut().enable();
        let wait = match messages.release_due().await {
            Ok(Some(next)) => Some(hold::look_again(clock::wall(), next)),
            Ok(None) => None,
            Err(error) => {
                tracing::error!(%error, "messages that are due can't be released now");
                Some(AGAIN)
            }
        };
        match wait {
            Some(wait) => {
                let _either = tokio::time::timeout(wait, news).await;
            }
            None => news.await,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use hark_engine::dialplan::effect::{Delivery, Folder};
    use hark_engine::id::{MessageId, UserId};
    use hark_engine::message::{Event, Sender};
    use prometheus::Registry;

    use super::*;
    use crate::bus::{Bus, BusEvent};
    use crate::store::{DigestSecrets, NewMessage, NewUser, Store, StoreConfig};

    #[tokio::test]
    async fn a_message_comes_at_its_time_and_also_when_the_server_was_away_meanwhile() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(StoreConfig::new(dir.path()), &Registry::new()).unwrap();
        let bob = store.create_user(bob()).await.unwrap();
        let (bus, due) = (Bus::default(), clock::wall().after(Duration::from_millis(400)));
        let (messages, mut handover) = Messages::new(store.clone(), bus.clone(), 30);
        let mut events = bus.subscribe();
        let releasing = tokio::spawn(release(messages.clone()));
        let first = messages.commit(message(bob, due)).await.unwrap();
        let told = events.recv().await.unwrap();
        let held = Event::Held { until: due };
        assert!(matches!(&*told, BusEvent::Logged { event, .. } if event.event == held));
        assert!(handover.try_recv().is_err(), "its delivery does not begin yet");

        let next = tokio::time::timeout(Duration::from_secs(20), handover.recv()).await;
        assert_eq!(next.unwrap().unwrap().message, first.id);
        assert!(clock::wall() >= due);
        assert_eq!(store.mailbox(bob, Folder::New).await.unwrap().len(), 1);
        let mut seen = Vec::new();
        while let Ok(event) = events.try_recv() {
            seen.push(match &*event {
                BusEvent::Logged { event, .. } if event.event == Event::Released => "released",
                BusEvent::Lamp { lamp, .. } if lamp.new == 1 => "lamp",
                BusEvent::Arrived { .. } => "arrived",
                _ => "something else",
            });
        }
        assert_eq!(seen, ["released", "lamp", "arrived"]);

        // Nobody releases while a second one falls due; whoever starts later does.
        releasing.abort();
        let due = clock::wall().after(Duration::from_millis(1));
        let second = messages.commit(message(bob, due)).await.unwrap();
        while clock::wall() < due {
            tokio::task::yield_now().await;
        }
        let releasing = tokio::spawn(release(messages));
        let next = tokio::time::timeout(Duration::from_secs(20), handover.recv()).await;
        assert_eq!(next.unwrap().unwrap().message, second.id);
        releasing.abort();
    }

    fn bob() -> NewUser {
        NewUser {
            name: "bob".into(),
            display_name: "Bob".into(),
            extension: "1002".into(),
            password_hash: String::new(),
            ha1: DigestSecrets { md5: [0; 16], sha256: [0; 32] },
            language: "en".into(),
            limit_secs: 59,
            pin_hash: None,
        }
    }

    fn message(to: UserId, due: hark_engine::time::UnixMillis) -> NewMessage {
        let at = clock::wall();
        NewMessage {
            id: MessageId::new(at, clock::random()),
            sender: Sender { user: None, name: "A".into(), address: String::new() },
            delivery: Delivery { to: vec![to], not_before: Some(due), ..Delivery::default() },
            length_ms: 1000,
            bytes: 1,
            peaks: Vec::new(),
            audio: PathBuf::from("audio/a.ogg"),
            idempotency_key: None,
            at,
        }
    }
}
