//! What the operator wants: the validated site file. What takes a `Site` need not doubt it.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::names::{
    Cidr, DnsName, FlagName, HostAddress, HostKeyFingerprint, HostName, HostPath, KubernetesVersion,
    LabelKey, LabelValue, RegistryHost, SiteName, UserName,
};
use crate::waiver::Waiver;

/// One site, one cluster. Made only by [`Site::parse`](crate::site_file) or read back from the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Site {
    pub name: SiteName,
    /// At least one; exactly one carries the control plane (for now). In the order of the file.
    pub hosts: Vec<Host>,
    pub network: Network,
    pub api: Api,
    /// Name servers that the cluster's DNS forwards to. Empty: what each host's resolv.conf says.
    pub dns_upstreams: Vec<IpAddr>,
    /// Names or addresses of NTP servers. Empty: time is left to the hosts.
    pub time_servers: Vec<HostAddress>,
    /// Where containerd, kubelet and etcd keep their data; `/var/lib` unless the file says otherwise.
    pub data_root: HostPath,
    pub registries: Vec<Registry>,
    pub kubelet_extra_args: BTreeMap<FlagName, String>,
    pub api_server_extra_args: BTreeMap<FlagName, String>,
    pub kube_proxy_mode: KubeProxyChoice,
    /// How many times as long as usual hosts are waited for: for hosts that are slow.
    #[serde(default)]
    pub slowness: Slowness,
    /// When given, must equal the bundle's version.
    pub kubernetes_version: Option<KubernetesVersion>,
    pub bundle: Option<BundleChoice>,
    pub addons: Addons,
    /// Checks that may object.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waivers: Vec<Waiver>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Host {
    pub name: HostName,
    /// Where SSH reaches it, seen from where Armilla runs.
    pub address: HostAddress,
    /// Where the other hosts reach it; equals `address` unless the file says otherwise. IPv4.
    pub cluster_address: IpAddr,
    pub roles: Roles,
    pub labels: BTreeMap<LabelKey, LabelValue>,
    pub taints: Vec<Taint>,
    pub ssh: SshLogin,
    pub sudo: Sudo,
    /// Hops on the way, the first one first.
    pub jump: Vec<JumpHop>,
}

/// At least one of the two is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Roles {
    pub control_plane: bool,
    /// Ordinary pods may run here.
    pub worker: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Taint {
    pub key: LabelKey,
    pub value: LabelValue,
    pub effect: TaintEffect,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum TaintEffect {
    NoSchedule,
    PreferNoSchedule,
    NoExecute,
}

impl TaintEffect {
    pub fn as_str(self) -> &'static str {
        match self {
            TaintEffect::NoSchedule => "NoSchedule",
            TaintEffect::PreferNoSchedule => "PreferNoSchedule",
            TaintEffect::NoExecute => "NoExecute",
        }
    }
}

/// How to log in at one host or hop. Every method that is set may be tried, in the order of the fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SshLogin {
    pub user: UserName,
    pub port: u16,
    /// On the machine that runs Armilla; may begin with `~/`.
    pub key_file: Option<PathBuf>,
    /// Of the key file, when it is encrypted.
    pub passphrase: Option<SecretRef>,
    /// Ask the SSH agent. On when the file names no key file and no password.
    pub agent: bool,
    pub password: Option<SecretRef>,
    /// Pinned by the site file; `None`: asked about at first contact.
    pub host_key: Option<HostKeyFingerprint>,
}

/// How a login that is not root becomes root.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Sudo {
    /// `None`: sudo asks for no password.
    pub password: Option<SecretRef>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JumpHop {
    pub address: HostAddress,
    pub ssh: SshLogin,
}

/// Where a secret is found; never the secret itself, so that sites and plans may be stored and shown.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum SecretRef {
    /// The first line of a file on the machine that runs Armilla; may begin with `~/`.
    File(PathBuf),
    /// An environment variable of `armilla`.
    Env(String),
    /// Asked for at the terminal, once per run.
    Prompt,
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SecretRef::File(path) => write!(f, "file {}", path.display()),
            SecretRef::Env(name) => write!(f, "environment variable {name}"),
            SecretRef::Prompt => f.write_str("prompt"),
        }
    }
}

/// IPv4 for now; the two networks do not overlap, and no host lies in either.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Network {
    pub pod_cidr: Cidr,
    pub service_cidr: Cidr,
    pub cluster_domain: DnsName,
    pub node_ports: PortRange,
}

/// Both ends belong to the range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PortRange {
    pub first: u16,
    pub last: u16,
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.first, self.last)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Api {
    /// That the API server listens on.
    pub port: u16,
    /// More names in its certificate.
    pub names: Vec<DnsName>,
    /// More addresses in its certificate.
    pub addresses: Vec<IpAddr>,
    /// What kubeconfigs for people name as their server, when that is not a control plane's own address:
    /// a name or address in front of it, with its port. It is in the certificate too.
    pub endpoint: Option<ApiEndpoint>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ApiEndpoint {
    pub host: HostAddress,
    pub port: u16,
}

impl fmt::Display for ApiEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            HostAddress::Ip(IpAddr::V6(v6)) => write!(f, "[{v6}]:{}", self.port),
            host => write!(f, "{host}:{}", self.port),
        }
    }
}

/// An image registry of the site's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Registry {
    pub host: RegistryHost,
    /// PEM, on the machine that runs Armilla; may begin with `~/`.
    pub ca_file: Option<PathBuf>,
    pub credentials: Option<RegistryCredentials>,
    /// Registries whose images are looked for here first, such as `docker.io`.
    pub mirror_of: Vec<RegistryHost>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RegistryCredentials {
    pub username: String,
    pub password: SecretRef,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KubeProxyChoice {
    /// nftables where every host's kernel carries it, iptables otherwise.
    #[default]
    Auto,
    Nftables,
    Iptables,
}

/// A factor from 1, an ordinary server, to 20: emulated processors, an SD card, a disk that many share. Everything that
/// Armilla and kubeadm wait for may take that many times as long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Slowness(u8);

impl Slowness {
    pub const MOST: u8 = 20;

    /// `None` when it is out of range.
    pub fn new(factor: u8) -> Option<Slowness> {
        (1..=Slowness::MOST).contains(&factor).then_some(Slowness(factor))
    }

    pub fn factor(self) -> u32 {
        self.0.into()
    }

    pub fn seconds(self, usual: u32) -> u32 {
        usual.saturating_mul(self.factor())
    }
}

impl Default for Slowness {
    fn default() -> Slowness {
        Slowness(1)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BundleChoice {
    /// On the machine that runs Armilla; relative to the site file; may begin with `~/`.
    pub path: PathBuf,
    /// The public key that must have sealed it, in the form that `armilla bundle keygen` prints.
    pub trust: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Addons {
    pub metrics_server: bool,
    pub local_path: bool,
}

impl Site {
    pub fn host(&self, name: &HostName) -> Option<&Host> {
        self.hosts.iter().find(|host| &host.name == name)
    }

    pub fn control_planes(&self) -> impl Iterator<Item = &Host> {
        self.hosts.iter().filter(|host| host.roles.control_plane)
    }

    /// Hosts that carry no control plane.
    pub fn workers_only(&self) -> impl Iterator<Item = &Host> {
        self.hosts.iter().filter(|host| !host.roles.control_plane)
    }

    /// What a kubeconfig for people names as its server, without the scheme: the endpoint of the file, else the
    /// first extra name, else the first extra address, else where SSH reaches the first control plane. Each of
    /// them is in [`Site::api_certificate_names`].
    pub fn kubeconfig_endpoint(&self) -> ApiEndpoint {
        if let Some(endpoint) = &self.api.endpoint {
            return endpoint.clone();
        }
        let name = self.api.names.first().map(|name| HostAddress::Name(name.clone()));
        let address = || self.api.addresses.first().map(|ip| HostAddress::Ip(*ip));
        let control_plane = || self.control_planes().next().map(|host| host.address.clone());
        let host = name.or_else(address).or_else(control_plane);
        ApiEndpoint { host: host.expect("a valid site has a control plane"), port: self.api.port }
    }

    /// Names and addresses beyond kubeadm's own that the API server's certificate must carry, without repeats:
    /// those of the file, and for every control plane where SSH and the other hosts reach it.
    pub fn api_certificate_names(&self) -> Vec<HostAddress> {
        let endpoint = self.api.endpoint.iter().map(|endpoint| endpoint.host.clone());
        let names = self.api.names.iter().cloned().map(HostAddress::Name);
        let addresses = self.api.addresses.iter().copied().map(HostAddress::Ip);
        let own = self.control_planes().flat_map(|h| [h.address.clone(), HostAddress::Ip(h.cluster_address)]);
        let mut all: Vec<HostAddress> = Vec::new();
        for name in endpoint.chain(names).chain(addresses).chain(own) {
            if !all.contains(&name) {
                all.push(name);
            }
        }
        all
    }

    /// The cluster's DNS: the tenth address of the Service network, where kubeadm puts it.
    pub fn cluster_dns(&self) -> IpAddr {
        self.network.service_cidr.nth(10).expect("a valid Service network has at least 16 addresses")
    }
}
