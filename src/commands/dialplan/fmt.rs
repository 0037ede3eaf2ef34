//! `hark dialplan fmt`.

use std::io::{IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use hark_engine::dialplan::{Source, difference, format};

use super::super::{WRONG_INPUT, complain, print};
use super::read;

/// More than the compiler takes, so that it can say what is wrong with more.
const MOST_FROM_STDIN: u64 = 4 << 20;

/// What to bring into the style.
#[derive(Debug, clap::Args)]
pub struct Fmt {
    /// .dial files, or folders of them, which are written in place.
    #[arg(required_unless_present = "stdin", conflicts_with = "stdin")]
    paths: Vec<PathBuf>,
    /// Write nothing; show what would change, and end with 1 if something would.
    #[arg(long)]
    check: bool,
    /// Read one file from standard input, and write it to standard output.
    #[arg(long)]
    stdin: bool,
}

/// How it went with a file, in the order of what decides the exit code.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    Done,
    /// With `--check`: it would be changed.
    Differs,
    /// It can't be read, formatted or written.
    Failed,
}

impl Fmt {
    pub fn run(&self) -> ExitCode {
        let worst = if self.stdin { self.standard_input() } else { self.files() };
        match worst {
            Outcome::Done => ExitCode::SUCCESS,
            Outcome::Differs => ExitCode::FAILURE,
            Outcome::Failed => ExitCode::from(WRONG_INPUT),
        }
    }

    fn files(&self) -> Outcome {
        let sources = match read(&self.paths) {
            Ok(sources) => sources,
            Err(error) => return failed(&error),
        };
        sources.iter().map(|source| self.file(source)).max().unwrap_or(Outcome::Done)
    }

    fn file(&self, source: &Source) -> Outcome {
        let formatted = match formatted(source) {
            Ok(formatted) => formatted,
            Err(outcome) => return outcome,
        };
        if formatted == source.text {
            return Outcome::Done;
        }
        if self.check {
            return differs(source, &formatted);
        }
        match replace(Path::new(&source.name), &formatted) {
            Ok(()) => Outcome::Done,
            Err(error) => failed(&format_args!(
                "{}: can't be written: {error}\n  mend: let this user write into its folder",
                source.name
            )),
        }
    }

    fn standard_input(&self) -> Outcome {
        let mut text = String::new();
        let read = std::io::stdin().lock().take(MOST_FROM_STDIN).read_to_string(&mut text);
        if let Err(error) = read {
            return failed(&format_args!("standard input: {error}"));
        }
        let source = Source { name: "standard input".into(), text };
        match formatted(&source) {
            Err(outcome) => outcome,
            Ok(formatted) if self.check => differs(&source, &formatted),
            Ok(formatted) => {
                print(&formatted);
                Outcome::Done
            }
        }
    }
}

fn formatted(source: &Source) -> Result<String, Outcome> {
    format(source).map_err(|found| failed(&found.render(std::io::stderr().is_terminal())))
}

fn failed(error: &dyn std::fmt::Display) -> Outcome {
    complain(error, ExitCode::FAILURE);
    Outcome::Failed
}

fn differs(source: &Source, formatted: &str) -> Outcome {
    let shown = difference(&source.name, &source.text, formatted);
    print(&shown);
    if shown.is_empty() { Outcome::Done } else { Outcome::Differs }
}

/// Puts a new text in a file's place: at every moment there is the old one or the new one, whole.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    // A link stays one: what it leads to is replaced.
    let path = path.canonicalize()?;
    let permissions = std::fs::metadata(&path)?.permissions();
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}", std::process::id()));
    let temporary = path.with_file_name(name);
    let written =
        write_new(&temporary, text, permissions).and_then(|()| std::fs::rename(&temporary, &path));
    if written.is_err() {
        // What can't be removed either was perhaps never made; the first error tells more.
        let _ = std::fs::remove_file(&temporary);
    }
    written
}

fn write_new(path: &Path, text: &str, permissions: std::fs::Permissions) -> std::io::Result<()> {
    let mut file = std::fs::File::create_new(path)?;
    file.set_permissions(permissions)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    const UNTIDY: &str = "flow greet( ){ hangup }\r\n";
    const TIDY: &str = "flow greet() { hangup }\n";

    fn fmt(path: &Path, check: bool) -> Outcome {
        Fmt { paths: vec![path.to_owned()], check, stdin: false }.files()
    }

    fn text(path: &Path) -> String {
        std::fs::read_to_string(path).unwrap()
    }

    #[test]
    fn a_file_is_replaced_and_stays_what_it_was_to_others() {
        let dir = tempfile::tempdir().unwrap();
        let (file, link) = (dir.path().join("real.dial"), dir.path().join("link.dial"));
        std::fs::write(&file, UNTIDY).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
        symlink(&file, &link).unwrap();

        assert!(fmt(&link, true) == Outcome::Differs);
        assert_eq!(text(&file), UNTIDY);
        assert!(fmt(&link, false) == Outcome::Done);
        assert_eq!(text(&file), TIDY);
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
        assert!(fmt(&link, true) == Outcome::Done);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2, "something is left behind");
    }

    #[test]
    fn a_file_that_cannot_be_read_stays_and_the_others_are_done() {
        let dir = tempfile::tempdir().unwrap();
        let (wrong, right) = (dir.path().join("a.dial"), dir.path().join("b.dial"));
        std::fs::write(&wrong, "flow greet( {\r\n").unwrap();
        std::fs::write(&right, UNTIDY).unwrap();
        assert!(fmt(dir.path(), false) == Outcome::Failed);
        assert_eq!(text(&wrong), "flow greet( {\r\n");
        assert_eq!(text(&right), TIDY);
    }
}
