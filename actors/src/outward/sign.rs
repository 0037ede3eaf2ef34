//! The signature of webhooks, as the Standard Webhooks specification has it, for which there are
//! libraries in most languages.
//!
//! | header | what |
//! |---|---|
//! | `webhook-id` | the event's own id, the same at every attempt |
//! | `webhook-timestamp` | when it was sent, in Unix seconds |
//! | `webhook-signature` | `v1,` and the base64 of HMAC-SHA256(secret, `ID.TIMESTAMP.BODY`) |
//!
//! The secret is given out as `whsec_` and its base64. Whoever verifies should refuse timestamps
//! that are more than five minutes off, and ids that they know.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// The header fields of a webhook with this body; without a secret, without a signature.
pub fn headers(
    secret: Option<[u8; 32]>,
    id: &str,
    timestamp: i64,
    body: &str,
) -> Vec<(&'static str, String)> {
    let mut headers = vec![
        ("content-type", "application/json".to_owned()),
        ("webhook-id", id.to_owned()),
        ("webhook-timestamp", timestamp.to_string()),
    ];
    if let Some(signature) = secret.and_then(|secret| signature(&secret, id, timestamp, body)) {
        headers.push(("webhook-signature", signature));
    }
    headers
}

/// How people are given a secret.
pub fn show(secret: &[u8; 32]) -> String {
    format!("whsec_{}", STANDARD.encode(secret))
}

fn signature(secret: &[u8; 32], id: &str, timestamp: i64, body: &str) -> Option<String> {
    // HMAC takes keys of every length: this is always `Some`.
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
    mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
    Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_what_others_compute() {
        // HMAC-SHA256 by Python's hmac module.
        let secret: [u8; 32] = std::array::from_fn(|i| i as u8);
        let signed = signature(&secret, "msg_1", 1_700_000_000, r#"{"a":1}"#).unwrap();
        assert_eq!(signed, "v1,AMaOha7DUT/0J0JMycRuYOBSvbx3WtwLd2khXXbaVj4=");
        assert!(show(&secret).starts_with("whsec_AAEC"));
        assert_eq!(headers(None, "x", 1, "").len(), 3);
    }
}
