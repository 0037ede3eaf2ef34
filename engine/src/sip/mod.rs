//! SIP (RFC 3261) without sockets: wire, transactions, dialogs, registrar.
//!
//! From the wire upwards: [`wire`] turns octets into a [`message::Message`] and back and
//! [`framer`] finds messages in a stream; [`header`] is the ordered header list over rsip's
//! header model, [`address`] and [`uri`] read the fields that matter; [`digest`] proves who
//! somebody is; [`sdp`] agrees on media.

pub mod address;
pub mod digest;
mod digest_fields;
mod escape;
mod fault;
pub mod framer;
pub mod header;
mod lex;
pub mod message;
mod name;
pub mod nonce;
pub mod params;
pub mod sdp;
pub mod transaction;
pub mod uri;
pub mod wire;
