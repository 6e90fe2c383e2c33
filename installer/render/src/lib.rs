//! Site, release and facts become files and manifests. Everything here is infallible: what could be wrong was refused
//! when the site file was validated.

pub mod addons;
pub mod containerd;
pub mod kubeadm;
pub mod kubelet;
pub mod nftables;
pub mod node;
pub mod paths;
pub mod yaml;

pub use yaml::document;
