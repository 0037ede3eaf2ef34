//! Reloads as their author sees them, with real files.

use std::fs;
use std::path::Path;
use std::time::Duration;

use prometheus::Registry;

use super::*;

const GOOD: &str =
    "languages en\nroute \"5\" -> one\nflow one() {\n    say \"One.\"\n    hangup\n}\n";
const LONGEST: Duration = Duration::from_secs(20);

struct Site {
    dir: tempfile::TempDir,
    registry: Registry,
    dialplans: Dialplans,
}

impl Site {
    async fn start(watch: bool) -> Self {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), GOOD);
        let registry = Registry::new();
        let metrics = DialplanMetrics::register(&registry).unwrap();
        let mut config = DialplanConfig::new(Some(dir.path().to_owned()));
        config.watch = watch;
        let dialplans = Dialplans::start(config, metrics).await.unwrap();
        Self { dir, registry, dialplans }
    }

    async fn reload(&self) -> Reloaded {
        self.dialplans.reload().await.unwrap()
    }

    fn version(&self) -> u64 {
        self.dialplans.in_force().borrow().version
    }

    fn metric(&self, name: &str) -> f64 {
        let families = self.registry.gather();
        let family = families.iter().find(|f| f.name() == name).unwrap();
        family.get_metric()[0].get_gauge().get_value()
    }
}

fn write(dir: &Path, text: &str) {
    fs::write(dir.join("main.dial"), text).unwrap();
}

#[tokio::test]
async fn what_passes_replaces_and_what_is_the_same_does_not() {
    let site = Site::start(false).await;
    let first = site.reload().await;
    assert_eq!((first.outcome, first.version), (Outcome::Unchanged, 1));

    write(site.dir.path(), &GOOD.replace("One.", "Two."));
    let second = site.reload().await;
    assert_eq!((second.outcome, second.version), (Outcome::Replaced, 2));
    assert_ne!(second.hash, first.hash);
    assert!(second.text.contains("0 tests passed"), "{}", second.text);
    assert!(site.metric("hark_dialplan_in_force_timestamp_seconds") > 1.7e9);
}

#[tokio::test]
async fn what_is_wrong_never_replaces_and_says_where() {
    let site = Site::start(false).await;
    let failing =
        format!("{GOOD}test \"two\" {{\n    call \"5\" from \"1\"\n    expect say \"Two.\"\n}}\n");
    let none = fs::remove_file;
    for (wanted, text, says) in [
        (Outcome::Wrong, "flow one() { say say }\n", "main.dial:1"),
        (Outcome::TestsFailed, failing.as_str(), "FAILED"),
    ] {
        write(site.dir.path(), text);
        let reloaded = site.reload().await;
        assert_eq!((reloaded.outcome, reloaded.version), (wanted, 1));
        assert!(reloaded.text.contains(says), "{}", reloaded.text);
        assert_eq!(site.metric("hark_dialplan_pending_error"), 1.0);
    }
    none(site.dir.path().join("main.dial")).unwrap();
    let reloaded = site.reload().await;
    assert_eq!((reloaded.outcome, reloaded.version), (Outcome::Unreadable, 1));

    write(site.dir.path(), GOOD);
    assert_eq!(site.reload().await.outcome, Outcome::Unchanged);
    assert_eq!(site.metric("hark_dialplan_pending_error"), 0.0);
}

#[tokio::test]
async fn who_asks_while_another_waits_shares_its_reload() {
    let site = Site::start(false).await;
    write(site.dir.path(), &GOOD.replace("One.", "Two."));
    let asked = (0..20).map(|_| site.reload());
    let all = futures_util::future::join_all(asked).await;
    assert!(all.iter().all(|reloaded| reloaded.version == 2), "{all:?}");
    let replaced = all.iter().filter(|reloaded| reloaded.outcome == Outcome::Replaced).count();
    assert_eq!(replaced, 20, "one reload served all who waited: {all:?}");
    assert_eq!(site.version(), 2);
}

#[tokio::test]
async fn a_dialplan_that_takes_too_long_does_not_start() {
    let registry = Registry::new();
    let metrics = DialplanMetrics::register(&registry).unwrap();
    let mut config = DialplanConfig::new(None);
    config.time_limit = Duration::ZERO;
    let error = Dialplans::start(config, metrics).await.unwrap_err();
    assert_eq!(error.outcome(), Outcome::TestsFailed);
}

#[tokio::test]
async fn files_that_change_are_noticed() {
    let site = Site::start(true).await;
    let mut in_force = site.dialplans.in_force();
    let mut replaced = async |what: &str| {
        let version = tokio::time::timeout(LONGEST, in_force.changed()).await;
        version.unwrap_or_else(|_| panic!("not noticed: {what}")).unwrap();
        in_force.borrow_and_update().version
    };
    let other = site.dir.path().join("other.dial");
    write(site.dir.path(), &GOOD.replace("One.", "Two."));
    assert_eq!(replaced("a file that is written").await, 2);

    // As an editor saves: another file, renamed over the old one.
    let beside = site.dir.path().join(".main.dial.swp");
    fs::write(&beside, GOOD.replace("One.", "Six.")).unwrap();
    fs::rename(&beside, site.dir.path().join("main.dial")).unwrap();
    assert_eq!(replaced("a file that is renamed over another").await, 3);

    fs::write(&other, "flow two() {\n    hangup\n}\nroute \"6\" -> two\n").unwrap();
    assert_eq!(replaced("a new file").await, 4);

    fs::remove_file(&other).unwrap();
    assert_eq!(replaced("a file that is deleted").await, 5);
}
