//! Who sends a request.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;

use super::{Caller, NoLogin};
use crate::app::App;

/// The other end of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Peer {
    Tcp(SocketAddr),
    /// Somebody on this machine, who may do all.
    Local {
        name: String,
    },
}

impl Peer {
    /// Through the unix socket, by the kernel's word.
    pub(crate) fn local(uid: u32) -> Peer {
        let name = if uid == 0 { "root".to_owned() } else { format!("uid {uid}") };
        Peer::Local { name }
    }

    pub(crate) fn address(&self) -> Option<IpAddr> {
        match self {
            Peer::Tcp(address) => Some(address.ip().to_canonical()),
            Peer::Local { .. } => None,
        }
    }
}

/// What a user may do; each may what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    Viewer,
    Operator,
    Admin,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Role::Viewer => "viewer",
            Role::Operator => "operator",
            Role::Admin => "admin",
        })
    }
}

/// Somebody who is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    pub name: String,
    pub role: Role,
}

/// The layer of all routes: writes the [`Caller`] into the request.
pub(crate) async fn identify(State(_app): State<App>, mut request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<Peer>();
    let caller = match peer {
        Some(Peer::Local { name }) => Caller::Known(Known { name: name.clone(), role: Role::Admin }),
        Some(Peer::Tcp(_)) | None => Caller::Nobody { why: NoLogin::None },
    };
    request.extensions_mut().insert(caller);
    next.run(request).await
}
