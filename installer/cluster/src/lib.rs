//! A running cluster through its API: nodes, workloads, events, logs, terminals, certificates.
//!
//! [`Cluster`] asks; each noun has a file of its own that says what is asked for and how the answer is read. Reading is
//! pure and tried on what a real API server answered. Connections come from a [`Dial`]: hosts are reached by SSH, so
//! the API is dialled *on* a control plane, and TLS is spoken through that.

mod addon;
#[cfg(test)]
mod answers;
mod certificate;
mod cluster;
mod credentials;
mod dial;
mod error;
mod event;
mod exec;
mod health;
mod log;
mod node;
mod page;
mod pod;
mod quantity;
mod workload;

pub use addon::{AddOn, WantedAddOn, wanted};
pub use certificate::{Certificate, CertificateError, certificate_of_kubeconfig, certificates_in};
pub use cluster::Cluster;
pub use credentials::{Credentials, CredentialsError};
pub use dial::{Dial, Stream, directly};
pub use error::ClusterError;
pub use event::Event;
pub use exec::{Ended, Exec, Executed};
pub use health::{Check, Etcd, Health, etcd};
pub use log::LogQuery;
pub use node::{Amounts, Condition, Node, Used};
pub use page::{Page, Query};
pub use pod::{Container, Owner, Pod};
pub use workload::{Kind, Workload};
