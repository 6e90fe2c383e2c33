//! What `check --fix` changed on the host is taken back.

use installer_model::event::Failure;

use crate::host_port::HostPort;
use crate::world::{Probe, StepContext};

/// Where the hand keeps how things were; there is no such file when nothing was repaired.
pub const RECORD: &str = "/var/lib/armilla/before/repairs.json";

pub(super) async fn probe_undone(port: &HostPort<'_>) -> Result<Probe, Failure> {
    Ok(match port.stat(RECORD, false).await? {
        None => Probe::Met,
        Some(_) => Probe::NotMet("repairs are still in place".to_owned()),
    })
}

pub(super) async fn undo(port: &HostPort<'_>, ctx: &StepContext) -> Result<(), Failure> {
    for change in port.undo_repairs().await? {
        ctx.output(format!("{change}\n").as_bytes());
    }
    Ok(())
}
