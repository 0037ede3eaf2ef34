//! `application/simple-message-summary` (RFC 3842 section 5): what lights a lamp.

use crate::message::mailbox::Lamp;

/// The summary of the mailbox of `account`, a URI.
pub fn write(account: &str, lamp: Lamp) -> String {
    let waiting = if lamp.lit() { "yes" } else { "no" };
    let Lamp { new, saved, urgent_new } = lamp;
    format!(
        "Messages-Waiting: {waiting}\r\nMessage-Account: {account}\r\n\
         Voice-Message: {new}/{saved} ({urgent_new}/0)\r\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_messages_light_the_lamp() {
        let lamp = Lamp { new: 2, saved: 5, urgent_new: 1 };
        assert_eq!(
            write("sip:bob@example.org", lamp),
            "Messages-Waiting: yes\r\nMessage-Account: sip:bob@example.org\r\n\
             Voice-Message: 2/5 (1/0)\r\n"
        );
        assert!(write("sip:b@x", Lamp::default()).starts_with("Messages-Waiting: no\r\n"));
    }
}
