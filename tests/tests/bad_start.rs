//! A broken dialplan or configuration: the error with its line, exit code 2, and nothing served.

use std::fs;

use hark_tests::{site, story};

#[test]
fn a_broken_dialplan_is_shown_with_its_line() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let dialplans = story::dialplans_with(
        "broken.dial",
        "// A recording that nobody uses.\nflow lost {\n    beep\n    message = record max 5s, stop on \"#\", hangup keeps\n    hangup\n}\nroute \"555\" -> lost\n",
    );
    let config = format!("[storage]\ndir = \"data\"\n[dialplan]\ndir = {:?}\n", dialplans.path());
    let (code, said) = serve(folder.path(), &config);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("broken.dial:"), "the error does not name its file and line:\n{said}");
    assert!(said.contains("message"), "the error does not name the recording:\n{said}");
}

#[test]
fn a_dialplan_that_does_not_parse_is_shown_with_its_line() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let dialplans = story::dialplans_with(
        "broken.dial",
        "flow fine {\n    hangup\n}\n\nflow broken {\n    say say\n}\n",
    );
    let config = format!("[storage]\ndir = \"data\"\n[dialplan]\ndir = {:?}\n", dialplans.path());
    let (code, said) = serve(folder.path(), &config);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("broken.dial:6"), "the error does not name its line:\n{said}");
}

#[test]
fn a_broken_configuration_is_shown_with_its_line() {
    let broken = [
        ("[site]\nname = \"x\"\n[web]\nlisten = \"nowhere\"\n", "listen", 4),
        ("[site]\nname = \"x\"\nnmae = \"y\"\n", "nmae", 3),
        ("[messages]\nlimit_seconds = \"long\"\n", "limit_seconds", 2),
        ("[site\n", "", 1),
    ];
    for (config, key, line) in broken {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (code, said) = serve(folder.path(), config);
        assert_eq!(code, Some(2), "{config}\n{said}");
        assert!(said.contains(key), "the error does not name {key}:\n{said}");
        let named =
            said.contains(&format!("line {line}")) || said.contains(&format!("hark.toml:{line}"));
        assert!(named, "the error does not name line {line}:\n{said}");
        assert!(
            !folder.path().join("data").exists(),
            "something was begun before the configuration was read"
        );
    }
}

#[test]
fn a_storage_folder_with_a_path_too_long_for_a_socket_is_said_so() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (code, said) = serve(folder.path(), &format!("[storage]\ndir = \"{}\"\n", "d".repeat(100)));
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("hark.sock") && said.contains("storage.dir"), "{said}");
    assert!(!folder.path().join("d".repeat(100)).exists(), "the folder was made nonetheless");
}

#[test]
fn a_configuration_that_is_missing_is_said_so() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (status, said) = site::run(&["serve", "--config", "nowhere.toml"], folder.path());
    assert_eq!(status.code(), Some(2), "{said}");
    assert!(said.contains("nowhere.toml"), "{said}");
}

#[test]
fn help_explains_itself() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (status, said) = site::run(&["--help"], folder.path());
    assert!(status.success());
    assert!(said.contains("serve"), "{said}");
    let (status, said) = site::run(&["serve", "--help"], folder.path());
    assert!(status.success());
    assert!(said.contains("--config"), "{said}");
}

fn serve(folder: &std::path::Path, config: &str) -> (Option<i32>, String) {
    fs::write(folder.join("hark.toml"), config).expect("a file can be written");
    let (status, said) = site::run(&["serve", "--config", "hark.toml"], folder);
    (status.code(), said)
}
