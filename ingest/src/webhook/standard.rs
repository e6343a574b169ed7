//! Signatures as Standard Webhooks defines them: HMAC-SHA256 over `{webhook-id}.{webhook-timestamp}.{body}`, as
//! received and before parsing, compared in constant time, with a window around the arrival against replays. Several
//! secrets may be active while one is being rotated out. The door calls [`verify`], senders call [`sign`].

use std::fmt;
use std::str::FromStr;

use axum::http::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use schemas::TimestampMs;
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq as _};

use crate::SourceError;

const SECRET_PREFIX: &str = "whsec_";
/// Beyond this nobody sends an id; it also becomes the message id in the log.
const ID_BYTES_MAX: usize = 256;
/// A sender in rotation signs with two or three secrets.
const SIGNATURES_MAX: usize = 16;

/// A signing secret. It never shows itself.
#[derive(Clone)]
pub struct Secret(Vec<u8>);

/// Why a request is not believed. The caller of the door never learns which; the metric does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Forged {
    /// A header is missing, repeated or unreadable.
    Headers,
    /// The timestamp lies outside the window.
    Timestamp,
    /// No signature fits any active secret.
    Signature,
    /// No source of that name.
    Source,
}

/// Signs a body the way the door expects it: the value of the header `webhook-signature`.
#[must_use]
pub fn sign(secret: &Secret, id: &str, timestamp_s: i64, body: &[u8]) -> String {
    format!("v1,{}", STANDARD.encode(mac(secret, id, &timestamp_s.to_string(), body)))
}

/// Checks a request against the active secrets, and gives back its `webhook-id`.
pub(super) fn verify<'h>(
    headers: &'h HeaderMap,
    body: &[u8],
    now: TimestampMs,
    tolerance_s: u64,
    secrets: &[Secret],
) -> Result<&'h str, Forged> {
    let id = single(headers, "webhook-id").filter(|id| !id.is_empty() && id.len() <= ID_BYTES_MAX);
    let timestamp = single(headers, "webhook-timestamp");
    let signatures = single(headers, "webhook-signature");
    let (Some(id), Some(timestamp), Some(signatures)) = (id, timestamp, signatures) else {
        return Err(Forged::Headers);
    };
    let sent_s: i64 = timestamp.parse().map_err(|_| Forged::Headers)?;
    if now.0.div_euclid(1_000).abs_diff(sent_s) > tolerance_s {
        return Err(Forged::Timestamp);
    }
    let mut matches = Choice::from(0);
    for secret in secrets {
        let expected = mac(secret, id, timestamp, body);
        for signature in signatures.split(' ').take(SIGNATURES_MAX).filter_map(|s| s.strip_prefix("v1,")) {
            if let Ok(given) = STANDARD.decode(signature) {
                matches |= given.as_slice().ct_eq(&expected[..]);
            }
        }
    }
    if bool::from(matches) { Ok(id) } else { Err(Forged::Signature) }
}

fn mac(secret: &Secret, id: &str, timestamp: &str, body: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(&secret.0).expect("HMAC takes a key of any length");
    for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// The header's value if there is exactly one and it is visible ASCII: two values would leave open which was signed.
fn single<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

impl Secret {
    /// A secret of these bytes, for senders that make their own.
    ///
    /// # Errors
    /// When there are fewer than 24 or more than 64.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SourceError> {
        (24..=64).contains(&bytes.len()).then(|| Self(bytes.to_vec())).ok_or(SourceError::Secret)
    }

    /// The text to hand to the sender: `whsec_` and base64. This reveals the secret.
    #[must_use]
    pub fn reveal(&self) -> String {
        format!("{SECRET_PREFIX}{}", STANDARD.encode(&self.0))
    }
}

impl FromStr for Secret {
    type Err = SourceError;

    /// Reads `whsec_` followed by base64.
    fn from_str(text: &str) -> Result<Self, SourceError> {
        let encoded = text.trim().strip_prefix(SECRET_PREFIX).ok_or(SourceError::Secret)?;
        Self::from_bytes(&STANDARD.decode(encoded).map_err(|_| SourceError::Secret)?)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

impl Forged {
    /// The metric's label.
    pub(super) const fn reason(self) -> &'static str {
        match self {
            Self::Headers => "headers",
            Self::Timestamp => "timestamp",
            Self::Signature => "signature",
            Self::Source => "source",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the Standard Webhooks specification's own reference libraries.
    #[test]
    fn the_published_example_has_the_published_signature() {
        let secret: Secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".parse().unwrap();
        let signature =
            sign(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_never_shows_itself() {
        let secret: Secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".parse().unwrap();
        assert_eq!(format!("{secret:?}"), "Secret(***)");
        for text in ["", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_short", "whsec_%%%"] {
            let error = text.parse::<Secret>().unwrap_err().to_string();
            assert!(text.len() < 6 || !error.contains(&text[6..]), "{error}");
        }
    }

    fn check(change: impl FnOnce(&mut HeaderMap, &mut Vec<u8>, &mut i64)) -> Result<(), Forged> {
        let old: Secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".parse().unwrap();
        let new = Secret::from_bytes(&[7; 32]).unwrap();
        let (mut headers, mut body, mut now_s) = (HeaderMap::new(), b"{}".to_vec(), 1_000);
        let signature = sign(&old, "m1", 1_000, &body);
        headers.insert("webhook-id", "m1".parse().unwrap());
        headers.insert("webhook-timestamp", "1000".parse().unwrap());
        headers.insert("webhook-signature", format!("v1,AAAA {signature}").parse().unwrap());
        change(&mut headers, &mut body, &mut now_s);
        verify(&headers, &body, TimestampMs(now_s * 1_000), 300, &[new, old]).map(|_| ())
    }

    #[test]
    fn any_active_secret_and_any_listed_signature_will_do() {
        assert_eq!(check(|_, _, _| ()), Ok(()));
    }

    #[test]
    fn the_window_is_closed_at_its_edges() {
        assert_eq!(check(|_, _, now| *now = 1_300), Ok(()));
        assert_eq!(check(|_, _, now| *now = 700), Ok(()));
        assert_eq!(check(|_, _, now| *now = 1_301), Err(Forged::Timestamp));
        assert_eq!(check(|_, _, now| *now = 699), Err(Forged::Timestamp));
    }

    #[test]
    fn a_change_of_anything_signed_is_noticed() {
        assert_eq!(check(|_, body, _| body.push(b' ')), Err(Forged::Signature));
        let set = |name: &'static str, value: &'static str| {
            check(move |headers, _, _| {
                headers.insert(name, value.parse().unwrap());
            })
        };
        assert_eq!(set("webhook-id", "m2"), Err(Forged::Signature));
        assert_eq!(set("webhook-timestamp", "1001"), Err(Forged::Signature));
        assert_eq!(set("webhook-timestamp", "soon"), Err(Forged::Headers));
        assert_eq!(set("webhook-id", ""), Err(Forged::Headers));
        let twice = check(|headers, _, _| {
            headers.append("webhook-id", "m1".parse().unwrap());
        });
        assert_eq!(twice, Err(Forged::Headers));
    }
}
