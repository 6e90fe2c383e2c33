//! A running cluster as the server shows it: asked over HTTP, entered by terminals, and by the verbs that read beside it.

use super::served::Served;
use crate::installation::Installation;
use serde_json::Value;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// Everything that can be seen of a cluster, and the terminals into it.
pub(crate) fn all(site: &Installation, server: &mut Served<'_>) {
    health_and_nodes(site, server);
    what_runs(server);
    certificates_have_dates(site, server);
    a_kubeconfig_opens_the_cluster(site, server);
    terminals(site, server);
    who_looked_is_in_the_audit(server);
    verbs_that_read_work_beside_it(site);
}

fn place(server: &Served<'_>, rest: &str) -> String {
    format!("clusters/{}{rest}", server.name())
}

fn health_and_nodes(site: &Installation, server: &mut Served<'_>) {
    let cluster = server.get(&place(server, ""));
    assert_eq!(cluster["health"]["ready"], true, "{cluster}");
    let version = text(&cluster["health"]["version"]);
    assert!(version.starts_with("v1."), "{cluster}");
    let etcd = list(&cluster["etcd"]);
    assert!(etcd.len() == 1 && etcd[0]["member"]["hasLeader"] == true, "{cluster}");

    let nodes = server.get(&place(server, "/nodes"));
    let names: Vec<String> = list(&nodes["items"]).iter().map(|node| text(&node["name"])).collect();
    let hosts: Vec<&str> = site.lab.hosts().iter().map(|host| host.name()).collect();
    assert_eq!(names, hosts);
    for node in list(&nodes["items"]) {
        assert!(node["ready"] == true && node["version"] == version.as_str(), "{node}");
    }
    let one = server.get(&place(server, "/nodes/h2"));
    assert_eq!(one["addresses"][0], site.host("h2").address().to_string(), "{one}");
    let none = server.ask(&format!("\"$U/{}\"", place(server, "/nodes/h9")));
    assert_eq!((none.status, &none.body["type"]), (404, &Value::from("urn:armilla:problem:not-found")));
    println!("{} nodes at {version}", names.len());
}

fn what_runs(server: &mut Served<'_>) {
    let addons = server.get(&place(server, "/addons"));
    let of_kind = |name: &str| list(&addons["items"]).iter().any(|addon| addon["name"] == name);
    assert!(of_kind("coredns") && of_kind("flannel"), "{addons}");
    let unwell: Vec<&Value> = list(&addons["items"]).iter().filter(|addon| addon["well"] != true).collect();
    assert!(unwell.is_empty(), "{unwell:?}");

    let workloads = server.get(&place(server, "/workloads?namespace=kube-system"));
    let named = |workload: &&Value| workload["name"] == "coredns";
    let coredns = list(&workloads["items"]).iter().find(named).expect("coredns is a workload");
    assert_eq!(coredns["kind"], "Deployment", "{coredns}");

    let pods = server.get(&place(server, "/pods?namespace=kube-system&labels=k8s-app%3Dkube-dns"));
    let pod = list(&pods["items"]).first().expect("coredns has a pod");
    assert!(pod["status"] == "Running" && pod["owner"]["name"] == "coredns", "{pod}");
    let pod = text(&pod["name"]);
    let again = server.get(&place(server, &format!("/pods/kube-system/{pod}")));
    assert_eq!(again["name"], pod.as_str());
    let log = server
        .shell
        .tell(&format!("api \"$U/{}\"", place(server, &format!("/pods/kube-system/{pod}/log?tail=50"))));
    assert!(log.contains("CoreDNS-"), "{log}");

    let events = server.get(&place(server, "/events?namespace=kube-system&limit=500"));
    let pulled = |event: &Value| event["reason"] == "Scheduled" || event["reason"] == "Started";
    assert!(list(&events["items"]).iter().any(pulled), "{events}");
}

fn certificates_have_dates(site: &Installation, server: &mut Served<'_>) {
    let seen = server.get(&place(server, "/certificates"));
    assert_eq!(seen["problems"], serde_json::json!([]), "{seen}");
    let day = site.host("h1").shell("openssl version >/dev/null 2>&1; date -u +%s").unwrap();
    let now: u64 = day.trim().parse().unwrap();
    let api = |certificate: &&Value| text(&certificate["place"]).ends_with("pki/apiserver.crt");
    let api = list(&seen["items"]).iter().find(api).expect("the API server's certificate is seen");
    let days = (api["notAfterMs"].as_u64().unwrap() / 1000 - now) / 86400;
    assert!((360..=366).contains(&days), "kubeadm's certificates are good for a year: {api}");
    let address = site.host("h1").address().to_string();
    assert!(list(&api["names"]).iter().any(|name| *name == address.as_str()), "{api}");
    println!("{} certificates, the API server's good for {days} days", list(&seen["items"]).len());
}

fn a_kubeconfig_opens_the_cluster(site: &Installation, server: &mut Served<'_>) {
    let path = place(server, "/kubeconfig");
    server.shell.tell(&format!("umask 077; api \"$U/{path}\" >kubeconfig"));
    let kubectl = site.host("h1").root().join("usr/local/bin/kubectl");
    let nodes =
        server.shell.tell(&format!("{} --kubeconfig kubeconfig get nodes -o name", kubectl.display()));
    assert_eq!(nodes.lines().count(), site.lab.hosts().len(), "{nodes}");
}

fn terminals(site: &Installation, server: &mut Served<'_>) {
    let mut shell =
        server.terminal(&format!("sites/{}/hosts/h2/shell?columns=100&rows=40", server.name())).unwrap();
    shell.resize(120, 50);
    // A person's shell remembers what was typed, which is that person's and outlives a reset.
    shell.type_in("unset HISTFILE; stty size; echo host=$(hostname) user=$(id -un)\n");
    shell.wait_for("host=h2 user=root");
    shell.type_in("exit 7\n");
    let ended = shell.end();
    assert_eq!((ended.exit["code"].as_u64(), ended.close.0), (Some(7), 1000), "{ended:?}");
    assert!(ended.shown.contains("50 120"), "the window's new size: {}", ended.shown);

    let pods = server.get(&place(server, "/pods?namespace=kube-flannel&fields=spec.nodeName%3Dh2"));
    let pod = text(&list(&pods["items"]).first().expect("flannel runs on h2")["name"]);
    let bare = server.terminal(&place(server, &format!("/pods/kube-flannel/{pod}/exec"))).unwrap().end();
    assert!(text(&bare.exit["message"]).contains("\"sh\""), "there is no shell in it: {bare:?}");
    let image = "--image=docker.io/library/busybox:1.35";
    let run = ["run", "entered", image, "--image-pull-policy=IfNotPresent", "--", "sleep", "3600"];
    site.cluster().kubectl(&run).unwrap();
    site.cluster().kubectl(&["wait", "--for=condition=Ready", "pod/entered", "--timeout=120s"]).unwrap();
    let mut inside = server.terminal(&place(server, "/pods/default/entered/exec")).unwrap();
    inside.type_in("echo pod=$(hostname) in=$((40 + 2))\n");
    inside.wait_for("pod=entered in=42");
    inside.type_in("exit 3\n");
    let ended = inside.end();
    assert_eq!(ended.exit["code"], 3, "{ended:?}");
    site.cluster().kubectl(&["delete", "pod", "entered", "--now"]).unwrap();

    // Who leaves leaves nothing running on the host.
    let mut left = server.terminal(&format!("sites/{}/hosts/h3/shell", server.name())).unwrap();
    left.type_in("unset HISTFILE; sleep 86123 & echo started=$((40 + 2)); sleep 86123\n");
    left.wait_for("started=42");
    drop(left);
    let gone = || site.host("h3").shell("grep -lsa '[8]6123' /proc/[0-9]*/cmdline; true").unwrap().is_empty();
    let begun = Instant::now();
    while !gone() {
        assert!(begun.elapsed() < Duration::from_secs(60), "the shell that was left goes on");
        std::thread::sleep(Duration::from_millis(200));
    }
    let refused = server.terminal(&format!("sites/{}/hosts/h9/shell", server.name()));
    assert!(refused.is_err_and(|head| head.starts_with("HTTP/1.1 404 ")));
}

fn who_looked_is_in_the_audit(server: &mut Served<'_>) {
    let audit = server.get("audit?limit=1000");
    let place = |what: &str| list(&audit["items"]).iter().any(|entry| entry.to_string().contains(what));
    for what in ["/hosts/h2", "/kubeconfig", "exit code 7", "exit code 3"] {
        assert!(place(what), "{what} is not in the audit");
    }
}

/// The command line's: they read the same state folder while the server has it.
fn verbs_that_read_work_beside_it(site: &Installation) {
    let of_site = |verb: &str| site.folder.armilla(&site.lab, verb);
    let of_state = |verb: &str| {
        let mut command = site.lab.command([site.folder.program()]);
        command.args(verb.split(' ')).arg("--state").arg(site.folder.state());
        command
    };
    for (mut command, says) in [
        (of_site("status"), "h3"),
        (of_site("kubeconfig"), "client-certificate-data"),
        (of_site("image ls"), "coredns"),
        (of_state("run ls"), "healthy"),
        (of_state("run show"), "done"),
        (of_state("audit verify"), "unbroken"),
    ] {
        let output = command.stdin(Stdio::null()).output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success() && out.contains(says), "{command:?}: {out}{err}");
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
