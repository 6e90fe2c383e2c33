//! Hosts and the ways to reach them.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

use super::super::Place;
use super::super::reader::{Located, Text};
use super::super::shape::{HostFile, JumpFile, SiteFile, SshFile, SudoFile, TaintFile};
use super::scalar::{self, Checker};
use crate::names::{HostAddress, HostKeyFingerprint, LabelKey, LabelValue, UserName};
use crate::site::{Host, JumpHop, Roles, SecretRef, SshLogin, Sudo, Taint, TaintEffect};

/// What one `ssh` map says by itself; the nearer one wins key by key.
#[derive(Clone, Default)]
struct Login {
    user: Option<UserName>,
    port: Option<u16>,
    key_file: Option<PathBuf>,
    passphrase: Option<SecretRef>,
    agent: Option<bool>,
    password: Option<SecretRef>,
}

/// The top level's `ssh`, `sudo` and `jump`, checked once.
struct Defaults {
    login: Login,
    sudo: Sudo,
    jump: Vec<JumpHop>,
}

/// The hosts that could be read; the others were noted.
pub(super) fn hosts(file: &SiteFile, check: &mut Checker<'_>) -> Vec<Host> {
    let login = login(&file.ssh, check);
    let defaults = Defaults {
        sudo: sudo(&file.sudo, check).unwrap_or_default(),
        jump: jump(&file.jump, &login, check),
        login,
    };
    file.hosts.iter().filter_map(|located| host(located, &defaults, check)).collect()
}

fn host(located: &Located<HostFile>, defaults: &Defaults, check: &mut Checker<'_>) -> Option<Host> {
    let Located { value: file, place } = located;
    let name = check.required(&file.name, place, "name");
    let address: Option<HostAddress> = check.required(&file.address, place, "address");
    let cluster_address = cluster_address(file, address.as_ref(), check);
    let roles = roles(&file.roles, check);
    let taints = file.taints.iter().filter_map(|taint_file| taint(taint_file, check)).collect();
    let own = Login {
        user: check.optional(&file.user),
        port: check.with(&file.port, scalar::port),
        ..login(&file.ssh, check)
    };
    let host_key = check.optional(&file.host_key);
    let ssh = settle(own.over(&defaults.login), host_key, place, check);
    let sudo = sudo(&file.sudo, check).unwrap_or_else(|| defaults.sudo.clone());
    let own_jump = jump(&file.jump, &defaults.login, check);
    let jump = if file.jump.is_empty() { defaults.jump.clone() } else { own_jump };
    let labels = labels(&file.labels, check);
    let (name, address, cluster_address) = (name?, address?, cluster_address?);
    Some(Host { name, address, cluster_address, roles, labels, taints, ssh, sudo, jump })
}

/// The address given, else the SSH address when the other hosts can use it.
fn cluster_address(
    file: &HostFile,
    address: Option<&HostAddress>,
    check: &mut Checker<'_>,
) -> Option<IpAddr> {
    let usable =
        |ip: &IpAddr| ip.is_ipv4() && !ip.is_loopback() && !ip.is_unspecified() && !ip.is_multicast();
    if let Some(written) = &file.cluster_address {
        let ip = check.with(&file.cluster_address, scalar::ip)?;
        if !usable(&ip) {
            check.note(&written.place, format!("{ip} is not an IPv4 address that other hosts reach"));
            return None;
        }
        return Some(ip);
    }
    let ip = address?.ip().filter(usable);
    if ip.is_none() {
        let place = &file.address.as_ref()?.place;
        check.note(place, "is not an IPv4 address that other hosts reach: add clusterAddress");
    }
    ip
}

/// No roles written: an ordinary worker.
fn roles(written: &[Located<Text>], check: &mut Checker<'_>) -> Roles {
    let mut roles = Roles { control_plane: false, worker: written.is_empty() };
    for role in written {
        let seen = match role.value.text.as_str() {
            "control-plane" => &mut roles.control_plane,
            "worker" => &mut roles.worker,
            other => {
                check.note(&role.place, format!("{other:?} is not a role: control-plane or worker"));
                continue;
            }
        };
        if *seen {
            check.note(&role.place, format!("{:?} stands in this list twice", role.value.text));
        }
        *seen = true;
    }
    roles
}

fn labels(
    written: &[(Located<String>, Located<Text>)],
    check: &mut Checker<'_>,
) -> BTreeMap<LabelKey, LabelValue> {
    let mut labels = BTreeMap::new();
    for (key, value) in written {
        let name = check.parse(&key.value, &key.place);
        let value = check.parse(&value.value.text, &value.place);
        labels.extend(name.zip(value));
    }
    labels
}

fn taint(located: &Located<TaintFile>, check: &mut Checker<'_>) -> Option<Taint> {
    let Located { value: file, place } = located;
    let key = check.required(&file.key, place, "key");
    let value: Option<LabelValue> = match &file.value {
        Some(_) => check.optional(&file.value),
        None => "".parse().ok(),
    };
    let effect = check.required_with(&file.effect, place, "effect", |text| match text.text.as_str() {
        "NoSchedule" => Ok(TaintEffect::NoSchedule),
        "PreferNoSchedule" => Ok(TaintEffect::PreferNoSchedule),
        "NoExecute" => Ok(TaintEffect::NoExecute),
        other => Err(format!("{other:?} is not one of NoSchedule, PreferNoSchedule, NoExecute")),
    });
    Some(Taint { key: key?, value: value?, effect: effect? })
}

fn login(file: &SshFile, check: &mut Checker<'_>) -> Login {
    Login {
        user: check.optional(&file.user),
        port: check.with(&file.port, scalar::port),
        key_file: check.with(&file.key_file, scalar::local_path),
        passphrase: check.secret(&file.passphrase),
        agent: check.with(&file.agent, scalar::truth),
        password: check.secret(&file.password),
    }
}

impl Login {
    fn over(self, base: &Login) -> Login {
        Login {
            user: self.user.or_else(|| base.user.clone()),
            port: self.port.or(base.port),
            key_file: self.key_file.or_else(|| base.key_file.clone()),
            passphrase: self.passphrase.or_else(|| base.passphrase.clone()),
            agent: self.agent.or(base.agent),
            password: self.password.or_else(|| base.password.clone()),
        }
    }
}

/// Fills in what nobody wrote: root, port 22, and the agent when there is nothing else to log in with.
fn settle(
    login: Login,
    host_key: Option<HostKeyFingerprint>,
    place: &Place,
    check: &mut Checker<'_>,
) -> SshLogin {
    let other_means = login.key_file.is_some() || login.password.is_some();
    let agent = login.agent.unwrap_or(!other_means);
    if !agent && !other_means {
        check.note(
            place,
            "has no way to log in: ssh.agent is false, and there is no ssh.keyFile and no ssh.password",
        );
    }
    if login.passphrase.is_some() && login.key_file.is_none() {
        check.note(place, "has an ssh.passphrase, but no ssh.keyFile that it would open");
    }
    SshLogin {
        user: login.user.unwrap_or_else(|| super::known("root")),
        port: login.port.unwrap_or(22),
        key_file: login.key_file,
        passphrase: login.passphrase,
        agent,
        password: login.password,
        host_key,
    }
}

fn sudo(file: &Option<Located<SudoFile>>, check: &mut Checker<'_>) -> Option<Sudo> {
    let file = file.as_ref()?;
    Some(Sudo { password: check.secret(&file.value.password) })
}

fn jump(hops: &[Located<JumpFile>], base: &Login, check: &mut Checker<'_>) -> Vec<JumpHop> {
    let mut read = Vec::new();
    for Located { value: file, place } in hops {
        let address = check.required(&file.address, place, "address");
        let own = Login {
            user: check.optional(&file.user),
            port: check.with(&file.port, scalar::port),
            ..login(&file.ssh, check)
        };
        // The port at the top level is the hosts'; a hop has its own or 22.
        let base = Login { port: None, ..base.clone() };
        let host_key = check.optional(&file.host_key);
        let ssh = settle(own.over(&base), host_key, place, check);
        read.extend(address.map(|address| JumpHop { address, ssh }));
    }
    read
}
