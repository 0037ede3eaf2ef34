//! What authors of dialplans do at their desk: call from the terminal, save what they did as a
//! test, measure their tests, and draw the whole.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use hark_tests::site;

/// Runs `hark dialplan` with what is typed; its exit code, and both outputs.
fn dialplan(folder: &Path, args: &[&str], typed: &str) -> (Option<i32>, String, String) {
    let mut child = Command::new(site::binary())
        .arg("dialplan")
        .args(args)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("hark starts");
    let mut stdin = child.stdin.take().expect("a standard input");
    stdin.write_all(typed.as_bytes()).expect("what is typed is read");
    drop(stdin);
    let output = child.wait_with_output().expect("hark ends");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// A dialplan whose line numbers and words are known here.
const PLAN: &str = "route \"7\" -> ask
flow ask() {
    menu {
        say \"One or two?\"
        key 1      -> { say \"One.\"; hangup }
        key 2      -> { say \"Two.\"; hangup busy }
        other      -> again at most 1 then hangup
        silence 5s -> hangup
    }
}
";

#[test]
fn a_session_is_told_and_saved_as_a_test_that_passes() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("plan.dial"), PLAN).expect("a file");
    let args = ["simulate", "plan.dial", "--call", "7", "--as", "alice", "--save", "saved.dial"];
    let typed = "9\nback\n2\nsave test two\nquit\n";
    let (code, said, complained) = dialplan(folder.path(), &args, typed);
    assert_eq!((code, complained.as_str()), (Some(0), ""), "{said}");
    let expected = "\
\x20\x200:00.0  · the call is answered
 0:00.0  ♪ (en) \"One or two?\"
ask plan.dial:3: asks for 1 2; silence in 5.0s> 9
 0:01.0  ♪ (en) \"One or two?\"
ask plan.dial:3: asks for 1 2; silence in 5.0s> back
 0:01.0  taken back
 0:01.0  ask plan.dial:3: asks for 1 2; silence in 5.0s
ask plan.dial:3: asks for 1 2; silence in 5.0s> 2
 0:01.0  ♪ (en) \"Two.\"
 0:01.7  · the dialplan hangs up: busy
the call is over (restart, back, save test NAME, quit)> save test two
test \"two\" {
    call \"7\" as alice
    expect say \"One or two?\"
    press 2
    expect say \"Two.\"
    expect hangup busy
}
appended to saved.dial
the call is over (restart, back, save test NAME, quit)> quit
";
    assert_eq!(said.trim_start(), expected.trim_start());
    let (code, said, _) = dialplan(folder.path(), &["test", "plan.dial", "saved.dial"], "");
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("ok     saved.dial: two\n1 passed, 0 failed"), "{said}");
}

#[test]
fn what_can_not_be_done_ends_with_1() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (code, said, _) = dialplan(folder.path(), &["simulate"], "dance\n");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("! expected a step of a test, found `dance`"), "{said}");
    let (code, said, _) = dialplan(folder.path(), &["simulate", "--as", "dora"], "");
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("no user of a test is called `dora`"), "{said}");
}

#[test]
fn tests_that_go_through_too_little_end_with_1() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let tested = format!("{PLAN}test \"one\" {{ call \"7\" as alice; press 1; expect hangup }}\n");
    fs::write(folder.path().join("plan.dial"), tested).expect("a file");
    let args = |least| ["test", "plan.dial", "--coverage", "--min", least];
    let (code, said, complained) = dialplan(folder.path(), &args("90"), "");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("plan.dial:6: an answer that no test gives"), "{said}");
    assert!(!said.contains("plan.dial:5:"), "{said}");
    assert!(complained.contains("--min asks for 90 %"), "{complained}");
    let (code, said, _) = dialplan(folder.path(), &args("20"), "");
    assert_eq!(code, Some(0), "{said}");
    let (code, said, _) = dialplan(folder.path(), &["test", "plan.dial", "--format", "json"], "");
    let document: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!((code, &document["passed"]), (Some(0), &serde_json::json!(1)));
    let (code, _, complained) = dialplan(folder.path(), &["test", "--filter", "no such"], "");
    assert_eq!(code, Some(2), "{complained}");
}

#[test]
fn the_picture_is_written_where_it_is_wanted() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let args = ["graph", "--output", "plan.svg", "--title", "Ours & theirs"];
    let (code, said, complained) = dialplan(folder.path(), &args, "");
    assert_eq!((code, said.as_str(), complained.as_str()), (Some(0), "", ""));
    let picture = fs::read_to_string(folder.path().join("plan.svg")).expect("a picture");
    assert!(picture.starts_with("<svg ") && picture.contains("Ours &amp; theirs"));
    let args = ["graph", "--format", "mermaid", "--flow", "mailbox"];
    let (code, said, _) = dialplan(folder.path(), &args, "");
    assert_eq!(code, Some(0));
    assert!(said.starts_with("flowchart LR\n") && !said.contains("attendant.dial"), "{said}");
    let (code, _, complained) = dialplan(folder.path(), &["graph", "--flow", "nothing"], "");
    assert_eq!(code, Some(2));
    assert!(complained.contains("no card for a flow `nothing`"), "{complained}");
}
