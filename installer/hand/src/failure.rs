//! How what went wrong on a host becomes an answer.

use std::io;

use installer_wire::{Failure, FailureKind};

/// The failure for an IO error met while doing `what` (an infinitive: "write /etc/hosts").
pub fn io_failure(what: &str, error: &io::Error) -> Failure {
    let kind = match error.kind() {
        io::ErrorKind::NotFound => FailureKind::Missing,
        io::ErrorKind::ReadOnlyFilesystem => FailureKind::ReadOnly,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => FailureKind::NoSpace,
        io::ErrorKind::PermissionDenied => FailureKind::Denied,
        io::ErrorKind::TimedOut => FailureKind::Timeout,
        _ => FailureKind::Io,
    };
    Failure::new(kind, format!("{what}: {error}"))
}

/// Puts what was being done before an IO error.
pub trait Doing<T> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T, Failure>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T, Failure> {
        self.map_err(|error| io_failure(&what(), &error))
    }
}

impl<T> Doing<T> for Result<T, rustix::io::Errno> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T, Failure> {
        self.map_err(|errno| io_failure(&what(), &errno.into()))
    }
}
