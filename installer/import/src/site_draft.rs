//! The draft of a site while it is made: what a site file can say, each part there or not yet.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use installer_model::names::{
    Cidr, DnsName, FlagName, HostAddress, HostName, HostPath, KubernetesVersion, LabelKey, LabelValue,
    RegistryHost, SiteName, UserName,
};
use installer_model::secret::Secret;
use installer_model::site::{ApiEndpoint, KubeProxyChoice, PortRange, Taint};

/// Everything that was found. Values are valid by themselves; whether they fit together is judged at the end.
#[derive(Debug, Default)]
pub(crate) struct SiteDraft {
    pub(crate) name: Option<SiteName>,
    pub(crate) hosts: Vec<HostDraft>,
    pub(crate) pod_cidr: Option<Noted<Cidr>>,
    pub(crate) service_cidr: Option<Noted<Cidr>>,
    pub(crate) cluster_domain: Option<DnsName>,
    pub(crate) node_ports: Option<PortRange>,
    pub(crate) api_port: Option<u16>,
    pub(crate) api_names: Vec<DnsName>,
    pub(crate) api_addresses: Vec<IpAddr>,
    pub(crate) api_endpoint: Option<ApiEndpoint>,
    pub(crate) dns_upstreams: Vec<IpAddr>,
    pub(crate) time_servers: Vec<HostAddress>,
    pub(crate) data_root: Option<HostPath>,
    pub(crate) registries: Vec<RegistryDraft>,
    pub(crate) kubelet_args: BTreeMap<FlagName, String>,
    pub(crate) api_server_args: BTreeMap<FlagName, String>,
    pub(crate) kube_proxy: Option<KubeProxyChoice>,
    pub(crate) version: Option<KubernetesVersion>,
    /// Volumes in folders of the hosts, when the file says whether.
    pub(crate) local_path: Option<bool>,
    pub(crate) secrets: Secrets,
}

/// A value with a remark that stands behind it.
#[derive(Debug)]
pub(crate) struct Noted<T> {
    pub(crate) value: T,
    pub(crate) remark: Option<&'static str>,
}

impl<T> From<T> for Noted<T> {
    fn from(value: T) -> Noted<T> {
        Noted { value, remark: None }
    }
}

#[derive(Debug, Default, Clone)]
pub(crate) struct HostDraft {
    pub(crate) name: Option<HostName>,
    pub(crate) address: Option<HostAddress>,
    pub(crate) cluster_address: Option<IpAddr>,
    pub(crate) login: LoginDraft,
    pub(crate) sudo_password: Option<SecretName>,
    pub(crate) control_plane: bool,
    pub(crate) worker: bool,
    pub(crate) labels: BTreeMap<LabelKey, LabelValue>,
    pub(crate) taints: Vec<Taint>,
    /// The first hop first.
    pub(crate) jump: Vec<HopDraft>,
    /// Said above it, one line each.
    pub(crate) remarks: Vec<String>,
    /// Why it stands in the draft as a comment only.
    pub(crate) left_out: Option<&'static str>,
}

#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct LoginDraft {
    pub(crate) user: Option<UserName>,
    pub(crate) port: Option<u16>,
    pub(crate) key_file: Option<String>,
    /// Nobody wrote the key's name: it is the other installer's default.
    pub(crate) key_is_default: bool,
    pub(crate) password: Option<SecretName>,
}

#[derive(Debug, Clone)]
pub(crate) struct HopDraft {
    pub(crate) address: HostAddress,
    pub(crate) login: LoginDraft,
}

#[derive(Debug)]
pub(crate) struct RegistryDraft {
    pub(crate) host: RegistryHost,
    pub(crate) ca_file: Option<String>,
    pub(crate) username: Option<String>,
    pub(crate) password: Option<SecretName>,
    pub(crate) mirror_of: Vec<RegistryHost>,
}

/// The environment variable that the draft refers to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SecretName(pub(crate) String);

/// Names for the secrets of the imported files: one for each, the same for equal ones.
#[derive(Debug, Default)]
pub(crate) struct Secrets {
    /// By what their names begin with; each with its place in `uses`.
    known: HashMap<&'static str, HashMap<Secret, usize>>,
    /// What each is for, in the order of the file.
    pub(crate) uses: Vec<(SecretName, Vec<String>)>,
}

impl Secrets {
    /// The name of this secret, which begins with `prefix`; `for_what` is said at the head of the draft.
    pub(crate) fn name(&mut self, prefix: &'static str, secret: &str, for_what: String) -> SecretName {
        let known = self.known.entry(prefix).or_default();
        let number = known.len() + 1;
        let place = *known.entry(Secret::new(secret)).or_insert_with(|| {
            let name = if number == 1 { prefix.to_owned() } else { format!("{prefix}_{number}") };
            self.uses.push((SecretName(name), Vec::new()));
            self.uses.len() - 1
        });
        let (name, uses) = &mut self.uses[place];
        uses.push(for_what);
        name.clone()
    }
}
