//! What a real API server answered, for tests. From a cluster of two hosts, Kubernetes 1.37.1, a minute after its install
//! and after `kubectl create deployment web`, `cronjob tick` and `job once`, all with an image that does not exist:
//! `kubectl get --raw PATH`, without `managedFields` and the nodes' images.

use serde::de::DeserializeOwned;

pub(crate) const NODES: &str = include_str!("../tests/answers/nodes.json");
pub(crate) const NODE_METRICS: &str = include_str!("../tests/answers/node-metrics.json");
pub(crate) const PODS: &str = include_str!("../tests/answers/pods.json");
pub(crate) const DEPLOYMENTS: &str = include_str!("../tests/answers/deployments.json");
pub(crate) const DAEMON_SETS: &str = include_str!("../tests/answers/daemonsets.json");
pub(crate) const JOBS: &str = include_str!("../tests/answers/jobs.json");
pub(crate) const CRON_JOBS: &str = include_str!("../tests/answers/cronjobs.json");
pub(crate) const EVENTS: &str = include_str!("../tests/answers/events.json");
pub(crate) const READYZ: &str = include_str!("../tests/answers/readyz.txt");
pub(crate) const ETCD_METRICS: &str = include_str!("../tests/answers/etcd-metrics.txt");
pub(crate) const API_SERVER: &str = include_str!("../tests/answers/apiserver.crt");

pub(crate) fn items<K: DeserializeOwned>(list: &str) -> Vec<K> {
    let mut list: serde_json::Value = serde_json::from_str(list).unwrap();
    serde_json::from_value(list["items"].take()).unwrap()
}
