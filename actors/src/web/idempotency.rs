//! Requests that may be repeated (draft-ietf-httpapi-idempotency-key-header): the same under the
//! same key is done once, something else under it is refused, and so is a repetition that comes
//! while the first is still being done.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest as _, Sha256};

use super::deposit::Wishes;
use super::error::ApiError;
use super::intake::Received;

/// The keys under which something is being done.
#[derive(Clone, Default)]
pub struct Keys {
    under_way: Arc<Mutex<HashSet<String>>>,
}

/// A key that nobody else may use until this is dropped.
pub struct InUse {
    key: String,
    under_way: Arc<Mutex<HashSet<String>>>,
}

impl Keys {
    /// Begins something under a key. As many are under way as requests.
    ///
    /// # Errors
    /// [`ApiError::KeyInUse`] while something else is done under it.
    pub fn begin(&self, key: String) -> Result<InUse, ApiError> {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        if !under_way.insert(key.clone()) {
            return Err(ApiError::KeyInUse);
        }
        Ok(InUse { key, under_way: Arc::clone(&self.under_way) })
    }
}

impl InUse {
    /// The key.
    pub fn key(&self) -> &str {
        &self.key
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        under_way.remove(&self.key);
    }
}

/// By what a request is known again: its file, and what was wished for it; not by the way in which
/// it was written down, for a form's boundary differs each time.
pub fn fingerprint(received: &Received, wishes: &Wishes) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(received.sha256);
    for name in &wishes.to {
        hash.update((name.len() as u64).to_be_bytes());
        hash.update(name);
    }
    let Wishes { to: _, urgent, private, no_receipt, partial, reply_to } = wishes;
    hash.update([*urgent, *private, *no_receipt, *partial].map(u8::from));
    if let Some(answered) = reply_to {
        hash.update(answered.0.as_bytes());
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_in_use_until_its_request_is_over() {
        let keys = Keys::default();
        let first = keys.begin("a".into()).unwrap();
        assert!(matches!(keys.begin("a".into()), Err(ApiError::KeyInUse)));
        let _other = keys.begin("b".into()).unwrap();
        drop(first);
        keys.begin("a".into()).unwrap();
    }
}
