//! What a cluster in a lab is shown to do, each by doing it: nodes, names, pods across nodes, Services, host ports,
//! volumes, figures, pulls, and that nothing tried to leave the lab.

mod cluster;
mod network;
mod pulls;

pub use cluster::{Cluster, ProofError, Seen, wait};

use crate::address::BEYOND;
use crate::gateway::GatewayCount;
use crate::lab::Lab;
use cluster::{has_condition, text};
use serde_json::Value;
use std::time::{Duration, Instant};

/// One thing that was shown, or was not.
#[derive(Debug)]
pub struct Proof {
    pub name: &'static str,
    pub took: Duration,
    /// What was seen, for people.
    pub outcome: Result<String, ProofError>,
}

impl Proof {
    /// `ok    names are found (1.2 s): kubernetes is 10.96.0.1 …`
    pub fn line(&self) -> String {
        let (word, seen) = match &self.outcome {
            Ok(seen) => ("ok  ", seen.clone()),
            Err(error) => ("FAIL", format!("failed to {}", error.chain())),
        };
        format!("{word}  {} ({:.1} s): {seen}", self.name, self.took.as_secs_f64())
    }
}

/// Everything that is shown, in this order: the gateway is asked before pods of the proofs could have asked it.
const ALL: &[(&str, Check)] = &[
    ("every node is Ready", nodes_are_ready),
    ("nothing tried to leave the lab", nothing_left_the_lab),
    ("a pod runs on every node, pulled from the node itself", pods_run_everywhere),
    ("names are found", network::names_are_found),
    ("pods reach pods on every node", network::pods_reach_pods),
    ("pods reach a Service", network::pods_reach_a_service),
    ("a host port answers on every host", network::host_ports_answer),
    ("a volume keeps its data", a_volume_keeps_its_data),
    ("kubectl top nodes answers", top_answers),
    ("no pull failed", pulls::none_failed),
    ("all of it goes away again", everything_goes_away),
];

type Check = fn(&Stage<'_>) -> Result<String, ProofError>;

const NAMESPACE: &str = "armilla-proofs";
const WORKLOAD: &str = include_str!("proofs/workload.yaml");

/// What a proof has to do with.
struct Stage<'a> {
    lab: &'a Lab,
    cluster: Cluster<'a>,
    /// How many nodes there must be.
    nodes: usize,
}

/// Proves everything on the cluster whose control plane is host `control_plane` and which has `nodes` nodes. `tell`
/// hears each result as it comes. What the proofs put into the cluster is gone afterwards.
pub fn all(
    lab: &Lab,
    control_plane: &str,
    nodes: usize,
    tell: &dyn Fn(&Proof),
) -> Result<Vec<Proof>, ProofError> {
    let host = lab.host(control_plane).map_err(Box::new)?;
    let stage = Stage { lab, cluster: Cluster::on(host), nodes };
    let prove = |(name, check): &(&'static str, Check)| {
        let begun = Instant::now();
        let outcome = check(&stage);
        let proof = Proof { name, took: begun.elapsed(), outcome };
        tell(&proof);
        proof
    };
    Ok(ALL.iter().map(prove).collect())
}

fn nodes_are_ready(stage: &Stage<'_>) -> Result<String, ProofError> {
    wait("every node Ready", Duration::from_secs(120), || {
        let ready = stage.cluster.ready_nodes()?;
        let names: Vec<&str> = ready.iter().map(|(name, _)| name.as_str()).collect();
        Ok(match ready.len() == stage.nodes {
            true => Seen::Yes(names.join(", ")),
            false => Seen::NotYet(format!("{} of {} are: {}", names.len(), stage.nodes, names.join(", "))),
        })
    })
}

/// Zero is worth something only from a counter that counts: one packet is sent on purpose.
fn nothing_left_the_lab(stage: &Stage<'_>) -> Result<String, ProofError> {
    let before = stage.lab.gateway_count().map_err(Box::new)?;
    let strangers = uninvited(&before);
    if strangers > 0 {
        let flows = before.seen.iter().filter(|flow| flow.to != BEYOND.to_string());
        let flows: Vec<String> = flows
            .map(|flow| format!("{} from {} to {} {}", flow.packets, flow.from, flow.to, flow.protocol))
            .collect();
        return Err(ProofError::Wrong(format!(
            "{strangers} packets reached the gateway: {}",
            flows.join(", ")
        )));
    }
    stage.lab.gateway_probe(stage.lab.hosts()[0].name()).map_err(Box::new)?;
    wait("the packet that was sent on purpose", Duration::from_secs(5), || {
        let after = stage.lab.gateway_count().map_err(Box::new)?;
        Ok(match after.packets.checked_sub(before.packets) {
            Some(1) => Seen::Yes("0 packets at the gateway; 1 after one was sent on purpose".to_owned()),
            other => Seen::NotYet(format!("{other:?} packets more")),
        })
    })
}

/// Packets that no probe of ours sent.
pub fn uninvited(count: &GatewayCount) -> u64 {
    let probes: u64 =
        count.seen.iter().filter(|flow| flow.to == BEYOND.to_string()).map(|flow| flow.packets).sum();
    count.packets.saturating_sub(probes)
}

/// One pod of the DaemonSet `page`.
struct Page {
    pod: String,
    node: String,
    address: String,
}

impl Stage<'_> {
    fn pods(&self, app: &str) -> Result<Vec<Value>, ProofError> {
        let pods = self.cluster.list(&["pods", "-n", NAMESPACE, "-l", &format!("app={app}")])?;
        Ok(pods.into_iter().filter(|pod| pod["metadata"]["deletionTimestamp"].is_null()).collect())
    }

    /// The pages that are ready, one per node.
    fn pages(&self) -> Result<Vec<Page>, ProofError> {
        let ready = self.pods("page")?.into_iter().filter(|pod| has_condition(pod, "Ready"));
        let page = |pod: Value| Page {
            pod: text(&pod["metadata"]["name"]),
            node: text(&pod["spec"]["nodeName"]),
            address: text(&pod["status"]["podIP"]),
        };
        Ok(ready.map(page).collect())
    }

    /// Runs a shell line in a page's pod.
    fn in_page(&self, page: &Page, line: &str) -> Result<String, ProofError> {
        self.cluster.in_pod(NAMESPACE, &page.pod, line)
    }
}

fn pods_run_everywhere(stage: &Stage<'_>) -> Result<String, ProofError> {
    stage.cluster.kubectl_with(&["apply", "-f", "-"], WORKLOAD)?;
    wait("a ready pod on every node", Duration::from_secs(180), || {
        let pages = stage.pages()?;
        let nodes: Vec<&str> = pages.iter().map(|page| page.node.as_str()).collect();
        Ok(match pages.len() == stage.nodes {
            true => Seen::Yes(nodes.join(", ")),
            false => Seen::NotYet(format!("{} of {}: {}", nodes.len(), stage.nodes, nodes.join(", "))),
        })
    })
}

/// A pod writes, is deleted, comes back as another pod and reads what was written.
fn a_volume_keeps_its_data(stage: &Stage<'_>) -> Result<String, ProofError> {
    let writer = |not: &str| {
        wait("a ready pod with a volume", Duration::from_secs(120), || {
            let pods = stage.pods("writer")?;
            let ready = pods.iter().find(|pod| has_condition(pod, "Ready") && pod["metadata"]["uid"] != not);
            Ok(match ready {
                Some(pod) => Seen::Yes((text(&pod["metadata"]["name"]), text(&pod["metadata"]["uid"]))),
                None => Seen::NotYet(format!("{} pods, none ready", pods.len())),
            })
        })
    };
    let (pod, uid) = writer("")?;
    stage.cluster.in_pod(NAMESPACE, &pod, &format!("echo written by {uid} > /data/first && sync"))?;
    stage.cluster.kubectl(&["delete", "pod", "-n", NAMESPACE, &pod, "--wait=true"])?;
    let (next, _) = writer(&uid)?;
    let found = stage.cluster.in_pod(NAMESPACE, &next, "cat /data/first")?;
    match found.trim() == format!("written by {uid}") {
        true => Ok(format!("{next} found what {pod} wrote")),
        false => Err(ProofError::Wrong(format!("{next} found {found:?}, {pod} had written its uid {uid}"))),
    }
}

fn top_answers(stage: &Stage<'_>) -> Result<String, ProofError> {
    wait("figures of every node", Duration::from_secs(120), || {
        let answer = stage.cluster.kubectl(&["top", "nodes", "--no-headers"])?;
        // NAME CPU(cores) CPU% MEMORY(bytes) MEMORY%; a node without figures has <unknown>.
        let known = answer.lines().filter(|line| !line.contains("<unknown>"));
        let figures: Vec<String> = known
            .filter_map(|line| {
                let words: Vec<&str> = line.split_whitespace().collect();
                Some(format!("{} {} {}", words.first()?, words.get(1)?, words.get(3)?))
            })
            .collect();
        Ok(match figures.len() == stage.nodes {
            true => Seen::Yes(figures.join(", ")),
            false => Seen::NotYet(answer),
        })
    })
}

/// The namespace ends, and with it the volume that was made for it.
fn everything_goes_away(stage: &Stage<'_>) -> Result<String, ProofError> {
    stage.cluster.kubectl(&["delete", "namespace", NAMESPACE, "--ignore-not-found", "--timeout=120s"])?;
    wait("no volume left", Duration::from_secs(90), || {
        let volumes = stage.cluster.list(&["persistentvolumes"])?;
        let ours =
            volumes.iter().filter(|volume| volume["spec"]["claimRef"]["namespace"] == NAMESPACE).count();
        Ok(match ours {
            0 => Seen::Yes("namespace and volume are gone".to_owned()),
            left => Seen::NotYet(format!("{left} volumes are there")),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::Flow;

    #[test]
    fn packets_that_were_sent_on_purpose_are_not_held_against_the_install() {
        let flow = |to: &str, packets| Flow {
            from: "10.77.0.11".into(),
            to: to.into(),
            protocol: "udp".into(),
            packets,
        };
        let count = |packets, seen| GatewayCount { packets, bytes: 0, seen };
        assert_eq!(uninvited(&count(2, vec![flow("198.51.100.7", 2)])), 0);
        assert_eq!(uninvited(&count(3, vec![flow("198.51.100.7", 2), flow("192.0.2.53", 1)])), 1);
        assert_eq!(uninvited(&count(1, vec![])), 1);
    }

    #[test]
    fn a_failed_proof_says_so_first() {
        let outcome = Err(ProofError::Wrong("2 pages".into()));
        let line = Proof { name: "pages", took: Duration::from_millis(1234), outcome }.line();
        assert_eq!(line, "FAIL  pages (1.2 s): failed to see what was expected: 2 pages");
    }
}
