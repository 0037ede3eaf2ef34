//! SIP (RFC 3261) without sockets: wire, transactions, dialogs, registrar.
//!
//! From the wire upwards: [`wire`] turns octets into a [`message::Message`] and back and
//! [`framer`] finds messages in a stream; [`header`] is the ordered header list over rsip's
//! header model, [`address`] and [`uri`] read the fields that matter; [`digest`] proves who
//! somebody is; [`sdp`] agrees on media. Above them, [`transaction`] repeats what was
//! lost, [`dialog`] remembers what a call agreed on, [`registrar`] where phones are,
//! [`subscription`] whom to notify and [`publication`] what devices say of their users, and
//! [`endpoint`] puts it all together. What events and messages carry is in [`body`].

pub mod address;
pub mod body;
pub mod dialog;
pub mod digest;
mod digest_fields;
pub mod endpoint;
mod escape;
mod fault;
pub mod framer;
pub mod header;
mod lex;
pub mod message;
mod name;
pub mod nonce;
pub mod package;
pub mod params;
pub mod publication;
pub mod registrar;
pub mod sdp;
pub mod subscription;
pub mod transaction;
pub mod uri;
pub mod wire;
