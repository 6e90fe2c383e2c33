//! KubeKey: one `Cluster` document up to version 3, an `Inventory` and a `Config` since version 4.

mod names;
pub(crate) mod v3;
pub(crate) mod v3_rules;
pub(crate) mod v4;
pub(crate) mod v4_rules;

use std::collections::HashMap;

use installer_model::names::{HostAddress, RegistryHost};
use installer_model::site::ApiEndpoint;

use crate::common::{self, called};
use crate::field::Field;
use crate::outcome::Why;
use crate::site_draft::{HostDraft, SiteDraft};

/// What KubeKey logs in with when the file names no key and no password.
const DEFAULT_KEY: &str = "~/.ssh/id_rsa";

const KEY_COPY: &str =
    "a private key is not copied: save it to a file that only you can read, and name that in ssh.keyFile";

/// Where the parts of a login stand.
struct LoginFields<'d> {
    user: Field<'d>,
    port: Field<'d>,
    password: Field<'d>,
    key: Field<'d>,
    key_path: Field<'d>,
}

/// Fills in how a host is logged in to. KubeKey uses one password for SSH and for sudo.
fn login(fields: &LoginFields<'_>, index: usize, host: &mut HostDraft, draft: &mut SiteDraft) {
    host.login.user = fields.user.parse();
    host.login.port = fields.port.port().filter(|port| *port != 22);
    host.login.key_file = fields.key_path.text().map(str::to_owned);
    let root = fields.user.peek().is_none_or(|user| user == "root");
    let instead = "a password is not copied: the draft refers to an environment variable";
    if let Some(password) = fields.password.secret(instead) {
        let name =
            draft.secrets.name("SSH_PASSWORD", password, format!("password of {}", called(host, index)));
        host.sudo_password = (!root).then(|| name.clone());
        host.login.password = Some(name);
    }
    if fields.key.secret(KEY_COPY).is_some() && host.login.key_file.is_none() {
        host.remarks.push(
            "Its private key stood in the imported file: save it, and name it in ssh.keyFile.".to_owned(),
        );
    } else if host.login.password.is_none() && host.login.key_file.is_none() {
        host.login.key_file = Some(DEFAULT_KEY.to_owned());
        host.login.key_is_default = true;
    }
}

/// Labels that a node may have.
fn labels(map: &Field<'_>, host: &mut HostDraft) {
    for (key, field) in map.entries() {
        match key.parse() {
            Ok(key) => {
                let value = if field.is_there() { field.parse() } else { "".parse().ok() };
                host.labels.extend(value.map(|value| (key, value)));
            }
            Err(_) => field.refuse(Why::Invalid, "is not the key of a label"),
        }
    }
}

/// Where the parts of the control plane's endpoint stand.
struct EndpointFields<'d> {
    name: Field<'d>,
    /// Of a load balancer, one's own or one that KubeKey installs.
    address: Field<'d>,
    port: Field<'d>,
    balancer: Field<'d>,
    external_dns: Field<'d>,
}

/// KubeKey writes the name into `/etc/hosts` of every node.
const LOCAL_NAME: &str = "is in the API server's certificate, but no host is told where it is, as KubeKey would: \
                          kubeconfigs name the control plane's address";

/// What kubeconfigs name as their server: a load balancer in front, a name of its own, or just names for certificates.
fn endpoint(fields: &EndpointFields<'_>, draft: &mut SiteDraft) {
    let EndpointFields { name: domain, address, port, balancer, external_dns } = fields;
    let name: Option<HostAddress> = domain.parse();
    if let Some(name) = name.clone() {
        common::add_certificate_name(name, draft);
    }
    let port = port.port().filter(|port| *port != 6443);
    if ["kube-vip", "kube_vip", "kubevip"].iter().any(|word| balancer.is(word)) {
        balancer.no(
            "Armilla installs no kube-vip: each node reaches the API server through a balancer of its own",
        );
        address.no("is a virtual address that kube-vip would hold");
    }
    let outside = if address.is_taken() { None } else { address.parse::<HostAddress>() };
    let known = external_dns.truth().unwrap_or(false);
    match outside.or(name.filter(|_| known)) {
        Some(host) => draft.api_endpoint = Some(ApiEndpoint { host, port: port.unwrap_or(6443) }),
        None => {
            draft.api_port = port;
            if domain.is_there() {
                domain.note(Why::NoPlace, LOCAL_NAME);
            }
        }
    }
}

/// A registry's user name and password, from a map that has both.
fn credentials(host: RegistryHost, ca_file: Option<String>, login: &Field<'_>, draft: &mut SiteDraft) {
    let username = login.at("username").text().map(str::to_owned);
    let instead = "a password is not copied: the draft refers to an environment variable";
    let password = login.at("password").secret(instead).map(|password| {
        draft.secrets.name("REGISTRY_PASSWORD", password, format!("password at registry {host}"))
    });
    let registry = common::registry(draft, &host);
    registry.ca_file = ca_file;
    if username.is_some() && password.is_some() {
        (registry.username, registry.password) = (username, password);
    } else if username.is_some() || password.is_some() {
        login.note(Why::Invalid, "has a user name or a password, but not both: the draft logs in without");
    }
}

/// Time servers may be named as hosts of the file.
fn time_servers<'a>(list: &Field<'_>, names: impl Iterator<Item = Option<&'a str>>, draft: &mut SiteDraft) {
    let known: HashMap<&str, usize> =
        names.enumerate().filter_map(|(index, name)| Some((name?, index))).collect();
    for server in list.items() {
        let Some(text) = server.text() else { continue };
        let host = known.get(text).and_then(|index| {
            let host = &draft.hosts[*index];
            host.cluster_address.map(HostAddress::Ip).or_else(|| host.address.clone())
        });
        let address = host.map_or_else(|| text.parse().ok(), Some);
        match address {
            Some(address) if !draft.time_servers.contains(&address) => draft.time_servers.push(address),
            Some(_) => {}
            None => server.note(Why::Invalid, "is neither an address nor a name nor a host of the file"),
        }
    }
}
