//! Announcements: what an event says, to whom, and until when somebody has to confirm it.
//!
//! ```text
//!  POST /api/v1/events ─┐
//!  a schedule ──────────┼──► announcement ─► voice messages ─► confirmed, or the next step
//!  a rule on our events ┘    (text, steps)   (one a language)
//! ```
//!
//! [`template`] makes the words, [`scheduler`] says when an occurrence is due, [`watch`] when a
//! rule on Hark's own events holds, [`quiet`] until when it has to wait for the morning and
//! [`escalation`] who is told next.

pub mod escalation;
pub mod quiet;
pub mod scheduler;
pub mod template;
pub mod watch;
