//! Changes to users, through real files.

use std::path::Path;

use hark_engine::dialplan::effect::DeliveryPreset;
use hark_engine::presence::Presence;
use tempfile::TempDir;

use super::*;
use crate::bus::Bus;
use crate::recording::ogg_opus;
use crate::store::{DigestSecrets, NewUser, StoreConfig};

const BOB: UserId = UserId(1);

struct Site {
    users: Users,
    presence: PresenceBoard,
    registry: Registry,
}

async fn site(dir: &Path) -> Site {
    let registry = Registry::new();
    let store = Store::open(StoreConfig::new(dir), &registry).unwrap();
    if store.users().await.unwrap().is_empty() {
        let bob = NewUser {
            name: "bob".into(),
            display_name: "Bob".into(),
            extension: "2580".into(),
            password_hash: String::new(),
            ha1: DigestSecrets { md5: [0; 16], sha256: [0; 32] },
            language: "en".into(),
            limit_secs: 59,
            pin_hash: None,
        };
        assert_eq!(store.create_user(bob).await.unwrap(), BOB);
    }
    let recordings = Recordings::start(dir, &registry).unwrap();
    let presence = PresenceBoard::new(Bus::default());
    let users = Users::load(store, recordings, presence.clone(), "Site", &registry).await.unwrap();
    Site { users, presence, registry }
}

/// Two seconds that are no silence.
fn spoken() -> Vec<i16> {
    (0..16_000).map(|n| ((f64::from(n) * 0.35).sin() * 9000.0) as i16).collect()
}

fn known(users: &Users) -> User {
    users.directory().user(BOB).unwrap().clone()
}

#[tokio::test]
async fn a_greeting_is_kept_replaced_heard_and_thrown_away() {
    let dir = TempDir::new().unwrap();
    let Site { users, .. } = site(dir.path()).await;
    let mut seen = users.subscribe();
    seen.mark_unchanged();
    let kind = GreetingKind::Away;
    let keepsake = Keepsake::Greeting(kind);
    assert!(!known(&users).greetings.contains(kind));
    for _ in 0..2 {
        users.keep(BOB, keepsake, spoken()).await.unwrap();
        assert!(known(&users).greetings.contains(kind), "the next call knows it");
    }
    assert!(seen.has_changed().unwrap());
    users.keep(BOB, Keepsake::Name, spoken()).await.unwrap();
    assert!(known(&users).has_spoken_name);
    assert_eq!(known(&users).greetings, [kind].into_iter().collect());
    for file in ["greetings/1-away.ogg", "names/1.ogg"] {
        let kept = ogg_opus::read(&std::fs::read(dir.path().join(file)).unwrap()).unwrap();
        assert!((1_800..=2_100).contains(&kept.stream.length_ms()), "{}", kept.stream.length_ms());
    }
    drop((users, seen));

    let Site { users, .. } = site(dir.path()).await;
    assert!(known(&users).greetings.contains(kind), "also after a restart");
    users.set(BOB, Setting::NoGreeting(kind)).await.unwrap();
    assert!(!known(&users).greetings.contains(kind));
    assert!(!dir.path().join("greetings/1-away.ogg").exists());
    users.set(BOB, Setting::NoGreeting(kind)).await.unwrap();
    let nothing = users.keep(BOB, keepsake, Vec::new()).await;
    assert!(matches!(nothing, Err(UserError::Recording(RecordingError::Empty))), "{nothing:?}");
    assert!(!known(&users).greetings.contains(kind));
    let nobody = users.keep(UserId(9), Keepsake::Name, spoken()).await;
    assert!(matches!(nobody, Err(UserError::Store(StoreError::NotFound { .. }))), "{nobody:?}");
}

#[tokio::test]
async fn settings_are_in_force_at_once_and_after_a_restart() {
    let dir = TempDir::new().unwrap();
    let Site { users, presence, .. } = site(dir.path()).await;
    users.set(BOB, Setting::Language("de-AT".into())).await.unwrap();
    for tag in ["", "de AT", "../../etc/passwd"] {
        let refused = users.set(BOB, Setting::Language(tag.into())).await;
        assert!(matches!(refused, Err(UserError::Refused(_))), "{tag}");
    }
    users.set(BOB, Setting::DoNotDisturb(true)).await.unwrap();
    presence.phones(BOB, 1);
    assert_eq!(presence.presence(BOB), Presence::DoNotDisturb);
    let devices = users.devices(BOB).await.unwrap();
    users.set(BOB, Setting::Delivery(DeliveryPreset::Wait)).await.unwrap();
    assert_eq!(users.devices(BOB).await.unwrap(), devices);
    let rings: Vec<_> = devices.iter().map(|d| (d.name.as_str(), d.rings)).collect();
    assert_eq!(rings, [("browser", false), ("phone", true)]);
    drop(users);

    let Site { users, presence, .. } = site(dir.path()).await;
    assert_eq!(known(&users).language, "de-AT");
    assert!(presence.reach(BOB).do_not_disturb);
    users.set(BOB, Setting::DoNotDisturb(false)).await.unwrap();
    assert!(!presence.reach(BOB).do_not_disturb);
}

#[tokio::test]
async fn what_was_changed_beside_the_server_is_in_force_after_a_refresh() {
    let dir = TempDir::new().unwrap();
    let Site { users, presence, .. } = site(dir.path()).await;
    let mut seen = users.subscribe();
    seen.mark_unchanged();
    let store = &users.shared.store;
    store.set_contacts(BOB, vec![BOB]).await.unwrap();
    store.set_do_not_disturb(BOB, true).await.unwrap();
    assert_eq!(known(&users).contacts, []);
    users.refresh().await.unwrap();
    assert!(seen.has_changed().unwrap());
    assert_eq!(seen.borrow_and_update().user(BOB).unwrap().contacts, [BOB]);
    assert!(presence.reach(BOB).do_not_disturb);
}

#[tokio::test]
async fn a_pin_is_judged_locked_and_counted() {
    let dir = TempDir::new().unwrap();
    let Site { users, .. } = site(dir.path()).await;
    let pin = |digits: &str| Setting::Pin(digits.to_owned());
    assert!(!users.check_pin(BOB, "1357".into()).await.unwrap(), "there is none yet");
    for guessable in ["1234", "0000", "2580", "12"] {
        let refused = users.set(BOB, pin(guessable)).await;
        assert!(matches!(refused, Err(UserError::Pin(_))), "{guessable}");
    }
    users.set(BOB, pin("1357")).await.unwrap();
    for _ in 0..4 {
        assert!(!users.check_pin(BOB, "7531".into()).await.unwrap());
    }
    assert!(users.check_pin(BOB, "1357".into()).await.unwrap(), "the fifth is right");
    for _ in 0..5 {
        assert!(!users.check_pin(BOB, "7531".into()).await.unwrap());
    }
    drop(users);
    let Site { users, registry, .. } = site(dir.path()).await;
    let locked = users.check_pin(BOB, "1357".into()).await;
    assert!(matches!(locked, Err(UserError::Locked)), "the right one neither: {locked:?}");
    users.set(BOB, pin("8642")).await.unwrap();
    assert!(users.check_pin(BOB, "8642".into()).await.unwrap());
    let family = registry.gather().into_iter().find(|f| f.name() == "hark_pin_attempts_total");
    let counts: Vec<_> =
        family.unwrap().get_metric().iter().map(|m| m.get_counter().get_value()).collect();
    assert_eq!(counts, [1.0, 1.0, 0.0], "refused, right, wrong");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_calls_at_once_get_no_more_attempts_than_one() {
    let dir = TempDir::new().unwrap();
    let Site { users, .. } = site(dir.path()).await;
    users.set(BOB, Setting::Pin("1357".into())).await.unwrap();
    let mut guesses = tokio::task::JoinSet::new();
    for n in 0..20 {
        let users = users.clone();
        guesses.spawn(async move { users.check_pin(BOB, format!("20{n:02}")).await });
    }
    let guesses = guesses.join_all().await;
    let judged = guesses.iter().filter(|guess| guess.is_ok()).count();
    assert_eq!(judged, pin::SERIES as usize);
}
