//! The files of dialplans as their author sees them: what is open in the editor, over what is on
//! the disk.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::rc::Rc;

use hark_engine::dialplan::ide::Analysis;
use hark_engine::dialplan::{Options, Source, follow, plain_path};
use ls_types::{TextDocumentContentChangeEvent, Uri};

use super::position::Lines;
use crate::dialplan::{list, source};

/// The most files of one dialplan, and the most that are open at once.
const MOST_FILES: usize = 500;
/// The longest text that is kept; the compiler refuses 1 MB already, and says so.
const LONGEST: usize = 4 << 20;
/// How far above a file a dialplan that imports it may lie.
const HIGHEST: usize = 8;

/// A file that is open in the editor.
struct Open {
    uri: Uri,
    version: i32,
    text: String,
}

/// Everything that is open, and the dialplans that it belongs to.
#[derive(Default)]
pub struct Documents {
    open: HashMap<String, Open>,
    /// The folders that the editor was opened on.
    roots: Vec<String>,
    /// By the folder of the dialplan, or the name of a document that is no file.
    analyses: HashMap<String, Rc<Analysis>>,
    /// The dialplan of each document.
    dialplans: HashMap<String, String>,
}

impl Documents {
    pub fn new(roots: impl IntoIterator<Item = Uri>) -> Self {
        let roots = roots.into_iter().map(|uri| name(&uri)).collect();
        Self { roots, ..Self::default() }
    }

    /// Opens a document; `false` if there are too many, or it is too long.
    pub fn open(&mut self, uri: Uri, version: i32, text: String) -> bool {
        let name = name(&uri);
        let fits = self.open.len() < MOST_FILES || self.open.contains_key(&name);
        if !fits || text.len() > LONGEST {
            return false;
        }
        self.open.insert(name, Open { uri, version, text });
        self.forget();
        true
    }

    /// Applies the changes to an open document.
    pub fn change(
        &mut self,
        uri: &Uri,
        version: i32,
        changes: Vec<TextDocumentContentChangeEvent>,
    ) {
        let Some(open) = self.open.get_mut(&name(uri)) else { return };
        open.version = version;
        for change in changes {
            match change.range {
                None => open.text = change.text,
                Some(range) => {
                    let lines = Lines::of(&open.text);
                    let start = lines.offset(range.start);
                    let end = lines.offset(range.end).max(start);
                    open.text.replace_range(start..end, &change.text);
                }
            }
            if open.text.len() > LONGEST {
                // Too long to compile anyway, which the compiler says.
                let end = (0..=LONGEST).rev().find(|at| open.text.is_char_boundary(*at));
                open.text.truncate(end.unwrap_or(0));
            }
        }
        self.analyses.clear();
    }

    pub fn close(&mut self, uri: &Uri) {
        self.open.remove(&name(uri));
        self.forget();
    }

    /// Something changed on the disk.
    pub fn forget(&mut self) {
        self.analyses.clear();
        self.dialplans.clear();
    }

    /// The dialplan that a document belongs to, and its place in it.
    pub fn analysis(&mut self, uri: &Uri) -> Option<(Rc<Analysis>, u32)> {
        let name = name(uri);
        let dialplan = self.dialplan(&name);
        let analysis = self.analyse(&dialplan);
        let source = analysis.source(&name)?;
        Some((analysis, source))
    }

    /// Every dialplan that something open belongs to, by name.
    pub fn dialplans(&mut self) -> Vec<(String, Rc<Analysis>)> {
        let mut names: Vec<String> = self.open.keys().cloned().collect();
        names.sort();
        let mut all: Vec<String> = names.iter().map(|name| self.dialplan(name)).collect();
        all.sort();
        all.dedup();
        all.into_iter().map(|name| (name.clone(), self.analyse(&name))).collect()
    }

    /// The URI of a source, and its version if it is open.
    pub fn uri(&self, name: &str) -> Option<(Uri, Option<i32>)> {
        match self.open.get(name) {
            Some(open) => Some((open.uri.clone(), Some(open.version))),
            // What ships with Hark is no file here.
            None if name.starts_with('/') => Some((Uri::from_file_path(name)?, None)),
            None => None,
        }
    }

    /// The dialplan that has the document: that of the outermost folder, within what the editor
    /// was opened on; that of something else that is open; or that of its own folder.
    fn dialplan(&mut self, name: &str) -> String {
        if let Some(known) = self.dialplans.get(name) {
            return known.clone();
        }
        let found = match folder(name) {
            None => name.to_owned(),
            Some(own) => self.importing(name, own).unwrap_or_else(|| own.to_owned()),
        };
        self.dialplans.insert(name.to_owned(), found.clone());
        found
    }

    /// The folder of another dialplan that has a file of the folder `own`.
    fn importing(&mut self, name: &str, own: &str) -> Option<String> {
        let mut above = folder(own);
        let mut found = None;
        for _ in 0..HIGHEST {
            let at = above.filter(|at| self.roots.iter().any(|root| within(at, root)));
            let Some(at) = at else { break };
            if self.analyse(at).source(name).is_some() {
                found = Some(at.to_owned());
            }
            above = folder(at);
        }
        if found.is_some() {
            return found;
        }
        let open = self.open.keys().filter_map(|other| folder(other));
        let others: BTreeSet<String> =
            open.filter(|other| *other != own).map(str::to_owned).collect();
        others.into_iter().find(|other| self.analyse(other).source(name).is_some())
    }

    fn analyse(&mut self, dialplan: &str) -> Rc<Analysis> {
        if let Some(known) = self.analyses.get(dialplan) {
            return Rc::clone(known);
        }
        let analysis = Rc::new(Analysis::new(self.sources(dialplan), Options::default()));
        self.analyses.insert(dialplan.to_owned(), Rc::clone(&analysis));
        analysis
    }

    /// The files of a folder and what they import, as the editor has them.
    fn sources(&self, dialplan: &str) -> Vec<Source> {
        // A document that was never saved is its own dialplan.
        let own = self.open.contains_key(dialplan).then(|| dialplan.to_owned());
        let mut names: Vec<String> = own.into_iter().collect();
        if names.is_empty() {
            // A folder that can't be read is that of a file not saved yet.
            let files = list(Path::new(dialplan)).unwrap_or_default();
            names.extend(files.iter().map(|path| plain_path(&path.display().to_string())));
            let open = self.open.keys().filter(|name| folder(name) == Some(dialplan));
            names.extend(open.cloned());
        }
        names.sort();
        names.dedup();
        names.truncate(MOST_FILES);
        let read = names.iter().filter_map(|name| self.read(name)).collect();
        follow(read, MOST_FILES, |name| self.read(name))
    }

    fn read(&self, name: &str) -> Option<Source> {
        match self.open.get(name) {
            Some(open) => Some(Source { name: name.to_owned(), text: open.text.clone() }),
            None => source(Path::new(name)).ok(),
        }
    }
}

/// How the compiler calls a document: its path, or its URI where it is no file.
pub fn name(uri: &Uri) -> String {
    let is_file = uri.as_str().starts_with("file:");
    match uri.to_file_path().filter(|_| is_file) {
        Some(path) => plain_path(&path.display().to_string()),
        None => uri.as_str().to_owned(),
    }
}

/// The folder of a file; none for what is no file.
fn folder(name: &str) -> Option<&str> {
    if !name.starts_with('/') {
        return None;
    }
    match name.rsplit_once('/') {
        Some(("", "")) | None => None,
        Some(("", _)) => Some("/"),
        Some((folder, _)) => Some(folder),
    }
}

fn within(folder: &str, root: &str) -> bool {
    folder.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
