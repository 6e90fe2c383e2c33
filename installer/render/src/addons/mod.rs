//! Manifests of what every cluster gets. Images by their full names: containerd stores no short ones.

pub mod coredns;
pub mod flannel;
pub mod local_path;
pub mod metrics_server;
