//! A systemd unit that was started with exactly the planned files.

use futures_util::future::try_join4;
use installer_model::event::Failure;
use installer_model::plan::{FileSource, ServiceSpec};

use super::files;
use crate::host_port::{HostPort, failure};
use crate::world::{Probe, StepContext};

/// Where the host keeps what each unit was last started from.
const STAMPS: &str = "/var/lib/armilla/services";

pub(super) async fn probe(port: &HostPort<'_>, service: &ServiceSpec) -> Result<Probe, Failure> {
    let path = stamp_path(service);
    let enabled = ["systemctl", "is-enabled", "--quiet", &service.unit];
    let active = ["systemctl", "is-active", "--quiet", &service.unit];
    // Asked at once: a question more costs less than a round trip more.
    let (differing, stamp, enabled, active) = try_join4(
        files::differing(port, &service.files),
        port.read(&path, 4096),
        port.command(&enabled),
        port.command(&active),
    )
    .await?;
    if let Some(file) = differing.first() {
        return Ok(Probe::NotMet(format!("{} is not as planned", file.path)));
    }
    if stamp.unwrap_or_default() != stamp_of(service).as_bytes() {
        return Ok(Probe::NotMet(format!("{} was started from something else", service.unit)));
    }
    if !enabled.ok() {
        return Ok(Probe::NotMet(format!("{} is not enabled", service.unit)));
    }
    if service.running && !active.ok() {
        return Ok(Probe::NotMet(format!("{} does not run", service.unit)));
    }
    Ok(Probe::Met)
}

pub(super) async fn act(
    port: &HostPort<'_>,
    ctx: &StepContext,
    service: &ServiceSpec,
) -> Result<(), Failure> {
    files::act(port, ctx, &[], &service.files).await?;
    systemctl(port, &["daemon-reload"]).await?;
    systemctl(port, &["enable", &service.unit]).await?;
    // A unit that others start is only restarted when it runs already.
    let verb = if service.running { "restart" } else { "try-restart" };
    if let Err(mut failed) = systemctl(port, &[verb, &service.unit]).await {
        let journal = ["journalctl", "-u", &service.unit, "-n", "20", "--no-pager", "-o", "cat"];
        if let Ok(output) = port.command(&journal).await {
            failed.evidence.extend(output.stdout_text().lines().map(str::to_owned));
        }
        return Err(failed);
    }
    port.write(&stamp_path(service), 0o600, stamp_of(service).as_bytes()).await
}

async fn systemctl(port: &HostPort<'_>, words: &[&str]) -> Result<(), Failure> {
    let output = port.command_within(120, &[&["systemctl"], words].concat(), b"").await?;
    if output.ok() {
        return Ok(());
    }
    Err(failure(format!("systemctl {} ended with {}", words.join(" "), output.code), &output.stderr_text()))
}

fn stamp_path(service: &ServiceSpec) -> String {
    format!("{STAMPS}/{}", service.unit)
}

/// One line for each thing that the process was started from.
fn stamp_of(service: &ServiceSpec) -> String {
    let files = service.files.iter().map(|file| match &file.source {
        FileSource::Text(text) => format!("{} {}\n", file.path, files::digest_of(text.as_bytes())),
        FileSource::Blob { content, .. } => format!("{} {content}\n", file.path),
        FileSource::Link(target) => format!("{} -> {target}\n", file.path),
        // Without the password: a stamp is no place to try guesses against.
        FileSource::Login { template, username, .. } => {
            format!("{} {} {username}\n", file.path, files::digest_of(template.as_bytes()))
        }
    });
    files.chain(service.started_from.iter().map(|digest| format!("{digest}\n"))).collect()
}
