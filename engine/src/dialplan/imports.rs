//! Which files a source imports, and how they are found.

use super::Source;
use super::ast::Name;
use super::parser;

/// The folder of what ships with Hark, as imports name it.
pub(super) const SHIPPED: &str = "hark/";

/// What `source` imports, as it is written there. What can't be read is left to the compiler.
pub fn imports(source: &Source) -> Vec<String> {
    let file = parser::parse(0, source, &mut Vec::new());
    file.imports.into_iter().map(|Name { text, .. }| text).collect()
}

/// The name of the source that `importer` means by `path`: relative to its own folder, or
/// `hark/…` for what ships with Hark.
///
/// # Errors
/// When the path leaves the dialplan's folder upwards further than it is deep, is absolute or
/// empty, or names no `.dial` file.
pub fn target(importer: &str, path: &str) -> Result<String, &'static str> {
    if !path.ends_with(".dial") {
        return Err("an import names a .dial file");
    }
    if path.starts_with('/') || path.contains('\\') {
        return Err("an import is relative to the file that it stands in");
    }
    if path.starts_with(SHIPPED) {
        return Ok(path.to_owned());
    }
    // What ships imports its like.
    let folder = importer.rsplit_once('/').map_or("", |(folder, _)| folder);
    let found = plain_path(&format!("{folder}/{path}"));
    let found =
        if importer.starts_with('/') { found } else { found.trim_start_matches('/').into() };
    if found.starts_with("..") || found.starts_with("/..") {
        return Err("an import can't leave the folder that hark was started in");
    }
    Ok(found)
}

/// A path without detours, as sources are named: `./plans/../a.dial` is `a.dial`.
pub fn plain_path(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let joined = parts.join("/");
    if path.starts_with('/') { format!("/{joined}") } else { joined }
}

/// The sources with everything that they import, each once. `read` gives the source of a name
/// that does not ship with Hark; what it can't give is left to the compiler, which tells where
/// it was imported.
pub fn follow(
    mut sources: Vec<Source>,
    most: usize,
    mut read: impl FnMut(&str) -> Option<Source>,
) -> Vec<Source> {
    let mut at = 0;
    while at < sources.len() && sources.len() < most {
        for path in imports(&sources[at]) {
            let Ok(name) = target(&sources[at].name, &path) else { continue };
            if sources.iter().any(|s| s.name == name) || sources.len() >= most {
                continue;
            }
            sources.extend(shipped(&name).or_else(|| read(&name)));
        }
        at += 1;
    }
    sources
}

/// The source that ships under this name: `hark/mailbox.dial`.
pub fn shipped(name: &str) -> Option<Source> {
    let file = name.strip_prefix(SHIPPED)?;
    let mut source = super::builtin().into_iter().find(|source| source.name == file)?;
    source.name = name.to_owned();
    Some(source)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_relative_to_the_importer() {
        assert_eq!(target("main.dial", "tones.dial"), Ok("tones.dial".into()));
        assert_eq!(target("plan/main.dial", "./lib/tones.dial"), Ok("plan/lib/tones.dial".into()));
        assert_eq!(target("plan/sub/a.dial", "../b.dial"), Ok("plan/b.dial".into()));
        assert_eq!(target("/etc/hark/a.dial", "b.dial"), Ok("/etc/hark/b.dial".into()));
        assert_eq!(target("x.dial", "hark/mailbox.dial"), Ok("hark/mailbox.dial".into()));
        for wrong in ["../a.dial", "/etc/passwd.dial", "a.txt", ""] {
            assert!(target("main.dial", wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn imports_are_followed_once_each() {
        let source = |name: &str, text: &str| Source { name: name.into(), text: text.into() };
        let main = source("a/main.dial", "import \"x.dial\"\nimport \"hark/main.dial\"");
        let mut asked = Vec::new();
        let all = follow(vec![main], 100, |name| {
            asked.push(name.to_owned());
            (name == "a/x.dial").then(|| source(name, "import \"main.dial\"\nimport \"y.dial\""))
        });
        let names: Vec<&str> = all.iter().map(|s| s.name.as_str()).collect();
        assert!(names.starts_with(&["a/main.dial", "a/x.dial", "hark/main.dial"]), "{names:?}");
        assert_eq!(asked, ["a/x.dial", "a/y.dial"]);
    }

    #[test]
    fn what_ships_can_be_imported() {
        assert!(shipped("hark/mailbox.dial").is_some_and(|s| s.name == "hark/mailbox.dial"));
        assert!(shipped("hark/none.dial").is_none() && shipped("mailbox.dial").is_none());
    }
}
