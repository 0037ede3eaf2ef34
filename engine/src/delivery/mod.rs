//! How a message finds its recipient: the profile and the machine that follows it.

pub mod machine;
pub mod profile;
