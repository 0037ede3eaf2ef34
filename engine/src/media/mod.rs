//! One call's media as pure machines: RTP, digits, order, sound.
//!
//! [`session::Session`] puts them together. It is fed datagrams and a tick every 20 ms; it
//! writes packets into a buffer of its driver and says what happened by [`session::Event`]s.
//!
//! * [`rtp`], [`rtcp`]: the wire (RFC 3550, RFC 3551, RFC 5761).
//! * [`source`]: whose packets are believed, and where ours go (symmetric RTP).
//! * [`jitter`]: packets in order, each once.
//! * [`dtmf`]: keys as RFC 4733 events, each press once.
//! * [`g711`], [`clip`], [`play`]: sounds encoded once and played to many.
//! * [`stretch`]: speech faster or slower at the same pitch.
//! * [`record`]: packets kept as received, with their position in the recording.

pub mod clip;
pub mod codec;
pub mod dtmf;
pub mod g711;
pub mod jitter;
pub mod play;
pub mod record;
pub mod rtcp;
pub mod rtp;
pub mod session;
pub mod source;
pub mod stretch;

pub use clip::Clip;
pub use codec::Codec;
pub use record::RecordedFrame;
