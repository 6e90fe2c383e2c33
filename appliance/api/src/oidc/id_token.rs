//! Identity tokens: OpenID Connect Core 1.0, section 3.1.3.7, with keys of RFC 7517 and signatures of RFC 7515.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256,
    RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::Deserialize;
use serde_json::{Map, Value};

/// Clocks of two machines differ by this many seconds at most.
const SKEW: u64 = 60;

/// Why a token is not believed. Completes "failed to believe the identity token:".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotBelieved {
    #[error("it is no signed token")]
    Shape,
    #[error("it is signed by {0:?}, which is not taken")]
    Algorithm(String),
    #[error("the provider has no key for it")]
    NoKey,
    #[error("its signature is wrong")]
    Signature,
    #[error("its {claim} is {found}, not {wanted}")]
    Claim { claim: &'static str, found: String, wanted: String },
    #[error("it has expired")]
    Expired,
}

/// A provider's public keys. What is of an unknown kind is passed over.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Keys {
    keys: Vec<Key>,
}

#[derive(Debug, Clone, Deserialize)]
struct Key {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
}

/// What a token must say.
#[derive(Debug)]
pub(crate) struct Wanted<'a> {
    pub(crate) issuer: &'a str,
    pub(crate) client_id: &'a str,
    pub(crate) nonce: &'a str,
    /// Unix time in seconds.
    pub(crate) now: u64,
}

/// The token's claims, if all holds.
pub(crate) fn believe(
    token: &str,
    keys: &Keys,
    wanted: &Wanted<'_>,
) -> Result<Map<String, Value>, NotBelieved> {
    let (signed, signature) = token.rsplit_once('.').ok_or(NotBelieved::Shape)?;
    let (header, claims) = signed.split_once('.').ok_or(NotBelieved::Shape)?;
    let header: Header = part(header)?;
    keys.verify(&header, signed.as_bytes(), &bytes(signature)?)?;
    let claims: Map<String, Value> = part(claims)?;
    check(&claims, wanted)?;
    Ok(claims)
}

fn bytes(text: &str) -> Result<Vec<u8>, NotBelieved> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| NotBelieved::Shape)
}

fn part<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, NotBelieved> {
    serde_json::from_slice(&bytes(text)?).map_err(|_| NotBelieved::Shape)
}

impl Keys {
    /// By the key that the header names; without a name, by any key that fits.
    fn verify(&self, header: &Header, signed: &[u8], signature: &[u8]) -> Result<(), NotBelieved> {
        let kind = match header.alg.as_str() {
            "RS256" | "PS256" => "RSA",
            "ES256" => "EC",
            "EdDSA" => "OKP",
            other => return Err(NotBelieved::Algorithm(other.to_owned())),
        };
        let fits = |key: &&Key| {
            key.kty == kind
                && key.purpose.as_deref().is_none_or(|purpose| purpose == "sig")
                && (header.kid.is_none() || key.kid == header.kid)
        };
        let mut fitting = self.keys.iter().filter(fits).peekable();
        if fitting.peek().is_none() {
            return Err(NotBelieved::NoKey);
        }
        if fitting.any(|key| key.verifies(&header.alg, signed, signature).is_some()) {
            return Ok(());
        }
        Err(NotBelieved::Signature)
    }
}

impl Key {
    fn verifies(&self, algorithm: &str, signed: &[u8], signature: &[u8]) -> Option<()> {
        let number = |field: &Option<String>| bytes(field.as_deref()?).ok();
        match algorithm {
            "RS256" | "PS256" => {
                let key = RsaPublicKeyComponents { n: number(&self.n)?, e: number(&self.e)? };
                let padding = if algorithm == "RS256" {
                    &RSA_PKCS1_2048_8192_SHA256
                } else {
                    &RSA_PSS_2048_8192_SHA256
                };
                key.verify(padding, signed, signature).ok()
            }
            "ES256" if self.crv.as_deref() == Some("P-256") => {
                // An uncompressed point: SEC 1, section 2.3.3.
                let point = [vec![4], number(&self.x)?, number(&self.y)?].concat();
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(signed, signature).ok()
            }
            "EdDSA" if self.crv.as_deref() == Some("Ed25519") => {
                UnparsedPublicKey::new(&ED25519, number(&self.x)?).verify(signed, signature).ok()
            }
            _ => None,
        }
    }
}

fn check(claims: &Map<String, Value>, wanted: &Wanted<'_>) -> Result<(), NotBelieved> {
    let is = |claim: &'static str, wanted: &str| match claims.get(claim) {
        Some(Value::String(found)) if found == wanted => Ok(()),
        found => Err(NotBelieved::Claim {
            claim,
            found: found.map_or("missing".to_owned(), Value::to_string),
            wanted: wanted.to_owned(),
        }),
    };
    is("iss", wanted.issuer)?;
    is("nonce", wanted.nonce)?;
    match claims.get("aud") {
        // For several readers: it must be us whom it was made for.
        Some(Value::Array(all)) if all.iter().any(|one| one == wanted.client_id) => {
            if all.len() > 1 {
                is("azp", wanted.client_id)?;
            }
        }
        _ => is("aud", wanted.client_id)?,
    }
    let expires = claims.get("exp").and_then(Value::as_u64).ok_or(NotBelieved::Expired)?;
    if expires.saturating_add(SKEW) < wanted.now {
        return Err(NotBelieved::Expired);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use ring::rand::SystemRandom;
    use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
    use serde_json::json;

    use super::*;

    const WANTED: Wanted<'static> = Wanted { issuer: "https://id", client_id: "us", nonce: "n", now: 1000 };

    struct Provider {
        key: EcdsaKeyPair,
        random: SystemRandom,
    }

    impl Provider {
        fn new() -> Provider {
            let random = SystemRandom::new();
            let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
            let key =
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random).unwrap();
            Provider { key, random }
        }

        fn keys(&self) -> Keys {
            let point = self.key.public_key().as_ref();
            let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..]));
            let key = json!({"kty": "EC", "crv": "P-256", "kid": "one", "use": "sig", "x": x, "y": y});
            serde_json::from_value(json!({"keys": [{"kty": "oct", "k": "AAAA"}, key]})).unwrap()
        }

        fn token(&self, header: &Value, claims: &Value) -> String {
            let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
            let signed = format!("{}.{}", part(header), part(claims));
            let signature = self.key.sign(&self.random, signed.as_bytes()).unwrap();
            format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
        }
    }

    fn claims() -> Value {
        json!({"iss": "https://id", "aud": "us", "nonce": "n", "exp": 1000, "sub": "anna"})
    }

    #[test]
    fn a_token_of_the_provider_for_us_is_believed() {
        let provider = Provider::new();
        let token = provider.token(&json!({"alg": "ES256", "kid": "one"}), &claims());
        assert_eq!(believe(&token, &provider.keys(), &WANTED).unwrap()["sub"], "anna");
        let nameless = provider.token(&json!({"alg": "ES256"}), &claims());
        assert!(believe(&nameless, &provider.keys(), &WANTED).is_ok());
    }

    #[test]
    fn another_signature_key_or_algorithm_is_not() {
        let provider = Provider::new();
        let token = provider.token(&json!({"alg": "ES256", "kid": "one"}), &claims());
        let other = Provider::new().keys();
        assert_eq!(believe(&token, &other, &WANTED), Err(NotBelieved::Signature));
        for (header, refused) in [
            (json!({"alg": "none"}), NotBelieved::Algorithm("none".into())),
            (json!({"alg": "HS256"}), NotBelieved::Algorithm("HS256".into())),
            (json!({"alg": "RS256"}), NotBelieved::NoKey),
            (json!({"alg": "ES256", "kid": "two"}), NotBelieved::NoKey),
        ] {
            let token = provider.token(&header, &claims());
            assert_eq!(believe(&token, &provider.keys(), &WANTED), Err(refused), "{header}");
        }
        let (_, rest) = token.split_once('.').unwrap();
        for broken in ["", ".", "..", "a.b.c", rest] {
            assert!(believe(broken, &provider.keys(), &WANTED).is_err(), "{broken}");
        }
        let unsigned = token.rsplit_once('.').unwrap().0.to_owned() + ".";
        assert_eq!(believe(&unsigned, &provider.keys(), &WANTED), Err(NotBelieved::Signature));
    }

    #[test]
    fn each_claim_must_be_ours() {
        let provider = Provider::new();
        let told = |name: &str, value: Value| {
            let mut claims = claims();
            claims[name] = value;
            let token = provider.token(&json!({"alg": "ES256"}), &claims);
            believe(&token, &provider.keys(), &WANTED).map(drop)
        };
        assert!(told("iss", json!("https://other")).is_err());
        assert!(told("nonce", json!("m")).is_err());
        assert!(told("nonce", Value::Null).is_err());
        assert!(told("aud", json!("them")).is_err());
        assert!(told("aud", json!(["us"])).is_ok());
        assert!(told("aud", json!(["us", "them"])).is_err(), "without azp");
        assert!(told("exp", json!(940)).is_ok(), "clocks differ");
        assert_eq!(told("exp", json!(939)), Err(NotBelieved::Expired));
        assert_eq!(told("exp", json!("tomorrow")), Err(NotBelieved::Expired));
    }
}
