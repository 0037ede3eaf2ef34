//! Which files a source imports, and how they are found.

use super::Source;
use super::ast::Name;
use super::parser;

/// The folder of what ships with Hark, as imports name it.
const SHIPPED: &str = "hark/";

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
    let absolute = folder.starts_with('/');
    let mut parts: Vec<&str> = folder.split('/').filter(|p| !p.is_empty() && *p != ".").collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => match parts.last() {
                None => return Err("an import can't leave the folder of the dialplan"),
                Some(&"..") => parts.push(".."),
                Some(_) => drop(parts.pop()),
            },
            part => parts.push(part),
        }
    }
    let joined = parts.join("/");
    Ok(if absolute { format!("/{joined}") } else { joined })
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
    fn what_ships_can_be_imported() {
        assert!(shipped("hark/mailbox.dial").is_some_and(|s| s.name == "hark/mailbox.dial"));
        assert!(shipped("hark/none.dial").is_none() && shipped("mailbox.dial").is_none());
    }
}
