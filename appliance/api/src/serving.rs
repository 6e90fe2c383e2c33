//! A running server: its doors, its certificate, its end.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::access::{Denials, draw_code};
use crate::app::App;
use crate::problem::Problem;
use crate::routes;
use crate::server::{DoorLimits, ListenError, LocalDoor, PublicDoor};
use crate::sweeping;
use crate::tls::{Authority, AuthorityError, Certificates, server_config};

/// A disk that hangs does not keep a server from its end.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// How to serve.
#[derive(Debug, Clone)]
pub struct Options {
    pub listen: SocketAddr,
    /// Where the unix socket lies.
    pub socket: PathBuf,
    /// Names and addresses for the certificate beside those that the machine has.
    pub names: Vec<String>,
    pub limits: DoorLimits,
}

/// Why the server does not start. Completes "failed to".
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error(transparent)]
    Listen(#[from] ListenError),
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    #[error("set TLS up")]
    Tls(#[source] rustls::Error),
    #[error("learn the port that was given")]
    Address(#[source] std::io::Error),
    #[error("offer the first administrator's place: {0:?}")]
    Offer(Problem),
    #[error("draw the setup code")]
    Random(#[source] getrandom::Error),
}

/// Serves until it is closed.
pub struct Serving {
    app: App,
    /// With the port that was given, where 0 was asked for.
    pub address: SocketAddr,
    /// What the certificate says.
    pub names: Vec<String>,
    /// For the first administrator, for as long as there is nobody.
    pub setup_code: Option<String>,
    doors: Vec<JoinHandle<()>>,
    keeping: [JoinHandle<()>; 4],
}

impl Serving {
    /// Opens the doors. Blocks a moment on the store.
    pub async fn start(app: App, authority: Authority, options: Options) -> Result<Serving, ServeError> {
        let certificates = Arc::new(Certificates::new(authority, options.names, seconds(&app))?);
        let tls = server_config(certificates.clone()).map_err(ServeError::Tls)?;
        let (router, _) = routes::router(&app);
        let public = PublicDoor::open(options.listen, tls, router.clone(), options.limits).await?;
        let local = LocalDoor::open(&options.socket, router, options.limits)?;
        let address = public.address().map_err(ServeError::Address)?;
        let code = draw_code().map_err(ServeError::Random)?;
        let offered = routes::offer_setup(&app, &code).map_err(ServeError::Offer)?;
        let names = certificates.names();
        let (clock, feed, swept, denied) = (app.clone(), app.feed().clone(), app.clone(), app.clone());
        let keeping = [
            tokio::spawn(async move { certificates.keep(|| seconds(&clock)).await }),
            tokio::spawn(async move { feed.keep().await }),
            tokio::spawn(async move { sweeping::keep(&swept).await }),
            tokio::spawn(async move { Denials::keep(&denied).await }),
        ];
        let doors = vec![tokio::spawn(public.serve(app.closing())), tokio::spawn(local.serve(app.closing()))];
        let setup_code = offered.then_some(code);
        Ok(Serving { app, address, names, setup_code, doors, keeping })
    }

    /// Lets nobody in any more, and waits a little for those who are inside.
    pub async fn close(self) {
        self.app.close();
        for door in self.doors {
            // A door that panicked is closed.
            let _ = door.await;
        }
        self.keeping.iter().for_each(JoinHandle::abort);
        if tokio::time::timeout(LAST_WORDS, Denials::end(&self.app)).await.is_err() {
            tracing::warn!("not every refusal was written down: the disk takes too long");
        }
    }
}

fn seconds(app: &App) -> i64 {
    i64::try_from(app.now_ms() / 1000).unwrap_or(i64::MAX)
}
