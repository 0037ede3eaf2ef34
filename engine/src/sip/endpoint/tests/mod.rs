//! The endpoint against itself and against scripted peers, over a network that loses,
//! duplicates and reorders, in virtual time.

mod calls;
mod events;
mod net;
mod peers;
mod registration;
mod strangers;
mod texts;
mod torture;
