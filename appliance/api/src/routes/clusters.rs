//! The sites' running clusters. What Kubernetes says is asked for when somebody asks, and never kept.

use appliance_control::clusters::Reached;
use appliance_control::{ControlError, kubeconfig};
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use installer_cluster::{
    AddOn, Certificate, ClusterError, Etcd, Event, Health, Kind as WorkloadKind, LogQuery, Node, Page, Pod,
    Query as Part, Workload,
};
use installer_model::site::Site;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use super::Routes;
use crate::access::{Known, Needs, Peer, while_in};
use crate::app::App;
use crate::extract::{Path, Query};
use crate::problem::{Kind, Problem};

pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .add(Needs::Viewer, routes!(cluster))
        .add(Needs::Viewer, routes!(nodes))
        .add(Needs::Viewer, routes!(node))
        .add(Needs::Viewer, routes!(addons))
        .add(Needs::Viewer, routes!(certificates))
        .add(Needs::Viewer, routes!(workloads))
        .add(Needs::Viewer, routes!(pods))
        .add(Needs::Viewer, routes!(pod))
        .add(Needs::Viewer, routes!(events))
        .add_stream(Needs::Viewer, routes!(log))
        .add(Needs::Admin, routes!(kubeconfig_of))
}

/// A cluster's health, as the API server and each etcd member tell it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ClusterBody {
    site: String,
    /// The control plane that it was asked through.
    through: String,
    health: Health,
    /// One of each control plane.
    etcd: Vec<EtcdBody>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct EtcdBody {
    host: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    member: Option<Etcd>,
    /// Why it could not be asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
struct AddOnsBody {
    items: Vec<AddOn>,
    total: usize,
}

#[derive(Debug, Serialize, ToSchema)]
struct CertificatesBody {
    items: Vec<Certificate>,
    total: usize,
    /// What could not be looked at, and why.
    problems: Vec<String>,
}

/// Which part of a list. Kubernetes cuts the pages; what it needs for that is passed on.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct PartParams {
    /// This namespace alone.
    #[param(max_length = 253)]
    namespace: Option<String>,
    /// A label selector of Kubernetes, such as `app=web`.
    #[param(max_length = 1000)]
    labels: Option<String>,
    /// A field selector of Kubernetes, such as `spec.nodeName=h2`.
    #[param(max_length = 1000)]
    fields: Option<String>,
    /// Of workloads: this kind alone.
    kind: Option<WorkloadKind>,
    /// Items of a page.
    #[param(minimum = 1, maximum = 500, default = 100)]
    limit: Option<u32>,
    /// What the page before said in `continue`.
    #[param(max_length = 4000)]
    #[serde(rename = "continue")]
    go_on: Option<String>,
}

impl PartParams {
    fn part(self) -> Result<Part, Problem> {
        if self.limit.is_some_and(|limit| !(1..=500).contains(&limit)) {
            return Err(Problem::invalid("?limit", "a page has 1 to 500 items"));
        }
        let PartParams { namespace, labels, fields, limit, go_on, kind: _ } = self;
        Ok(Part { namespace, labels, fields, limit, token: go_on })
    }
}

#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct LogParams {
    /// Which container; without it, the pod's only one.
    #[param(max_length = 253)]
    container: Option<String>,
    /// Go on with what is written from now on.
    #[serde(default)]
    follow: bool,
    /// Of the container before its last restart.
    #[serde(default)]
    previous: bool,
    /// How many lines from the end.
    #[param(maximum = 100_000, default = 1000)]
    tail: Option<u32>,
    /// Nothing that is older than so many seconds.
    #[param(minimum = 1)]
    since: Option<u32>,
    /// Begin each line with its time.
    #[serde(default)]
    timestamps: bool,
}

/// A site and the way to its cluster.
pub(super) struct To {
    pub(super) app: App,
    pub(super) site: Site,
}

impl To {
    /// There is such a site. Nothing was connected to yet.
    pub(super) async fn site(app: &App, name: String) -> Result<To, Problem> {
        let clusters = app.clusters()?.clone();
        let site = tokio::task::spawn_blocking(move || clusters.site(&name)).await;
        let site = site.map_err(|error| Problem::internal(&error))?;
        Ok(To { app: app.clone(), site: site.map_err(Problem::from)? })
    }

    async fn reached(app: &App, name: String) -> Result<(To, Reached), Problem> {
        let to = To::site(app, name).await?;
        let reached = app.clusters()?.reach(&to.site).await?;
        Ok((to, reached))
    }

    /// What was answered. A way that leads nowhere is not taken again.
    fn answer<T>(&self, answered: Result<T, ClusterError>) -> Result<T, Problem> {
        answered.map_err(|error| {
            if error.is_unreachable()
                && let Ok(clusters) = self.app.clusters()
            {
                clusters.lost(&self.site);
            }
            of_cluster(&error)
        })
    }
}

fn of_cluster(error: &ClusterError) -> Problem {
    match error.status() {
        Some(410) => {
            Problem::invalid("?continue", "the list has changed too much since that page: begin again")
        }
        Some(_) | None => ControlError::of_cluster(error).into(),
    }
}

/// A cluster's version and health
#[utoipa::path(get, path = "/api/v1/clusters/{site}", tag = "clusters", params(("site" = String, Path)),
    responses((status = 200, body = ClusterBody)))]
async fn cluster(State(app): State<App>, Path(site): Path<String>) -> Result<Json<ClusterBody>, Problem> {
    let (to, reached) = To::reached(&app, site).await?;
    let clusters = app.clusters()?;
    let (health, etcd) = tokio::join!(reached.cluster.health(), clusters.etcd(&to.site));
    let etcd = etcd.into_iter().map(|of| {
        let (member, problem) = match of.etcd {
            Ok(member) => (Some(member), None),
            Err(why) => (None, Some(why)),
        };
        EtcdBody { host: of.host, member, problem }
    });
    let site = to.site.name.to_string();
    Ok(Json(ClusterBody { site, through: reached.host, health: to.answer(health)?, etcd: etcd.collect() }))
}

/// A cluster's nodes: versions, conditions, what they have and what of it is used
#[utoipa::path(get, path = "/api/v1/clusters/{site}/nodes", tag = "clusters",
    params(("site" = String, Path), PartParams), responses((status = 200, body = Page<Node>)))]
async fn nodes(
    State(app): State<App>,
    Path(site): Path<String>,
    Query(params): Query<PartParams>,
) -> Result<Json<Page<Node>>, Problem> {
    let part = params.part()?;
    let (to, reached) = To::reached(&app, site).await?;
    Ok(Json(to.answer(reached.cluster.nodes(&part).await)?))
}

/// A node
#[utoipa::path(get, path = "/api/v1/clusters/{site}/nodes/{node}", tag = "clusters",
    params(("site" = String, Path), ("node" = String, Path)), responses((status = 200, body = Node)))]
async fn node(
    State(app): State<App>,
    Path((site, node)): Path<(String, String)>,
) -> Result<Json<Node>, Problem> {
    let (to, reached) = To::reached(&app, site).await?;
    Ok(Json(to.answer(reached.cluster.node(&node).await)?))
}

/// What the site's plan brought into the cluster, wanted and ready
#[utoipa::path(get, path = "/api/v1/clusters/{site}/addons", tag = "clusters", params(("site" = String, Path)),
    responses((status = 200, body = AddOnsBody)))]
async fn addons(State(app): State<App>, Path(site): Path<String>) -> Result<Json<AddOnsBody>, Problem> {
    let (to, reached) = To::reached(&app, site).await?;
    let wanted = app.clusters()?.addons(&to.site)?;
    let items = to.answer(reached.cluster.addons(&wanted).await)?;
    Ok(Json(AddOnsBody { total: items.len(), items }))
}

/// Certificates and their dates: of the API server, the kubelets, and those on the control planes' disks
#[utoipa::path(get, path = "/api/v1/clusters/{site}/certificates", tag = "clusters", params(("site" = String, Path)),
    responses((status = 200, body = CertificatesBody)))]
async fn certificates(
    State(app): State<App>,
    Path(site): Path<String>,
) -> Result<Json<CertificatesBody>, Problem> {
    let to = To::site(&app, site).await?;
    let seen = app.clusters()?.certificates(&to.site).await?;
    let problems = seen.problems.iter().map(ToString::to_string).collect();
    Ok(Json(CertificatesBody { total: seen.certificates.len(), items: seen.certificates, problems }))
}

/// Deployments, StatefulSets, DaemonSets, Jobs and CronJobs
#[utoipa::path(get, path = "/api/v1/clusters/{site}/workloads", tag = "clusters",
    params(("site" = String, Path), PartParams), responses((status = 200, body = Page<Workload>)))]
async fn workloads(
    State(app): State<App>,
    Path(site): Path<String>,
    Query(params): Query<PartParams>,
) -> Result<Json<Page<Workload>>, Problem> {
    let kind = params.kind;
    let part = params.part()?;
    let (to, reached) = To::reached(&app, site).await?;
    Ok(Json(to.answer(reached.cluster.workloads(kind, &part).await)?))
}

/// Pods, each with what it belongs to
#[utoipa::path(get, path = "/api/v1/clusters/{site}/pods", tag = "clusters",
    params(("site" = String, Path), PartParams), responses((status = 200, body = Page<Pod>)))]
async fn pods(
    State(app): State<App>,
    Path(site): Path<String>,
    Query(params): Query<PartParams>,
) -> Result<Json<Page<Pod>>, Problem> {
    let part = params.part()?;
    let (to, reached) = To::reached(&app, site).await?;
    Ok(Json(to.answer(reached.cluster.pods(&part).await)?))
}

/// A pod
#[utoipa::path(get, path = "/api/v1/clusters/{site}/pods/{namespace}/{pod}", tag = "clusters",
    params(("site" = String, Path), ("namespace" = String, Path), ("pod" = String, Path)),
    responses((status = 200, body = Pod)))]
async fn pod(
    State(app): State<App>,
    Path((site, namespace, pod)): Path<(String, String, String)>,
) -> Result<Json<Pod>, Problem> {
    let (to, reached) = To::reached(&app, site).await?;
    Ok(Json(to.answer(reached.cluster.pod(&namespace, &pod).await)?))
}

/// What Kubernetes noted of its objects in the last hour
#[utoipa::path(get, path = "/api/v1/clusters/{site}/events", tag = "clusters",
    params(("site" = String, Path), PartParams), responses((status = 200, body = Page<Event>)))]
async fn events(
    State(app): State<App>,
    Path(site): Path<String>,
    Query(params): Query<PartParams>,
) -> Result<Json<Page<Event>>, Problem> {
    let part = params.part()?;
    let (to, reached) = To::reached(&app, site).await?;
    Ok(Json(to.answer(reached.cluster.events(&part).await)?))
}

/// What a container of a pod wrote; with `follow`, as it writes
#[utoipa::path(get, path = "/api/v1/clusters/{site}/pods/{namespace}/{pod}/log", tag = "clusters",
    params(("site" = String, Path), ("namespace" = String, Path), ("pod" = String, Path), LogParams),
    responses((status = 200, body = String, content_type = "text/plain"),
        (status = 429, body = crate::problem::ProblemBody, content_type = "application/problem+json")))]
async fn log(
    State(app): State<App>,
    Path((site, namespace, pod)): Path<(String, String, String)>,
    Query(params): Query<LogParams>,
    known: Known,
) -> Result<Response, Problem> {
    let LogParams { container, follow, previous, tail, since, timestamps } = params;
    if tail.is_some_and(|tail| tail > 100_000) {
        return Err(Problem::invalid("?tail", "at most 100000 lines are given"));
    }
    if since == Some(0) {
        return Err(Problem::invalid("?since", "at least one second"));
    }
    let query = LogQuery { container, follow, previous, tail, since, timestamps };
    let opened = app.streams().open(&known)?;
    let (to, reached) = To::reached(&app, site).await?;
    let pieces = to.answer(reached.cluster.logs(&namespace, &pod, &query).await)?;
    let headers = [(CONTENT_TYPE, "text/plain; charset=utf-8")];
    // Nothing between us and the reader shall keep lines back.
    Ok((
        headers,
        [("x-accel-buffering", "no")],
        Body::from_stream(opened.while_read(while_in(&app, known, pieces))),
    )
        .into_response())
}

/// The administrators' kubeconfig. Whoever has it may do all in the cluster: it is noted who took it
#[utoipa::path(get, path = "/api/v1/clusters/{site}/kubeconfig", tag = "clusters", params(("site" = String, Path)),
    responses((status = 200, body = String, content_type = "application/yaml")))]
async fn kubeconfig_of(
    State(app): State<App>,
    Path(site): Path<String>,
    known: Known,
    peer: Peer,
) -> Result<Response, Problem> {
    let to = To::site(&app, site).await?;
    let admin = app.clusters()?.kubeconfig(&to.site).await?;
    let server = format!("https://{}", to.site.kubeconfig_endpoint());
    let ours = kubeconfig::for_people(&admin, to.site.name.as_str(), &server).map_err(|why| {
        Problem::new(Kind::Upstream, format!("The cluster's admin.conf cannot be read: {why}."))
    })?;
    super::terminals::note_handed(&app, &known, &peer, format!("{}/kubeconfig", to.site.name)).await?;
    Ok(([(CONTENT_TYPE, "application/yaml")], kubeconfig::to_yaml(&ours)).into_response())
}
