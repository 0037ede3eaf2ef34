//! What one of our own files says about itself (written by [`crate::recording::ogg_opus`]).

use std::str::FromStr;

use hark_engine::id::MessageId;

/// The most recipients that a file may name.
const MOST: usize = 256;

/// The tags of a file, as far as they are of use: whoever holds the file can have written them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels {
    /// What players show.
    pub title: String,
    /// Who is said to have spoken; only to be shown.
    pub sender: String,
    /// To whom it was spoken: addresses or names, as they were written.
    pub recipients: Vec<String>,
    /// Its id, where it was a message.
    pub id: Option<MessageId>,
}

impl Labels {
    /// The labels among `comments` (`NAME=value`).
    pub fn of(comments: &[String]) -> Self {
        let mut labels = Self::default();
        for (name, value) in comments.iter().filter_map(|comment| comment.split_once('=')) {
            // RFC 7845 section 5.2: names are case-insensitive.
            match name.to_ascii_uppercase().as_str() {
                "TITLE" => value.clone_into(&mut labels.title),
                "ARTIST" => value.clone_into(&mut labels.sender),
                "HARK_ID" => labels.id = MessageId::from_str(value).ok(),
                "HARK_RECIPIENT" if labels.recipients.len() < MOST => {
                    labels.recipients.push(value.to_owned());
                }
                _ => {}
            }
        }
        labels
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_tags_are_read_whatever_their_case() {
        let comments = [
            "TITLE=Voice message from Ann",
            "artist=Ann",
            "HARK_RECIPIENT=sip:bob@x",
            "hark_recipient=sip:carol@x",
            "HARK_ID=nonsense",
            "no name",
        ];
        let labels = Labels::of(&comments.map(str::to_owned));
        assert_eq!(labels.recipients, ["sip:bob@x", "sip:carol@x"]);
        assert_eq!((labels.sender.as_str(), labels.id), ("Ann", None));
        let many = vec!["HARK_RECIPIENT=x".to_owned(); 1000];
        assert_eq!(Labels::of(&many).recipients.len(), MOST);
    }
}
