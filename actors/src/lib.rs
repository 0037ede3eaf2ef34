//! What Hark does: actors and adapters around the machines of `hark-engine`.
//!
//! Each call, user session, message and presence subscription is a ractor actor; sockets,
//! SQLite, HTTP and metrics are adapters. `docs/ARCHITECTURE.md` draws who supervises whom and
//! what is lost when one of them dies.

pub mod admin;
pub mod announce;
pub mod bus;
pub mod calls;
pub mod chat;
pub mod clock;
pub mod config;
pub mod delivery;
pub mod devices;
pub mod dialplan;
pub mod disk;
pub mod forward;
pub mod lsp;
pub mod media;
pub mod messages;
pub mod operator;
pub mod orders;
pub mod outside;
pub mod outward;
pub mod presence_board;
pub mod prompt;
pub mod recording;
pub mod recovery;
pub mod registrations;
pub mod reload;
pub mod retention;
pub mod server;
pub mod sip;
pub mod site;
pub mod store;
pub mod subscriptions;
pub mod supervisor;
pub mod texts;
pub mod trace;
pub mod users;
pub mod web;
