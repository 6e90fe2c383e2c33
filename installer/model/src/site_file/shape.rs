//! The site file as written: every key that exists, where it may stand, nothing judged yet.

use super::reader::{Errors, Located, MapReader, Shape, Text, read_map, shape};
use super::{Place, SiteError};
use crate::yaml;

type Field = Option<Located<Text>>;

/// `site.yaml`. An absent field is `None` or empty; what absence means is decided by the validation.
#[derive(Debug, Clone)]
pub struct SiteFile {
    pub(super) place: Place,
    pub(super) api_version: Field,
    pub(super) kind: Field,
    pub(super) metadata: Option<Located<Metadata>>,
    pub(super) ssh: SshFile,
    pub(super) sudo: Option<Located<SudoFile>>,
    pub(super) jump: Vec<Located<JumpFile>>,
    pub(super) hosts: Vec<Located<HostFile>>,
    pub(super) network: NetworkFile,
    pub(super) api: ApiFile,
    pub(super) dns: Vec<Located<Text>>,
    pub(super) time: Vec<Located<Text>>,
    pub(super) data_root: Field,
    pub(super) registries: Vec<Located<RegistryFile>>,
    pub(super) kubelet: Vec<(Located<String>, Located<Text>)>,
    pub(super) api_server: Vec<(Located<String>, Located<Text>)>,
    pub(super) kube_proxy_mode: Field,
    pub(super) slowness: Field,
    pub(super) kubernetes_version: Field,
    pub(super) bundle: Option<Located<BundleFile>>,
    pub(super) addons: AddonsFile,
    pub(super) waivers: Vec<Located<WaiverFile>>,
}

#[derive(Debug, Clone)]
pub(super) struct Metadata {
    pub(super) name: Field,
}

/// The same shape at the top level, at a host and at a hop; the nearer one wins key by key.
#[derive(Debug, Clone, Default)]
pub(super) struct SshFile {
    pub(super) user: Field,
    pub(super) port: Field,
    pub(super) key_file: Field,
    pub(super) passphrase: Option<Located<SecretFile>>,
    pub(super) agent: Field,
    pub(super) password: Option<Located<SecretFile>>,
}

#[derive(Debug, Clone)]
pub(super) struct SudoFile {
    pub(super) password: Option<Located<SecretFile>>,
}

#[derive(Debug, Clone)]
pub(super) struct SecretFile {
    pub(super) file: Field,
    pub(super) env: Field,
    pub(super) prompt: Field,
}

#[derive(Debug, Clone)]
pub(super) struct JumpFile {
    pub(super) address: Field,
    pub(super) port: Field,
    pub(super) user: Field,
    pub(super) host_key: Field,
    pub(super) ssh: SshFile,
}

#[derive(Debug, Clone)]
pub(super) struct HostFile {
    pub(super) name: Field,
    pub(super) address: Field,
    pub(super) port: Field,
    pub(super) user: Field,
    pub(super) host_key: Field,
    pub(super) cluster_address: Field,
    pub(super) roles: Vec<Located<Text>>,
    pub(super) labels: Vec<(Located<String>, Located<Text>)>,
    pub(super) taints: Vec<Located<TaintFile>>,
    pub(super) ssh: SshFile,
    pub(super) sudo: Option<Located<SudoFile>>,
    pub(super) jump: Vec<Located<JumpFile>>,
}

#[derive(Debug, Clone)]
pub(super) struct TaintFile {
    pub(super) key: Field,
    pub(super) value: Field,
    pub(super) effect: Field,
}

#[derive(Debug, Clone, Default)]
pub(super) struct NetworkFile {
    pub(super) pod_cidr: Field,
    pub(super) service_cidr: Field,
    pub(super) cluster_domain: Field,
    pub(super) node_ports: Field,
}

#[derive(Debug, Clone, Default)]
pub(super) struct ApiFile {
    pub(super) port: Field,
    pub(super) names: Vec<Located<Text>>,
    pub(super) addresses: Vec<Located<Text>>,
    pub(super) endpoint: Field,
}

#[derive(Debug, Clone)]
pub(super) struct RegistryFile {
    pub(super) host: Field,
    pub(super) ca_file: Field,
    pub(super) username: Field,
    pub(super) password: Option<Located<SecretFile>>,
    pub(super) mirror_of: Vec<Located<Text>>,
}

#[derive(Debug, Clone)]
pub(super) struct BundleFile {
    pub(super) path: Field,
    pub(super) trust: Field,
}

#[derive(Debug, Clone, Default)]
pub(super) struct AddonsFile {
    pub(super) metrics_server: Field,
    pub(super) local_path: Field,
}

#[derive(Debug, Clone)]
pub(super) struct WaiverFile {
    pub(super) check: Field,
    pub(super) host: Field,
    pub(super) reason: Field,
}

impl SiteFile {
    /// `None` when there is no map to read at all; then at least one error was noted.
    pub(super) fn read(text: &str, errors: &mut Errors) -> Option<SiteFile> {
        let whole = |position| Place { path: String::new(), position };
        let node = match yaml::document(text) {
            Ok(Some(node)) if !node.is_null() => node,
            Ok(_) => {
                errors.note(&whole(None), "is empty (`armilla init` writes one)");
                return None;
            }
            Err(error) => {
                errors.0.push(SiteError { place: whole(Some(error.at)), message: error.message });
                return None;
            }
        };
        read_map(&node, &whole(Some(node.at)), errors, site)
    }
}

/// Every key that a site file may have.
pub(super) fn keys() -> Vec<(&'static str, Shape)> {
    shape(site)
}

/// A group whose absence is the same as an empty one.
fn group<T: Default>(found: Option<Located<T>>) -> T {
    found.map(|located| located.value).unwrap_or_default()
}

fn site(r: &mut MapReader<'_>) -> SiteFile {
    SiteFile {
        place: r.place().clone(),
        api_version: r.text("apiVersion"),
        kind: r.text("kind"),
        metadata: r.map("metadata", |r| Metadata { name: r.text("name") }),
        ssh: group(r.map("ssh", ssh_with_user)),
        sudo: r.map("sudo", sudo),
        jump: r.maps("jump", jump),
        hosts: r.maps("hosts", host),
        network: group(r.map("network", network)),
        api: group(r.map("api", api)),
        dns: group(r.map("dns", |r| r.texts("upstreams"))),
        time: group(r.map("time", |r| r.texts("servers"))),
        data_root: r.text("dataRoot"),
        registries: r.maps("registries", registry),
        kubelet: group(r.map("kubelet", |r| r.entries("extraArgs"))),
        api_server: group(r.map("apiServer", |r| r.entries("extraArgs"))),
        kube_proxy_mode: r.map("kubeProxy", |r| r.text("mode")).and_then(|located| located.value),
        slowness: r.text("slowness"),
        kubernetes_version: r.map("kubernetes", |r| r.text("version")).and_then(|located| located.value),
        bundle: r.map("bundle", |r| BundleFile { path: r.text("path"), trust: r.text("trust") }),
        addons: group(r.map("addons", addons)),
        waivers: r.maps("waivers", |r| WaiverFile {
            check: r.text("check"),
            host: r.text("host"),
            reason: r.text("reason"),
        }),
    }
}

/// At the top level, `user` and `port` belong to `ssh`; at a host they stand beside its address.
fn ssh_with_user(r: &mut MapReader<'_>) -> SshFile {
    SshFile { user: r.text("user"), port: r.text("port"), ..ssh(r) }
}

fn ssh(r: &mut MapReader<'_>) -> SshFile {
    SshFile {
        user: None,
        port: None,
        key_file: r.text("keyFile"),
        passphrase: r.secret("passphrase", secret),
        agent: r.text("agent"),
        password: r.secret("password", secret),
    }
}

fn sudo(r: &mut MapReader<'_>) -> SudoFile {
    SudoFile { password: r.secret("password", secret) }
}

fn secret(r: &mut MapReader<'_>) -> SecretFile {
    SecretFile { file: r.text("file"), env: r.text("env"), prompt: r.text("prompt") }
}

fn jump(r: &mut MapReader<'_>) -> JumpFile {
    JumpFile {
        address: r.text("address"),
        port: r.text("port"),
        user: r.text("user"),
        host_key: r.text("hostKey"),
        ssh: group(r.map("ssh", ssh)),
    }
}

fn host(r: &mut MapReader<'_>) -> HostFile {
    HostFile {
        name: r.text("name"),
        address: r.text("address"),
        port: r.text("port"),
        user: r.text("user"),
        host_key: r.text("hostKey"),
        cluster_address: r.text("clusterAddress"),
        roles: r.texts("roles"),
        labels: r.entries("labels"),
        taints: r.maps("taints", |r| TaintFile {
            key: r.text("key"),
            value: r.text("value"),
            effect: r.text("effect"),
        }),
        ssh: group(r.map("ssh", ssh)),
        sudo: r.map("sudo", sudo),
        jump: r.maps("jump", jump),
    }
}

fn network(r: &mut MapReader<'_>) -> NetworkFile {
    NetworkFile {
        pod_cidr: r.text("podCIDR"),
        service_cidr: r.text("serviceCIDR"),
        cluster_domain: r.text("clusterDomain"),
        node_ports: r.text("nodePortRange"),
    }
}

fn api(r: &mut MapReader<'_>) -> ApiFile {
    ApiFile {
        port: r.text("port"),
        names: r.texts("names"),
        addresses: r.texts("addresses"),
        endpoint: r.text("endpoint"),
    }
}

fn registry(r: &mut MapReader<'_>) -> RegistryFile {
    RegistryFile {
        host: r.text("host"),
        ca_file: r.text("caFile"),
        username: r.text("username"),
        password: r.secret("password", secret),
        mirror_of: r.texts("mirrorOf"),
    }
}

fn addons(r: &mut MapReader<'_>) -> AddonsFile {
    AddonsFile { metrics_server: r.text("metricsServer"), local_path: r.text("localPath") }
}
