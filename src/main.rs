//! The hark binary.
fn main() {}
