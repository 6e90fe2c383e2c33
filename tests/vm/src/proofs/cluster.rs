//! The cluster as its first control plane sees it: `kubectl` inside that host, so that nothing else has to be trusted.

use crate::command::{self, CommandError};
use crate::gateway::GatewayError;
use crate::host::{Host, HostError};
use crate::lab::LabError;
use serde_json::Value;
use std::time::{Duration, Instant};

/// Why something was not proven.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    #[error("use the control plane's host")]
    Host(#[from] HostError),
    #[error("use the lab")]
    Lab(#[from] Box<LabError>),
    #[error("ask the gateway")]
    Gateway(#[from] GatewayError),
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error("understand kubectl's answer")]
    Answer(#[from] serde_json::Error),
    #[error("see {what} within {} s: {last}", .limit.as_secs())]
    Late { what: String, limit: Duration, last: String },
    #[error("see what was expected: {0}")]
    Wrong(String),
}

impl ProofError {
    /// The error and all that lies behind it, in one line.
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text.push_str(&format!(": {error}"));
            cause = error.source();
        }
        text
    }
}

/// In seconds. What runs in pods has no limit of its own: with `-T`, Debian's static busybox 1.35 crashes in `wget`.
const KUBECTL_ENDS_WITHIN: &str = "150";

/// What a question that is asked again and again was answered.
pub enum Seen<T> {
    Yes(T),
    /// Not yet; what was seen instead, for the error that ends the waiting.
    NotYet(String),
}

/// A cluster, through its first control plane's host.
#[derive(Debug, Clone, Copy)]
pub struct Cluster<'a> {
    host: &'a Host,
}

impl<'a> Cluster<'a> {
    pub fn on(host: &'a Host) -> Cluster<'a> {
        Cluster { host }
    }

    /// Runs kubectl with these words; its standard output.
    pub fn kubectl(&self, words: &[&str]) -> Result<String, ProofError> {
        self.kubectl_with(words, "")
    }

    /// As [`Cluster::kubectl`], with something on its standard input.
    pub fn kubectl_with(&self, words: &[&str], input: &str) -> Result<String, ProofError> {
        // Its cache is where it is no part of what the host looks like afterwards.
        let cache = ["--cache-dir", "/dev/shm/lab-kubectl"];
        let head = ["timeout", KUBECTL_ENDS_WITHIN, "/usr/local/bin/kubectl", cache[0], cache[1]];
        let head = head.iter().chain(&["--kubeconfig", "/etc/kubernetes/admin.conf"]);
        let mut command = self.host.command(head.chain(words))?;
        Ok(command::run_command_with_input(&mut command, input)?)
    }

    /// `kubectl get WORDS -o json`.
    pub fn get(&self, words: &[&str]) -> Result<Value, ProofError> {
        let words: Vec<&str> = ["get"].iter().chain(words).chain(&["-o", "json"]).copied().collect();
        Ok(serde_json::from_str(&self.kubectl(&words)?)?)
    }

    /// The items of `kubectl get WORDS -o json`.
    pub fn list(&self, words: &[&str]) -> Result<Vec<Value>, ProofError> {
        Ok(self.get(words)?["items"].as_array().cloned().unwrap_or_default())
    }

    /// Runs a shell line in a pod; its standard output.
    pub fn in_pod(&self, namespace: &str, pod: &str, line: &str) -> Result<String, ProofError> {
        self.kubectl(&["exec", "-n", namespace, pod, "--", "sh", "-c", line])
    }

    /// The nodes that are Ready, with the boot id each was last seen with.
    pub fn ready_nodes(&self) -> Result<Vec<(String, String)>, ProofError> {
        let nodes = self.list(&["nodes"])?;
        let ready = nodes.iter().filter(|node| has_condition(node, "Ready"));
        Ok(ready
            .map(|node| (text(&node["metadata"]["name"]), text(&node["status"]["nodeInfo"]["bootID"])))
            .collect())
    }
}

/// Asks until the answer is yes. A question that cannot be asked, as while an API server starts, is asked again too.
pub fn wait<T>(
    what: &str,
    limit: Duration,
    mut ask: impl FnMut() -> Result<Seen<T>, ProofError>,
) -> Result<T, ProofError> {
    let deadline = Instant::now() + limit;
    loop {
        let last = match ask() {
            Ok(Seen::Yes(answer)) => return Ok(answer),
            Ok(Seen::NotYet(instead)) => instead,
            Err(error) => error.chain(),
        };
        if Instant::now() > deadline {
            return Err(ProofError::Late { what: what.to_owned(), limit, last });
        }
        std::thread::sleep(Duration::from_millis(500));
    }
}

/// Whether the object's condition of this type has the status `True`.
pub(crate) fn has_condition(object: &Value, kind: &str) -> bool {
    let conditions = object["status"]["conditions"].as_array();
    conditions.is_some_and(|all| all.iter().any(|one| one["type"] == kind && one["status"] == "True"))
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
