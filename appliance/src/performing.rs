//! Performing a plan: run it, show it, let others follow it.
#![expect(clippy::print_stderr, reason = "tells the operator what is being done")]

use std::sync::Arc;

use appliance_control::{Ready, performing};
use installer_model::plan::Plan;
use installer_run::hub::Hub;
use installer_run::socket::Server;
use installer_run::{Canceller, Ended, Observer};

use crate::cli::CliError;
use crate::display;
use crate::live::Live;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    Text,
    Json,
}

/// Runs the plan to its end. The first Ctrl-C lets what has started end, the second leaves at once.
pub(crate) async fn perform(ready: &Ready, plan: Plan, shown: Shown) -> Result<Ended, CliError> {
    let display: Arc<dyn Observer> = match shown {
        Shown::Text => match Live::new() {
            Some(live) => Arc::new(live),
            None => Arc::new(display::Lines::default()),
        },
        Shown::Json => Arc::new(display::Json),
    };
    let hub = Arc::new(Hub::default());
    let server = Server::start(&ready.state, Arc::clone(&ready.store), hub.clone())
        .map_err(|error| CliError::from_error(1, "", &error))?;
    let (canceller, cancel) = Canceller::new();
    let interrupts = tokio::spawn(heed_interrupts(canceller));
    let ended = performing::perform_ready(ready, plan, vec![display, hub], cancel).await;
    interrupts.abort();
    server.close().await;
    Ok(ended?)
}

async fn heed_interrupts(canceller: Canceller) {
    while tokio::signal::ctrl_c().await.is_ok() {
        eprintln!("Interrupted: what has started is let end. Once more to leave at once.");
        canceller.request();
    }
}
