//! From files to a program that passed: reading, hashing, compiling, testing.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use hark_engine::dialplan::{Diagnostics, Options, Program, Source, follow, plain_path};
use sha2::{Digest, Sha256};

use super::{DialplanError, Rendered};

/// The most `.dial` files of a folder, and the largest one.
pub(super) const MOST_FILES: usize = 500;
const LARGEST_FILE: u64 = 4 << 20;
/// How many hexadecimal digits of the SHA-256 name a dialplan.
const HASH_DIGITS: usize = 16;

/// A dialplan that compiles and passes its tests.
pub(super) struct Passed {
    pub program: Arc<Program>,
    pub hash: String,
    pub sources: Vec<String>,
    /// The warnings, and how many tests passed.
    pub report: String,
}

/// The sources: every `.dial` file of `dir` and what they import, or the built-in ones.
///
/// # Errors
/// When they can't be read.
pub fn sources(dir: Option<&Path>) -> Result<Vec<Source>, DialplanError> {
    match dir {
        None => Ok(hark_engine::dialplan::builtin()),
        Some(dir) => folder(dir).map(with_imports),
    }
}

/// Every `.dial` file of a folder in the order of their names, without what they import.
///
/// # Errors
/// When they can't be read, or there are none, or far too many.
pub fn folder(dir: &Path) -> Result<Vec<Source>, DialplanError> {
    let unreadable = |cause| DialplanError::Unreadable { path: dir.to_owned(), cause };
    let paths = list(dir).map_err(unreadable)?;
    if paths.is_empty() || paths.len() > MOST_FILES {
        let what = format!("holds {} .dial files; allowed are 1 to {MOST_FILES}", paths.len());
        return Err(DialplanError::Unusable { path: dir.into(), what });
    }
    paths.iter().map(|path| source(path)).collect()
}

/// The sources and everything that they import. What can't be read is told by the compiler, at
/// the place where it is imported.
pub fn with_imports(sources: Vec<Source>) -> Vec<Source> {
    follow(sources, MOST_FILES, |name| source(Path::new(name)).ok())
}

/// The `.dial` files of a folder in the order of their names; a few more than are allowed, if
/// there are so many. Hidden ones are an editor's.
///
/// # Errors
/// When the folder can't be read.
pub fn list(dir: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        let hidden = path.file_name().is_some_and(|n| n.as_encoded_bytes().starts_with(b"."));
        if path.extension().is_some_and(|e| e == "dial") && !hidden {
            paths.push(path);
        }
        if paths.len() > 2 * MOST_FILES {
            break;
        }
    }
    paths.sort();
    Ok(paths)
}

/// One source file.
///
/// # Errors
/// When it can't be read.
pub fn source(path: &Path) -> Result<Source, DialplanError> {
    let unreadable = |cause| DialplanError::Unreadable { path: path.to_owned(), cause };
    let size = std::fs::metadata(path).map_err(unreadable)?.len();
    if size > LARGEST_FILE {
        let what = format!("has {size} bytes; allowed are {LARGEST_FILE}");
        return Err(DialplanError::Unusable { path: path.to_owned(), what });
    }
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    Ok(Source { name: plain_path(&path.display().to_string()), text })
}

/// Reads the sources, compiles them and runs the tests in them: only a dialplan that passes may
/// take calls. `None` if they are those whose hash is `known`.
///
/// # Errors
/// With everything that is wrong, rendered with its source.
pub(super) fn judge(
    dir: Option<&Path>,
    options: &Options,
    known: Option<&str>,
    deadline: Instant,
) -> Result<Option<Passed>, DialplanError> {
    let sources = sources(dir)?;
    let hash = hash(&sources);
    if known == Some(&hash) {
        return Ok(None);
    }
    let compiled = hark_engine::dialplan::compile_with_warnings(&sources, options)
        .map_err(|diagnostics| DialplanError::Wrong(Rendered(diagnostics)))?;
    let passed = test(&compiled.program, &sources, deadline)?;
    let report = report(&compiled.warnings, passed);
    let sources = sources.into_iter().map(|source| source.name).collect();
    Ok(Some(Passed { program: compiled.program, hash, sources, report }))
}

/// Runs the tests, a file at a time; how many passed.
fn test(
    program: &Arc<Program>,
    sources: &[Source],
    deadline: Instant,
) -> Result<usize, DialplanError> {
    let mut passed = 0;
    let mut failures = String::new();
    for source in sources {
        // Whoever waited for the verdict has given up: so does the one who works for it.
        if Instant::now() >= deadline {
            return Err(DialplanError::TestsFailed("the tests took too long".into()));
        }
        let report = hark_engine::dialplan::run_tests(program, std::slice::from_ref(source));
        passed += report.cases.iter().filter(|case| case.failure.is_none()).count();
        if !report.passed() {
            failures.push_str(&report.render(false));
        }
    }
    if failures.is_empty() { Ok(passed) } else { Err(DialplanError::TestsFailed(failures)) }
}

fn report(warnings: &Diagnostics, passed: usize) -> String {
    let warnings = if warnings.is_empty() { String::new() } else { warnings.render(false) };
    format!("{warnings}{passed} tests passed\n")
}

fn hash(sources: &[Source]) -> String {
    let mut hasher = Sha256::new();
    for source in sources {
        for text in [&source.name, &source.text] {
            // With its length, so that no two lists of sources run together into the same bytes.
            hasher.update((text.len() as u64).to_be_bytes());
            hasher.update(text);
        }
    }
    let mut digits = hex::encode(hasher.finalize());
    digits.truncate(HASH_DIGITS);
    digits
}
