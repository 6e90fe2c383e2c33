//! From a socket to a session that is logged in. Blocking, on the connection's own thread.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use installer_model::secret::Secret;
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

fn not_greeted(target: &Target, reason: String) -> HandError {
    HandError::NotGreeted { address: format!("{}:{}", target.address, target.port), reason }
}

/// libssh2's words for a failed handshake are about its own sockets; these are about what stands at the other end.
/// Its codes: LIBSSH2_ERROR_TIMEOUT -9, and what it says when the greeting is missing: SOCKET_NONE -1, BANNER_RECV -2,
/// SOCKET_DISCONNECT -13, SOCKET_RECV -43.
fn why_not_greeted(target: &Target, dial: Dial<'_>, error: &ssh2::Error) -> String {
    match error.code() {
        ssh2::ErrorCode::Session(-9) => {
            format!("nothing greeted within {} s", target.patience.login.as_secs())
        }
        ssh2::ErrorCode::Session(-1 | -2 | -13 | -43) => match first_words(dial) {
            Some(words) if words.starts_with("SSH-") => {
                format!("it greets ({words}) and then closes the connection")
            }
            Some(words) => format!("it is no SSH server, it says {words:?}"),
            None => "it closes the connection without a greeting".to_owned(),
        },
        ssh2::ErrorCode::Session(_) | ssh2::ErrorCode::SFTP(_) => error.message().to_owned(),
    }
}

/// The first line of what answers, asked once more with a greeting of our own: some servers wait to be spoken to.
fn first_words(dial: Dial<'_>) -> Option<String> {
    let mut socket: Box<dyn ReadWrite> = match dial().ok()? {
        Socket::Tcp(stream) => {
            stream.set_read_timeout(Some(FIRST_WORDS)).ok()?;
            Box::new(stream)
        }
        Socket::Unix(stream) => {
            stream.set_read_timeout(Some(FIRST_WORDS)).ok()?;
            Box::new(stream)
        }
    };
    let _ = socket.write_all(b"SSH-2.0-armilla\r\n");
    let mut bytes = [0; 80];
    let read = socket.read(&mut bytes).ok().filter(|read| *read > 0)?;
    let text = String::from_utf8_lossy(&bytes[..read]).into_owned();
    Some(text.lines().next().unwrap_or_default().chars().filter(|c| !c.is_control()).collect())
}

/// How long what answers may take for its first words.
const FIRST_WORDS: Duration = Duration::from_secs(2);

trait ReadWrite: Read + Write {}
impl<T: Read + Write> ReadWrite for T {}

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
    session.handshake().map_err(|error| not_greeted(target, why_not_greeted(target, dial, &error)))?;
    let (key, _) =
        session.host_key().ok_or_else(|| not_greeted(target, "it showed no host key".to_owned()))?;
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
    match prove(target, session, &target.auth, &offered)? {
        Ok(()) if session.authenticated() => Ok(()),
        Ok(()) => Err(failed(format!("the server wants more than one proof ({offered})"))),
        Err(reason) => Err(failed(format!("{reason} (the server takes: {offered})"))),
    }
}

/// What the server said to one way of logging in; the outer error is about something on this machine.
fn prove(
    target: &Target,
    session: &Session,
    auth: &Auth,
    offered: &str,
) -> Result<Result<(), String>, HandError> {
    match auth {
        Auth::Key { file, passphrase } => {
            let name = file.display().to_string();
            match fs::read_to_string(file) {
                Ok(text) => with_key(target, session, &name, &Secret::new(text), passphrase.as_ref()),
                Err(error) => Err(HandError::KeyUnusable { path: name, reason: error.to_string() }),
            }
        }
        Auth::KeyText { name, text, passphrase } => {
            with_key(target, session, name, text, passphrase.as_ref())
        }
        Auth::Agent => Ok(with_agent(session, &target.user)),
        Auth::Password(password) => {
            let done = with_password(session, &target.user, password.expose(), offered);
            Ok(done.map_err(|_| "the password was not accepted".to_owned()))
        }
        Auth::Each(ways) => {
            let mut reasons = Vec::new();
            for way in ways {
                match prove(target, session, way, offered)? {
                    Ok(()) => return Ok(Ok(())),
                    Err(reason) => reasons.push(reason),
                }
            }
            Ok(Err(reasons.join("; ")))
        }
    }
}

/// `name` tells people which key it is.
fn with_key(
    target: &Target,
    session: &Session,
    name: &str,
    key: &Secret,
    passphrase: Option<&Secret>,
) -> Result<Result<(), String>, HandError> {
    let unusable = |reason: String| Err(HandError::KeyUnusable { path: name.to_owned(), reason });
    let looks = KeyLooks::of(key.expose());
    match (looks, passphrase) {
        (KeyLooks::None, _) => return unusable("it is not a private key".to_owned()),
        (KeyLooks::Encrypted, None) => {
            return unusable("it is encrypted and no passphrase was given".to_owned());
        }
        (KeyLooks::Encrypted | KeyLooks::Plain, _) => {}
    }
    let phrase = passphrase.map(Secret::expose);
    let done = session.userauth_pubkey_memory(&target.user, None, key.expose(), phrase);
    // LIBSSH2_ERROR_FILE and _KEYFILE_AUTH_FAILED: the key could not be read, nothing was sent.
    if let Err(error) = &done
        && matches!(error.code(), ssh2::ErrorCode::Session(-16 | -48))
    {
        return match looks {
            KeyLooks::Encrypted => unusable("its passphrase is another".to_owned()),
            KeyLooks::Plain | KeyLooks::None => unusable(error.message().trim_end_matches('.').to_owned()),
        };
    }
    Ok(done.map_err(|_| format!("the key {name} was not accepted")))
}

/// What a file of a private key is, by its text: libssh2 has one message for all that it cannot read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum KeyLooks {
    None,
    Plain,
    Encrypted,
}

impl KeyLooks {
    fn of(text: &str) -> KeyLooks {
        let Some(rest) = text.trim_start().strip_prefix("-----BEGIN ") else { return KeyLooks::None };
        let Some((label, body)) = rest.split_once("-----") else { return KeyLooks::None };
        match label {
            _ if !label.ends_with("PRIVATE KEY") => KeyLooks::None,
            // PKCS #8 says it in the label, the older PEM in a header line (RFC 1421).
            "ENCRYPTED PRIVATE KEY" => KeyLooks::Encrypted,
            // openssh's PROTOCOL.key: a magic word, then the name of the cipher, which is `none` for a plain key.
            "OPENSSH PRIVATE KEY" => {
                let plain = STANDARD_NO_PAD.encode(b"openssh-key-v1\0\0\0\0\x04none");
                let body: String = body.split_whitespace().collect();
                // The last character of the prefix also holds bits of what follows.
                if body.starts_with(&plain[..plain.len() - 1]) {
                    KeyLooks::Plain
                } else {
                    KeyLooks::Encrypted
                }
            }
            _ if body.contains("ENCRYPTED") => KeyLooks::Encrypted,
            _ => KeyLooks::Plain,
        }
    }
}

fn with_agent(session: &Session, user: &str) -> Result<(), String> {
    if std::env::var_os("SSH_AUTH_SOCK").is_none_or(|path| path.is_empty()) {
        return Err("there is no SSH agent: SSH_AUTH_SOCK is not set".to_owned());
    }
    let message = |error: ssh2::Error| format!("ask the SSH agent: {}", error.message());
    let mut agent = session.agent().map_err(message)?;
    agent.connect().map_err(message)?;
    agent.list_identities().map_err(message)?;
    let identities = agent.identities().map_err(message)?;
    let held = identities.len();
    if held == 0 {
        return Err("the SSH agent holds no key".to_owned());
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_told_from_other_files_and_encrypted_ones_from_plain_ones() {
        let folder = tempfile::tempdir().unwrap();
        let keygen = |name: &str, format: &[&str], phrase: &str| {
            let path = folder.path().join(name);
            let mut command = std::process::Command::new("ssh-keygen");
            command.args(["-q", "-N", phrase, "-C", "", "-f"]).arg(&path).args(format);
            assert!(command.status().unwrap().success(), "{name}");
            KeyLooks::of(&fs::read_to_string(path).unwrap())
        };
        let ed25519 = ["-t", "ed25519"];
        let pem = ["-t", "ecdsa", "-m", "PEM"];
        let pkcs8 = ["-t", "ecdsa", "-m", "PKCS8"];
        for (name, format) in [("openssh", &ed25519[..]), ("pem", &pem[..]), ("pkcs8", &pkcs8[..])] {
            assert_eq!(keygen(name, format, ""), KeyLooks::Plain, "{name}");
            assert_eq!(keygen(&format!("{name}-locked"), format, "a phrase"), KeyLooks::Encrypted, "{name}");
        }
        let public = fs::read_to_string(folder.path().join("openssh.pub")).unwrap();
        for text in ["", "hosts: []", &public, "-----BEGIN CERTIFICATE-----\n"] {
            assert_eq!(KeyLooks::of(text), KeyLooks::None, "{text}");
        }
    }
}
