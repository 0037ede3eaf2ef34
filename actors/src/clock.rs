//! The clocks: read here, handed to the engine as arguments.

use std::sync::OnceLock;
use std::time::SystemTime;

use hark_engine::time::{Instant, UnixMillis};

/// The monotonic clock, since the first time that anybody asked for it.
pub fn now() -> Instant {
    static START: OnceLock<std::time::Instant> = OnceLock::new();
    Instant::ZERO + START.get_or_init(std::time::Instant::now).elapsed()
}

/// The wall clock.
pub fn wall() -> UnixMillis {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    UnixMillis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// The tokio instant at which the monotonic clock shows `at`.
pub fn tokio_at(at: Instant) -> tokio::time::Instant {
    tokio::time::Instant::now() + at.since(now())
}

/// Random bytes from the operating system. Ends the process when it has none to give.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    if let Err(error) = getrandom::fill(&mut bytes) {
        // A server without randomness would hand out guessable nonces and links.
        tracing::error!(%error, "the operating system gives no random bytes");
        std::process::abort();
    }
    bytes
}
