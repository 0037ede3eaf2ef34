//! The dialplan in force: read from its folder or from the binary, compiled and tested whole.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hark_engine::dialplan::{Diagnostics, Options, Program, Source, TestReport};

/// The most `.dial` files of a folder, and the largest one.
const MOST_FILES: usize = 500;
const LARGEST_FILE: u64 = 4 << 20;

/// Why a dialplan can't be used.
#[derive(Debug, thiserror::Error)]
pub enum DialplanError {
    /// A file or the folder can't be read.
    #[error("{path}: can't be read: {cause}\n  mend: check dialplan.dir in the configuration")]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// There is nothing, or far too much, in the folder.
    #[error("{path}: {what}")]
    Unusable {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// It does not compile.
    #[error("{0}")]
    Wrong(Rendered),
    /// Its own tests fail.
    #[error("{0}")]
    TestsFailed(String),
}

/// Diagnostics as the author reads them.
#[derive(Debug)]
pub struct Rendered(pub Diagnostics);

impl std::fmt::Display for Rendered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.render(false))
    }
}

/// The sources: every `.dial` file of `dir` in the order of their names, or the built-in ones.
///
/// # Errors
/// When they can't be read.
pub fn sources(dir: Option<&Path>) -> Result<Vec<Source>, DialplanError> {
    let Some(dir) = dir else { return Ok(hark_engine::dialplan::builtin()) };
    let unreadable =
        |path: &Path, cause| DialplanError::Unreadable { path: path.to_owned(), cause };
    let entries = std::fs::read_dir(dir).map_err(|e| unreadable(dir, e))?;
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(|e| unreadable(dir, e))?.path();
        if path.extension().is_some_and(|e| e == "dial") {
            paths.push(path);
        }
    }
    paths.sort();
    let unusable = |path: &Path, what: String| DialplanError::Unusable { path: path.into(), what };
    if paths.is_empty() || paths.len() > MOST_FILES {
        let what = format!("holds {} .dial files; allowed are 1 to {MOST_FILES}", paths.len());
        return Err(unusable(dir, what));
    }
    paths.iter().map(|path| source(path)).collect()
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
    Ok(Source { name: path.display().to_string(), text })
}

/// Compiles the sources and runs the tests in them: only a dialplan that passes may take calls.
///
/// # Errors
/// With everything that is wrong, rendered with its source.
pub fn load(sources: &[Source], options: &Options) -> Result<Arc<Program>, DialplanError> {
    let compiled = hark_engine::dialplan::compile_with_warnings(sources, options)
        .map_err(|diagnostics| DialplanError::Wrong(Rendered(diagnostics)))?;
    for warning in compiled.warnings.iter() {
        tracing::warn!(code = %warning.code, "dialplan: {}", warning.message);
    }
    let report: TestReport = hark_engine::dialplan::run_tests(&compiled.program, sources);
    if !report.passed() {
        return Err(DialplanError::TestsFailed(report.render(false)));
    }
    Ok(compiled.program)
}
