//! What can go wrong between us and a cluster.

use std::time::Duration;

use crate::credentials::CredentialsError;

/// Each completes "failed to".
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// The API did not answer, or the way to it is gone.
    #[error("reach the cluster's API to {what}: {reason}")]
    Unreachable { what: String, reason: String },
    #[error("{what}: the cluster's API did not answer within {} s", limit.as_secs())]
    Late { what: String, limit: Duration },
    /// The API answered, with no.
    #[error("{what}: {message}")]
    Refused { what: String, status: u16, message: String },
    /// The API answered something that is not its language.
    #[error("{what}: understand the cluster's answer: {reason}")]
    Nonsense { what: String, reason: String },
    /// What was asked for makes no sense, whatever the cluster.
    #[error("{what}: {reason}")]
    Invalid { what: String, reason: String },
}

impl ClusterError {
    /// Whether another connection may be all it takes.
    pub fn is_unreachable(&self) -> bool {
        match self {
            ClusterError::Unreachable { .. } | ClusterError::Late { .. } => true,
            ClusterError::Credentials(_)
            | ClusterError::Refused { .. }
            | ClusterError::Nonsense { .. }
            | ClusterError::Invalid { .. } => false,
        }
    }

    /// What Kubernetes said no with: 404 for what is not there, 410 for a list token that has grown too old.
    pub fn status(&self) -> Option<u16> {
        match self {
            ClusterError::Refused { status, .. } => Some(*status),
            ClusterError::Credentials(_)
            | ClusterError::Unreachable { .. }
            | ClusterError::Late { .. }
            | ClusterError::Nonsense { .. }
            | ClusterError::Invalid { .. } => None,
        }
    }

    /// What a person can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            ClusterError::Credentials(_) => {
                "/etc/kubernetes/admin.conf on the control plane must be the one that the install wrote"
            }
            ClusterError::Unreachable { .. } | ClusterError::Late { .. } => {
                "on a control plane: systemctl status kubelet armilla-node; crictl ps -a shows why the API server is not there"
            }
            ClusterError::Refused { status: 403, .. } => {
                "the admin certificate of the site was not let in: was the cluster's CA replaced?"
            }
            ClusterError::Refused { status: 410, .. } => "begin the list again, without a continue token",
            ClusterError::Refused { .. } | ClusterError::Invalid { .. } => "mend the request",
            ClusterError::Nonsense { .. } => {
                "does something other than the API server answer at its address?"
            }
        }
    }

    pub(crate) fn of(what: &str, error: kube::Error) -> ClusterError {
        let what = what.to_owned();
        match error {
            kube::Error::Api(status) => {
                ClusterError::Refused { what, status: status.code, message: status.message.clone() }
            }
            kube::Error::SerdeError(error) => ClusterError::Nonsense { what, reason: error.to_string() },
            kube::Error::FromUtf8(error) => ClusterError::Nonsense { what, reason: error.to_string() },
            kube::Error::UpgradeConnection(error) => {
                ClusterError::Nonsense { what, reason: error.to_string() }
            }
            other => ClusterError::Unreachable { what, reason: causes(&other) },
        }
    }
}

/// The last cause says it; those around it say "service error" and the like.
fn causes(error: &dyn std::error::Error) -> String {
    let mut last = error;
    while let Some(cause) = last.source() {
        last = cause;
    }
    last.to_string()
}
