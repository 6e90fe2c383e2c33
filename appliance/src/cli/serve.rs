//! `armilla serve`: the control plane in the foreground, or as a service of systemd.

use std::io::Write;
use std::net::SocketAddr;

use appliance_client::{Client, Transport};
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use super::{CliError, StateArgs};
use crate::memory;
use crate::service::{self, Heart, Service};
use crate::serving::Server;
use crate::wiring;

#[derive(Debug, Args)]
pub(super) struct Serve {
    #[command(flatten)]
    state: StateArgs,
    /// Where to listen
    #[arg(long, value_name = "ADDRESS", default_value = "0.0.0.0:9443")]
    listen: SocketAddr,
    /// A name or address by which clients reach it, for its certificate; may be given again
    #[arg(long, value_name = "NAME")]
    name: Vec<String>,
    /// Install this program as a systemd service that starts with the machine, and start it
    #[arg(long, conflicts_with = "uninstall")]
    install: bool,
    /// Stop and remove the systemd service; its state folder stays
    #[arg(long)]
    uninstall: bool,
}

impl Serve {
    fn service(&self) -> Service {
        let options = self.name.iter().flat_map(|name| ["--name".to_owned(), name.clone()]).collect();
        Service { state: self.state.state.clone(), listen: self.listen, options }
    }
}

pub(super) async fn run(args: &Serve) -> Result<u8, CliError> {
    if args.install {
        return install(&args.service());
    }
    if args.uninstall {
        service::uninstall(&args.service())?.iter().for_each(|line| println!("{line}"));
        return Ok(0);
    }
    serve(args).await
}

fn install(service: &Service) -> Result<u8, CliError> {
    service::install(service)?.iter().for_each(|line| println!("{line}"));
    let state = service.state();
    println!(
        "\n`systemctl status armilla` shows it; `journalctl -u armilla` has its address, the fingerprint of its"
    );
    println!("certificate authority and, until there is an administrator, the setup code.");
    println!("As root on this machine it needs no login: `armilla run ls --state {}`", state.display());
    Ok(0)
}

async fn serve(args: &Serve) -> Result<u8, CliError> {
    let failed = |what: &str, error: std::io::Error| CliError::new(1, format!("{what}: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| failed("wait for signals", error))?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| failed("wait for signals", error))?;
    let heart = Heart::of_environment().map_err(|error| failed("reach systemd", error))?;
    let state = wiring::state_folder(&args.state);
    let server = Server::start(&state, args.listen, args.name.clone()).await?;
    // Whoever started it may have stopped reading: it serves others, too.
    let _ = std::io::stdout().write_all(server.greeting().join("\n").as_bytes());
    let status = format!("listens on {}", server.address());
    heart.ready(&status);
    let own = Client::new(Transport::Socket(server.socket()));
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        () = memory::give_back() => {}
        () = heart.beat(&status, async || own.get_bytes("/livez").await.is_ok()) => {}
    }
    heart.stopping();
    server.close().await;
    Ok(0)
}
