//! Commands in containers, with a terminal or without.

use futures_util::future::BoxFuture;
use k8s_openapi::api::core::v1 as core;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use kube::Api;
use kube::api::{AttachParams, TerminalSize};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::cluster::Cluster;
use crate::error::ClusterError;
use crate::page::checked;

/// How much of a stream may wait on each side.
const STREAM: usize = 64 * 1024;

/// What to run, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exec {
    pub namespace: String,
    pub pod: String,
    /// None: the pod's first, or the one that the pod names as its default.
    pub container: Option<String>,
    pub command: Vec<String>,
    /// Whether it has a terminal; its errors come with its output then.
    pub terminal: bool,
}

/// A command that runs. Dropping all of it ends the connection, which ends a command with a terminal.
pub struct Executed {
    pub input: Box<dyn AsyncWrite + Send + Unpin>,
    pub output: Box<dyn AsyncRead + Send + Unpin>,
    /// None with a terminal.
    pub errors: Option<Box<dyn AsyncRead + Send + Unpin>>,
    /// None without a terminal.
    pub resize: Option<Resize>,
    /// How it ended. Output and errors must be read meanwhile.
    pub ended: BoxFuture<'static, Ended>,
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// None: it did not begin, or nobody knows how it ended.
    pub code: Option<i32>,
    /// Why, where it was not by itself.
    pub message: Option<String>,
}

/// Tells a terminal its size.
pub struct Resize(futures_channel::mpsc::Sender<TerminalSize>);

impl Resize {
    /// A size that comes while others wait to be told is left out: another one follows.
    pub fn set(&mut self, columns: u16, rows: u16) {
        let _ = self.0.try_send(TerminalSize { width: columns, height: rows });
    }
}

impl Cluster {
    /// Runs a command in a container of a pod.
    pub async fn exec(&self, wanted: &Exec) -> Result<Executed, ClusterError> {
        let what = "run a command in the pod";
        let namespace = checked(what, &wanted.namespace)?;
        let api: Api<core::Pod> = Api::namespaced(self.client.clone(), namespace);
        let params = AttachParams {
            container: wanted.container.clone(),
            stdin: true,
            stdout: true,
            stderr: !wanted.terminal,
            tty: wanted.terminal,
            max_stdin_buf_size: Some(STREAM),
            max_stdout_buf_size: Some(STREAM),
            max_stderr_buf_size: Some(STREAM),
        };
        let pod = checked(what, &wanted.pod)?;
        let mut process = self.ask(what, api.exec(pod, &wanted.command, &params)).await?;
        let status = process.take_status();
        Ok(Executed {
            input: Box::new(process.stdin().expect("invariant: standard input was asked for")),
            output: Box::new(process.stdout().expect("invariant: standard output was asked for")),
            errors: process.stderr().map(|errors| Box::new(errors) as Box<dyn AsyncRead + Send + Unpin>),
            resize: process.terminal_size().map(Resize),
            ended: Box::pin(async move {
                let status = match status {
                    Some(status) => status.await,
                    None => None,
                };
                drop(process);
                Ended::of(status)
            }),
        })
    }
}

impl Ended {
    /// Kubernetes tells an exit code other than 0 as a failure with a cause. Source: `NonZeroExitCode` in apimachinery's
    /// `pkg/util/remotecommand`.
    fn of(status: Option<Status>) -> Ended {
        let Some(status) = status else {
            return Ended {
                code: None,
                message: Some("the connection ended before the command did".to_owned()),
            };
        };
        if status.status.as_deref() == Some("Success") {
            return Ended { code: Some(0), message: None };
        }
        let causes = status.details.and_then(|details| details.causes).unwrap_or_default();
        let code = causes
            .iter()
            .find(|cause| cause.reason.as_deref() == Some("ExitCode"))
            .and_then(|cause| cause.message.as_deref()?.parse().ok());
        Ended { code, message: status.message.filter(|_| code.is_none()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(status: serde_json::Value) -> Ended {
        Ended::of(Some(serde_json::from_value(status).unwrap()))
    }

    #[test]
    fn exit_codes_are_read_out_of_what_kubernetes_says() {
        let done = serde_json::json!({"metadata": {}, "status": "Success"});
        assert_eq!(ended(done), Ended { code: Some(0), message: None });
        let failed = serde_json::json!({
            "metadata": {}, "status": "Failure", "reason": "NonZeroExitCode",
            "message": "command terminated with non-zero exit code",
            "details": {"causes": [{"reason": "ExitCode", "message": "7"}]},
        });
        assert_eq!(ended(failed), Ended { code: Some(7), message: None });
    }

    #[test]
    fn a_command_that_never_began_says_why() {
        let absent = serde_json::json!({
            "metadata": {}, "status": "Failure", "reason": "InternalError",
            "message": "exec: \"bash\": executable file not found in $PATH",
        });
        let ended = ended(absent);
        assert_eq!(ended.code, None);
        assert!(ended.message.unwrap().contains("not found"));
        assert!(Ended::of(None).message.is_some());
    }
}
