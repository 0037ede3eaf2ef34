//! Who we are to push services (VAPID, RFC 8292): a key made once, and a token for each.
//!
//! Browsers subscribe for this key alone, so a new one would silence them all: the file is never
//! replaced, and one that can't be read stops the server.

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hark_engine::time::UnixMillis;
use serde_json::json;
use url::Url;
use web_push_native::p256::SecretKey;
use web_push_native::p256::ecdsa::signature::Signer as _;
use web_push_native::p256::ecdsa::{Signature, SigningKey};

use crate::clock;
use crate::outward::OutwardError;

/// The file in the store's folder.
const FILE: &str = "vapid.key";
/// How long a token is good for: at most a day (RFC 8292 section 2).
const LIFETIME: Duration = Duration::from_secs(12 * 3600);

/// The key.
pub struct Vapid {
    key: SigningKey,
    public: String,
    contact: String,
}

impl Vapid {
    /// The key of a folder, made if there is none.
    ///
    /// # Errors
    /// [`OutwardError::Key`].
    pub fn open(dir: &Path, contact: String) -> Result<Self, OutwardError> {
        let path = dir.join(FILE);
        let wrong = |cause: String, mend| OutwardError::Key { path: path.clone(), cause, mend };
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                make(dir).map_err(|e| wrong(e.to_string(), "let this user write there"))?
            }
            Err(error) => return Err(wrong(error.to_string(), "let this user read it")),
        };
        let secret = URL_SAFE_NO_PAD.decode(text.trim()).ok();
        let key = secret.and_then(|bytes| SigningKey::from_slice(&bytes).ok());
        let key = key.ok_or_else(|| {
            let mend = "restore it from a backup; without it every browser has to turn \
                        notifications on again, which removing the file leads to";
            wrong("it is no key".into(), mend)
        })?;
        let public = key.verifying_key().to_encoded_point(false);
        let public = URL_SAFE_NO_PAD.encode(public.as_bytes());
        Ok(Self { key, public, contact })
    }

    /// The public half, as browsers take it.
    pub fn public_key(&self) -> &str {
        &self.public
    }

    /// The Authorization header field for a push service; `None` if the endpoint is no URL.
    pub fn authorization(&self, endpoint: &str, now: UnixMillis) -> Option<String> {
        let audience = Url::parse(endpoint).ok()?.origin().ascii_serialization();
        let header = json!({ "typ": "JWT", "alg": "ES256" }).to_string();
        let claims = json!({
            "aud": audience,
            "exp": now.after(LIFETIME).as_secs(),
            "sub": self.contact,
        });
        let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let signed = format!("{}.{}", encode(&header), encode(&claims.to_string()));
        let signature: Signature = self.key.sign(signed.as_bytes());
        let signature = URL_SAFE_NO_PAD.encode(signature.to_bytes());
        Some(format!("vapid t={signed}.{signature}, k={}", self.public))
    }
}

/// Makes the file, for this user's eyes only, and gives its text.
fn make(dir: &Path) -> std::io::Result<String> {
    let secret = loop {
        // Nearly every 32 bytes are a key (SEC 1): the rest is thrown again.
        if let Ok(secret) = SecretKey::from_slice(&clock::random::<32>()) {
            break secret;
        }
    };
    let text = URL_SAFE_NO_PAD.encode(secret.to_bytes());
    let whole = dir.join(FILE);
    let half = dir.join(format!("{FILE}.new"));
    let mut options = std::fs::File::options();
    options.create(true).write(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&half)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&half, &whole)?;
    std::fs::File::open(dir)?.sync_all()?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use web_push_native::p256::ecdsa::VerifyingKey;
    use web_push_native::p256::ecdsa::signature::Verifier as _;

    #[test]
    fn the_key_is_made_once_and_for_nobody_elses_eyes() {
        let dir = tempfile::tempdir().unwrap();
        let open = || Vapid::open(dir.path(), "mailto:ops@example.org".into());
        let first = open().unwrap().public_key().to_owned();
        assert_eq!(open().unwrap().public_key(), first);
        let path = dir.path().join(FILE);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        std::fs::write(&path, "nonsense").unwrap();
        assert!(matches!(open(), Err(OutwardError::Key { .. })));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "nonsense", "never replaced");
    }

    #[test]
    fn a_push_service_can_check_the_token() {
        let dir = tempfile::tempdir().unwrap();
        let vapid = Vapid::open(dir.path(), "mailto:ops@example.org".into()).unwrap();
        let field = vapid.authorization("https://push.example:8443/x/y", UnixMillis(0)).unwrap();
        let (token, key) = field.strip_prefix("vapid t=").unwrap().split_once(", k=").unwrap();
        let key = URL_SAFE_NO_PAD.decode(key).unwrap();
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let verifier = VerifyingKey::from_sec1_bytes(&key).unwrap();
        verifier.verify(signed.as_bytes(), &Signature::from_slice(&signature).unwrap()).unwrap();
        let claims = URL_SAFE_NO_PAD.decode(signed.split_once('.').unwrap().1).unwrap();
        let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
        assert_eq!(claims["aud"], "https://push.example:8443");
        assert_eq!(claims["exp"], 43_200);
        assert_eq!(claims["sub"], "mailto:ops@example.org");
        assert!(vapid.authorization("nonsense", UnixMillis(0)).is_none());
    }
}
