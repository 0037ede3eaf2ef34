//! `application/im-iscomposing+xml` (RFC 3994): somebody is typing.

use super::xml;

/// The type.
pub const CONTENT_TYPE: &str = "application/im-iscomposing+xml";

/// Whether the sender is typing; `None` where this is no such document.
pub fn read(body: &[u8]) -> Option<bool> {
    let document = xml(body)?;
    let root = document.root_element();
    if root.tag_name().name() != "isComposing" {
        return None;
    }
    let state = root.children().find(|node| node.tag_name().name() == "state")?;
    Some(state.text().is_some_and(|text| text.trim() == "active"))
}

/// The document that says whether somebody is typing, for `seconds` at most.
pub fn write(is_typing: bool, seconds: u32) -> String {
    let state = if is_typing { "active" } else { "idle" };
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n\
         <isComposing xmlns=\"urn:ietf:params:xml:ns:im-iscomposing\"><state>{state}</state>\
         <contenttype>text/plain</contenttype><refresh>{seconds}</refresh></isComposing>\r\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_begins_and_ends() {
        for on in [true, false] {
            assert_eq!(read(write(on, 60).as_bytes()), Some(on));
        }
        assert_eq!(read(b"<isComposing/>"), None);
        assert_eq!(read(b"typing"), None);
    }
}
