//! What a mailbox on the telephone asks for besides messages.

use super::*;

#[tokio::test]
async fn attempts_at_a_pin_are_counted_across_restarts() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let (alice, bob) = two_users(&store).await;
    assert_eq!(store.begin_pin_attempt(alice, NOW).await.unwrap(), PinAttempt::NoPin);
    store.set_pin(alice, "hash".into()).await.unwrap();
    store.set_pin(bob, "other".into()).await.unwrap();
    let judged = PinAttempt::Judge("hash".into());
    for _ in 0..3 {
        assert_eq!(store.begin_pin_attempt(alice, NOW).await.unwrap(), judged);
    }
    drop(store);
    let store = open(dir.path());
    for _ in 0..2 {
        assert_eq!(store.begin_pin_attempt(alice, NOW).await.unwrap(), judged);
    }
    assert_eq!(store.begin_pin_attempt(alice, NOW).await.unwrap(), PinAttempt::Locked);
    assert_ne!(store.begin_pin_attempt(bob, NOW).await.unwrap(), PinAttempt::Locked);
    let later = NOW.after(hark_engine::pin::FIRST_LOCK);
    assert_eq!(store.begin_pin_attempt(alice, later).await.unwrap(), judged);
    store.pin_was_right(alice).await.unwrap();
    for _ in 0..5 {
        assert_eq!(store.begin_pin_attempt(alice, later).await.unwrap(), judged);
    }
    assert_eq!(store.begin_pin_attempt(alice, later).await.unwrap(), PinAttempt::Locked);
    store.set_pin(alice, "new".into()).await.unwrap();
    let judged = PinAttempt::Judge("new".into());
    assert_eq!(store.begin_pin_attempt(alice, later).await.unwrap(), judged);
    let nobody = store.begin_pin_attempt(UserId(99), NOW).await;
    assert_eq!(nobody, Err(StoreError::NotFound { what: "user" }));
}

#[tokio::test]
async fn a_sender_is_told_of_each_message_that_was_heard_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let (alice, bob) = two_users(&store).await;
    for n in 0..3 {
        let mut message = message(n, alice, &[bob, alice]);
        message.delivery.receipt = n != 2;
        store.commit_message(message).await.unwrap();
    }
    let heard = |n: u32, user, heard_ms| {
        store.append_event(message_id(n), user, NOW, Event::Heard { device: "d".into(), heard_ms })
    };
    assert_eq!(store.heard_since_told(alice).await.unwrap().messages, 0);
    heard(0, bob, 10).await.unwrap();
    heard(0, alice, 10).await.unwrap();
    heard(2, bob, 10).await.unwrap();
    let counted = store.heard_since_told(alice).await.unwrap();
    assert_eq!(counted.messages, 1, "one message, and none without a receipt");
    // Heard between the count and the telling: told next time.
    heard(1, bob, 10).await.unwrap();
    heard(0, bob, 20).await.unwrap();
    store.receipts_told(alice, counted.up_to).await.unwrap();
    let counted = store.heard_since_told(alice).await.unwrap();
    assert_eq!(counted.messages, 1);
    store.receipts_told(alice, counted.up_to).await.unwrap();
    drop(store);
    let store = open(dir.path());
    assert_eq!(store.heard_since_told(alice).await.unwrap().messages, 0);
    assert_eq!(store.heard_since_told(bob).await.unwrap().messages, 0);
}
