//! Which transaction a message belongs to (RFC 3261 sections 17.1.3 and 17.2.3).

/// What a branch begins with when it was made by an RFC 3261 peer.
pub const MAGIC_COOKIE: &str = "z9hG4bK";

/// A response belongs to the request with the same branch and the same CSeq method.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClientKey {
    /// The branch of our Via.
    pub branch: String,
    /// The method of the CSeq: a CANCEL shares its INVITE's branch.
    pub method: String,
}

/// What a request is matched by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ServerKey {
    /// The branch has the magic cookie, so it is unique by itself.
    Rfc3261 {
        /// The branch of the topmost Via.
        branch: String,
        /// Host and port of the topmost Via: another peer may have picked the same branch.
        sent_by: String,
        /// The method, INVITE for an ACK.
        method: String,
    },
    /// An older peer, or a branch that is the bare cookie: the request itself is the key.
    ///
    /// The To tag is left out, so that the ACK of a failure matches the INVITE, which had none.
    Rfc2543 {
        /// The Request-URI as it was written.
        uri: String,
        /// The From tag, if there is one.
        from_tag: Option<String>,
        /// The Call-ID.
        call_id: String,
        /// The number of the CSeq.
        seq: u32,
        /// The topmost Via as it was written.
        via: String,
        /// The method, INVITE for an ACK.
        method: String,
    },
}

impl ServerKey {
    /// Whether `branch` makes a transaction unique by itself.
    pub fn is_unique_branch(branch: &str) -> bool {
        branch.len() > MAGIC_COOKIE.len()
            && branch
                .get(..MAGIC_COOKIE.len())
                .is_some_and(|cookie| cookie.eq_ignore_ascii_case(MAGIC_COOKIE))
    }

    /// The key of the request that this one is about: an ACK's and a CANCEL's INVITE.
    #[must_use]
    pub fn of_invite(&self) -> Self {
        let mut key = self.clone();
        match &mut key {
            Self::Rfc3261 { method, .. } | Self::Rfc2543 { method, .. } => {
                method.clear();
                method.push_str("INVITE");
            }
        }
        key
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bare_cookie_is_no_unique_branch() {
        assert!(!ServerKey::is_unique_branch("z9hG4bK"));
        assert!(!ServerKey::is_unique_branch("390skdjuw"));
        assert!(!ServerKey::is_unique_branch("ümlaut9"));
        assert!(ServerKey::is_unique_branch("z9hG4bK1"));
        assert!(ServerKey::is_unique_branch("Z9HG4bk1"));
    }

    #[test]
    fn a_cancel_finds_its_invite() {
        let key = |method: &str| ServerKey::Rfc3261 {
            branch: "z9hG4bK1".into(),
            sent_by: "192.0.2.1:5060".into(),
            method: method.into(),
        };
        assert_ne!(key("CANCEL"), key("INVITE"));
        assert_eq!(key("CANCEL").of_invite(), key("INVITE"));
    }
}
