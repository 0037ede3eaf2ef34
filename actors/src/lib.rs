//! What Hark does: sockets, actors, storage, the computer server, metrics.
//!
//! Everything that decides is in `hark-engine`; here its machines are given sockets, files,
//! threads and a clock.

pub mod prompt;
pub mod recording;
pub mod store;
