//! `armilla cluster`: what a site's running cluster says of itself, as its API tells it now.

use std::io::Write;

use clap::{Args, Subcommand};
use serde_json::Value;

use super::asking::{self, print_json, told};
use super::of_site::OfSite;
use super::{CliError, Output, escaped, terminal};

/// Items of a page, at most what a server gives of what Kubernetes lists.
const PAGE: usize = 500;

#[derive(Debug, Subcommand)]
pub(super) enum ClusterCommand {
    /// Version and health: the API server's own checks, and each etcd member
    Health(Of),
    /// List nodes: versions, conditions, what they have
    Nodes(Part),
    /// List what the site's plan brought into the cluster, wanted and ready
    Addons(Of),
    /// List certificates with their dates
    Certificates(Of),
    /// List Deployments, StatefulSets, DaemonSets, Jobs and CronJobs
    Workloads(Workloads),
    /// List pods
    Pods(Part),
    /// List what Kubernetes noted of its objects in the last hour
    Events(Part),
    /// Print what a container of a pod wrote
    Logs(Logs),
    /// Open a terminal in a container of a pod
    Exec(Exec),
}

#[derive(Debug, Args)]
pub(super) struct Of {
    #[command(flatten)]
    site: OfSite,
    #[arg(short = 'o', long, value_enum, default_value_t)]
    output: Output,
}

#[derive(Debug, Args)]
pub(super) struct Part {
    #[command(flatten)]
    of: Of,
    /// This namespace alone
    #[arg(short = 'n', long)]
    namespace: Option<String>,
    /// A label selector of Kubernetes, such as app=web
    #[arg(short = 'l', long, value_name = "SELECTOR")]
    labels: Option<String>,
    /// A field selector of Kubernetes, such as spec.nodeName=h2
    #[arg(long, value_name = "SELECTOR")]
    fields: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct Workloads {
    #[command(flatten)]
    part: Part,
    /// This kind alone
    #[arg(long, value_parser = ["Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob"])]
    kind: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct Pod {
    pod: String,
    #[arg(short = 'n', long, default_value = "default")]
    namespace: String,
    /// Which container, where there are several
    #[arg(short = 'c', long)]
    container: Option<String>,
    #[command(flatten)]
    site: OfSite,
}

#[derive(Debug, Args)]
pub(super) struct Logs {
    #[command(flatten)]
    pod: Pod,
    /// Go on with what is written from now on
    #[arg(short = 'f', long)]
    follow: bool,
    /// Of the container before its last restart
    #[arg(long)]
    previous: bool,
    /// So many lines from the end
    #[arg(long, value_name = "LINES", default_value_t = 1000)]
    tail: u32,
    /// Nothing that is older than so many seconds
    #[arg(long, value_name = "SECONDS")]
    since: Option<u32>,
    /// Begin each line with its time
    #[arg(long)]
    timestamps: bool,
}

/// It is noted in the audit who opens it; what is typed and shown is not kept.
#[derive(Debug, Args)]
pub(super) struct Exec {
    #[command(flatten)]
    pod: Pod,
    /// What `sh` runs; without it the container's shell
    #[arg(last = true)]
    command: Vec<String>,
}

pub(super) const NODES: asking::Columns<'static> = &[
    ("NAME", "name"),
    ("STATUS", "status"),
    ("ROLES", "roles"),
    ("VERSION", "version"),
    ("ADDRESSES", "addresses"),
    ("OS", "os"),
    ("KERNEL", "kernel"),
    ("RUNTIME", "runtime"),
];
const ADDONS: asking::Columns<'static> = &[("NAME", "name"), ("WELL", "well"), ("MISSING", "missing")];
const CERTIFICATES: asking::Columns<'static> =
    &[("HOST", "host"), ("PLACE", "place"), ("SUBJECT", "subject"), ("UNTIL", "notAfter")];
const WORKLOADS: asking::Columns<'static> = &[
    ("NAMESPACE", "namespace"),
    ("KIND", "kind"),
    ("NAME", "name"),
    ("WANTED", "wanted"),
    ("READY", "ready"),
    ("WELL", "well"),
    ("SINCE", "since"),
];
const PODS: asking::Columns<'static> = &[
    ("NAMESPACE", "namespace"),
    ("NAME", "name"),
    ("STATUS", "status"),
    ("READY", "ready"),
    ("RESTARTS", "restarts"),
    ("NODE", "node"),
    ("ADDRESS", "address"),
];
const EVENTS: asking::Columns<'static> = &[
    ("LAST", "last"),
    ("NAMESPACE", "namespace"),
    ("KIND", "object.kind"),
    ("NAME", "object.name"),
    ("REASON", "reason"),
    ("COUNT", "count"),
    ("MESSAGE", "message"),
];
const CHECKS: asking::Columns<'static> = &[("CHECK", "name"), ("GOOD", "good"), ("MESSAGE", "message")];
const ETCD: asking::Columns<'static> = &[
    ("ETCD ON", "host"),
    ("VERSION", "member.version"),
    ("LEADER", "member.isLeader"),
    ("BYTES", "member.size"),
    ("FSYNC P99 MS", "member.fsyncP99Ms"),
    ("PROBLEM", "problem"),
];

pub(super) async fn run(command: &ClusterCommand) -> Result<u8, CliError> {
    match command {
        ClusterCommand::Health(args) => return health(args).await,
        ClusterCommand::Nodes(args) => {
            let mut nodes = listed(args, "nodes", None).await?;
            nodes.iter_mut().for_each(tell_status);
            asking::show(&nodes, NODES, args.of.output);
        }
        ClusterCommand::Addons(args) => {
            let (client, place) = args.site.cluster("cluster addons").await?;
            let listed: Value = asking::get(&client, &format!("{place}/addons")).await?;
            asking::show(asking::items(&listed), ADDONS, args.output);
        }
        ClusterCommand::Certificates(args) => return certificates(args).await,
        ClusterCommand::Workloads(args) => {
            let kind = args.kind.as_ref().map(|kind| ("kind", kind.as_str()));
            list(&args.part, "workloads", WORKLOADS, kind).await?;
        }
        ClusterCommand::Pods(args) => list(args, "pods", PODS, None).await?,
        ClusterCommand::Events(args) => list(args, "events", EVENTS, None).await?,
        ClusterCommand::Logs(args) => logs(args).await?,
        ClusterCommand::Exec(args) => {
            let (client, path) = args.pod.path("cluster exec", "exec").await?;
            let container = args.pod.container.as_ref().map(|name| format!("&container={}", escaped(name)));
            let command =
                (!args.command.is_empty()).then(|| format!("&command={}", escaped(&args.command.join(" "))));
            let path = format!(
                "{path}?term={}{}{}",
                terminal::term(),
                container.unwrap_or_default(),
                command.unwrap_or_default()
            );
            return terminal::attend(&client, &path).await;
        }
    }
    Ok(0)
}

impl Pod {
    async fn path(&self, verb: &str, what: &str) -> Result<(appliance_client::Client, String), CliError> {
        let (client, place) = self.site.cluster(verb).await?;
        let (namespace, pod) = (escaped(&self.namespace), escaped(&self.pod));
        Ok((client, format!("{place}/pods/{namespace}/{pod}/{what}")))
    }
}

async fn list(
    args: &Part,
    what: &str,
    columns: asking::Columns<'_>,
    more: Option<(&str, &str)>,
) -> Result<(), CliError> {
    asking::show(&listed(args, what, more).await?, columns, args.of.output);
    Ok(())
}

async fn listed(args: &Part, what: &str, more: Option<(&str, &str)>) -> Result<Vec<Value>, CliError> {
    let (client, place) = args.of.site.cluster(&format!("cluster {what}")).await?;
    let parts = [("namespace", &args.namespace), ("labels", &args.labels), ("fields", &args.fields)];
    let parts = parts.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?))).chain(more);
    let parts: Vec<String> = parts.map(|(name, value)| format!("{name}={}", escaped(value))).collect();
    let joint = if parts.is_empty() { "" } else { "?" };
    let path = format!("{place}/{what}{joint}{}", parts.join("&"));
    asking::pages(&client, &path, PAGE).await
}

/// Every node of a site's cluster.
pub(super) async fn nodes(site: &OfSite, verb: &str) -> Result<Vec<Value>, CliError> {
    let (client, place) = site.cluster(verb).await?;
    let mut nodes = asking::pages(&client, &format!("{place}/nodes"), PAGE).await?;
    nodes.iter_mut().for_each(tell_status);
    Ok(nodes)
}

/// As kubectl says it.
fn tell_status(node: &mut Value) {
    let ready = if node["ready"] == true { "Ready" } else { "NotReady" };
    let cordoned = if node["schedulable"] == false { ",SchedulingDisabled" } else { "" };
    node["status"] = Value::String(format!("{ready}{cordoned}"));
}

/// Exit code 6: it answers, and not all is as it should be.
async fn health(args: &Of) -> Result<u8, CliError> {
    let (client, place) = args.site.cluster("cluster health").await?;
    let cluster: Value = asking::get(&client, &place).await?;
    let health = &cluster["health"];
    let ready = health["ready"] == Value::Bool(true);
    match args.output {
        Output::Json => print_json(&cluster),
        Output::Text => {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            println!(
                "{}: Kubernetes {}, {}, asked through {}, answered in {} ms",
                text(&cluster["site"]),
                text(&health["version"]),
                if ready { "ready" } else { "not ready" },
                text(&cluster["through"]),
                health["answeredInMs"]
            );
            let checks = health["checks"].as_array().map_or(&[][..], Vec::as_slice);
            let bad: Vec<Value> = checks.iter().filter(|check| check["good"] != true).cloned().collect();
            if !bad.is_empty() {
                asking::show(&bad, CHECKS, Output::Text);
            }
            asking::show(cluster["etcd"].as_array().map_or(&[][..], Vec::as_slice), ETCD, Output::Text);
        }
    }
    let etcd_is_well =
        cluster["etcd"].as_array().is_none_or(|all| all.iter().all(|one| one["problem"].is_null()));
    Ok(if ready && etcd_is_well { 0 } else { 6 })
}

async fn certificates(args: &Of) -> Result<u8, CliError> {
    let (client, place) = args.site.cluster("cluster certificates").await?;
    let listed: Value = asking::get(&client, &format!("{place}/certificates")).await?;
    let problems = listed["problems"].as_array().map_or(&[][..], Vec::as_slice);
    match args.output {
        Output::Json => print_json(&listed),
        Output::Text => {
            asking::show(asking::items(&listed), CERTIFICATES, Output::Text);
            problems.iter().filter_map(Value::as_str).for_each(|problem| eprintln!("{problem}"));
        }
    }
    Ok(if problems.is_empty() { 0 } else { 6 })
}

async fn logs(args: &Logs) -> Result<(), CliError> {
    let (client, path) = args.pod.path("cluster logs", "log").await?;
    let container = args.pod.container.as_ref().map(|name| format!("&container={}", escaped(name)));
    let since = args.since.map(|seconds| format!("&since={seconds}"));
    let path = format!(
        "{path}?tail={}&follow={}&previous={}&timestamps={}{}{}",
        args.tail,
        args.follow,
        args.previous,
        args.timestamps,
        container.unwrap_or_default(),
        since.unwrap_or_default()
    );
    let mut log = client.get_stream(&path).await.map_err(told)?;
    while let Some(piece) = log.next().await.map_err(told)? {
        let mut out = std::io::stdout().lock();
        let shown = out.write_all(&piece).and_then(|()| out.flush());
        shown.map_err(|error| CliError::new(1, format!("print the log: {error}")))?;
    }
    Ok(())
}
