//! One call's media as pure machines: RTP, digits, order, sound.

pub mod codec;
