//! Nodes: what they are, what they have, what of it is used.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1 as core;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::{Api, ListParams};
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::cluster::Cluster;
use crate::error::ClusterError;
use crate::page::{Page, Query, checked};
use crate::quantity::{thousandths, whole};

/// A node of a cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ClusterNode)]
pub struct Node {
    pub name: String,
    /// From labels: `control-plane`, `worker`, …
    pub roles: Vec<String>,
    pub ready: bool,
    /// Whether new pods may come here.
    pub schedulable: bool,
    /// The kubelet's, such as `v1.37.1`.
    pub version: String,
    pub os: String,
    pub kernel: String,
    /// Such as `containerd://2.3.4`.
    pub runtime: String,
    pub architecture: String,
    pub addresses: Vec<String>,
    pub pod_cidrs: Vec<String>,
    pub conditions: Vec<Condition>,
    /// As kubectl writes them: `KEY=VALUE:EFFECT`.
    pub taints: Vec<String>,
    pub capacity: Amounts,
    /// What pods may have of it.
    pub allocatable: Amounts,
    /// What is used now; none without a metrics API, or before it has measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub used: Option<Used>,
    /// RFC 3339.
    pub since: Option<String>,
}

/// One thing that Kubernetes says of an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ClusterCondition)]
pub struct Condition {
    #[serde(rename = "type")]
    pub kind: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    pub reason: String,
    pub message: String,
    /// RFC 3339; when the status became what it is.
    pub since: Option<String>,
    /// Whether it is as it should be: `Ready` must be true, pressures must not.
    pub good: bool,
}

/// What a node has.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Amounts {
    /// Thousandths of a CPU.
    pub cpu_millis: u64,
    /// Bytes.
    pub memory: u64,
    /// Bytes of the kubelet's disk.
    pub storage: u64,
    pub pods: u64,
    /// Devices and huge pages by their name, such as `nvidia.com/gpu`; those that are there.
    pub others: BTreeMap<String, u64>,
}

/// What of it is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Used {
    pub cpu_millis: u64,
    /// Bytes.
    pub memory: u64,
}

impl Cluster {
    /// A page of the nodes, with what is used of them where a metrics API says it.
    pub async fn nodes(&self, query: &Query) -> Result<Page<Node>, ClusterError> {
        let all: Api<core::Node> = Api::all(self.client.clone());
        let (page, used) = tokio::join!(self.page_of("list the nodes", &all, query), self.used());
        // Without a metrics API nodes are shown without what is used of them.
        let used = used.unwrap_or_default();
        Ok(page?.map(|node| {
            let mut node = Node::of(node);
            node.used = used.get(&node.name).copied();
            node
        }))
    }

    pub async fn node(&self, name: &str) -> Result<Node, ClusterError> {
        let all: Api<core::Node> = Api::all(self.client.clone());
        let what = "read the node";
        let name = checked(what, name)?;
        let (node, used) = tokio::join!(self.ask(what, all.get(name)), self.used());
        let mut node = Node::of(node?);
        node.used = used.unwrap_or_default().get(name).copied();
        Ok(node)
    }

    async fn used(&self) -> Result<BTreeMap<String, Used>, ClusterError> {
        let kind = GroupVersionKind::gvk("metrics.k8s.io", "v1beta1", "NodeMetrics");
        let api: Api<DynamicObject> =
            Api::all_with(self.client.clone(), &ApiResource::from_gvk_with_plural(&kind, "nodes"));
        let list = self.ask("ask for what is used", api.list(&ListParams::default())).await?;
        Ok(list
            .items
            .into_iter()
            .filter_map(|item| Some((item.metadata.name.clone()?, used_of(&item)?)))
            .collect())
    }
}

fn used_of(metrics: &DynamicObject) -> Option<Used> {
    let amount = |name: &str| Some(Quantity(metrics.data["usage"][name].as_str()?.to_owned()));
    Some(Used { cpu_millis: thousandths(&amount("cpu")?)?, memory: whole(&amount("memory")?)? })
}

impl Node {
    pub(crate) fn of(node: core::Node) -> Node {
        let core::Node { metadata, spec, status } = node;
        let (spec, status) = (spec.unwrap_or_default(), status.unwrap_or_default());
        let info = status.node_info.unwrap_or_default();
        let conditions: Vec<Condition> =
            status.conditions.unwrap_or_default().into_iter().map(Condition::of_node).collect();
        let labels = metadata.labels.unwrap_or_default();
        let role = |label: &String| label.strip_prefix("node-role.kubernetes.io/").map(str::to_owned);
        Node {
            name: metadata.name.unwrap_or_default(),
            roles: labels.keys().filter_map(role).collect(),
            ready: conditions.iter().any(|condition| condition.kind == "Ready" && condition.good),
            schedulable: !spec.unschedulable.unwrap_or_default(),
            version: info.kubelet_version,
            os: info.os_image,
            kernel: info.kernel_version,
            runtime: info.container_runtime_version,
            architecture: info.architecture,
            addresses: status
                .addresses
                .unwrap_or_default()
                .into_iter()
                .filter(|address| address.type_ == "InternalIP" || address.type_ == "ExternalIP")
                .map(|address| address.address)
                .collect(),
            pod_cidrs: spec.pod_cidrs.unwrap_or_default(),
            conditions,
            taints: spec.taints.unwrap_or_default().iter().map(taint).collect(),
            capacity: Amounts::of(&status.capacity.unwrap_or_default()),
            allocatable: Amounts::of(&status.allocatable.unwrap_or_default()),
            used: None,
            since: metadata.creation_timestamp.map(time),
        }
    }
}

impl Condition {
    fn of_node(condition: core::NodeCondition) -> Condition {
        let good = match condition.type_.as_str() {
            "Ready" => condition.status == "True",
            // The others of Kubernetes, and those of problem detectors, say what is wrong.
            _ => condition.status == "False",
        };
        Condition {
            kind: condition.type_,
            status: condition.status,
            reason: condition.reason.unwrap_or_default(),
            message: condition.message.unwrap_or_default(),
            since: condition.last_transition_time.map(time),
            good,
        }
    }
}

impl Amounts {
    fn of(all: &BTreeMap<String, Quantity>) -> Amounts {
        let amount = |name: &str| all.get(name).and_then(whole).unwrap_or_default();
        let named = ["cpu", "memory", "ephemeral-storage", "pods"];
        let others = all.iter().filter(|(name, _)| !named.contains(&name.as_str()));
        Amounts {
            cpu_millis: all.get("cpu").and_then(thousandths).unwrap_or_default(),
            memory: amount("memory"),
            storage: amount("ephemeral-storage"),
            pods: amount("pods"),
            others: others
                .filter_map(|(name, amount)| Some((name.clone(), whole(amount)?)))
                .filter(|(_, amount)| *amount > 0)
                .collect(),
        }
    }
}

fn taint(taint: &core::Taint) -> String {
    match &taint.value {
        Some(value) if !value.is_empty() => format!("{}={value}:{}", taint.key, taint.effect),
        Some(_) | None => format!("{}:{}", taint.key, taint.effect),
    }
}

pub(crate) fn time(time: Time) -> String {
    time.0.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answers;

    #[test]
    fn a_node_is_what_the_api_server_says() {
        let nodes: Vec<Node> = answers::items(answers::NODES).into_iter().map(Node::of).collect();
        let h1 = &nodes[0];
        assert_eq!((h1.name.as_str(), h1.ready, h1.schedulable), ("h1", true, true));
        assert_eq!(h1.roles, ["control-plane", "worker"]);
        assert_eq!(h1.version, "v1.37.1");
        assert_eq!(h1.runtime, "containerd://2.3.4");
        assert_eq!(h1.addresses, ["10.77.0.11"]);
        assert_eq!(h1.since.as_deref(), Some("2026-11-21T07:36:36Z"));
        assert_eq!(h1.capacity.cpu_millis, 4_000);
        assert_eq!(h1.capacity.memory, 24_683_672 * 1024);
        assert_eq!(h1.allocatable.storage, 18_861_701_499);
        assert!(h1.capacity.others.is_empty(), "huge pages that are not there are not told");
        assert_eq!(h1.conditions.len(), 5);
        assert!(h1.conditions.iter().all(|condition| condition.good), "{:?}", h1.conditions);
    }

    #[test]
    fn what_makes_a_node_unfit_shows() {
        let mut all: Vec<core::Node> = answers::items(answers::NODES);
        let spec = all[1].spec.as_mut().unwrap();
        spec.unschedulable = Some(true);
        spec.taints = Some(vec![core::Taint {
            key: "gpu".to_owned(),
            value: Some("yes".to_owned()),
            effect: "NoSchedule".to_owned(),
            time_added: None,
        }]);
        let status = all[1].status.as_mut().unwrap();
        for condition in status.conditions.as_mut().unwrap() {
            if ["Ready", "DiskPressure"].contains(&condition.type_.as_str()) {
                condition.status = "Unknown".to_owned();
            }
        }
        status.capacity.as_mut().unwrap().insert("nvidia.com/gpu".to_owned(), Quantity("8".to_owned()));
        let node = Node::of(all.remove(1));
        assert_eq!((node.ready, node.schedulable), (false, false));
        assert_eq!(node.taints, ["gpu=yes:NoSchedule"]);
        assert_eq!(node.capacity.others, BTreeMap::from([("nvidia.com/gpu".to_owned(), 8)]));
        let bad: Vec<&str> =
            node.conditions.iter().filter(|one| !one.good).map(|one| one.kind.as_str()).collect();
        assert_eq!(bad, ["DiskPressure", "Ready"]);
    }

    #[test]
    fn what_is_used_comes_from_the_metrics_api() {
        let metrics: Vec<DynamicObject> = answers::items(answers::NODE_METRICS);
        let used = used_of(&metrics[0]).unwrap();
        assert_eq!(used, Used { cpu_millis: 192, memory: 836_704 * 1024 });
        let mut broken = metrics[0].clone();
        broken.data["usage"]["cpu"] = "much".into();
        assert_eq!(used_of(&broken), None);
    }
}
