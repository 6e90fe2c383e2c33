//! What a host says: the state of its units, the ends of its logs, its containers, disks and memory.

use std::time::{Duration, Instant};

use installer_model::chain;
use installer_model::site::{Host, Site};
use installer_plan::preflight;
use installer_render::paths::ARMILLA_ROOT;
use installer_ssh::{BinarySource, Hand, Target};
use installer_wire::Command;

use super::archive::FILE_LIMIT;

/// One question, and the file that keeps its answer.
type Question = (&'static str, &'static [&'static str]);

/// None of these changes anything, and none shows the words or the environment of a process.
const QUESTIONS: &[Question] = &[
    ("uname.txt", &["uname", "-a"]),
    ("uptime.txt", &["cat", "/proc/uptime", "/proc/loadavg"]),
    ("os-release.txt", &["cat", "/etc/os-release"]),
    ("memory.txt", &["cat", "/proc/meminfo"]),
    ("disks.txt", &["df", "-h"]),
    ("inodes.txt", &["df", "-i"]),
    ("mounts.txt", &["cat", "/proc/mounts"]),
    ("addresses.txt", &["ip", "address"]),
    ("routes.txt", &["ip", "route", "show", "table", "all"]),
    ("ports.txt", &["ss", "-lntu"]),
    ("processes.txt", &["ps", "-eo", "pid,ppid,stat,rss,etime,comm"]),
    ("units.txt", &["systemctl", "list-units", "--all", "--no-pager", "--plain"]),
    ("units-failed.txt", &["systemctl", "list-units", "--failed", "--no-pager", "--plain"]),
    (
        "units-ours.txt",
        &[
            "systemctl",
            "status",
            "--no-pager",
            "-n",
            "0",
            "kubelet",
            "containerd",
            "armilla-node",
            "armilla-route",
        ],
    ),
    ("kubelet.log", &["journalctl", "-u", "kubelet.service", "-n", "3000", "--no-pager"]),
    ("containerd.log", &["journalctl", "-u", "containerd.service", "-n", "2000", "--no-pager"]),
    ("node.log", &["journalctl", "-u", "armilla-node.service", "-n", "1000", "--no-pager"]),
    ("kernel.log", &["journalctl", "-k", "-n", "500", "--no-pager"]),
    (
        "steps.log",
        &["find", "/var/lib/armilla/runs", "-name", "output", "-exec", "tail", "-v", "-n", "2000", "{}", "+"],
    ),
    ("containers.txt", &["/usr/local/bin/crictl", "ps", "-a"]),
    ("pods.txt", &["/usr/local/bin/crictl", "pods"]),
    ("images.txt", &["/usr/local/bin/crictl", "images"]),
    ("containers.log", SYSTEM_PODS),
    ("containerd.toml", &["cat", "/etc/containerd/config.toml"]),
    ("kubelet.yaml", &["cat", "/var/lib/kubelet/config.yaml"]),
    ("kubernetes-files.txt", &["ls", "-lR", "/etc/kubernetes"]),
    ("armilla-files.txt", &["ls", "-lA", "/var/lib/armilla", "/var/lib/armilla/runs", "/etc/armilla"]),
    ("fence.json", &["cat", "/var/lib/armilla/fence.json"]),
];

/// The ends of the logs of what Armilla installs, by namespace. What else runs there is the operator's own.
const SYSTEM_PODS: &[&str] = &[
    "find",
    "/var/log/pods/",
    "-name",
    "*.log",
    "-regex",
    r"/var/log/pods/\(kube-system\|kube-flannel\|local-path-storage\)_.*",
    "-exec",
    "tail",
    "-v",
    "-n",
    "300",
    "{}",
    "+",
];

/// What only a host with the cluster's own kubeconfig can say.
const OF_THE_CLUSTER: &[Question] = &[
    ("cluster-ready.txt", &["get", "--raw", "/readyz?verbose"]),
    ("cluster-nodes.txt", &["get", "nodes", "-o", "wide"]),
    ("cluster-node-details.txt", &["describe", "nodes"]),
    ("cluster-pods.txt", &["get", "pods", "-A", "-o", "wide"]),
    (
        "cluster-workloads.txt",
        &["get", "deployments,daemonsets,statefulsets,services,pv,pvc", "-A", "-o", "wide"],
    ),
    ("cluster-events.txt", &["get", "events", "-A", "--sort-by=.lastTimestamp"]),
];

const CERTIFICATES: Question = ("certificates.txt", &["/usr/local/bin/kubeadm", "certs", "check-expiration"]);

const KUBECTL: [&str; 4] =
    ["/usr/local/bin/kubectl", "--kubeconfig", "/etc/kubernetes/admin.conf", "--request-timeout=10s"];
/// An API server that refuses does so sooner.
const SILENCE: Duration = Duration::from_secs(5);
/// For one question: a host whose disk is in trouble answers some and hangs at others.
const QUESTION_PATIENCE: Duration = Duration::from_secs(20);

/// What a host gave, file by file, and what it did not give.
#[derive(Default)]
pub(super) struct Given {
    pub(super) files: Vec<(String, Vec<u8>)>,
    pub(super) missing: Vec<(String, String)>,
}

/// Asks one host everything; ends at the limit with what there is by then.
pub(super) async fn ask(
    site: &Site,
    host: &Host,
    target: &Target,
    binaries: &BinarySource,
    limit: Duration,
) -> Given {
    let mut given = Given::default();
    let asked = tokio::time::timeout(limit, ask_all(site, host, target, binaries, &mut given)).await;
    match asked {
        Ok(Ok(())) => {}
        Ok(Err(why)) => given.missing.push((String::new(), why)),
        Err(_) => {
            given.missing.push((String::new(), format!("not all was said within {} s", limit.as_secs())))
        }
    }
    given
}

async fn ask_all(
    site: &Site,
    host: &Host,
    target: &Target,
    binaries: &BinarySource,
    given: &mut Given,
) -> Result<(), String> {
    let hand = Hand::start(target, binaries, ARMILLA_ROOT).await;
    let hand = hand.map_err(|error| format!("failed to {}", chain(&error)))?;
    let questions = serde_json::to_value(preflight::questions(site, host, true)).expect("plain data");
    match tokio::time::timeout(QUESTION_PATIENCE, hand.facts(questions)).await {
        Ok(Ok(facts)) => given.files.push(("facts.json".to_owned(), format!("{facts:#}").into_bytes())),
        Ok(Err(error)) => given.missing.push(("facts.json".to_owned(), chain(&error))),
        Err(_) => given.missing.push(("facts.json".to_owned(), "no answer".to_owned())),
    }
    for (file, argv) in QUESTIONS {
        question(&hand, file, argv.to_vec(), given).await;
    }
    if host.roles.control_plane {
        of_the_cluster(&hand, given).await;
        let (file, argv) = CERTIFICATES;
        question(&hand, file, argv.to_vec(), given).await;
    }
    Ok(())
}

/// An API server that is gone lets each question wait for as long as it may: one that waited is enough.
async fn of_the_cluster(hand: &Hand, given: &mut Given) {
    let mut silent = None;
    for (file, words) in OF_THE_CLUSTER {
        if let Some(asked) = silent {
            given
                .missing
                .push(((*file).to_owned(), format!("the cluster's API did not answer: see {asked}")));
            continue;
        }
        let begun = Instant::now();
        let answered = question(hand, file, [&KUBECTL, *words].concat(), given).await;
        silent = (!answered && begun.elapsed() >= SILENCE).then_some(*file);
    }
}

/// Whether the program ended well. The answer is kept also where the program ended badly: why it did is what support looks for.
async fn question(hand: &Hand, file: &str, argv: Vec<&str>, given: &mut Given) -> bool {
    let mut command = Command::new(argv.iter().copied())
        .timeout_ms(u64::try_from(QUESTION_PATIENCE.as_millis()).unwrap_or(u64::MAX));
    command.max_output = FILE_LIMIT as u32;
    match hand.command(command, b"").await {
        Ok(output) => {
            let mut text = output.stdout.clone();
            if !output.ok() || text.is_empty() {
                text.extend_from_slice(
                    format!("\n[{} ended with {}]\n", argv.join(" "), output.code).as_bytes(),
                );
                text.extend_from_slice(&output.stderr);
            }
            given.files.push((file.to_owned(), text));
            output.ok()
        }
        Err(error) => {
            given.missing.push((file.to_owned(), chain(&error)));
            false
        }
    }
}
