//! SIP (RFC 3261) without sockets: wire, transactions, dialogs, registrar.

pub mod transaction;
