//! Traces in real files: what is found again, and what is never exceeded.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::*;

const SOON: Duration = Duration::from_secs(10);

fn record(n: u64) -> Record {
    Record {
        call: CallId(format!("CALL{n:04}").into()),
        at: crate::clock::wall(),
        ms: 1200 + n,
        direction: Way::In,
        dialled: "1002".into(),
        flow: "deposit".into(),
        version: 1,
        hash: "0123456789abcdef".into(),
        end: "the caller hung up".into(),
        lines: vec![Line {
            ms: 20,
            file: "deposit.dial".into(),
            line: 12,
            what: "say \"Please leave a message\"".into(),
        }],
    }
}

fn start(dir: &Path, max_bytes: u64) -> (Traces, Registry) {
    let registry = Registry::new();
    let config = TraceConfig { keep: Duration::from_secs(86_400 * 7), max_bytes };
    (Traces::start(dir, config, &registry).unwrap(), registry)
}

fn stored(dir: &Path) -> u64 {
    let files = read::files(&dir.join(FOLDER)).unwrap();
    files.iter().map(|path| fs::metadata(path).unwrap().len()).sum()
}

#[test]
fn a_call_is_found_by_its_id_or_the_beginning_of_it() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(find(dir.path(), "CALL0001").unwrap(), Found::Nothing);
    let (traces, _registry) = start(dir.path(), 1 << 20);
    for n in 1..=3 {
        traces.keep(record(n));
    }
    traces.flush(SOON);
    let Found::One(found) = find(dir.path(), "call0002").unwrap() else { panic!("not found") };
    assert_eq!(found.ms, 1202);
    assert_eq!(found.lines, record(2).lines);
    let Found::Several(ids) = find(dir.path(), "CALL").unwrap() else { panic!("not several") };
    assert_eq!(
        ids.iter().map(|id| &**id).collect::<Vec<_>>(),
        ["CALL0003", "CALL0002", "CALL0001"]
    );
    assert_eq!(find(dir.path(), "").unwrap(), Found::Nothing);
    let newest: Vec<u64> = last(dir.path(), 2).unwrap().iter().map(|record| record.ms).collect();
    assert_eq!(newest, [1203, 1202]);
}

#[test]
fn files_are_the_owners_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (traces, _registry) = start(dir.path(), 1 << 20);
    traces.keep(record(1));
    traces.flush(SOON);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&dir.path().join(FOLDER)), 0o700);
    for file in read::files(&dir.path().join(FOLDER)).unwrap() {
        assert_eq!(mode(&file), 0o600);
    }
}

#[test]
fn all_files_together_keep_to_their_limit_and_the_newest_stay() {
    const LIMIT: u64 = 64 << 10;
    let dir = tempfile::tempdir().unwrap();
    let (traces, registry) = start(dir.path(), LIMIT);
    for n in 0..2000 {
        traces.keep(record(n));
        if n % 100 == 0 {
            traces.flush(SOON);
        }
    }
    traces.flush(SOON);
    let size = stored(dir.path());
    assert!(size <= LIMIT, "{size} bytes");
    assert!(size > LIMIT / 2, "far too much was removed: {size} bytes are left");
    assert_eq!(&*last(dir.path(), 1).unwrap()[0].call, "CALL1999");
    assert_eq!(find(dir.path(), "CALL0000").unwrap(), Found::Nothing);
    assert_eq!(registry.gather()[0].get_metric()[0].get_counter().get_value(), 0.0);
}

#[test]
fn what_is_too_old_goes() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join(FOLDER);
    fs::create_dir(&folder).unwrap();
    let line = serde_json::to_string(&record(7)).unwrap() + "\n";
    fs::write(folder.join("2020-01-01-000.jsonl"), line).unwrap();
    let (traces, _registry) = start(dir.path(), 1 << 20);
    traces.keep(record(8));
    traces.flush(SOON);
    assert_eq!(find(dir.path(), "CALL0007").unwrap(), Found::Nothing);
    assert!(matches!(find(dir.path(), "CALL0008").unwrap(), Found::One(_)));
}

#[test]
fn half_a_line_left_by_a_kill_hides_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let (traces, _registry) = start(dir.path(), 1 << 20);
    traces.keep(record(1));
    traces.flush(SOON);
    drop(traces);
    let file = read::files(&dir.path().join(FOLDER)).unwrap().remove(0);
    let mut text = fs::read_to_string(&file).unwrap();
    text.push_str("{\"call\":\"HALF");
    fs::write(&file, text).unwrap();
    let (traces, _registry) = start(dir.path(), 1 << 20);
    traces.keep(record(2));
    traces.flush(SOON);
    let calls: Vec<CallId> =
        last(dir.path(), 10).unwrap().into_iter().map(|record| record.call).collect();
    assert_eq!(calls.iter().map(|id| &**id).collect::<Vec<_>>(), ["CALL0002", "CALL0001"]);
}

#[test]
fn more_than_fits_the_queue_is_counted_and_holds_up_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let (traces, registry) = start(dir.path(), 64 << 20);
    let mut big = record(1);
    big.lines[0].what = "x".repeat(17 << 20);
    traces.keep(big);
    assert_eq!(registry.gather()[0].get_metric()[0].get_counter().get_value(), 1.0);
    traces.keep(record(2));
    traces.flush(SOON);
    assert_eq!(last(dir.path(), 10).unwrap().len(), 1);
}

#[test]
fn ids_are_short_and_differ() {
    let ids: std::collections::HashSet<CallId> = (0..1000).map(|_| CallId::fresh()).collect();
    assert!(ids.len() > 998);
    assert!(ids.iter().all(|id| id.len() == 8));
}
