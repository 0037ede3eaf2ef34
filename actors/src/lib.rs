//! What Hark does: actors and adapters around the machines of `hark-engine`.
//!
//! Each call, user session, message and presence subscription is a ractor actor; sockets,
//! SQLite, HTTP and metrics are adapters. `docs/ARCHITECTURE.md` draws who supervises whom and
//! what is lost when one of them dies.

pub mod bus;
pub mod clock;
pub mod config;
pub mod delivery;
pub mod messages;
pub mod presence_board;
pub mod prompt;
pub mod recording;
pub mod sip;
pub mod store;
