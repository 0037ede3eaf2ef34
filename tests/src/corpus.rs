//! Test data that lies beside the project and is not part of it.

use std::path::{Path, PathBuf};

/// A folder of the corpus; `None`, with a message, where the corpus is missing.
///
/// `HARK_CORPUS` says where it is; else it is looked for at `../shared/corpus`.
pub fn folder(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("HARK_CORPUS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus"),
        PathBuf::from,
    );
    let folder = root.join(name);
    if !folder.is_dir() {
        eprintln!("skipped: the test data {name}/ is not there; HARK_CORPUS says where to look");
        return None;
    }
    Some(folder)
}

/// Whether the test runs as root; else says that it is skipped, and `why` it wanted to.
pub fn is_root(why: &str) -> bool {
    let root = std::process::Command::new("id")
        .arg("-u")
        .output()
        .is_ok_and(|output| output.stdout.starts_with(b"0\n"));
    if !root {
        eprintln!("skipped: only root can {why}");
    }
    root
}
