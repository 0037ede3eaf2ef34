//! What Hark does: sockets, actors, storage, the computer server, metrics.

pub mod media;
