//! `application/dialog-info+xml` (RFC 4235): whether somebody is in a call, and nothing of with
//! whom, for those who watch are no party to it.

use super::escaped;

/// The full state of `entity`, a `sip:` URI. `version` grows by one with every document of a
/// subscription (section 4.3).
pub fn write(entity: &str, version: u32, in_call: bool) -> String {
    let entity = escaped(entity);
    let dialog =
        if in_call { "<dialog id=\"call\"><state>confirmed</state></dialog>\r\n" } else { "" };
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n\
         <dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" version=\"{version}\" \
         state=\"full\" entity=\"{entity}\">\r\n{dialog}</dialog-info>\r\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_a_confirmed_dialog_and_none_is_an_empty_list() {
        let busy = write("sip:bob@example.org", 3, true);
        assert!(busy.contains("version=\"3\"") && busy.contains("<state>confirmed</state>"));
        assert!(!write("sip:bob@example.org", 4, false).contains("<dialog "));
    }
}
