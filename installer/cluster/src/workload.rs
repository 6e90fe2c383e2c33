//! Workloads: Deployments, StatefulSets, DaemonSets, Jobs and CronJobs, told alike.

use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::PodSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::cluster::Cluster;
use crate::error::ClusterError;
use crate::node::time;
use crate::page::{Page, Query};
use crate::pod::{Owner, owner};

/// In the order in which they are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum Kind {
    Deployment,
    StatefulSet,
    DaemonSet,
    Job,
    CronJob,
}

impl Kind {
    pub const ALL: [Kind; 5] =
        [Kind::Deployment, Kind::StatefulSet, Kind::DaemonSet, Kind::Job, Kind::CronJob];

    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Deployment => "Deployment",
            Kind::StatefulSet => "StatefulSet",
            Kind::DaemonSet => "DaemonSet",
            Kind::Job => "Job",
            Kind::CronJob => "CronJob",
        }
    }

    pub fn parse(text: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    fn next(self) -> Option<Kind> {
        Kind::ALL.into_iter().skip_while(|kind| *kind != self).nth(1)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Workload {
    pub kind: Kind,
    pub namespace: String,
    pub name: String,
    /// How many pods there should be; of a Job, how many must succeed; of a CronJob, none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wanted: Option<u32>,
    /// How many are ready; of a Job, how many succeeded; of a CronJob, how many of its Jobs run now.
    pub ready: u32,
    /// How many are of the newest version.
    pub updated: u32,
    /// Of a Job: how many pods failed.
    pub failed: u32,
    /// Whether all is as it should be: as many as wanted are ready and of the newest version.
    pub well: bool,
    /// Stopped on purpose: a Job or CronJob that is suspended.
    pub suspended: bool,
    /// Of a CronJob.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    pub images: Vec<String>,
    /// Such as the CronJob of a Job.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
    /// RFC 3339.
    pub since: Option<String>,
}

impl Cluster {
    /// A page of one kind of workload, or of all kinds one after the other.
    ///
    /// A continue token is `<kind>:<the token of Kubernetes>`; a page ends early rather than that a kind is cut in the middle
    /// without need.
    pub async fn workloads(&self, kind: Option<Kind>, query: &Query) -> Result<Page<Workload>, ClusterError> {
        let what = "list the workloads";
        let invalid =
            |reason: &str| ClusterError::Invalid { what: what.to_owned(), reason: reason.to_owned() };
        let begin = begin(kind, query.token.as_deref())
            .ok_or_else(|| invalid("the continue token is not of this list"))?;
        let mut all = Page { items: Vec::new(), total: None, token: None };
        let mut total = query.token.is_none().then_some(0);
        let (mut at, mut token) = (begin.0, begin.1.map(str::to_owned));
        loop {
            let room = query.limit() - u32::try_from(all.items.len()).unwrap_or(u32::MAX);
            let part = Query { limit: Some(room), token: token.take(), ..query.clone() };
            let page = self.workloads_of(what, at, &part).await?;
            all.items.extend(page.items);
            total = total.zip(page.total).map(|(sum, more)| sum + more);
            let full = all.items.len() as u64 >= u64::from(query.limit());
            all.token = page.token.map(|token| format!("{}:{token}", at.as_str()));
            let next = at.next().filter(|_| kind.is_none());
            match next {
                Some(next) if all.token.is_none() && full => all.token = Some(format!("{}:", next.as_str())),
                Some(next) if all.token.is_none() => {
                    at = next;
                    continue;
                }
                Some(_) | None => {}
            }
            all.total = total.filter(|_| all.token.is_none() || kind.is_some());
            return Ok(all);
        }
    }

    async fn workloads_of(
        &self,
        what: &str,
        kind: Kind,
        query: &Query,
    ) -> Result<Page<Workload>, ClusterError> {
        Ok(match kind {
            Kind::Deployment => self.page::<Deployment>(what, query).await?.map(Workload::from),
            Kind::StatefulSet => self.page::<StatefulSet>(what, query).await?.map(Workload::from),
            Kind::DaemonSet => self.page::<DaemonSet>(what, query).await?.map(Workload::from),
            Kind::Job => self.page::<Job>(what, query).await?.map(Workload::from),
            Kind::CronJob => self.page::<CronJob>(what, query).await?.map(Workload::from),
        })
    }
}

/// Where a page begins: at which kind, and after which token of Kubernetes.
fn begin(only: Option<Kind>, token: Option<&str>) -> Option<(Kind, Option<&str>)> {
    let Some(token) = token else { return Some((only.unwrap_or(Kind::Deployment), None)) };
    let (kind, token) = token.split_once(':')?;
    let kind = Kind::parse(kind).filter(|kind| only.is_none_or(|only| only == *kind))?;
    Some((kind, Some(token).filter(|token| !token.is_empty())))
}

/// What all kinds say alike.
fn bare(kind: Kind, metadata: ObjectMeta, pods: Option<&PodSpec>) -> Workload {
    let owner = owner(&metadata);
    Workload {
        kind,
        namespace: metadata.namespace.unwrap_or_default(),
        name: metadata.name.unwrap_or_default(),
        wanted: None,
        ready: 0,
        updated: 0,
        failed: 0,
        well: true,
        suspended: false,
        schedule: None,
        images: pods.map(images).unwrap_or_default(),
        owner,
        since: metadata.creation_timestamp.map(time),
    }
}

fn images(pods: &PodSpec) -> Vec<String> {
    pods.containers.iter().filter_map(|container| container.image.clone()).collect()
}

fn count(number: Option<i32>) -> u32 {
    number.and_then(|number| u32::try_from(number).ok()).unwrap_or_default()
}

/// What its controller has not seen yet is not well, whatever the numbers say: they are of the version before.
fn seen(metadata: &ObjectMeta, observed: Option<i64>) -> bool {
    observed >= metadata.generation
}

/// What a controller that keeps a number of pods says of them.
struct Replicas {
    /// The generation that it has seen.
    observed: Option<i64>,
    wanted: Option<i32>,
    ready: Option<i32>,
    updated: Option<i32>,
}

impl Replicas {
    fn workload(self, kind: Kind, metadata: ObjectMeta, pods: Option<&PodSpec>) -> Workload {
        let seen = seen(&metadata, self.observed);
        let (wanted, ready, updated) = (count(self.wanted), count(self.ready), count(self.updated));
        Workload {
            wanted: Some(wanted),
            ready,
            updated,
            well: seen && ready >= wanted && updated >= wanted,
            ..bare(kind, metadata, pods)
        }
    }
}

impl From<Deployment> for Workload {
    fn from(of: Deployment) -> Workload {
        let (spec, status) = (of.spec, of.status.unwrap_or_default());
        let replicas = Replicas {
            observed: status.observed_generation,
            wanted: spec.replicas.or(Some(1)),
            ready: status.ready_replicas,
            updated: status.updated_replicas,
        };
        replicas.workload(Kind::Deployment, of.metadata, spec.template.spec.as_ref())
    }
}

impl From<StatefulSet> for Workload {
    fn from(of: StatefulSet) -> Workload {
        let (spec, status) = (of.spec, of.status.unwrap_or_default());
        let replicas = Replicas {
            observed: status.observed_generation,
            wanted: spec.replicas.or(Some(1)),
            ready: status.ready_replicas,
            updated: status.updated_replicas,
        };
        replicas.workload(Kind::StatefulSet, of.metadata, spec.template.spec.as_ref())
    }
}

impl From<DaemonSet> for Workload {
    fn from(of: DaemonSet) -> Workload {
        let (spec, status) = (of.spec, of.status.unwrap_or_default());
        let replicas = Replicas {
            observed: status.observed_generation,
            wanted: Some(status.desired_number_scheduled),
            ready: Some(status.number_ready),
            updated: status.updated_number_scheduled,
        };
        replicas.workload(Kind::DaemonSet, of.metadata, spec.template.spec.as_ref())
    }
}

impl From<Job> for Workload {
    fn from(of: Job) -> Workload {
        let (spec, status) = (of.spec.unwrap_or_default(), of.status.unwrap_or_default());
        let ended_badly = status
            .conditions
            .iter()
            .flatten()
            .any(|condition| condition.type_ == "Failed" && condition.status == "True");
        Workload {
            wanted: Some(count(spec.completions.or(spec.parallelism).or(Some(1)))),
            ready: count(status.succeeded),
            failed: count(status.failed),
            // One that still works is well.
            well: !ended_badly,
            suspended: spec.suspend.unwrap_or_default(),
            ..bare(Kind::Job, of.metadata, spec.template.spec.as_ref())
        }
    }
}

impl From<CronJob> for Workload {
    fn from(of: CronJob) -> Workload {
        let (spec, status) = (of.spec, of.status.unwrap_or_default());
        let pods = spec.job_template.spec.and_then(|job| job.template.spec);
        Workload {
            ready: u32::try_from(status.active.map_or(0, |active| active.len())).unwrap_or(u32::MAX),
            suspended: spec.suspend.unwrap_or_default(),
            schedule: Some(spec.schedule),
            ..bare(Kind::CronJob, of.metadata, pods.as_ref())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answers;

    fn deployment(name: &str) -> Deployment {
        let all: Vec<Deployment> = answers::items(answers::DEPLOYMENTS);
        all.into_iter().find(|one| one.metadata.name.as_deref() == Some(name)).unwrap()
    }

    #[test]
    fn a_deployment_that_is_as_wanted_is_well() {
        let coredns = Workload::from(deployment("coredns"));
        assert_eq!((coredns.wanted, coredns.ready, coredns.updated, coredns.well), (Some(2), 2, 2, true));
        assert!(coredns.images[0].starts_with("registry.k8s.io/coredns/coredns:"), "{:?}", coredns.images);
        let web = Workload::from(deployment("web"));
        assert_eq!((web.wanted, web.ready, web.well), (Some(1), 0, false));
    }

    #[test]
    fn a_change_that_nobody_has_seen_yet_is_not_well() {
        let mut coredns = deployment("coredns");
        *coredns.metadata.generation.as_mut().unwrap() += 1;
        assert!(!Workload::from(coredns).well);
    }

    #[test]
    fn a_deployment_of_none_is_well_without_pods() {
        let mut coredns = deployment("coredns");
        coredns.spec.replicas = Some(0);
        let status = coredns.status.as_mut().unwrap();
        (status.ready_replicas, status.updated_replicas) = (None, None);
        let told = Workload::from(coredns);
        assert_eq!((told.wanted, told.well), (Some(0), true));
    }

    #[test]
    fn every_kind_is_told_alike() {
        let sets: Vec<DaemonSet> = answers::items(answers::DAEMON_SETS);
        let flannel = Workload::from(sets.into_iter().next().unwrap());
        assert_eq!((flannel.name.as_str(), flannel.wanted, flannel.well), ("kube-flannel-ds", Some(2), true));
        let jobs: Vec<Job> = answers::items(answers::JOBS);
        let once = Workload::from(jobs.into_iter().next().unwrap());
        assert_eq!((once.wanted, once.ready, once.failed, once.well), (Some(1), 0, 0, true));
        let cron: Vec<CronJob> = answers::items(answers::CRON_JOBS);
        let tick = Workload::from(cron.into_iter().next().unwrap());
        assert_eq!((tick.wanted, tick.schedule.as_deref()), (None, Some("*/5 * * * *")));
        assert_eq!(tick.images, ["nonexistent.example/web:1"]);
    }

    #[test]
    fn pages_go_on_where_the_one_before_ended() {
        assert_eq!(begin(None, None), Some((Kind::Deployment, None)));
        assert_eq!(begin(Some(Kind::Job), None), Some((Kind::Job, None)));
        assert_eq!(begin(None, Some("DaemonSet:")), Some((Kind::DaemonSet, None)));
        assert_eq!(begin(None, Some("Job:abc:d")), Some((Kind::Job, Some("abc:d"))));
        for other in ["", "abc", "Pod:abc"] {
            assert_eq!(begin(None, Some(other)), None, "{other}");
        }
        assert_eq!(begin(Some(Kind::Job), Some("CronJob:x")), None, "a token of another list");
    }

    #[test]
    fn all_kinds_are_passed_through_once() {
        let mut passed = vec![Kind::Deployment];
        while let Some(next) = passed.last().and_then(|kind| kind.next()) {
            passed.push(next);
        }
        assert_eq!(passed, Kind::ALL);
    }
}
