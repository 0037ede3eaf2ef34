//! How a message finds its recipient: the profile, and the machine that follows it.
//!
//! ```text
//!  profile ── devices, quiet hours, ordered rules ── check (what can't work), text (to read)
//!     │
//!  condition ── does a rule apply now? ──► machine ── what to do next, and when ──► explain
//!                                            ▲
//!  limits ── may this call be made now? ─────┘      address ── numbers and addresses outside
//! ```

pub mod address;
pub mod check;
pub mod condition;
pub mod explain;
pub mod limits;
pub mod machine;
pub mod profile;
pub mod text;
