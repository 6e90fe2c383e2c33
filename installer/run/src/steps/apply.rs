//! Objects in the cluster, by server-side apply.

use installer_model::event::Failure;

use crate::host_port::{HostPort, failure};
use crate::world::{Probe, StepContext};

const APPLY: [&str; 4] = ["--server-side", "--force-conflicts", "--field-manager=armilla", "--filename=-"];

/// The server says what an apply would change. `kubectl diff` ends with 0 for nothing, 1 for something.
pub(super) async fn probe(port: &HostPort<'_>, manifest: &str) -> Result<Probe, Failure> {
    let words = [&["diff"], &APPLY[..]].concat();
    let output = port.control_plane().kubectl(&words, manifest.as_bytes()).await?;
    Ok(match output.code {
        0 => Probe::Met,
        1 => Probe::NotMet("the cluster's objects are not as planned".to_owned()),
        // A namespace that is not there yet fails the dry run of what lies in it.
        _ => Probe::CannotTell(output.stderr_text().trim().to_owned()),
    })
}

pub(super) async fn act(
    port: &HostPort<'_>,
    ctx: &StepContext,
    name: &str,
    manifest: &str,
) -> Result<(), Failure> {
    let words = [&["apply"], &APPLY[..]].concat();
    let output = port.control_plane().kubectl(&words, manifest.as_bytes()).await?;
    ctx.output(output.stdout_text().as_bytes());
    if output.ok() { Ok(()) } else { Err(failure(format!("apply {name}"), &output.stderr_text())) }
}
