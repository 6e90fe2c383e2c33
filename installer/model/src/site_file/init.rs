//! Writes a first, commented site file from addresses.

use std::fmt::Write;
use std::str::FromStr;

use crate::names::{HostAddress, UserName};

/// An address that `armilla init` was given and cannot use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InitError {
    #[error("{0:?} is not [USER@]ADDRESS[:PORT]")]
    Address(String),
    #[error("{0} was given twice")]
    Twice(String),
    #[error("no address was given")]
    None,
}

/// Where to log in, as people write it: `[user@]address[:port]`, an IPv6 address with a port in brackets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    pub user: Option<UserName>,
    pub address: HostAddress,
    pub port: Option<u16>,
}

/// The text of a site file for hosts given as `[user@]address[:port]` (IPv6 with a port: `[address]:port`). The
/// first one becomes the control plane; alone, it is a worker too. [`Site::parse`](crate::site::Site::parse) reads
/// the text back clean unless a host is given by name or IPv6: then its `clusterAddress` is left to be filled in.
pub fn init(site_name: &str, addresses: &[&str]) -> Result<String, InitError> {
    let mut logins: Vec<Login> = Vec::new();
    for text in addresses {
        let login: Login = text.parse()?;
        if logins.iter().any(|other| other.address == login.address && other.port == login.port) {
            return Err(InitError::Twice((*text).to_owned()));
        }
        logins.push(login);
    }
    if logins.is_empty() {
        return Err(InitError::None);
    }
    let mut text = format!("{HEAD}{site_name}\n\n");
    text.push_str(SSH);
    text.push_str("hosts:\n");
    for (index, login) in logins.iter().enumerate() {
        write_host(&mut text, index, login, logins.len());
    }
    text.push_str(REST);
    Ok(text)
}

impl FromStr for Login {
    type Err = InitError;

    fn from_str(text: &str) -> Result<Login, InitError> {
        parse(text).ok_or_else(|| InitError::Address(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<Login> {
    let (user, rest) = match text.rsplit_once('@') {
        Some((user, rest)) => (Some(user.parse().ok()?), rest),
        None => (None, text),
    };
    if let Ok(address) = rest.parse() {
        return Some(Login { user, address, port: None });
    }
    let (address, port) = rest.rsplit_once(':')?;
    let address = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(address);
    let port = port.parse().ok().filter(|port: &u16| *port > 0)?;
    Some(Login { user, address: address.parse().ok()?, port: Some(port) })
}

fn write_host(text: &mut String, index: usize, login: &Login, hosts: usize) {
    let roles = match (index, hosts) {
        (0, 1) => "[control-plane, worker]",
        (0, _) => "[control-plane]",
        _ => "[worker]",
    };
    let mut line = |line: std::fmt::Arguments<'_>| {
        writeln!(text, "{line}").expect("writing to a String does not fail");
    };
    line(format_args!("  - name: node-{}", index + 1));
    line(format_args!("    address: {}", quoted(&login.address)));
    if let Some(port) = login.port {
        line(format_args!("    port: {port}"));
    }
    if let Some(user) = &login.user {
        line(format_args!("    user: {}", user.as_str().replace('\\', "\\\\")));
    }
    match login.address {
        HostAddress::Ip(ip) if ip.is_ipv4() => {}
        HostAddress::Ip(_) | HostAddress::Name(_) => {
            line(format_args!(
                "    clusterAddress:  # fill in: the IPv4 address by which the other hosts reach it"
            ));
        }
    }
    line(format_args!("    roles: {roles}"));
}

/// An IPv6 address has colons, which YAML would read as a map when they end it.
fn quoted(address: &HostAddress) -> String {
    match address {
        HostAddress::Ip(ip) if ip.is_ipv6() => format!("\"{ip}\""),
        HostAddress::Ip(_) | HostAddress::Name(_) => address.to_string(),
    }
}

const HEAD: &str = "\
# A site: the hosts, and the one Kubernetes cluster that Armilla makes of them.
# `armilla check` reads this file and looks at the hosts; it changes nothing.
apiVersion: armilla/v1
kind: Site
metadata:
  name: ";

const SSH: &str = "\
# How to log in. A host may have user, port, hostKey, ssh, sudo and jump of its own.
ssh:
  user: root
  # port: 22
  # keyFile: ~/.ssh/id_ed25519
  # passphrase: {prompt: true}     # of an encrypted key; secrets are never written here, only
  # password: {file: ~/.site-pw}   # referred to: {file: PATH}, {env: NAME} or {prompt: true}
  # agent: true                    # the default when there is no keyFile and no password

# For users other than root whose sudo asks for a password:
# sudo:
#   password: {prompt: true}

# When the hosts are behind others, the first hop first:
# jump:
#   - address: 192.0.2.1
#     user: ops

";

/// Begins in the middle of the last host: `\` at the end of a line would take the indentation of the next one along.
const REST: &str =
    "    # clusterAddress: 10.0.0.11    # when the other hosts reach it at another address than SSH does
    # hostKey: SHA256:...          # pins the host's key; otherwise you are asked at first contact
    # labels: {rack: r1}
    # taints:
    #   - {key: dedicated, value: gpu, effect: NoSchedule}

# Everything below shows its default.

# network:
#   podCIDR: 10.244.0.0/16
#   serviceCIDR: 10.96.0.0/12
#   clusterDomain: cluster.local
#   nodePortRange: 30000-32767

# api:
#   port: 6443
#   names: []                      # more names and addresses for the API server's certificate
#   addresses: []
#   endpoint: api.example.com:6443 # what kubeconfigs name as their server (default: the control plane)

# dns:
#   upstreams: []                  # name servers for names outside of the cluster (default: the hosts' own)

# time:
#   servers: []                    # NTP servers (default: time is left to the hosts)

# dataRoot: /var/lib               # where containerd, kubelet and etcd keep their data

# registries:                      # image registries of your own
#   - host: registry.example.com:5000
#     caFile: ca.pem
#     username: puller
#     password: {env: REGISTRY_PASSWORD}
#     mirrorOf: [docker.io]

# kubelet:
#   extraArgs: {max-pods: 200}
# apiServer:
#   extraArgs: {}
# kubeProxy:
#   mode: auto                     # nftables where every kernel can, else iptables

# slowness: 1                      # for slow hosts: wait 2 to 20 times as long for everything

# kubernetes:
#   version: 1.37.1                # when given, the bundle must carry exactly this one
# bundle:
#   path: armilla.bundle           # relative to this file
#   trust: ...                     # the public key that must have sealed it

# addons:
#   metricsServer: true
#   localPath: true

# waivers:                         # checks that may object, each with the reason
#   - {check: memory, reason: a trial without pods}
";
