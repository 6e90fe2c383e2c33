//! Passwords: argon2id, in threads of their own, a few at a time.

use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

/// OWASP's first choice of argon2id's second row (Password Storage Cheat Sheet): 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
/// Hashes at a time: each holds its memory and a core.
const AT_ONCE: usize = 2;
/// Logins that wait for their turn, at most; further ones are told to come again.
const WAITING: usize = 32;
/// Shorter ones are guessed (NIST SP 800-63B, section 5.1.1.2, asks for eight), longer ones cost time.
const SHORTEST: usize = 8;
const LONGEST: usize = 256;

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum PasswordFault {
    #[error("a password has {SHORTEST} characters or more")]
    Short,
    #[error("a password has {LONGEST} bytes at most")]
    Long,
    #[error("too many logins wait already")]
    Busy,
    #[error("hash a password")]
    Hash,
}

/// Makes and checks hashes. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Passwords {
    turns: Arc<Semaphore>,
    places: Arc<Semaphore>,
    /// Checked when there is no such account: a wrong name takes as long as a wrong password.
    decoy: Arc<str>,
}

impl Passwords {
    pub(crate) fn new() -> Passwords {
        let decoy = format!(
            "$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p=1$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
        );
        Passwords {
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            places: Arc::new(Semaphore::new(AT_ONCE + WAITING)),
            decoy: decoy.into(),
        }
    }

    /// The hash of a new password, in PHC's text form.
    pub(crate) async fn hash(&self, password: Zeroizing<String>) -> Result<String, PasswordFault> {
        if password.chars().count() < SHORTEST {
            return Err(PasswordFault::Short);
        }
        self.in_turn(password, |password| {
            let mut salt = [0; 16];
            getrandom::fill(&mut salt).map_err(|_| PasswordFault::Hash)?;
            let salt = SaltString::encode_b64(&salt).map_err(|_| PasswordFault::Hash)?;
            let hash = argon2().hash_password(password, &salt).map_err(|_| PasswordFault::Hash)?;
            Ok(hash.to_string())
        })
        .await
    }

    /// Whether it is the password of this hash. Without a hash it is not, which takes as long to say.
    pub(crate) async fn verify(
        &self,
        password: Zeroizing<String>,
        hash: Option<String>,
    ) -> Result<bool, PasswordFault> {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.decoy.to_string());
        self.in_turn(password, move |password| {
            let hash = PasswordHash::new(&hash).map_err(|_| PasswordFault::Hash)?;
            Ok(argon2().verify_password(password, &hash).is_ok() && known)
        })
        .await
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        password: Zeroizing<String>,
        work: impl FnOnce(&[u8]) -> Result<T, PasswordFault> + Send + 'static,
    ) -> Result<T, PasswordFault> {
        if password.len() > LONGEST {
            return Err(PasswordFault::Long);
        }
        let _place = self.places.try_acquire().map_err(|_| PasswordFault::Busy)?;
        let turn = self.turns.clone().acquire_owned().await.map_err(|_| PasswordFault::Busy)?;
        let worked = tokio::task::spawn_blocking(move || {
            // The turn ends with the work, also when the caller has gone away meanwhile.
            let _turn = turn;
            work(password.as_bytes())
        });
        worked.await.map_err(|_| PasswordFault::Hash)?
    }

    /// When a caller who found no place may come again.
    pub(crate) const PAUSE: Duration = Duration::from_secs(2);
}

fn argon2() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, PASSES, 1, None).expect("invariant: numbers that argon2 takes");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> Zeroizing<String> {
        Zeroizing::new(text.to_owned())
    }

    #[tokio::test]
    async fn a_password_is_known_again_and_no_other() {
        let passwords = Passwords::new();
        let hash = passwords.hash(password("correct horse")).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(passwords.verify(password("correct horse"), Some(hash.clone())).await.unwrap());
        assert!(!passwords.verify(password("correct hors"), Some(hash)).await.unwrap());
        assert!(!passwords.verify(password("correct horse"), None).await.unwrap(), "no such account");
    }

    #[tokio::test]
    async fn lengths_have_limits() {
        let passwords = Passwords::new();
        assert_eq!(passwords.hash(password("1234567")).await, Err(PasswordFault::Short));
        assert_eq!(passwords.hash(password(&"x".repeat(257))).await, Err(PasswordFault::Long));
        assert_eq!(passwords.verify(password(&"x".repeat(257)), None).await, Err(PasswordFault::Long));
    }

    #[tokio::test]
    async fn who_finds_no_place_is_told_to_come_again() {
        let passwords = Passwords::new();
        let all = u32::try_from(AT_ONCE + WAITING).unwrap();
        let _taken = passwords.places.acquire_many(all).await.unwrap();
        assert_eq!(passwords.verify(password("correct horse"), None).await, Err(PasswordFault::Busy));
    }
}
