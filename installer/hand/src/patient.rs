//! A standard input that does not wait for ever.
//!
//! A host learns late or never that the other side of a connection is gone: nothing is sent, so nothing fails. Whoever reads a
//! connection here is told when nothing has come for a while and decides what that means.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// How often somebody who reads is told that nothing came.
pub const TICK: Duration = Duration::from_secs(2);

/// A stream whose `read` fails with `TimedOut` when nothing came for a tick; reading may go on after that.
pub struct Patient {
    stream: File,
    tick: Duration,
}

impl Patient {
    /// The standard input, without the buffer of [`io::stdin`], in which bytes could lie that `poll` does not see.
    pub fn stdin() -> io::Result<Patient> {
        let stream = File::from(io::stdin().as_fd().try_clone_to_owned()?);
        Ok(Patient { stream, tick: TICK })
    }
}

impl Read for Patient {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let timeout =
            Timespec { tv_sec: self.tick.as_secs() as i64, tv_nsec: self.tick.subsec_nanos().into() };
        let mut polled = [PollFd::new(&self.stream, PollFlags::IN)];
        match poll(&mut polled, Some(&timeout))? {
            0 => Err(io::ErrorKind::TimedOut.into()),
            _ => self.stream.read(into),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn silence_is_told_bytes_are_given_and_the_end_is_the_end() {
        let (from, mut to) = io::pipe().unwrap();
        let mut patient =
            Patient { stream: File::from(std::os::fd::OwnedFd::from(from)), tick: Duration::from_millis(20) };
        let mut into = [0; 8];
        assert_eq!(patient.read(&mut into).unwrap_err().kind(), io::ErrorKind::TimedOut);
        to.write_all(b"abc").unwrap();
        assert_eq!(patient.read(&mut into).unwrap(), 3);
        assert_eq!(patient.read(&mut into).unwrap_err().kind(), io::ErrorKind::TimedOut);
        drop(to);
        assert_eq!(patient.read(&mut into).unwrap(), 0);
    }
}
