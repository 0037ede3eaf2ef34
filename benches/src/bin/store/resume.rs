//! A start with very many messages that have reached nobody.

use std::path::Path;
use std::time::Instant;

use hark_actors::clock;
use hark_actors::store::Store;

use crate::{Outcome, world};

/// How many messages are committed at a time, to have them there.
const AT_ONCE: usize = 1_000;

pub async fn run(messages: usize) -> Outcome {
    let dir = tempfile::tempdir()?;
    let store = world::open(dir.path())?;
    let from = world::user(&store, 0).await?;
    let mut users = Vec::new();
    for number in 1..=1_000 {
        users.push(world::user(&store, number).await?);
    }
    for first in (0..messages).step_by(AT_ONCE) {
        let commits: Vec<_> = (first..(first + AT_ONCE).min(messages))
            .filter_map(|n| users.get(n % users.len()))
            .map(|to| {
                let (store, message) = (store.clone(), world::message(from, *to));
                tokio::spawn(async move { store.commit_message(message).await })
            })
            .collect();
        for commit in commits {
            commit.await??;
        }
    }
    drop(store);
    println!("Resume of {messages} unfinished deliveries to {} users\n", users.len());

    let begun = Instant::now();
    let store = world::open(dir.path())?;
    let opened = begun.elapsed();
    let one_by_one = {
        let begun = Instant::now();
        let all = store.unfinished().await?;
        // As it was: each of them asked for by itself. A part of them is enough to know.
        let part = (all.len() / 20).max(1);
        for (message, user) in all.iter().take(part) {
            let _state = store.recipient_state(*message, *user).await?;
            let _entry = store.inbox_entry(*user, *message).await?;
        }
        begun.elapsed().as_secs_f64() * all.len() as f64 / part as f64
    };
    let begun = Instant::now();
    let found = store.unfinished_messages().await?;
    let listed = begun.elapsed();
    println!("open the store: {opened:.2?}");
    println!("find them with one question: {listed:.2?} for {}", found.len());
    println!("yardstick, one question after the other: {one_by_one:.2} s (extrapolated)");

    let begun = Instant::now();
    let delivered = dispatch(dir.path(), store, found.len()).await?;
    println!("begin and settle every delivery: {:.2?} for {delivered}\n", begun.elapsed());
    Ok(())
}

/// The dispatcher itself, from its start until it has taken up all of them.
async fn dispatch(dir: &Path, store: Store, count: usize) -> Outcome<usize> {
    use hark_actors::bus::Bus;
    use hark_actors::delivery::{Dispatcher, DispatcherArguments, DispatcherMessage};
    use hark_actors::messages::Messages;
    use hark_actors::presence_board::PresenceBoard;
    use ractor::Actor;

    let registry = prometheus::Registry::new();
    let bus = Bus::default();
    let (messages, handover) = Messages::new(store.clone(), bus.clone(), 30);
    let board = PresenceBoard::new(bus.clone());
    let parts = (&bus, &board);
    let (services, _recordings) =
        world::deliveries(dir, &store, &messages, parts, &registry).await?;
    let handover = std::sync::Arc::new(tokio::sync::Mutex::new(handover));
    let arguments = DispatcherArguments { services, handover };
    let (dispatcher, running) = Actor::spawn(None, Dispatcher, arguments).await?;
    let begun = clock::now();
    dispatcher.cast(DispatcherMessage::Resume)?;
    // Answered behind the resume: a mailbox is served in its order.
    dispatcher.cast(DispatcherMessage::Lagged)?;
    dispatcher.drain()?;
    running.await?;
    let _took = clock::now().since(begun);
    Ok(count)
}
