//! The node service: image mirror and API load balancer on loopback.
//!
//! It runs on every cluster host as a systemd unit and has no opinions: two files tell it what to do
//! ([`installer_model::node`]), both may be replaced while it runs, and it changes nothing on the host.
//!
//! The unit that starts it:
//!
//! ```text
//! [Service]
//! Type=notify
//! NotifyAccess=main
//! ExecStart=/usr/local/bin/armilla node --config /etc/armilla/node.json
//! ExecReload=/bin/kill -HUP $MAINPID
//! WatchdogSec=30
//! Restart=always
//! RestartSec=1
//! LimitNOFILE=8192
//! ```

mod balancer;
mod mirror;
pub mod notify;
mod pool;
mod watch;

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use installer_model::node::{NodeConfig, NodeFileError};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use balancer::{Backends, Balancer};
use mirror::Mirror;
use notify::{Notifier, watchdog_period};
use watch::Stamp;

/// Between two looks at the configuration, and between two signs of life when systemd asks for none.
const LOOK: Duration = Duration::from_secs(2);
/// How long downloads that are under way may take once the service is told to stop.
const GRACE: Duration = Duration::from_secs(5);

#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    #[error("failed to read {path}")]
    Read { path: PathBuf, source: io::Error },
    #[error("failed to use {path}")]
    Config { path: PathBuf, source: NodeFileError },
    #[error("failed to listen on {address}")]
    Listen { address: SocketAddr, source: io::Error },
    #[error("failed to start")]
    Start(#[source] io::Error),
    #[error("failed to serve images")]
    Serve(#[source] io::Error),
}

/// Runs the node service until SIGTERM or SIGINT. Needs no runtime around it: one thread does everything but reading
/// files, which keeps the service small on hosts that have better things to do.
pub fn main(config: &Path) -> Result<(), NodeError> {
    log();
    // Where the kernel gives huge pages unasked, a few hundred kilobytes of heap take several megabytes.
    if let Err(error) = rustix::thread::disable_transparent_huge_pages(true) {
        tracing::debug!(%error, "failed to turn huge pages off");
    }
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(4)
        .thread_keep_alive(Duration::from_secs(2))
        .build()
        .map_err(NodeError::Start)?
        .block_on(async {
            let service = Service::start(config).await?;
            let mut hangup = signal(SignalKind::hangup()).map_err(NodeError::Start)?;
            let mut terminate = signal(SignalKind::terminate()).map_err(NodeError::Start)?;
            let mut interrupt = signal(SignalKind::interrupt()).map_err(NodeError::Start)?;
            let stop = async move {
                tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
            };
            service.run(&mut hangup, stop).await
        })
}

/// Logs to standard error, which systemd keeps and gives its time to. `RUST_LOG=appliance_node=debug` shows each request.
fn log() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    // Fails where somebody else has set up logging before: then that is where it goes.
    let _ = lines.with_ansi(false).without_time().try_init();
}

/// The node service with both of its sockets open.
struct Service {
    path: PathBuf,
    stamp: Option<Stamp>,
    config: NodeConfig,
    backends: Backends,
    balancer: Balancer,
    mirror: Mirror,
}

impl Service {
    async fn start(path: &Path) -> Result<Service, NodeError> {
        let stamp = Stamp::of(path);
        let config = read_config(path)?;
        let backends = Backends::new(&config.balancer.backends);
        let listen = |address| move |source| NodeError::Listen { address, source };
        let address = config.balancer.listen;
        let balancer = Balancer::bind(address, backends.clone()).await.map_err(listen(address))?;
        let mirror = Mirror::bind(&config.mirror).await.map_err(listen(config.mirror.listen))?;
        Ok(Service { path: path.to_owned(), stamp, config, backends, balancer, mirror })
    }

    async fn run(self, hangup: &mut Signal, stop: impl Future<Output = ()>) -> Result<(), NodeError> {
        let Service { path, stamp, config, backends, balancer, mirror } = self;
        let variable = |name| std::env::var(name).ok();
        let notifier = Notifier::new(variable("NOTIFY_SOCKET").as_deref()).map_err(NodeError::Start)?;
        let watchdog = watchdog_period(
            variable("WATCHDOG_USEC").as_deref(),
            variable("WATCHDOG_PID").as_deref(),
            std::process::id(),
        );
        if let (Ok(balancer), Ok(mirror)) = (balancer.address(), mirror.address()) {
            tracing::info!(%balancer, %mirror, "listening");
        }

        let stopping = CancellationToken::new();
        let mut mirror = tokio::spawn(mirror.run(stopping.clone().cancelled_owned()));
        let balancer = tokio::spawn(balancer.run());
        let mut follower = Follower { path, stamp, config, backends };
        let mut looks = interval(watchdog.map_or(LOOK, |period| period.min(LOOK)));
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        notifier.ready(&follower.status());

        tokio::pin!(stop);
        let served = loop {
            tokio::select! {
                () = &mut stop => break Ok(()),
                served = &mut mirror => break served.map_err(io::Error::other).flatten(),
                _ = hangup.recv() => follower.reload(),
                _ = looks.tick() => {
                    follower.look();
                    notifier.alive(&follower.status());
                }
            }
        };
        notifier.stopping();
        stopping.cancel();
        balancer.abort();
        if served.is_ok() && timeout(GRACE, mirror).await.is_err() {
            tracing::warn!("downloads were cut off");
        }
        served.map_err(NodeError::Serve)
    }
}

/// Keeps the backends as the configuration file has them.
struct Follower {
    path: PathBuf,
    stamp: Option<Stamp>,
    config: NodeConfig,
    backends: Backends,
}

impl Follower {
    fn look(&mut self) {
        let stamp = Stamp::of(&self.path);
        if stamp != self.stamp {
            self.stamp = stamp;
            self.reload();
        }
    }

    /// A configuration that cannot be used leaves the last good one in force.
    fn reload(&mut self) {
        let config = match read_config(&self.path) {
            Ok(config) => config,
            Err(error) => {
                tracing::error!(error = chain(&error), "keeping the last configuration");
                return;
            }
        };
        if config == self.config {
            return;
        }
        if config.mirror != self.config.mirror || config.balancer.listen != self.config.balancer.listen {
            tracing::warn!("only the list of backends changes without a restart");
        }
        tracing::info!(backends = ?config.balancer.backends, "configuration changed");
        self.backends.replace(&config.balancer.backends);
        self.config = config;
    }

    fn status(&self) -> String {
        let (answering, of) = self.backends.answering();
        format!("{answering} of {of} API servers answer")
    }
}

fn read_config(path: &Path) -> Result<NodeConfig, NodeError> {
    let text =
        std::fs::read_to_string(path).map_err(|source| NodeError::Read { path: path.to_owned(), source })?;
    NodeConfig::from_json(&text).map_err(|source| NodeError::Config { path: path.to_owned(), source })
}

/// An error and what caused it, in one line.
fn chain(error: &dyn Error) -> String {
    std::iter::successors(error.source(), |cause| Error::source(*cause))
        .fold(error.to_string(), |line, cause| format!("{line}: {cause}"))
}
