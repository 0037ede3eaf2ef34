//! One call's media as pure machines: RTP, digits, order, sound.

pub mod codec;
pub mod frame;

pub use frame::RecordedFrame;
