//! What Hark decides.
//!
//! Bytes, events and time go in; bytes and effects come out. Nothing in this crate opens a
//! socket or a file, reads a clock, starts a thread or a task, or takes a lock: `Cargo.toml`
//! (no runtime, socket, database or web crate), `clippy.toml` (the standard library's own
//! doors are disallowed) and `make check` keep it so.
//!
//! Every protocol machine has one shape:
//!
//! * `handle_input(&mut self, now, input)` — something happened;
//! * `handle_timeout(&mut self, now)` — the deadline that was asked for has come;
//! * `next_deadline(&self)` — when the machine wants to be woken, if at all;
//! * `poll_output(&mut self)` — what it wants done, until it answers `None`.
//!
//! Seeds and wall-clock time are arguments, so that every decision can be replayed in a test
//! with virtual time.

pub mod announce;
pub mod calendar;
pub mod delivery;
pub mod dialplan;
pub mod directory;
pub mod id;
pub mod key;
pub mod media;
pub mod message;
pub mod pin;
pub mod presence;
pub mod retention;
pub mod sip;
pub mod throttle;
pub mod time;
