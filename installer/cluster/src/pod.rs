//! Pods, with what they belong to.

use k8s_openapi::api::core::v1 as core;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::Api;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::cluster::Cluster;
use crate::error::ClusterError;
use crate::node::time;
use crate::page::{Page, Query, checked};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Pod {
    pub namespace: String,
    pub name: String,
    /// The workload that made it; none for a pod of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
    /// The node it is on; none while no node was found for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// One word, as kubectl shows it: `Running`, `CrashLoopBackOff`, `Init:0/1`, `Terminating` …
    pub status: String,
    /// Whether all of its containers are ready.
    pub ready: bool,
    pub restarts: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// RFC 3339.
    pub since: Option<String>,
    /// Those that come before the others first.
    pub containers: Vec<Container>,
}

/// What an object belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Owner {
    /// Such as `Deployment`.
    pub kind: String,
    pub name: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Container {
    pub name: String,
    pub image: String,
    /// Whether it must have ended before the others begin.
    pub init: bool,
    pub ready: bool,
    pub restarts: u32,
    /// `Running`, or why it does not run: `ImagePullBackOff`, `Completed`, `Error` …
    pub state: String,
    /// What Kubernetes says beside it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Of its last end, where it has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
}

impl Cluster {
    /// A page of the pods.
    pub async fn pods(&self, query: &Query) -> Result<Page<Pod>, ClusterError> {
        Ok(self.page("list the pods", query).await?.map(Pod::of))
    }

    pub async fn pod(&self, namespace: &str, name: &str) -> Result<Pod, ClusterError> {
        let what = "read the pod";
        let api: Api<core::Pod> = Api::namespaced(self.client.clone(), checked(what, namespace)?);
        Ok(Pod::of(self.ask(what, api.get(checked(what, name)?)).await?))
    }
}

impl Pod {
    pub(crate) fn of(pod: core::Pod) -> Pod {
        let core::Pod { metadata, spec, status } = pod;
        let (spec, status) = (spec.unwrap_or_default(), status.unwrap_or_default());
        let inits = spec.init_containers.unwrap_or_default();
        let containers = containers(&inits, status.init_container_statuses.unwrap_or_default(), true)
            .chain(containers(&spec.containers, status.container_statuses.unwrap_or_default(), false))
            .collect::<Vec<_>>();
        let phase = status.phase.unwrap_or_default();
        let word = if metadata.deletion_timestamp.is_some() {
            "Terminating".to_owned()
        } else {
            status.reason.filter(|reason| !reason.is_empty()).unwrap_or_else(|| word(&phase, &containers))
        };
        Pod {
            owner: owner(&metadata),
            namespace: metadata.namespace.unwrap_or_default(),
            name: metadata.name.unwrap_or_default(),
            node: spec.node_name.filter(|node| !node.is_empty()),
            status: word,
            ready: containers.iter().filter(|one| !one.init).all(|one| one.ready) && !containers.is_empty(),
            restarts: containers.iter().map(|one| one.restarts).sum(),
            address: status.pod_ip.filter(|address| !address.is_empty()),
            since: metadata.creation_timestamp.map(time),
            containers,
        }
    }
}

/// What an object belongs to. A Deployment owns its pods through a ReplicaSet whose name is its own and the hash of the
/// pods' template, which the pods are labelled with: no question is needed to name it.
pub(crate) fn owner(metadata: &ObjectMeta) -> Option<Owner> {
    let controller =
        metadata.owner_references.iter().flatten().find(|owner| owner.controller.unwrap_or_default())?;
    let hash = metadata.labels.iter().flatten().find(|(name, _)| *name == "pod-template-hash");
    let deployment = hash
        .filter(|_| controller.kind == "ReplicaSet")
        .and_then(|(_, hash)| controller.name.strip_suffix(hash)?.strip_suffix('-'));
    Some(match deployment {
        Some(name) => Owner { kind: "Deployment".to_owned(), name: name.to_owned() },
        None => Owner { kind: controller.kind.clone(), name: controller.name.clone() },
    })
}

/// The pod in one word. Source: kubectl's `printPod` in `pkg/printers/internalversion/printers.go`, without its rarer forms.
fn word(phase: &str, containers: &[Container]) -> String {
    let inits: Vec<&Container> = containers.iter().filter(|one| one.init).collect();
    let done = inits.iter().take_while(|one| one.state == "Completed" || one.ready).count();
    if phase == "Pending"
        && let Some(at) = inits.get(done)
    {
        return match at.state.as_str() {
            "Running" | "PodInitializing" | "Waiting" => format!("Init:{done}/{}", inits.len()),
            why => format!("Init:{why}"),
        };
    }
    // What keeps a container from running says more than that the pod runs or is to run.
    let stuck =
        containers.iter().find(|one| !one.init && !matches!(one.state.as_str(), "Running" | "Waiting"));
    match (phase, stuck) {
        ("Running", Some(one)) if one.state == "Completed" => "Running".to_owned(),
        ("Running" | "Pending", Some(one)) => one.state.clone(),
        ("Succeeded", _) => "Completed".to_owned(),
        ("Failed", Some(one)) => one.state.clone(),
        _ => phase.to_owned(),
    }
}

fn containers(
    specs: &[core::Container],
    statuses: Vec<core::ContainerStatus>,
    init: bool,
) -> impl Iterator<Item = Container> {
    specs.iter().map(move |spec| {
        let status = statuses.iter().find(|status| status.name == spec.name).cloned();
        let Some(status) = status else {
            return Container {
                name: spec.name.clone(),
                image: spec.image.clone().unwrap_or_default(),
                init,
                ready: false,
                restarts: 0,
                state: "Waiting".to_owned(),
                message: None,
                exit_code: None,
            };
        };
        let last = status.last_state.and_then(|last| last.terminated).map(|last| last.exit_code);
        let (state, message, exit_code) = state(status.state.unwrap_or_default(), last);
        Container {
            name: status.name,
            image: spec.image.clone().unwrap_or(status.image),
            init,
            ready: status.ready,
            restarts: u32::try_from(status.restart_count).unwrap_or_default(),
            state,
            message,
            exit_code,
        }
    })
}

fn state(state: core::ContainerState, last: Option<i32>) -> (String, Option<String>, Option<i32>) {
    if let Some(waiting) = state.waiting {
        return (waiting.reason.unwrap_or_else(|| "Waiting".to_owned()), waiting.message, last);
    }
    if let Some(ended) = state.terminated {
        let word = match ended.signal {
            Some(signal) if signal != 0 => format!("Signal:{signal}"),
            Some(_) | None => format!("ExitCode:{}", ended.exit_code),
        };
        let word = ended.reason.filter(|reason| !reason.is_empty()).unwrap_or(word);
        return (word, ended.message, Some(ended.exit_code));
    }
    let word = if state.running.is_some() { "Running" } else { "Waiting" };
    (word.to_owned(), None, last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answers;

    fn pod(begins: &str) -> core::Pod {
        let all: Vec<core::Pod> = answers::items(answers::PODS);
        all.into_iter().find(|pod| pod.metadata.name.as_ref().unwrap().starts_with(begins)).unwrap()
    }

    #[test]
    fn a_pod_names_what_it_belongs_to() {
        let owner = |begins| Pod::of(pod(begins)).owner.map(|owner| format!("{} {}", owner.kind, owner.name));
        assert_eq!(owner("coredns").as_deref(), Some("Deployment coredns"));
        assert_eq!(owner("kube-flannel").as_deref(), Some("DaemonSet kube-flannel-ds"));
        assert_eq!(owner("once").as_deref(), Some("Job once"));
        assert_eq!(owner("etcd").as_deref(), Some("Node h1"));
    }

    #[test]
    fn a_replica_set_that_no_deployment_made_is_named_itself() {
        let mut coredns = pod("coredns");
        coredns.metadata.labels.as_mut().unwrap().insert("pod-template-hash".to_owned(), "other".to_owned());
        let owner = Pod::of(coredns).owner.unwrap();
        assert_eq!((owner.kind.as_str(), owner.name.as_str()), ("ReplicaSet", "coredns-6f9c4f8fb4"));
    }

    #[test]
    fn a_pod_in_one_word() {
        assert_eq!(Pod::of(pod("coredns")).status, "Running");
        assert!(Pod::of(pod("coredns")).ready);
        let web = Pod::of(pod("web"));
        assert_eq!((web.status.as_str(), web.ready), ("ContainerCreating", false));

        let mut unpulled = pod("web");
        let status = &mut unpulled.status.as_mut().unwrap().container_statuses.as_mut().unwrap()[0];
        let waiting = serde_json::json!({"waiting": {"reason": "ErrImagePull", "message": "no such host"}});
        status.state = serde_json::from_value(waiting).unwrap();
        let unpulled = Pod::of(unpulled);
        assert_eq!(unpulled.status, "ErrImagePull");
        assert_eq!(unpulled.containers[0].message.as_deref(), Some("no such host"));

        let mut leaving = pod("coredns");
        leaving.metadata.deletion_timestamp = leaving.metadata.creation_timestamp.clone();
        assert_eq!(Pod::of(leaving).status, "Terminating");

        let mut evicted = pod("coredns");
        evicted.status.as_mut().unwrap().reason = Some("Evicted".to_owned());
        assert_eq!(Pod::of(evicted).status, "Evicted");
    }

    #[test]
    fn a_pod_that_waits_for_its_first_containers_says_for_which() {
        let mut flannel = pod("kube-flannel");
        let status = flannel.status.as_mut().unwrap();
        status.phase = Some("Pending".to_owned());
        let first = &mut status.init_container_statuses.as_mut().unwrap()[0];
        first.ready = false;
        let ended = first.state.as_mut().unwrap().terminated.take().unwrap();
        first.state.as_mut().unwrap().running = Some(core::ContainerStateRunning::default());
        assert_eq!(Pod::of(flannel.clone()).status, "Init:0/1");
        let first = &mut flannel.status.as_mut().unwrap().init_container_statuses.as_mut().unwrap()[0];
        let failed =
            core::ContainerStateTerminated { reason: Some("Error".to_owned()), exit_code: 3, ..ended };
        first.state =
            Some(core::ContainerState { terminated: Some(failed), ..core::ContainerState::default() });
        let told = Pod::of(flannel);
        assert_eq!(told.status, "Init:Error");
        assert_eq!(told.containers[0].exit_code, Some(3));
    }

    #[test]
    fn a_container_that_crashes_again_and_again_shows_how_it_ended() {
        let mut coredns = pod("coredns");
        let status = &mut coredns.status.as_mut().unwrap().container_statuses.as_mut().unwrap()[0];
        status.ready = false;
        status.restart_count = 7;
        status.state =
            serde_json::from_value(serde_json::json!({"waiting": {"reason": "CrashLoopBackOff"}})).unwrap();
        status.last_state = serde_json::from_value(
            serde_json::json!({"terminated": {"exitCode": 137, "reason": "OOMKilled"}}),
        )
        .unwrap();
        let told = Pod::of(coredns);
        assert_eq!((told.status.as_str(), told.restarts, told.ready), ("CrashLoopBackOff", 7, false));
        assert_eq!(told.containers[0].exit_code, Some(137));
    }
}
