//! `message/imdn+xml` (RFC 5438): what became of a message, told to who sent it.

use super::{escaped, xml};

/// The type.
pub const CONTENT_TYPE: &str = "message/imdn+xml";
/// The longest Message-ID that is kept.
pub const LONGEST_ID: usize = 128;

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Disposition {
    /// It reached a device.
    Delivered,
    /// It was shown, or heard.
    Displayed,
    /// It can't reach anybody.
    Failed,
}

/// What the sender of a message wants to be told (`Disposition-Notification`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// `positive-delivery`.
    pub delivered: bool,
    /// `display`.
    pub displayed: bool,
    /// `negative-delivery`.
    pub failed: bool,
}

impl Wanted {
    /// Reads the header's value. What is unknown in it is no affair of ours.
    pub fn read(value: &str) -> Self {
        let mut wanted = Self::default();
        for word in value.split(',').map(|word| word.split(';').next().unwrap_or_default().trim()) {
            match word.to_ascii_lowercase().as_str() {
                "positive-delivery" => wanted.delivered = true,
                "display" => wanted.displayed = true,
                "negative-delivery" => wanted.failed = true,
                _ => {}
            }
        }
        wanted
    }

    /// Whether anything is wanted.
    pub const fn any(self) -> bool {
        self.delivered || self.displayed || self.failed
    }

    /// The value of the header.
    pub fn write(self) -> String {
        let words = [
            (self.delivered, "positive-delivery"),
            (self.failed, "negative-delivery"),
            (self.displayed, "display"),
        ];
        let words: Vec<_> = words.iter().filter(|(on, _)| *on).map(|(_, word)| *word).collect();
        words.join(", ")
    }

    /// As a number that a store can keep.
    pub const fn bits(self) -> u8 {
        self.delivered as u8 | (self.displayed as u8) << 1 | (self.failed as u8) << 2
    }

    /// What [`Self::bits`] gave.
    pub const fn from_bits(bits: u8) -> Self {
        Self { delivered: bits & 1 != 0, displayed: bits & 2 != 0, failed: bits & 4 != 0 }
    }
}

/// A notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imdn {
    /// The Message-ID of the message that it is about.
    pub message_id: String,
    /// What became of that.
    pub disposition: Disposition,
}

/// Reads a notification; `None` where it is none that says one of the three.
pub fn read(body: &[u8]) -> Option<Imdn> {
    let document = xml(body)?;
    let root = document.root_element();
    if root.tag_name().name() != "imdn" {
        return None;
    }
    let find = |name: &str| root.descendants().find(|node| node.tag_name().name() == name);
    let message_id = find("message-id")?.text()?.trim().to_owned();
    if message_id.is_empty() || message_id.len() > LONGEST_ID {
        return None;
    }
    let disposition = if find("displayed").is_some() {
        Disposition::Displayed
    } else if find("delivered").is_some() {
        Disposition::Delivered
    } else if find("failed").is_some() || find("error").is_some() || find("forbidden").is_some() {
        Disposition::Failed
    } else {
        return None;
    };
    Some(Imdn { message_id, disposition })
}

/// Writes a notification. `date` is the time of the message (RFC 3339), `recipient` the URI
/// that it was for.
pub fn write(imdn: &Imdn, date: &str, recipient: &str) -> String {
    let (outer, inner) = match imdn.disposition {
        Disposition::Delivered => ("delivery-notification", "delivered"),
        Disposition::Displayed => ("display-notification", "displayed"),
        Disposition::Failed => ("delivery-notification", "failed"),
    };
    let (id, date, recipient) = (escaped(&imdn.message_id), escaped(date), escaped(recipient));
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n\
         <imdn xmlns=\"urn:ietf:params:xml:ns:imdn\"><message-id>{id}</message-id>\
         <datetime>{date}</datetime><recipient-uri>{recipient}</recipient-uri>\
         <{outer}><status><{inner}/></status></{outer}></imdn>\r\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for disposition in [Disposition::Delivered, Disposition::Displayed, Disposition::Failed] {
            let imdn = Imdn { message_id: "a<b&1".into(), disposition };
            let text = write(&imdn, "2026-01-02T03:04:05Z", "sip:bob@x");
            assert_eq!(read(text.as_bytes()), Some(imdn));
        }
        assert_eq!(read(b"<imdn><message-id>1</message-id></imdn>"), None);
    }

    #[test]
    fn wishes_are_read_whatever_their_order_and_case() {
        let wanted = Wanted::read("Display, positive-delivery;x=1, interworking");
        assert_eq!(wanted, Wanted { delivered: true, displayed: true, failed: false });
        assert_eq!(Wanted::from_bits(wanted.bits()), wanted);
        assert_eq!(Wanted::read(&wanted.write()), wanted);
        assert!(!Wanted::read("").any());
    }
}
