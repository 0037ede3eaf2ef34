//! What a MESSAGE carries, read: words, a sound, a sign of typing, a receipt.

use hark_engine::sip::body::{composing, cpim, imdn, multipart};
use hark_engine::sip::params::Params;

use crate::store::Wish;

/// A sound that is attached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sound {
    /// An Ogg Opus file.
    Ogg(Vec<u8>),
    /// A WAV file.
    Wav(Vec<u8>),
}

/// What a MESSAGE carries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Content {
    /// Words.
    pub text: Option<String>,
    /// A sound.
    pub sound: Option<Sound>,
    /// The sender is typing, or is not any more.
    pub typing: Option<bool>,
    /// What became of a message that we sent.
    pub receipt: Option<imdn::Imdn>,
    /// What the sender wants to be told.
    pub wish: Option<Wish>,
}

/// Why it can't be read: the status that says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// 415.
    #[error("its type is not one that is taken: send text/plain in UTF-8, or audio")]
    Type,
    /// 400.
    #[error("it is not what its type says")]
    Malformed,
}

impl Unreadable {
    /// The status of the answer.
    pub const fn status(self) -> u16 {
        match self {
            Self::Type => 415,
            Self::Malformed => 400,
        }
    }
}

/// Reads a body of this type.
///
/// # Errors
/// [`Unreadable`] with the status that is due.
pub fn read(content_type: &str, body: &[u8]) -> Result<Content, Unreadable> {
    let (kind, params) = content_type.split_once(';').unwrap_or((content_type, ""));
    let kind = kind.trim().to_ascii_lowercase();
    match kind.as_str() {
        cpim::CONTENT_TYPE => {
            let wrapped = cpim::read(body).ok_or(Unreadable::Malformed)?;
            // One wrapping is enough for anybody.
            let inner = wrapped.content_type.trim().to_ascii_lowercase();
            if inner.starts_with(cpim::CONTENT_TYPE) {
                return Err(Unreadable::Type);
            }
            let mut content = read(&wrapped.content_type, &wrapped.content)?;
            let wanted = wrapped.wanted;
            content.wish = wrapped
                .message_id
                .filter(|_| wanted.any())
                .map(|message_id| Wish { message_id, wanted });
            Ok(content)
        }
        kind if kind.starts_with("multipart/") => {
            let parts = multipart::read(content_type, body).ok_or(Unreadable::Malformed)?;
            let mut content = Content::default();
            for part in parts {
                // What is beside words and a sound (a picture, a signature) is left out.
                let Ok(one) = single(&part.content_type, &part.content) else { continue };
                content.text = content.text.or(one.text);
                content.sound = content.sound.or(one.sound);
            }
            let is_empty = content == Content::default();
            if is_empty { Err(Unreadable::Type) } else { Ok(content) }
        }
        _ => {
            let params = format!(";{params}");
            single_of(&kind, &params, body)
        }
    }
}

fn single(content_type: &str, body: &[u8]) -> Result<Content, Unreadable> {
    let (kind, params) = content_type.split_once(';').unwrap_or((content_type, ""));
    single_of(&kind.trim().to_ascii_lowercase(), &format!(";{params}"), body)
}

fn single_of(kind: &str, params: &str, body: &[u8]) -> Result<Content, Unreadable> {
    let blank = Content::default();
    match kind {
        "text/plain" => {
            let params = Params::parse(params.trim_end_matches(';')).unwrap_or_default();
            let charset = params.get("charset").unwrap_or("utf-8").trim_matches('"');
            let is_known =
                ["utf-8", "us-ascii", "utf8"].iter().any(|c| charset.eq_ignore_ascii_case(c));
            if !is_known {
                return Err(Unreadable::Type);
            }
            let text = std::str::from_utf8(body).map_err(|_| Unreadable::Malformed)?;
            Ok(Content { text: Some(text.to_owned()), ..blank })
        }
        composing::CONTENT_TYPE => {
            let typing = composing::read(body).ok_or(Unreadable::Malformed)?;
            Ok(Content { typing: Some(typing), ..blank })
        }
        imdn::CONTENT_TYPE => {
            let receipt = imdn::read(body).ok_or(Unreadable::Malformed)?;
            Ok(Content { receipt: Some(receipt), ..blank })
        }
        "audio/ogg" | "application/ogg" if body.starts_with(b"OggS") => {
            Ok(Content { sound: Some(Sound::Ogg(body.to_vec())), ..blank })
        }
        "audio/wav" | "audio/x-wav" | "audio/wave" | "audio/vnd.wave"
            if body.starts_with(b"RIFF") =>
        {
            Ok(Content { sound: Some(Sound::Wav(body.to_vec())), ..blank })
        }
        "audio/ogg" | "application/ogg" | "audio/wav" | "audio/x-wav" | "audio/wave"
        | "audio/vnd.wave" => Err(Unreadable::Malformed),
        _ => Err(Unreadable::Type),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(content_type: &str, body: &[u8]) -> Result<String, u16> {
        read(content_type, body).map(|c| c.text.unwrap_or_default()).map_err(Unreadable::status)
    }

    #[test]
    fn words_are_read_in_utf_8_only() {
        assert_eq!(text("text/plain", "Grüße".as_bytes()), Ok("Grüße".into()));
        assert_eq!(text("TEXT/Plain; charset=\"UTF-8\"", b"a"), Ok("a".into()));
        assert_eq!(text("text/plain;charset=iso-8859-1", b"a"), Err(415));
        assert_eq!(text("text/plain", b"\xff"), Err(400));
        assert_eq!(text("text/html", b"<b>a</b>"), Err(415));
    }

    #[test]
    fn a_wrapped_text_brings_its_wishes_along() {
        let body = "From: <sip:a@x>\r\nNS: imdn <urn:ietf:params:imdn>\r\nimdn.Message-ID: m1\r\n\
            imdn.Disposition-Notification: positive-delivery\r\n\r\nContent-Type: text/plain\r\n\r\nhi";
        let content = read("message/cpim", body.as_bytes()).unwrap();
        assert_eq!(content.text.as_deref(), Some("hi"));
        let wish = content.wish.unwrap();
        assert!(wish.message_id == "m1" && wish.wanted.delivered && !wish.wanted.displayed);
        let twice = "From: <sip:a@x>\r\n\r\nContent-Type: message/cpim\r\n\r\nx";
        assert_eq!(text("message/cpim", twice.as_bytes()), Err(415));
    }

    #[test]
    fn a_sound_is_what_it_says_it_is() {
        let body = b"--b\r\nContent-Type: text/plain\r\n\r\nlisten\r\n--b\r\nContent-Type: audio/ogg\r\n\r\nOggSx\r\n--b--";
        let content = read("multipart/mixed;boundary=b", body).unwrap();
        assert_eq!(content.text.as_deref(), Some("listen"));
        assert_eq!(content.sound, Some(Sound::Ogg(b"OggSx".to_vec())));
        assert_eq!(text("audio/ogg", b"<html>"), Err(400));
        assert_eq!(text("audio/wav", b"OggS"), Err(400));
        assert_eq!(text("multipart/mixed;boundary=b", b"--b--"), Err(415));
    }

    proptest! {
        #[test]
        fn no_octets_make_it_panic(
            kind in prop_oneof![
                Just("text/plain"), Just("message/cpim"), Just("message/imdn+xml"),
                Just("multipart/mixed;boundary=b"), Just("audio/wav"), Just("application/im-iscomposing+xml")
            ],
            octets in proptest::collection::vec(any::<u8>(), 0..300),
        ) {
            let _ = read(kind, &octets);
        }
    }
}
