//! A site as the file that would say it, every key written out: for the machine that takes a site over.

use serde_json::{Map, Value, json};

use crate::site::{Host, JumpHop, KubeProxyChoice, Registry, SecretRef, Site, SshLogin};

impl Site {
    /// The content of a site file; `Site::parse` of it as YAML gives this site again. Comments of the file that the site
    /// was read from are not in it.
    pub fn to_file(&self) -> Value {
        // Every field is named: a new one does not compile until it is written.
        let Site {
            name,
            hosts,
            network,
            api,
            dns_upstreams,
            time_servers,
            data_root,
            registries,
            kubelet_extra_args,
            api_server_extra_args,
            kube_proxy_mode,
            slowness,
            kubernetes_version,
            bundle,
            addons,
            waivers,
        } = self;
        let mut file = json!({
            "apiVersion": "armilla/v1",
            "kind": "Site",
            "metadata": {"name": name},
            "hosts": hosts.iter().map(host).collect::<Vec<_>>(),
            "network": {
                "podCIDR": network.pod_cidr.to_string(),
                "serviceCIDR": network.service_cidr.to_string(),
                "clusterDomain": network.cluster_domain,
                "nodePortRange": network.node_ports.to_string(),
            },
            "api": given([
                ("port", json!(api.port)),
                ("names", json!(api.names)),
                ("addresses", json!(api.addresses)),
                ("endpoint", json!(api.endpoint.as_ref().map(ToString::to_string))),
            ]),
            "dataRoot": data_root,
            "slowness": slowness.factor(),
            "kubeProxy": {"mode": match kube_proxy_mode {
                KubeProxyChoice::Auto => "auto",
                KubeProxyChoice::Nftables => "nftables",
                KubeProxyChoice::Iptables => "iptables",
            }},
            "addons": {"metricsServer": addons.metrics_server, "localPath": addons.local_path},
        });
        let map = file.as_object_mut().expect("it was made as a map");
        let mut put = |key: &str, value: Value| drop(map.insert(key.to_owned(), value));
        if !dns_upstreams.is_empty() {
            put("dns", json!({"upstreams": dns_upstreams}));
        }
        if !time_servers.is_empty() {
            let servers: Vec<String> = time_servers.iter().map(ToString::to_string).collect();
            put("time", json!({"servers": servers}));
        }
        if !registries.is_empty() {
            put("registries", registries.iter().map(registry).collect());
        }
        if !kubelet_extra_args.is_empty() {
            put("kubelet", json!({"extraArgs": kubelet_extra_args}));
        }
        if !api_server_extra_args.is_empty() {
            put("apiServer", json!({"extraArgs": api_server_extra_args}));
        }
        if !waivers.is_empty() {
            put("waivers", json!(waivers));
        }
        if let Some(version) = kubernetes_version {
            put("kubernetes", json!({"version": version.to_string()}));
        }
        if let Some(bundle) = bundle {
            put("bundle", given([("path", json!(bundle.path)), ("trust", json!(bundle.trust))]));
        }
        file
    }
}

/// A map without what is null or empty.
fn given<const N: usize>(entries: [(&str, Value); N]) -> Value {
    let empty = |value: &Value| match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    };
    let given = entries.into_iter().filter(|(_, value)| !empty(value));
    Value::Object(given.map(|(key, value)| (key.to_owned(), value)).collect::<Map<_, _>>())
}

fn host(host: &Host) -> Value {
    let roles = [(host.roles.control_plane, "control-plane"), (host.roles.worker, "worker")];
    let roles: Vec<&str> = roles.into_iter().filter(|(has, _)| *has).map(|(_, role)| role).collect();
    let taints = host
        .taints
        .iter()
        .map(|taint| json!({"key": taint.key, "value": taint.value, "effect": taint.effect.as_str()}));
    given([
        ("name", json!(host.name)),
        ("address", json!(host.address.to_string())),
        ("clusterAddress", json!(host.cluster_address)),
        ("port", json!(host.ssh.port)),
        ("user", json!(host.ssh.user)),
        ("hostKey", json!(host.ssh.host_key)),
        ("roles", json!(roles)),
        ("labels", json!(host.labels)),
        ("taints", taints.collect()),
        ("ssh", login(&host.ssh)),
        ("sudo", given([("password", secret(host.sudo.password.as_ref()))])),
        ("jump", host.jump.iter().map(hop).collect()),
    ])
}

fn hop(hop: &JumpHop) -> Value {
    given([
        ("address", json!(hop.address.to_string())),
        ("port", json!(hop.ssh.port)),
        ("user", json!(hop.ssh.user)),
        ("hostKey", json!(hop.ssh.host_key)),
        ("ssh", login(&hop.ssh)),
    ])
}

fn login(ssh: &SshLogin) -> Value {
    given([
        ("keyFile", json!(ssh.key_file)),
        ("passphrase", secret(ssh.passphrase.as_ref())),
        ("agent", json!(ssh.agent)),
        ("password", secret(ssh.password.as_ref())),
    ])
}

fn secret(from: Option<&SecretRef>) -> Value {
    match from {
        None => Value::Null,
        Some(SecretRef::File(path)) => json!({"file": path}),
        Some(SecretRef::Env(name)) => json!({"env": name}),
        Some(SecretRef::Prompt) => json!({"prompt": true}),
    }
}

fn registry(registry: &Registry) -> Value {
    let login = registry.credentials.as_ref();
    given([
        ("host", json!(registry.host)),
        ("caFile", json!(registry.ca_file)),
        ("username", json!(login.map(|login| &login.username))),
        ("password", secret(login.map(|login| &login.password))),
        ("mirrorOf", json!(registry.mirror_of)),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_site_is_read_as_the_same_site() {
        let full = r#"
apiVersion: armilla/v1
kind: Site
metadata: {name: demo}
ssh: {user: site, port: 2222, keyFile: ~/.ssh/id, passphrase: {prompt: true}}  # passphrase is hunter2
sudo: {password: {env: SUDO}}
jump: [{address: gate.example, port: 2200, hostKey: "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}]
hosts:
  - {name: h1, address: node.example, clusterAddress: 10.0.0.1, roles: [control-plane, worker], jump: []}
  - name: h2
    address: 10.0.0.2
    user: root
    ssh: {agent: true, password: {file: /p}}
    labels: {a/b: "true"}
    taints: [{key: x, value: y, effect: NoExecute}, {key: z, effect: NoSchedule}]
network: {podCIDR: 10.9.0.0/16, serviceCIDR: 10.8.0.0/16, clusterDomain: x.local, nodePortRange: 31000-31999}
api: {port: 8443, names: [api.example], addresses: [10.0.0.9], endpoint: "api.example:443"}
dns: {upstreams: [9.9.9.9]}
time: {servers: [ntp.example, 10.0.0.7]}
dataRoot: /data
slowness: 7
registries:
  - {host: "r.example:5000", caFile: ~/ca.pem, username: u, password: {prompt: true}, mirrorOf: [docker.io]}
  - {host: s.example}
kubelet: {extraArgs: {max-pods: "250"}}
apiServer: {extraArgs: {v: "2"}}
kubeProxy: {mode: iptables}
kubernetes: {version: 1.37.1}
bundle: {path: ../b.bundle, trust: "-----BEGIN PUBLIC KEY-----\nx\n-----END PUBLIC KEY-----\n"}
addons: {metricsServer: false, localPath: true}
"#;
        let plain = "apiVersion: armilla/v1\nkind: Site\nmetadata: {name: demo}\nhosts:\n  \
                     - {name: h1, address: 10.0.0.1, roles: [control-plane]}\n";
        for text in [full, plain] {
            let site = Site::parse(text).unwrap();
            let written = serde_json::to_string_pretty(&site.to_file()).unwrap();
            assert_eq!(Site::parse(&written).unwrap_or_else(|error| panic!("{error}\n{written}")), site);
            assert!(!written.contains("hunter2"), "a comment came along");
        }
    }
}
