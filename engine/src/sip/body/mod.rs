//! The bodies that events and messages carry, read and written.

pub mod composing;
pub mod cpim;
pub mod dialog_info;
pub mod imdn;
pub mod message_summary;
pub mod multipart;
pub mod pidf;

/// `text` for between two tags or in an attribute of XML: markup is escaped, and what XML 1.0
/// has no place for is left out.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' | '\n' | '\r' => out.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => out.push(c),
        }
    }
    out
}

/// Reads XML that a stranger wrote. Document types are refused, and with them every entity of
/// the stranger's own; so the tree is never larger than a small multiple of the text.
fn xml(body: &[u8]) -> Option<roxmltree::Document<'_>> {
    let options = roxmltree::ParsingOptions { nodes_limit: 4096, ..Default::default() };
    roxmltree::Document::parse_with_options(std::str::from_utf8(body).ok()?, options).ok()
}
