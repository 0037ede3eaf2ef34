//! Limits, and what is seen of an order.

use hark_engine::order::Input;

use super::*;
use crate::bus::BusEvent;

fn orders(patterns: &[&str]) -> (Orders, mpsc::Receiver<OrderRequest>, Bus) {
    let bus = Bus::default();
    let config = OrderConfig {
        per_hour: 2,
        allowed: patterns.iter().map(|p| Allowed::parse(p).unwrap()).collect(),
        limits: Limits { per_link: 2, per_number: 2, total: 3 },
        trunk: None,
    };
    let (orders, queue) = Orders::new(config, bus.clone(), &Registry::new()).unwrap();
    (orders, queue, bus)
}

fn record() -> What {
    What::Record { me: UserId(1), to: vec![UserId(2)] }
}

#[tokio::test]
async fn an_order_is_watched_until_its_call_is_dropped() {
    let (orders, mut queue, bus) = orders(&[]);
    let mut told = bus.subscribe();
    let alice = By::User(UserId(1));
    let first = orders.to_device(UserId(1), "desk", record()).unwrap();
    let id = first.call.as_str();
    assert_eq!(orders.live(&alice), std::slice::from_ref(&first));
    assert!(orders.watch(&By::User(UserId(2)), id).is_none(), "nobody else's affair");
    assert!(!orders.cancel(&By::User(UserId(2)), id));
    let mut watched = orders.watch(&alice, id).unwrap();

    let request = queue.recv().await.unwrap();
    assert_eq!(request.flow, "call_to_record");
    request.order.tell(Input::Rings);
    assert_eq!(watched.borrow_and_update().stage, Stage::Ringing);
    assert_eq!(orders.to_device(UserId(1), "desk", record()), Err(OrderError::OneAtATime));
    drop(request);
    assert_eq!(watched.borrow_and_update().stage.label(), "failed", "it broke down");
    let stages = std::iter::from_fn(|| told.try_recv().ok()).map(|event| match &*event {
        BusEvent::Order { user: UserId(1), progress } => progress.stage.label(),
        other => panic!("{other:?}"),
    });
    assert_eq!(stages.collect::<Vec<_>>(), ["calling", "ringing", "failed"]);
    assert_eq!(orders.live(&alice), []);
}

#[tokio::test]
async fn a_user_has_so_many_calls_an_hour() {
    let (orders, mut queue, _bus) = orders(&[]);
    for _ in 0..2 {
        orders.to_device(UserId(1), "desk", record()).unwrap();
        drop(queue.recv().await);
    }
    let refused = orders.to_device(UserId(1), "desk", record());
    assert!(matches!(refused, Err(OrderError::TooOften(_))), "{refused:?}");
    assert!(orders.to_device(UserId(3), "desk", record()).is_ok(), "another has as many");
}

#[tokio::test]
async fn a_cancelled_order_is_told_to_its_call() {
    let (orders, mut queue, _bus) = orders(&[]);
    let first = orders.to_device(UserId(1), "desk", record()).unwrap();
    let request = queue.recv().await.unwrap();
    assert!(orders.cancel(&By::User(UserId(1)), first.call.as_str()));
    request.stop.await.unwrap();
}

#[tokio::test]
async fn a_link_reaches_only_what_is_allowed() {
    let (orders, mut queue, _bus) = orders(&["+4930xxxx"]);
    let message = MessageSummary {
        id: hark_engine::id::MessageId::new(clock::wall(), clock::random()),
        sender: hark_engine::message::Sender {
            user: None,
            name: "Ann".into(),
            address: String::new(),
        },
        at: clock::wall(),
        length_ms: 1000,
        urgent: false,
        private: false,
        reply_to: None,
        step: hark_engine::message::Step::Accepted,
    };
    let play = || What::PlayByLink { of: UserId(2), message: Box::new(message.clone()) };
    assert!(orders.allows_numbers());
    let refused = orders.to_number([1; 32], "+19005551234", play());
    assert_eq!(refused, Err(OrderError::Outside(Refused::NotAllowed)));
    for _ in 0..2 {
        orders.to_number([1; 32], "+49 30 1234", play()).unwrap();
        let request = queue.recv().await.unwrap();
        let number = Callee::Number { number: "+49301234".into(), trunk: None };
        assert!(request.callee == number);
        assert_eq!(request.flow, "play_by_link");
    }
    let refused = orders.to_number([1; 32], "+49301234", play());
    assert_eq!(refused, Err(OrderError::Outside(Refused::Limit)));
    let refused = orders.to_number([2; 32], "+49301234", play());
    assert_eq!(refused, Err(OrderError::Outside(Refused::Limit)), "another link, the same number");
}
