//! RFC 4475's torture messages, each thrown at a fresh endpoint.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;

use super::net::{Net, Policy};
use crate::sip::endpoint::*;

#[allow(clippy::disallowed_methods, reason = "where the corpus lies is asked of the environment")]
fn corpus() -> Option<PathBuf> {
    let set = std::env::var("HARK_CORPUS").ok().map(PathBuf::from);
    let beside = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/corpus"));
    set.into_iter().chain([beside]).map(|dir| dir.join("rfc4475")).find(|dir| dir.is_dir())
}

#[test]
fn torture_messages_are_answered_as_the_rfc_tolerates() {
    let Some(dir) = corpus() else {
        println!("skipped: no corpus in ../shared/corpus or $HARK_CORPUS");
        return;
    };
    let mut faults = Vec::new();
    let table = std::fs::read_to_string(dir.join("expect.tsv")).unwrap();
    for line in table.lines().filter(|line| !line.starts_with('#')) {
        let columns: Vec<_> = line.split('\t').collect();
        let (name, kind, accept) = (columns[0], columns[4], columns[6]);
        let bytes = Bytes::from(std::fs::read(dir.join(format!("{name}.dat"))).unwrap());
        let mut net = Net::new(1);
        let a = net.host(1, Policy::Reject(404));
        let local = net.hosts[a].addr;
        let remote = "198.51.100.7:5060".parse().unwrap();
        net.feed(a, Input::Datagram { local, remote, bytes });
        net.run(Duration::from_millis(50));
        // Each answer goes to where the message came from, whatever its Via says.
        assert!(net.inbox.iter().all(|(to, _)| to.ip() == remote.ip()), "{name}");
        let last = net.statuses().into_iter().rfind(|status| *status >= 200);
        let tolerated = accept.split('|').any(|word| match (word, last) {
            ("silence", None) => true,
            ("silence", Some(_)) | (_, None) => false,
            ("wellformed", Some(status)) => status != 400 && (kind != "other" || status != 200),
            (word, Some(status)) => word.parse() == Ok(status),
        });
        if !tolerated {
            faults.push(format!("{name}: {last:?}, tolerated: {accept}"));
        }
        net.assert_clean();
    }
    assert!(faults.is_empty(), "{faults:#?}");
}
