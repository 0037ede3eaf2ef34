//! PIDF (RFC 3863) with the activities of RPID (RFC 4480): who can be reached, as documents say.

use super::{escaped, xml};
use crate::presence::{Presence, Published, Reach};
use crate::sip::uri::Uri;

/// The presence document of `entity`, a `sip:` URI.
pub fn write(entity: &str, reach: Reach) -> String {
    let basic = match reach.shown {
        Presence::Offline => "closed",
        Presence::Phone
        | Presence::Away
        | Presence::Online
        | Presence::Busy
        | Presence::DoNotDisturb => "open",
    };
    // An activity for programs, and words for those who read the note only.
    let (activity, note) = match reach.shown {
        Presence::Offline => ("", "Offline"),
        Presence::Phone => ("", "By phone"),
        Presence::Online => ("", "Online"),
        Presence::Away => ("<rpid:away/>", "Away"),
        Presence::Busy => ("<rpid:on-the-phone/>", "On the phone"),
        Presence::DoNotDisturb => ("<rpid:busy/>", "Do not disturb"),
    };
    let activities = if activity.is_empty() {
        String::new()
    } else {
        format!("<rpid:activities>{activity}</rpid:activities>")
    };
    let entity = escaped(entity);
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n\
         <presence xmlns=\"urn:ietf:params:xml:ns:pidf\" \
         xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\" \
         xmlns:rpid=\"urn:ietf:params:xml:ns:pidf:rpid\" entity=\"{entity}\">\r\n\
         <tuple id=\"hark\"><status><basic>{basic}</basic></status>\
         <contact>{entity}</contact><note>{note}</note></tuple>\r\n\
         <dm:person id=\"p\">{activities}<dm:note>{note}</dm:note></dm:person>\r\n\
         </presence>\r\n"
    )
}

/// What a device says of its user in a document; `None` where it is no PIDF document, or one
/// of somebody else than `account`.
///
/// Of several tuples the most willing counts, of several activities the one that keeps callers
/// off the most.
pub fn read(body: &[u8], account: &str) -> Option<Published> {
    let document = xml(body)?;
    let root = document.root_element();
    if root.tag_name().name() != "presence" {
        return None;
    }
    let entity = root.attribute("entity").unwrap_or_default();
    // `pres:` and a missing user are common, and are the sender's own.
    let entity = entity.strip_prefix("pres:").map_or(entity.to_owned(), |e| format!("sip:{e}"));
    let user = Uri::parse(&entity).and_then(|uri| uri.user());
    if user.is_some_and(|user| !user.eq_ignore_ascii_case(account)) {
        return None;
    }
    let has = |name: &str| root.descendants().any(|node| node.tag_name().name() == name);
    let basics = root.descendants().filter(|node| node.tag_name().name() == "basic");
    let mut basics = basics.filter_map(|node| node.text()).map(str::trim).peekable();
    let is_closed = basics.peek().is_some() && !basics.any(|basic| basic == "open");
    Some(if has("do-not-disturb") || has("dnd") {
        Published::DoNotDisturb
    } else if is_closed {
        Published::Closed
    } else if has("on-the-phone") || has("busy") || has("meeting") {
        Published::Busy
    } else if has("away") || has("vacation") || has("permanent-absence") || has("sleeping") {
        Published::Away
    } else {
        Published::Open
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(shown: Presence) -> Reach {
        Reach { shown, ..Reach::default() }
    }

    #[test]
    fn what_is_written_is_read_as_the_same() {
        for (presence, published) in [
            (Presence::Offline, Published::Closed),
            (Presence::Phone, Published::Open),
            (Presence::Online, Published::Open),
            (Presence::Away, Published::Away),
            (Presence::Busy, Published::Busy),
            (Presence::DoNotDisturb, Published::Busy),
        ] {
            let document = write("sip:bob@example.org", shown(presence));
            assert_eq!(read(document.as_bytes(), "bob"), Some(published), "{document}");
        }
    }

    #[test]
    fn a_document_of_somebody_else_or_with_entities_is_refused() {
        let document = write("sip:bob@example.org", shown(Presence::Online));
        assert_eq!(read(document.as_bytes(), "alice"), None);
        let bomb =
            "<!DOCTYPE p [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><presence>&b;</presence>";
        assert_eq!(read(bomb.as_bytes(), "bob"), None);
        assert_eq!(read(b"<presence", "bob"), None);
        assert_eq!(read(b"<html/>", "bob"), None);
        assert_eq!(read(b"\xff\xfe", "bob"), None);
    }

    #[test]
    fn baresip_and_linphone_are_understood() {
        let baresip = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"no\"?>\r\n\
            <presence xmlns=\"urn:ietf:params:xml:ns:pidf\" xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\" \
             xmlns:rpid=\"urn:ietf:params:xml:ns:pidf:rpid\" entity=\"sip:alice@127.0.0.1\">\r\n\
            <dm:person id=\"p4159\"><rpid:activities/></dm:person><tuple id=\"t4109\"><status>\
            <basic>open</basic></status><contact>sip:alice@127.0.0.1</contact></tuple></presence>";
        assert_eq!(read(baresip.as_bytes(), "alice"), Some(Published::Open));
        let away = baresip
            .replace("<rpid:activities/>", "<rpid:activities><rpid:away/></rpid:activities>");
        assert_eq!(read(away.as_bytes(), "alice"), Some(Published::Away));
    }

    proptest! {
        #[test]
        fn no_octets_make_it_panic(octets in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = read(&octets, "bob");
        }

        #[test]
        fn a_name_cannot_break_out_of_the_document(name in ".{0,40}") {
            let document = write(&format!("sip:{name}@example.org"), shown(Presence::Online));
            prop_assert!(xml(document.as_bytes()).is_some());
        }
    }
}
