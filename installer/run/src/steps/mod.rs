//! What each action looks like on a real host: one file per action, a read-only `probe` and a repeatable `act`.

mod apply;
mod await_condition;
mod before;
mod cleanup;
mod files;
pub(crate) mod images;
mod init;
mod join;
mod modules;
mod node;
mod repairs;
mod service;
mod sysctls;

use std::time::Duration;

use installer_model::event::Failure;
use installer_model::plan::{Action, Step};

pub use before::RECORD as BEFORE;
pub use repairs::RECORD as REPAIRS;

use crate::host_port::HostPort;
use crate::world::{Probe, StepContext};

/// What is true of the step's host, or of the cluster, right now.
pub(crate) async fn probe(step: &Step, port: &HostPort<'_>) -> Result<Probe, Failure> {
    match &step.action {
        Action::Remember { paths, folders } => before::probe(port, paths, folders).await,
        Action::Modules { path, names } => modules::probe(port, path, names).await,
        Action::Sysctls { path, values, .. } => sysctls::probe(port, path, values).await,
        Action::Files { folders, files, .. } => files::probe(port, folders, files).await,
        Action::Service(service) => service::probe(port, service).await,
        Action::Images { images, addon, .. } => images::probe(port, images, addon.is_some()).await,
        Action::Init { phase, config_digest, .. } => init::probe(port, *phase, config_digest).await,
        Action::JoinWorker { node, config_digest, .. } => join::probe(port, node, config_digest).await,
        Action::Node { node, labels, taints, .. } => node::probe(port, node, labels, taints).await,
        Action::Apply { manifest, .. } => apply::probe(port, manifest).await,
        Action::Await { condition, .. } => await_condition::probe(port, condition).await,
        Action::Drain { node, .. } => node::probe_drained(port, node).await,
        Action::DeleteNode { node } => node::probe_deleted(port, node).await,
        Action::StopRuns => cleanup::probe_runs(port).await,
        Action::StopPods => cleanup::probe_pods(port).await,
        Action::StopPrograms { programs } => cleanup::probe_programs(port, programs).await,
        Action::RemoveUnits { units } => cleanup::probe_units(port, units).await,
        Action::Unmount { below } => cleanup::probe_mounts(port, below).await,
        Action::RemoveLinks { links } => cleanup::probe_links(port, links).await,
        Action::RemoveRules => cleanup::probe_rules(port).await,
        Action::RemovePaths { paths, keep } => cleanup::probe_paths(port, paths, keep).await,
        Action::RestoreSysctls => sysctls::probe_restored(port).await,
        Action::Restore { .. } => before::probe_restored(port).await,
        Action::UndoRepairs => repairs::probe_undone(port).await,
    }
}

/// Brings it about. May be repeated; the probe that follows decides whether it worked.
pub(crate) async fn act(step: &Step, port: &HostPort<'_>, ctx: &StepContext) -> Result<(), Failure> {
    let limit =
        port.patience(Duration::from_secs(step.action.command_limit_seconds().unwrap_or_default().into()));
    match &step.action {
        Action::Remember { paths, folders } => before::act(port, paths, folders).await,
        Action::Modules { path, names } => modules::act(port, path, names).await,
        Action::Sysctls { path, values, others } => sysctls::act(port, path, values, others).await,
        Action::Files { folders, files, .. } => files::act(port, ctx, folders, files).await,
        Action::Service(service) => service::act(port, ctx, service).await,
        Action::Images { containerd_root, addon, images } => {
            images::act(port, ctx, limit, containerd_root, images, addon.is_some()).await
        }
        Action::Init { phase, config, config_digest } => {
            init::act(port, ctx, limit, *phase, config, config_digest).await
        }
        Action::JoinWorker { node, config, config_digest, .. } => {
            join::act(port, ctx, limit, node, config, config_digest).await
        }
        Action::Node { node, labels, taints, .. } => node::act(port, node, labels, taints).await,
        Action::Apply { name, manifest } => apply::act(port, ctx, name, manifest).await,
        Action::Await { condition, timeout_seconds } => {
            await_condition::act(port, ctx, condition, *timeout_seconds).await
        }
        Action::Drain { node, timeout_seconds } => node::drain(port, ctx, node, *timeout_seconds).await,
        Action::DeleteNode { node } => node::delete(port, node).await,
        Action::StopRuns => cleanup::stop_runs(port, ctx).await,
        Action::StopPods => cleanup::stop_pods(port, ctx).await,
        Action::StopPrograms { programs } => cleanup::kill_programs(port, programs).await,
        Action::RemoveUnits { units } => cleanup::remove_units(port, units).await,
        Action::Unmount { below } => cleanup::unmount(port, below).await,
        Action::RemoveLinks { links } => cleanup::remove_links(port, links).await,
        Action::RemoveRules => cleanup::remove_rules(port).await,
        Action::RemovePaths { paths, keep } => cleanup::remove_paths(port, paths, keep).await,
        Action::RestoreSysctls => sysctls::restore(port).await,
        Action::Restore { keep } => before::restore(port, ctx, keep).await,
        Action::UndoRepairs => repairs::undo(port, ctx).await,
    }
}
