//! Add-ons: what the plan of the site brought into its cluster, and how that is now.

use futures_util::stream::{StreamExt, iter};
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use kube::Api;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::cluster::Cluster;
use crate::error::ClusterError;
use crate::workload::{Kind, Workload};

/// How many are asked for at a time.
const AT_ONCE: usize = 8;

/// A workload that a plan brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedAddOn {
    /// As the plan names it, such as `coredns`.
    pub addon: String,
    pub kind: Kind,
    pub namespace: String,
    pub name: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AddOn {
    pub name: String,
    /// Whether all of it is there, and well.
    pub well: bool,
    /// What is there of it.
    pub workloads: Vec<Workload>,
    /// What is not, as `Kind namespace/name`.
    pub missing: Vec<String>,
}

/// The workloads in an add-on's manifest: those that run pods for as long as the cluster lives.
/// What is not YAML brings none; the API server refused it when it was applied.
pub fn wanted(addon: &str, manifest: &str) -> Vec<WantedAddOn> {
    let objects: Vec<Value> = serde_saphyr::from_multiple(manifest).unwrap_or_default();
    let known = |object: &Value| {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let kind = Kind::parse(object["kind"].as_str()?)?;
        let lasting = match kind {
            Kind::Deployment | Kind::StatefulSet | Kind::DaemonSet => true,
            Kind::Job | Kind::CronJob => false,
        };
        let metadata = &object["metadata"];
        lasting.then_some(WantedAddOn {
            addon: addon.to_owned(),
            kind,
            namespace: text(&metadata["namespace"]).unwrap_or_else(|| "default".to_owned()),
            name: text(&metadata["name"])?,
        })
    };
    objects.iter().filter_map(known).collect()
}

impl Cluster {
    /// How the add-ons are, in the order in which they are named first.
    pub async fn addons(&self, wanted: &[WantedAddOn]) -> Result<Vec<AddOn>, ClusterError> {
        let asked = iter(wanted.to_vec()).map(|one| async move { (self.lasting(&one).await, one) });
        let answers: Vec<_> = asked.buffered(AT_ONCE).collect().await;
        let mut found = Vec::with_capacity(answers.len());
        for (answer, one) in answers {
            found.push((one, answer?));
        }
        Ok(gathered(found))
    }

    /// None: it is not there.
    async fn lasting(&self, wanted: &WantedAddOn) -> Result<Option<Workload>, ClusterError> {
        let what = "look at the add-ons";
        let (client, namespace, name) = (self.client.clone(), &wanted.namespace, &wanted.name);
        Ok(match wanted.kind {
            Kind::Deployment => {
                let api: Api<Deployment> = Api::namespaced(client, namespace);
                self.ask(what, api.get_opt(name)).await?.map(Workload::from)
            }
            Kind::StatefulSet => {
                let api: Api<StatefulSet> = Api::namespaced(client, namespace);
                self.ask(what, api.get_opt(name)).await?.map(Workload::from)
            }
            Kind::DaemonSet => {
                let api: Api<DaemonSet> = Api::namespaced(client, namespace);
                self.ask(what, api.get_opt(name)).await?.map(Workload::from)
            }
            Kind::Job | Kind::CronJob => None,
        })
    }
}

fn gathered(found: Vec<(WantedAddOn, Option<Workload>)>) -> Vec<AddOn> {
    let mut all: Vec<AddOn> = Vec::new();
    for (wanted, workload) in found {
        let at = all.iter().position(|addon| addon.name == wanted.addon).unwrap_or_else(|| {
            let name = wanted.addon.clone();
            all.push(AddOn { name, well: true, workloads: Vec::new(), missing: Vec::new() });
            all.len() - 1
        });
        let addon = &mut all[at];
        match workload {
            Some(workload) => {
                addon.well &= workload.well;
                addon.workloads.push(workload);
            }
            None => {
                addon.well = false;
                let WantedAddOn { kind, namespace, name, .. } = wanted;
                addon.missing.push(format!("{} {namespace}/{name}", kind.as_str()));
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answers;

    const MANIFEST: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n---\n\
        apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: kube-flannel-ds, namespace: kube-flannel}\n---\n\
        apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n---\n\
        apiVersion: batch/v1\nkind: Job\nmetadata: {name: once}\n";

    #[test]
    fn a_manifest_names_what_is_to_run() {
        let all = wanted("net", MANIFEST);
        let told: Vec<String> =
            all.iter().map(|one| format!("{} {}/{}", one.kind.as_str(), one.namespace, one.name)).collect();
        assert_eq!(told, ["DaemonSet kube-flannel/kube-flannel-ds", "Deployment default/web"]);
        assert!(wanted("net", "{{").is_empty());
    }

    #[test]
    fn an_add_on_is_well_when_all_of_it_is_there_and_well() {
        let sets: Vec<DaemonSet> = answers::items(answers::DAEMON_SETS);
        let flannel = Workload::from(sets.into_iter().next().unwrap());
        let of = |addon: &str, name: &str| WantedAddOn {
            addon: addon.to_owned(),
            kind: Kind::DaemonSet,
            namespace: "n".to_owned(),
            name: name.to_owned(),
        };
        let ill = Workload { well: false, ..flannel.clone() };
        let all = gathered(vec![
            (of("net", "a"), Some(flannel.clone())),
            (of("dns", "b"), Some(flannel.clone())),
            (of("net", "c"), None),
            (of("store", "d"), Some(ill)),
        ]);
        let told: Vec<(&str, bool)> = all.iter().map(|addon| (addon.name.as_str(), addon.well)).collect();
        assert_eq!(told, [("net", false), ("dns", true), ("store", false)]);
        assert_eq!(all[0].missing, ["DaemonSet n/c"]);
        assert_eq!(all[0].workloads.len(), 1);
    }
}
