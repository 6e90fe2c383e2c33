//! From a socket to a session that is logged in. Blocking, on the connection's own thread.

use std::fs;
use std::net::{TcpStream, ToSocketAddrs};
use std::os::fd::AsRawFd;
use std::time::Instant;

use ssh2::{KeyboardInteractivePrompt, MethodType, Prompt, Session};

use crate::error::HandError;
use crate::host_key::Fingerprint;
use crate::target::{Auth, HostKeyPolicy, Patience, Target};

/// Kinds of host keys, the one that OpenSSH shows first at the front. Each line is asked for alone when a pinned key is not
/// among those that the server prefers.
const HOST_KEYS: [&str; 3] = [
    "ssh-ed25519",
    "ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521",
    "rsa-sha2-512,rsa-sha2-256",
];

/// Ciphers that processors have instructions for come first; AES-GCM needs no separate MAC.
const CIPHERS: &str = "aes128-gcm@openssh.com,aes256-gcm@openssh.com,aes128-ctr,aes256-ctr,aes192-ctr";

/// Gives a new socket to the target: opened here, or through a jump host.
pub type Dial<'a> = &'a dyn Fn() -> Result<Socket, HandError>;

/// What a session reads and writes.
pub enum Socket {
    Tcp(TcpStream),
    Unix(std::os::unix::net::UnixStream),
}

impl AsRawFd for Socket {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        match self {
            Socket::Tcp(stream) => stream.as_raw_fd(),
            Socket::Unix(stream) => stream.as_raw_fd(),
        }
    }
}

fn unreachable(target: &Target, reason: impl ToString) -> HandError {
    let address = format!("{}:{}", target.address, target.port);
    HandError::Unreachable { address, reason: reason.to_string() }
}

/// Connects to each address of the target's name in turn.
pub fn dial(target: &Target) -> Result<Socket, HandError> {
    let Patience { connect, .. } = target.patience;
    let addresses = (target.address.as_str(), target.port)
        .to_socket_addrs()
        .map_err(|error| unreachable(target, error))?;
    let deadline = Instant::now() + connect;
    let mut last = unreachable(target, "the name has no address");
    for address in addresses {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        match TcpStream::connect_timeout(&address, left) {
            Ok(stream) => {
                // Requests are small and waited for; Nagle's algorithm would hold each one back.
                let _ = stream.set_nodelay(true);
                return Ok(Socket::Tcp(stream));
            }
            Err(error) => last = unreachable(target, error),
        }
    }
    Err(last)
}

/// A session whose host key was found right and whose user is logged in, still in blocking mode.
pub fn log_in(target: &Target, dial: Dial<'_>) -> Result<(Session, Fingerprint), HandError> {
    let (session, fingerprint) = shake_hands(target, dial, &HOST_KEYS.join(","))?;
    let (session, fingerprint) = match &target.host_key {
        HostKeyPolicy::Pinned(pinned) if *pinned == fingerprint => (session, fingerprint),
        HostKeyPolicy::Pinned(pinned) => {
            drop(session);
            find_pinned(target, dial, pinned)?.ok_or_else(|| HandError::HostKeyChanged {
                address: target.address.clone(),
                old: pinned.clone(),
                new: fingerprint,
            })?
        }
        HostKeyPolicy::Ask(ask) => {
            if !ask(&target.address, &fingerprint) {
                return Err(HandError::HostKeyUnknown { address: target.address.clone(), fingerprint });
            }
            (session, fingerprint)
        }
    };
    authenticate(target, &session)?;
    Ok((session, fingerprint))
}

/// A host has one key of each kind; the pinned one may not be of the kind that we prefer.
fn find_pinned(
    target: &Target,
    dial: Dial<'_>,
    pinned: &Fingerprint,
) -> Result<Option<(Session, Fingerprint)>, HandError> {
    for kind in HOST_KEYS {
        // A server without a key of this kind ends the handshake.
        let Ok((session, fingerprint)) = shake_hands(target, dial, kind) else { continue };
        if fingerprint == *pinned {
            return Ok(Some((session, fingerprint)));
        }
    }
    Ok(None)
}

fn shake_hands(
    target: &Target,
    dial: Dial<'_>,
    host_keys: &str,
) -> Result<(Session, Fingerprint), HandError> {
    let ours = |error: ssh2::Error| HandError::Here(format!("set up SSH: {error}"));
    let mut session = Session::new().map_err(ours)?;
    session.set_timeout(u32::try_from(target.patience.login.as_millis()).unwrap_or(u32::MAX));
    session.method_pref(MethodType::HostKey, host_keys).map_err(ours)?;
    session.method_pref(MethodType::CryptCs, CIPHERS).map_err(ours)?;
    session.method_pref(MethodType::CryptSc, CIPHERS).map_err(ours)?;
    session.set_tcp_stream(dial()?);
    session.handshake().map_err(|error| unreachable(target, format!("greet its SSH server: {error}")))?;
    let (key, _) = session.host_key().ok_or_else(|| unreachable(target, "it showed no host key"))?;
    let fingerprint = Fingerprint::of(key);
    Ok((session, fingerprint))
}

fn authenticate(target: &Target, session: &Session) -> Result<(), HandError> {
    let failed = |reason: String| HandError::AuthFailed {
        address: target.address.clone(),
        user: target.user.clone(),
        reason,
    };
    // Asking also tries the method "none", with which some servers let everybody in.
    let offered = session.auth_methods(&target.user).map(str::to_owned).unwrap_or_default();
    if session.authenticated() {
        return Ok(());
    }
    let done = match &target.auth {
        Auth::Key { file, passphrase } => {
            let unusable =
                |reason: String| HandError::KeyUnusable { path: file.display().to_string(), reason };
            let key = fs::read_to_string(file).map_err(|error| unusable(error.to_string()))?;
            let key = zeroize::Zeroizing::new(key);
            let phrase = passphrase.as_ref().map(|secret| secret.expose());
            let done = session.userauth_pubkey_memory(&target.user, None, &key, phrase);
            // LIBSSH2_ERROR_FILE and _KEYFILE_AUTH_FAILED: the key could not be read, nothing was sent.
            if let Err(error) = &done
                && matches!(error.code(), ssh2::ErrorCode::Session(-16 | -48))
            {
                return Err(unusable(error.message().to_owned()));
            }
            done.map_err(|error| error.message().to_owned())
        }
        Auth::Agent => with_agent(session, &target.user),
        Auth::Password(password) => with_password(session, &target.user, password.expose(), &offered),
    };
    match done {
        Ok(()) if session.authenticated() => Ok(()),
        Ok(()) => Err(failed(format!("the server wants more than one proof ({offered})"))),
        Err(reason) => Err(failed(format!("{} (the server takes: {offered})", reason.trim_end_matches('.')))),
    }
}

fn with_agent(session: &Session, user: &str) -> Result<(), String> {
    let message = |error: ssh2::Error| format!("ask the SSH agent: {}", error.message());
    let mut agent = session.agent().map_err(message)?;
    agent.connect().map_err(message)?;
    agent.list_identities().map_err(message)?;
    let identities = agent.identities().map_err(message)?;
    let held = identities.len();
    if identities.iter().any(|identity| agent.userauth(user, identity).is_ok()) {
        return Ok(());
    }
    Err(format!("none of the {held} keys in the SSH agent was accepted"))
}

fn with_password(session: &Session, user: &str, password: &str, offered: &str) -> Result<(), String> {
    let by_password = offered.split(',').any(|method| method == "password");
    let by_dialogue = offered.split(',').any(|method| method == "keyboard-interactive");
    if by_password || !by_dialogue {
        return session.userauth_password(user, password).map_err(|error| error.message().to_owned());
    }
    let mut answers = Answers { password, asked: false };
    session.userauth_keyboard_interactive(user, &mut answers).map_err(|error| error.message().to_owned())
}

/// Answers the first hidden question with the password and later ones with nothing: a second round means it was wrong.
struct Answers<'a> {
    password: &'a str,
    asked: bool,
}

impl KeyboardInteractivePrompt for Answers<'_> {
    fn prompt<'a>(&mut self, _user: &str, _instructions: &str, prompts: &[Prompt<'a>]) -> Vec<String> {
        prompts
            .iter()
            .map(|prompt| {
                let first = !prompt.echo && !std::mem::replace(&mut self.asked, true);
                if first { self.password.to_owned() } else { String::new() }
            })
            .collect()
    }
}
