//! Story 5: the sender sees, live, how far the message has come.

use hark_tests::live::Live;
use hark_tests::site::Site;
use hark_tests::{audio, story, wait};

const STEPS: [&str; 4] = ["accepted", "notified", "delivered", "heard"];

#[test]
fn alice_sees_her_message_accepted_notified_delivered_and_heard() {
    let site = Site::start();
    let mut hers = story::browser_of(&site, "alice");
    let mut his = story::browser_of(&site, "bob");
    let sender = site.sign_in("alice");
    let mut live = Live::open(&sender);
    live.wait("hello", wait::SOON);

    story::leave_message(&mut site.phone("alice"), "1002", &audio::sentence());

    let bob = site.sign_in("bob");
    let id = bob.wait_inbox(1, wait::SOON)[0]["id"].as_str().expect("an id").to_owned();
    let receipt = format!("receipt-{id}-bob");
    hers.wait_visible("sent");
    his.wait_visible("popup");
    hers.wait_attribute(&receipt, "data-step", "notified");

    his.click("popup-play");
    hers.wait_attribute(&receipt, "data-step", "heard");

    for step in STEPS {
        let shown = hers.text(&format!("step-{step}"));
        assert!(shown.contains(':'), "{step} is shown without its time: {shown:?}");
    }

    // Never a step back, and no reload in between.
    let shown: Vec<_> = hers
        .history(&receipt, "data-step")
        .iter()
        .map(|(_, step)| {
            STEPS
                .iter()
                .position(|known| known == step)
                .unwrap_or_else(|| panic!("the step {step}"))
        })
        .collect();
    assert!(shown.is_sorted(), "the steps went back: {shown:?}");

    // Each step was sent as it happened, with its device and its time, in order.
    let frames: Vec<_> = STEPS
        .iter()
        .map(|step| {
            live.wait_for("receipt", wait::SOON, |frame| {
                frame["message"] == id.as_str() && frame["step"] == **step
            })
        })
        .collect();
    let times: Vec<_> = frames.iter().map(|frame| frame["at"].as_f64().expect("a time")).collect();
    assert!(times.is_sorted(), "{times:?}");
    for frame in &frames[1..] {
        assert!(
            frame["device"].as_str().is_some_and(|device| !device.is_empty()),
            "no device in {frame}"
        );
    }
    assert!(frames[3]["heard_ms"].as_u64().is_some_and(|heard| heard > 0), "{}", frames[3]);

    // And kept, for whoever looks later.
    for step in STEPS {
        story::wait_outbox_step(&sender, step);
    }
    assert_eq!(hers.errors(), [""; 0]);
    assert_eq!(his.errors(), [""; 0]);
}

#[test]
fn hanging_up_in_the_middle_of_a_message_counts_as_heard_so_far() {
    let site = Site::start();
    let sentence = audio::sentence();
    let twice = audio::Sound([sentence.0.clone(), sentence.0.clone()].concat());
    story::leave_message(&mut site.phone("alice"), "1002", &twice);
    let alice = site.sign_in("alice");
    let mut bob = site.phone("bob");

    bob.call("*97");
    bob.wait_heard(&sentence, story::ALIKE);
    bob.hang_up();

    let heard = story::wait_outbox_step(&alice, "heard");
    let outbox = alice.json("/api/v1/outbox");
    let steps = outbox[0]["recipients"][0]["steps"].as_array().expect("steps").clone();
    let names: Vec<_> = steps.iter().filter_map(|step| step["step"].as_str()).collect();
    let of = |name| names.iter().position(|step| *step == name);
    assert!(of("delivered").is_some() && of("delivered") < of("heard"), "{names:?}");
    let heard = heard["heard_ms"].as_u64().expect("how much");
    let whole = u64::try_from(twice.length().as_millis()).expect("a short message");
    assert!((2_000..whole).contains(&heard), "{heard} ms of {whole} ms were heard");
}
