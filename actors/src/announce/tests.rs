//! Announcements through a real store, real recorded prompts and real files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hark_engine::dialplan::effect::{Delivery, Folder};
use hark_engine::id::MessageId;
use hark_engine::message::{Event, Sender};
use prometheus::Registry;
use ractor::{Actor, ActorRef};
use tempfile::TempDir;

use super::announcer::{Announcer, AnnouncerMessage, AnnouncerServices};
use super::*;
use crate::bus::{Bus, BusEvent};
use crate::messages::Messages;
use crate::presence_board::PresenceBoard;
use crate::prompt::{Prompts, Speech, SpeechConfig};
use crate::recording::Recordings;
use crate::store::{
    DigestSecrets, EventRuleRecord, GroupRecord, NewMessage, NewUser, ScheduleRecord, StoreConfig,
};
use crate::users::Users;

const ALICE: UserId = UserId(1);
const BOB: UserId = UserId(2);
const CAROL: UserId = UserId(3);

struct Site {
    services: AnnouncerServices,
    announcer: ActorRef<AnnouncerMessage>,
}

async fn site(dir: &Path) -> Site {
    let registry = Registry::new();
    let store = Store::open(StoreConfig::new(dir), &registry).unwrap();
    if store.users().await.unwrap().is_empty() {
        for (name, extension) in [("alice", "1001"), ("bob", "1002"), ("carol", "1003")] {
            let user = NewUser {
                name: name.into(),
                display_name: name.to_uppercase(),
                extension: extension.into(),
                password_hash: String::new(),
                ha1: DigestSecrets { md5: [0; 16], sha256: [0; 32] },
                language: "en".into(),
                limit_secs: 59,
                pin_hash: None,
            };
            store.create_user(user).await.unwrap();
        }
        let prompt = dir.join("recorded/en/alarm.wav");
        std::fs::create_dir_all(prompt.parent().unwrap()).unwrap();
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: 8000,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut wav = hound::WavWriter::create(prompt, spec).unwrap();
        for n in 0..8000 {
            wav.write_sample(((f64::from(n) * 0.35).sin() * 9000.0) as i16).unwrap();
        }
        wav.finalize().unwrap();
    }
    let bus = Bus::default();
    let (messages, mut handover) = Messages::new(store.clone(), bus.clone(), 30);
    // Nobody delivers here; what is handed over is in the mailbox all the same.
    tokio::spawn(async move { while handover.recv().await.is_some() {} });
    let recordings = Recordings::start(dir, &registry).unwrap();
    let board = PresenceBoard::new(bus.clone());
    let users =
        Users::load(store.clone(), recordings.clone(), board, "Test", &registry).await.unwrap();
    let events = Events { managers: vec!["alice".into()], ..Events::default() };
    let outside = crate::outside::Outside {
        store: store.clone(),
        users: users.clone(),
        policy: Default::default(),
        domain: "localhost".into(),
        language: "en".into(),
        limit_secs: 59,
    };
    let announcements = Announcements::new(store.clone(), outside, &events);
    let services = AnnouncerServices {
        store,
        messages,
        recordings,
        speech: Speech::new(SpeechConfig::new(dir.join("prompts"))),
        prompts: Prompts::new(Some(&dir.join("recorded"))),
        directory: users.subscribe(),
        bus,
        domain: "localhost".into(),
        language: "en".into(),
        announcements,
        outcomes: AnnouncerServices::outcomes(&registry).unwrap(),
        registry,
    };
    let (announcer, _) = Actor::spawn(None, Announcer, services.clone()).await.unwrap();
    Site { services, announcer }
}

impl Site {
    async fn stop(self) {
        self.announcer.stop_and_wait(None, None).await.unwrap();
    }

    async fn inbox(&self, user: UserId) -> usize {
        self.services.store.mailbox(user, Folder::New).await.unwrap().len()
    }

    async fn until<F: Future<Output = bool>>(&self, what: &str, mut holds: impl FnMut() -> F) {
        for _ in 0..1000 {
            if holds().await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("waited in vain for {what}");
    }

    async fn until_state(&self, id: Uuid, state: &str) {
        let store = &self.services.store;
        self.until(state, || async {
            store.announcement(id).await.unwrap().unwrap().state == state
        })
        .await;
    }

    async fn leave(&self, to: UserId) -> MessageId {
        let at = clock::wall();
        let id = MessageId::new(at, clock::random());
        let message = NewMessage {
            id,
            sender: Sender { user: None, name: "Guest".into(), address: String::new() },
            delivery: Delivery { to: vec![to], ..Delivery::default() },
            length_ms: 1000,
            bytes: 1,
            peaks: Vec::new(),
            audio: PathBuf::from("audio/a.ogg"),
            idempotency_key: None,
            at,
        };
        self.services.messages.commit(message).await.unwrap();
        id
    }
}

fn alarm(to: &[&str]) -> Request {
    Request {
        template: None,
        content: Some(Content::Prompt("alarm".into())),
        values: BTreeMap::new(),
        recipients: to.iter().map(|name| (*name).to_owned()).collect(),
        urgent: false,
        confirm: false,
        wait_seconds: 300,
        escalation: Vec::new(),
        not_before: None,
        not_after: None,
        dedup: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_becomes_a_message_for_each_once() {
    let dir = TempDir::new().unwrap();
    let site = site(dir.path()).await;
    let store = site.services.store.clone();
    let ops = GroupRecord {
        name: "ops".into(),
        display_name: "Operators".into(),
        members: vec![BOB, CAROL],
    };
    store.set_group(ops).await.unwrap();
    let announcements = &site.services.announcements;
    let request = alarm(&["group:ops", "1002", "sip:bob@localhost"]);
    let first = announcements.submit(ALICE, "k", &request).await.unwrap();
    for _ in 0..3 {
        let again = announcements.submit(ALICE, "k", &request).await.unwrap();
        assert_eq!((again.id, again.duplicate), (first.id, true));
    }
    let other = announcements.submit(ALICE, "k", &alarm(&["bob"])).await;
    assert!(matches!(other, Err(AnnounceError::KeyReused)), "{other:?}");
    site.until_state(first.id, "sent").await;
    assert_eq!((site.inbox(BOB).await, site.inbox(CAROL).await), (1, 1));
    let record = store.announcement(first.id).await.unwrap().unwrap();
    let report = announcements.report(record).await.unwrap();
    let states: Vec<_> = report.steps[0].recipients.iter().map(|r| r.state).collect();
    assert_eq!(states, ["accepted", "accepted"]);
    let message = report.steps[0].recipients[0].message.unwrap();
    let file = store.message(message).await.unwrap().unwrap().audio;
    let made = crate::recording::ogg_opus::read(&std::fs::read(dir.path().join(file)).unwrap());
    let made = made.unwrap();
    assert!((950..=1050).contains(&made.stream.length_ms()), "{}", made.stream.length_ms());
    assert!(made.comments.iter().any(|tag| tag.contains("ALICE")), "{:?}", made.comments);
    for nobody in ["mallory", "group:none", "sip:bob@elsewhere.example", ""] {
        let refused = announcements.submit(ALICE, "n", &alarm(&[nobody])).await;
        assert!(matches!(refused, Err(AnnounceError::Refused(_))), "{nobody}");
    }
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_begun_by_an_earlier_run_is_made_once() {
    let dir = TempDir::new().unwrap();
    let site = site(dir.path()).await;
    // Accepted while no announcer runs, as before a crash.
    site.announcer.stop_and_wait(None, None).await.unwrap();
    let Site { services, .. } = &site;
    let submitted = services.announcements.submit(ALICE, "k", &alarm(&["bob"])).await.unwrap();
    let part = crate::store::Part {
        message: MessageId::new(clock::wall(), clock::random()),
        step: 0,
        language: "en".into(),
        recipients: vec![BOB],
        committed: false,
    };
    let begun = services.store.begin_step(submitted.id, 0, vec![part.clone()], clock::wall()).await;
    assert_eq!(begun.unwrap(), std::slice::from_ref(&part));
    for _ in 0..2 {
        let (announcer, _) = Actor::spawn(None, Announcer, services.clone()).await.unwrap();
        site.until_state(submitted.id, "sent").await;
        announcer.stop_and_wait(None, None).await.unwrap();
    }
    let inbox = services.store.mailbox(BOB, Folder::New).await.unwrap();
    assert_eq!(inbox.iter().map(|message| message.id).collect::<Vec<_>>(), [part.message]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_is_told_when_the_first_does_not_confirm() {
    let dir = TempDir::new().unwrap();
    let site = site(dir.path()).await;
    let mut request = alarm(&["bob"]);
    request.wait_seconds = 1;
    request.escalation = vec![Step { recipients: vec!["carol".into()], wait_seconds: 60 }];
    let announcements = &site.services.announcements;
    let id = announcements.submit(ALICE, "k", &request).await.unwrap().id;
    let store = site.services.store.clone();
    site.until("carol to be told", || async { site.inbox(CAROL).await == 1 }).await;
    let message = store.mailbox(CAROL, Folder::New).await.unwrap()[0].id;
    assert!(site.services.messages.is_announcement(message));
    // Hearing it is not confirming it.
    let heard = Event::Heard { device: "desk".into(), heard_ms: 1000 };
    site.services.messages.note(message, CAROL, heard).await.unwrap();
    assert_eq!(store.announcement(id).await.unwrap().unwrap().state, "active");
    let confirmed = Event::Confirmed { device: "desk".into() };
    site.services.messages.note(message, CAROL, confirmed).await.unwrap();
    site.until_state(id, "confirmed").await;
    let record = store.announcement(id).await.unwrap().unwrap();
    let report = announcements.report(record).await.unwrap();
    let by = report.confirmed.unwrap();
    assert_eq!((by.user, by.on.device.as_str()), (CAROL, "desk"));
    assert_eq!(report.steps[1].recipients[0].state, "confirmed");
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_confirms_and_that_is_said() {
    let dir = TempDir::new().unwrap();
    let site = site(dir.path()).await;
    let mut request = alarm(&["bob"]);
    (request.confirm, request.wait_seconds) = (true, 1);
    let announcements = &site.services.announcements;
    let id = announcements.submit(ALICE, "k", &request).await.unwrap().id;
    site.until_state(id, "exhausted").await;
    request.wait_seconds = 60;
    let id = announcements.submit(ALICE, "l", &request).await.unwrap().id;
    site.until_state(id, "active").await;
    assert!(announcements.cancel(id).await.unwrap());
    assert!(!announcements.cancel(id).await.unwrap());
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_somebody_confirms_nobody_else_is_called_any_more() {
    let dir = TempDir::new().unwrap();
    let site = site(dir.path()).await;
    let mut request = alarm(&["bob", "carol"]);
    request.confirm = true;
    let announcements = &site.services.announcements;
    let id = announcements.submit(ALICE, "k", &request).await.unwrap().id;
    site.until("both to be told", || async {
        site.inbox(BOB).await == 1 && site.inbox(CAROL).await == 1
    })
    .await;
    let store = site.services.store.clone();
    let message = store.mailbox(CAROL, Folder::New).await.unwrap()[0].id;
    assert!(!store.recipient_state(message, CAROL).await.unwrap().unwrap().finished());
    let confirmed = Event::Confirmed { device: "desk".into() };
    site.services.messages.note(message, BOB, confirmed).await.unwrap();
    site.until_state(id, "confirmed").await;
    let carols = store.recipient_state(message, CAROL).await.unwrap().unwrap();
    assert_eq!(carols.called_off.as_ref().map(|off| &*off.reason), Some("confirmed by another"));
    assert!(carols.finished() && carols.failed.is_none());
    assert!(store.recipient_state(message, BOB).await.unwrap().unwrap().called_off.is_none());
    assert_eq!(site.inbox(CAROL).await, 1, "she has it all the same");
    let report = announcements.report(store.announcement(id).await.unwrap().unwrap()).await;
    let states = report.unwrap().steps.remove(0).recipients;
    let states: Vec<_> = states.iter().map(|r| (r.state, r.reason.as_deref())).collect();
    assert_eq!(states, [("confirmed", None), ("called-off", Some("confirmed by another"))]);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_not_given_up_before_a_recipients_own_quiet_hours_are_over() {
    let dir = TempDir::new().unwrap();
    let mut site = site(dir.path()).await;
    let store = site.services.store.clone();
    let mut profile = store.profile(BOB).await.unwrap();
    let always = vec!["mon-sun 0:00-24:00".parse().unwrap()];
    profile.quiet_hours =
        Some(hark_engine::delivery::profile::QuietHours { hours: always, urgent_passes: true });
    store.set_profile(BOB, &profile).await.unwrap();
    let mut request = alarm(&["bob"]);
    request.wait_seconds = 1;
    request.escalation = vec![Step { recipients: vec!["carol".into()], wait_seconds: 1 }];
    let announcements = site.services.announcements.clone();
    let id = announcements.submit(ALICE, "k", &request).await.unwrap().id;
    // The others have their turn meanwhile.
    site.until("carol to be told", || async { site.inbox(CAROL).await == 1 }).await;
    request.urgent = true;
    let urgent = announcements.submit(ALICE, "l", &request).await.unwrap().id;
    site.until_state(urgent, "exhausted").await;
    assert_eq!(store.announcement(id).await.unwrap().unwrap().state, "active");
    let message = store.mailbox(BOB, Folder::New).await.unwrap().last().unwrap().id;
    site.announcer.stop_and_wait(None, None).await.unwrap();
    let (announcer, _) = Actor::spawn(None, Announcer, site.services.clone()).await.unwrap();
    site.announcer = announcer;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(store.announcement(id).await.unwrap().unwrap().state, "active", "{message}");
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registration_that_lapsed_while_nobody_watched_is_told_once() {
    let dir = TempDir::new().unwrap();
    let mut site = site(dir.path()).await;
    let store = site.services.store.clone();
    let rule = EventRuleRecord {
        id: 0,
        owner: ALICE,
        name: "phones".into(),
        spec: r#"{"condition":"device-unregistered","window_seconds":0,
            "announce":{"content":{"prompt":"alarm"},"recipients":["@owner"]}}"#
            .into(),
        enabled: true,
        last_fired: None,
        note: None,
    };
    store.create_event_rule(rule).await.unwrap();
    let now = clock::wall();
    let binding = |account: &str, contact: &str, expires| crate::store::StoredBinding {
        account: account.into(),
        contact: format!("sip:{account}@{contact}"),
        binding: "{}".into(),
        expires,
    };
    let minute = |n: i64| UnixMillis(now.0 + n * 60_000);
    // Bob's lapsed; of carol's two one still holds.
    store.save_binding(binding("bob", "192.0.2.1", minute(-5))).await.unwrap();
    store.save_binding(binding("carol", "192.0.2.2", minute(5))).await.unwrap();
    store.save_binding(binding("carol", "192.0.2.3", minute(-5))).await.unwrap();
    for _ in 0..3 {
        site.announcer.stop_and_wait(None, None).await.unwrap();
        let (announcer, _) = Actor::spawn(None, Announcer, site.services.clone()).await.unwrap();
        site.announcer = announcer;
        site.announcer.cast(AnnouncerMessage::Lapsed).unwrap();
        site.until("alice to be told", || async { site.inbox(ALICE).await > 0 }).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(site.inbox(ALICE).await, 1);
    }
    // He is back, and gone again in the same way: that is new.
    store.save_binding(binding("bob", "192.0.2.9", minute(-1))).await.unwrap();
    let lapsed = store.lapsed_accounts(now).await.unwrap();
    assert_eq!(lapsed, [("bob".to_owned(), minute(-1))]);
    // One from before the start that goes while we watch was never seen to come.
    site.services.bus.publish(BusEvent::Telephones { user: CAROL, count: 0 });
    site.until("carol's to be told", || async { site.inbox(ALICE).await == 2 }).await;
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_occurrence_of_a_schedule_is_said_once() {
    let dir = TempDir::new().unwrap();
    let mut site = site(dir.path()).await;
    let now = clock::wall();
    let start = crate::recording::date::rfc3339(now.after(Duration::from_secs(1)));
    let digits: String = start.chars().filter(|c| c.is_ascii_digit() || *c == 'T').collect();
    let schedule = ScheduleRecord {
        id: 0,
        owner: ALICE,
        name: "daily".into(),
        recurrence: format!("DTSTART:{}Z\nRRULE:FREQ=DAILY", &digits[..15]),
        request: serde_json::to_string(&alarm(&["bob"])).unwrap(),
        grace_secs: 60,
        enabled: true,
        done: UnixMillis(now.0 - 5000),
        skipped: 0,
        note: None,
    };
    site.services.store.create_schedule(schedule).await.unwrap();
    site.services.announcements.changed();
    site.until("bob to be told", || async { site.inbox(BOB).await == 1 }).await;
    site.announcer.stop_and_wait(None, None).await.unwrap();
    let (announcer, _) = Actor::spawn(None, Announcer, site.services.clone()).await.unwrap();
    site.announcer = announcer;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(site.inbox(BOB).await, 1, "a restart says it again");
    let stored = site.services.store.schedules(None).await.unwrap();
    assert!(stored[0].done > now && stored[0].skipped == 0);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_tells_of_a_message_that_nobody_hears_and_once() {
    let dir = TempDir::new().unwrap();
    let mut site = site(dir.path()).await;
    let spec = format!(
        r#"{{"condition":"message-unheard","announce":{{"content":{{"prompt":"alarm"}},
        "recipients":["{}"]}}}}"#,
        "@owner"
    );
    let rule = |owner, name: &str| EventRuleRecord {
        id: 0,
        owner,
        name: name.into(),
        spec: spec.clone(),
        enabled: true,
        last_fired: None,
        note: None,
    };
    // Alice manages and sees everybody's, carol sees her own.
    let store = site.services.store.clone();
    store.create_event_rule(rule(ALICE, "all")).await.unwrap();
    store.create_event_rule(rule(CAROL, "mine")).await.unwrap();
    site.leave(BOB).await;
    site.services.announcements.changed();
    site.until("alice to be told", || async { site.inbox(ALICE).await == 1 }).await;
    site.announcer.stop_and_wait(None, None).await.unwrap();
    let (announcer, _) = Actor::spawn(None, Announcer, site.services.clone()).await.unwrap();
    site.announcer = announcer;
    site.leave(CAROL).await;
    site.until("both to be told of carol's", || async {
        // Her own message, and what her rule says of it.
        site.inbox(ALICE).await == 2 && site.inbox(CAROL).await == 2
    })
    .await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(site.inbox(ALICE).await, 2, "about an announcement nothing is announced");
    assert!(store.event_rules(None).await.unwrap().iter().all(|rule| rule.last_fired.is_some()));
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn within_its_window_the_same_is_made_once_and_templates_are_filled() {
    let dir = TempDir::new().unwrap();
    let site = site(dir.path()).await;
    let announcements = &site.services.announcements;
    let mut request = alarm(&["bob"]);
    request.dedup = Some(Dedup { key: "door".into(), window_seconds: 3600 });
    let first = announcements.submit(ALICE, "1", &request).await.unwrap();
    let second = announcements.submit(ALICE, "2", &request).await.unwrap();
    assert_eq!((second.id, second.duplicate), (first.id, true));
    let other = announcements.submit(CAROL, "2", &request).await.unwrap();
    assert!(!other.duplicate, "somebody else's key");

    let body = r#"{"text":{"en":"Room {room}.","de":"Raum {room}."}}"#;
    let template =
        crate::store::TemplateRecord { owner: None, name: "room".into(), body: body.into() };
    site.services.store.set_template(template).await.unwrap();
    let mut request = Request { content: None, template: Some("room".into()), ..alarm(&["bob"]) };
    let refused = announcements.check(ALICE, &request).await;
    assert!(matches!(refused, Err(AnnounceError::Template(_))), "{refused:?}");
    request.values.insert("room".into(), "12".into());
    let plan = announcements.plan(ALICE, &request).await.unwrap();
    let Content::Text(texts) = plan.content else { panic!("no text") };
    assert_eq!(texts["de"], "Raum 12.");
    request.template = Some("none".into());
    assert!(announcements.check(ALICE, &request).await.is_err());
    site.stop().await;
}

#[tokio::test]
async fn what_is_not_urgent_waits_for_the_morning() {
    let dir = TempDir::new().unwrap();
    let site = site(dir.path()).await;
    let config = Events { quiet_hours: Some("22:00-07:00".into()), ..Events::default() };
    let outside = site.services.announcements.shared.outside.clone();
    let quiet = Announcements::new(site.services.store.clone(), outside, &config);
    // 2026-01-05T23:00:00Z.
    let night = UnixMillis(1_767_654_000_000);
    let morning = UnixMillis(night.0 + 8 * 3_600_000);
    let plan = |urgent, not_before| Plan {
        content: Content::Prompt("alarm".into()),
        urgent,
        confirm: false,
        steps: Vec::new(),
        not_before,
        not_after: None,
    };
    assert_eq!(quiet.held(&plan(false, None), night), Some(morning));
    assert_eq!(quiet.held(&plan(true, None), night), None);
    let noon = UnixMillis(morning.0 + 5 * 3_600_000);
    assert_eq!(quiet.held(&plan(false, Some(noon)), night), Some(noon));
    assert_eq!(quiet.held(&plan(false, None), noon), None);
    let later = UnixMillis(night.0 + 1000);
    assert_eq!(quiet.held(&plan(false, Some(later)), noon), None, "it lies behind");
    assert_eq!(quiet.held(&plan(false, Some(later)), night), Some(morning));
    site.stop().await;
}
