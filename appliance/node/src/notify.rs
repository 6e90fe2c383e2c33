//! Tells systemd how a service is: `sd_notify(3)`, without its library. The node service and the server share it.

use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// The socket that systemd named, if it started this process with `Type=notify`.
pub struct Notifier {
    socket: Option<(UnixDatagram, SocketAddr)>,
}

impl Notifier {
    /// `socket` is the value of `NOTIFY_SOCKET`: a path, or an abstract name after `@`.
    pub fn new(socket: Option<&str>) -> io::Result<Notifier> {
        let Some(name) = socket.filter(|name| !name.is_empty()) else {
            return Ok(Notifier { socket: None });
        };
        let address = match name.strip_prefix('@') {
            Some(name) => SocketAddr::from_abstract_name(name)?,
            None => SocketAddr::from_pathname(name)?,
        };
        Ok(Notifier { socket: Some((UnixDatagram::unbound()?, address)) })
    }

    /// The service does its work from now on; `status` is for people.
    pub fn ready(&self, status: &str) {
        self.send(&format!("READY=1\nSTATUS={status}"));
    }

    /// Feeds the watchdog.
    pub fn alive(&self, status: &str) {
        self.send(&format!("WATCHDOG=1\nSTATUS={status}"));
    }

    /// The service was told to end and is about to.
    pub fn stopping(&self) {
        self.send("STOPPING=1");
    }

    fn send(&self, message: &str) {
        if let Some((socket, address)) = &self.socket
            && let Err(error) = socket.send_to_addr(message.as_bytes(), address)
        {
            tracing::warn!(%error, "failed to notify systemd");
        }
    }
}

/// How often to say that the service is alive: twice per period, as `sd_watchdog_enabled(3)` advises. `usec` and
/// `pid` are the values of `WATCHDOG_USEC` and `WATCHDOG_PID`; the latter may name another process.
pub fn watchdog_period(usec: Option<&str>, pid: Option<&str>, own_pid: u32) -> Option<Duration> {
    if pid.is_some_and(|pid| pid.parse() != Ok(own_pid)) {
        return None;
    }
    let usec: u64 = usec?.parse().ok().filter(|usec| *usec > 0)?;
    Some(Duration::from_micros(usec) / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn systemd_hears_what_is_said() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notify");
        let systemd = UnixDatagram::bind(&path).unwrap();
        let notifier = Notifier::new(path.to_str()).unwrap();
        notifier.ready("1 of 1 API servers answer");
        notifier.alive("1 of 1 API servers answer");
        let mut buffer = [0; 128];
        let mut heard = || {
            let length = systemd.recv(&mut buffer).unwrap();
            String::from_utf8_lossy(&buffer[..length]).into_owned()
        };
        assert_eq!(heard(), "READY=1\nSTATUS=1 of 1 API servers answer");
        assert_eq!(heard(), "WATCHDOG=1\nSTATUS=1 of 1 API servers answer");
    }

    #[test]
    fn without_systemd_nothing_happens() {
        Notifier::new(None).unwrap().ready("");
        Notifier::new(Some("")).unwrap().ready("");
    }

    #[test]
    fn the_watchdog_is_fed_twice_per_period_and_only_our_own() {
        assert_eq!(watchdog_period(Some("30000000"), None, 7), Some(Duration::from_secs(15)));
        assert_eq!(watchdog_period(Some("30000000"), Some("7"), 7), Some(Duration::from_secs(15)));
        assert_eq!(watchdog_period(Some("30000000"), Some("8"), 7), None);
        assert_eq!(watchdog_period(None, None, 7), None);
        assert_eq!(watchdog_period(Some("0"), None, 7), None);
    }
}
