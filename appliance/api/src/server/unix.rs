//! The unix socket: who is on the machine as root, or as the owner of the state folder, is an administrator.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use axum::Router;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;

use super::limits::{DoorLimits, Doorkeeper};
use super::{ACCEPT_PAUSE, ListenError, connection};
use crate::access::Peer;

/// A unix socket's path is longer than the kernel takes: `sun_path` of `unix(7)`.
#[derive(Debug, thiserror::Error)]
#[error("use {}: it is longer than the 107 bytes that a socket's path may have", .0.display())]
pub(crate) struct SocketError(PathBuf);

/// The socket, which goes with this value.
pub(crate) struct LocalDoor {
    listener: UnixListener,
    path: PathBuf,
    router: Router,
    keeper: Doorkeeper,
}

impl LocalDoor {
    /// Whoever has the store open owns the socket: one that is there was left by a process that was killed.
    pub(crate) fn open(path: &Path, router: Router, limits: DoorLimits) -> Result<LocalDoor, ListenError> {
        let failed = |source| ListenError::Unix { path: path.to_owned(), source };
        if path.as_os_str().len() > 107 {
            return Err(failed(io::Error::other(SocketError(path.to_owned()))));
        }
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            Ok(()) | Err(_) => {}
        }
        let listener = UnixListener::bind(path).map_err(failed)?;
        // The folder is its owner's alone (0700), so that nobody comes in between these two lines.
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
        Ok(LocalDoor { listener, path: path.to_owned(), router, keeper: Doorkeeper::new(limits) })
    }

    pub(crate) async fn serve(self, mut closing: watch::Receiver<bool>) {
        loop {
            let accepted = tokio::select! {
                () = connection::closed(&mut closing) => break,
                accepted = self.listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, _)) => self.let_in(stream, &closing),
                Err(error) => {
                    tracing::warn!(%error, "failed to accept a local connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        self.keeper.empty(connection::FAREWELL).await;
    }

    fn let_in(&self, stream: UnixStream, closing: &watch::Receiver<bool>) {
        let Ok(uid) = stream.peer_cred().map(|peer| peer.uid()) else { return };
        if uid != 0 && uid != rustix::process::geteuid().as_raw() {
            tracing::warn!(uid, "turned somebody away from the local socket");
            return;
        }
        let Some(admission) = self.keeper.admit(None) else { return };
        let (router, closing) = (self.router.clone(), closing.clone());
        tokio::spawn(async move {
            let peer = Peer::local(uid);
            let protocol = connection::Protocol::Http1;
            let served = connection::serve(stream, protocol, peer, router, closing, admission.limits()).await;
            if let Err(error) = served {
                tracing::debug!(%error, "a local connection ended");
            }
            drop(admission);
        });
    }
}

impl Drop for LocalDoor {
    fn drop(&mut self) {
        // If it stays, the next server removes it.
        let _ = std::fs::remove_file(&self.path);
    }
}
