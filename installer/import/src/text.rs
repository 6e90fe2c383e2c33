//! The draft as the text of a site file, with comments where the operator is needed.

use installer_model::names::HostAddress;
use installer_model::site::KubeProxyChoice;

use crate::outcome::Format;
use crate::page::{Page, scalar, wanted};
use crate::site_draft::{HopDraft, HostDraft, LoginDraft, RegistryDraft, SecretName, SiteDraft};

/// Hosts whose use of a secret is told by name; of the others only how many they are.
const NAMED: usize = 4;

pub(crate) fn write(draft: &SiteDraft, format: Format) -> String {
    let mut page = Page::default();
    page.comment(0, &format!("A draft of a site, made from files of {}.", format.title()));
    page.comment(0, "Read it, then: armilla check -s FILE");
    secrets(&mut page, draft);
    page.pair(0, "apiVersion", "armilla/v1");
    page.pair(0, "kind", "Site");
    page.open(0, "metadata");
    page.wanted(1, "name", draft.name.as_ref(), "the site's name, which its cluster has too");
    let shared = Shared::of(draft);
    login_of_all(&mut page, &shared);
    page.gap();
    if draft.hosts.iter().all(|host| host.left_out.is_some()) {
        page.line(0, "hosts: []  # fill in: at least one, with roles: [control-plane]");
    } else {
        page.open(0, "hosts");
    }
    for host in &draft.hosts {
        write_host(&mut page, host, &shared);
    }
    network(&mut page, draft);
    api(&mut page, draft);
    services(&mut page, draft);
    registries(&mut page, &draft.registries);
    components(&mut page, draft);
    addons(&mut page, draft);
    page.0
}

/// What must be said elsewhere before the draft can be used.
fn secrets(page: &mut Page, draft: &SiteDraft) {
    if draft.secrets.uses.is_empty() {
        return;
    }
    page.comment(0, "Secrets were not copied. It refers to these environment variables; {file: PATH} and");
    page.comment(0, "{prompt: true} are other ways to refer to a secret:");
    for (name, uses) in &draft.secrets.uses {
        let more = uses.len().saturating_sub(NAMED);
        let named = uses[..uses.len() - more].join(", ");
        let rest = if more == 0 { String::new() } else { format!(" and {more} more") };
        page.comment(0, &format!("  {}: {named}{rest}", name.0));
    }
}

/// What all hosts have alike and is therefore said once.
#[derive(Default)]
struct Shared {
    login: LoginDraft,
    sudo_password: Option<SecretName>,
}

impl Shared {
    fn of(draft: &SiteDraft) -> Shared {
        let used: Vec<&HostDraft> = draft.hosts.iter().filter(|host| host.left_out.is_none()).collect();
        let Some(first) = used.first() else { return Shared::default() };
        fn all<T: PartialEq + Clone>(
            used: &[&HostDraft],
            of: impl Fn(&HostDraft) -> &Option<T>,
        ) -> Option<T> {
            let first = of(used[0]);
            if used.iter().all(|host| of(host) == first) { first.clone() } else { None }
        }
        // A hop inherits what is said for all: with hops, ways to log in stay with their hosts.
        let hops = used.iter().any(|host| !host.jump.is_empty());
        let sudo_password = all(&used, |host| &host.sudo_password);
        if hops || used.len() == 1 && first.login == LoginDraft::default() {
            return Shared { login: LoginDraft::default(), sudo_password };
        }
        let login = LoginDraft {
            user: all(&used, |host| &host.login.user),
            port: all(&used, |host| &host.login.port),
            key_file: all(&used, |host| &host.login.key_file),
            key_is_default: used.iter().all(|host| host.login.key_is_default),
            password: all(&used, |host| &host.login.password),
        };
        Shared { login, sudo_password }
    }
}

fn login_of_all(page: &mut Page, shared: &Shared) {
    let login = &shared.login;
    if *login != LoginDraft::default() {
        page.gap();
        page.open(0, "ssh");
        page.given(1, "user", login.user.as_ref());
        page.given(1, "port", login.port.as_ref());
        ways_in(page, 1, login);
    }
    if let Some(name) = &shared.sudo_password {
        page.open(0, "sudo");
        page.secret(1, "password", name);
    }
}

fn ways_in(page: &mut Page, depth: usize, login: &LoginDraft) {
    if let Some(key) = &login.key_file {
        let remark = if login.key_is_default { "  # the default of the other installer" } else { "" };
        page.line(depth, &format!("keyFile: {}{remark}", scalar(key)));
    }
    if let Some(name) = &login.password {
        page.secret(depth, "password", name);
    }
}

fn write_host(page: &mut Page, host: &HostDraft, shared: &Shared) {
    let mut lines = Page::default();
    for remark in &host.remarks {
        lines.comment(1, remark);
    }
    lines.line(1, &format!("- {}", wanted("name", host.name.as_ref(), "the name of the host and its node")));
    lines.wanted(2, "address", host.address.as_ref(), "where SSH reaches it");
    match (host.cluster_address, host.address.as_ref().and_then(HostAddress::ip)) {
        (Some(inside), outside) if outside != Some(inside) => lines.given(2, "clusterAddress", Some(&inside)),
        (None, Some(ip)) if ip.is_ipv4() => {}
        (None, _) if host.address.is_some() => lines.wanted::<String>(
            2,
            "clusterAddress",
            None,
            "the IPv4 address by which the other hosts reach it",
        ),
        _ => {}
    }
    let own = |all: bool, one: bool| one && !all;
    if own(shared.login.port.is_some(), host.login.port.is_some()) {
        lines.given(2, "port", host.login.port.as_ref());
    }
    if own(shared.login.user.is_some(), host.login.user.is_some()) {
        lines.given(2, "user", host.login.user.as_ref());
    }
    let roles = [(host.control_plane, "control-plane"), (host.worker, "worker")];
    let roles: Vec<&str> = roles.into_iter().filter(|(has, _)| *has).map(|(_, role)| role).collect();
    if !roles.is_empty() {
        lines.line(2, &format!("roles: [{}]", roles.join(", ")));
    }
    labels_and_taints(&mut lines, host);
    let ways = LoginDraft {
        key_file: host.login.key_file.clone().filter(|_| shared.login.key_file.is_none()),
        password: host.login.password.clone().filter(|_| shared.login.password.is_none()),
        ..host.login.clone()
    };
    if ways.key_file.is_some() || ways.password.is_some() {
        lines.open(2, "ssh");
        ways_in(&mut lines, 3, &ways);
    }
    if let Some(name) = host.sudo_password.as_ref().filter(|_| shared.sudo_password.is_none()) {
        lines.open(2, "sudo");
        lines.secret(3, "password", name);
    }
    if !host.jump.is_empty() {
        lines.open(2, "jump");
    }
    for hop in &host.jump {
        write_hop(&mut lines, hop);
    }
    match host.left_out {
        None => page.0.push_str(&lines.0),
        Some(why) => {
            page.comment(1, &format!("Left out: {why}"));
            for line in lines.0.lines().filter(|line| !line.trim_start().starts_with('#')) {
                page.comment(1, line.strip_prefix("  ").unwrap_or(line));
            }
        }
    }
}

fn labels_and_taints(page: &mut Page, host: &HostDraft) {
    if !host.labels.is_empty() {
        page.open(2, "labels");
    }
    for (key, value) in &host.labels {
        page.pair(3, &scalar(key.as_str()), value);
    }
    if !host.taints.is_empty() {
        page.open(2, "taints");
    }
    for taint in &host.taints {
        page.line(3, &format!("- key: {}", scalar(taint.key.as_str())));
        if !taint.value.as_str().is_empty() {
            page.pair(4, "value", &taint.value);
        }
        page.pair(4, "effect", taint.effect.as_str());
    }
}

fn write_hop(page: &mut Page, hop: &HopDraft) {
    page.line(3, &format!("- address: {}", scalar(&hop.address.to_string())));
    page.given(4, "port", hop.login.port.as_ref());
    page.given(4, "user", hop.login.user.as_ref());
    if hop.login.key_file.is_some() || hop.login.password.is_some() {
        page.open(4, "ssh");
        ways_in(page, 5, &hop.login);
    }
}

fn network(page: &mut Page, draft: &SiteDraft) {
    let cidrs = [("podCIDR", &draft.pod_cidr), ("serviceCIDR", &draft.service_cidr)];
    let any = cidrs.iter().any(|(_, cidr)| cidr.is_some());
    if !any && draft.cluster_domain.is_none() && draft.node_ports.is_none() {
        return;
    }
    page.gap();
    page.open(0, "network");
    for (key, cidr) in cidrs {
        let Some(cidr) = cidr else { continue };
        let remark = cidr.remark.map(|remark| format!("  # {remark}")).unwrap_or_default();
        page.line(1, &format!("{key}: {}{remark}", scalar(&cidr.value.to_string())));
    }
    page.given(1, "clusterDomain", draft.cluster_domain.as_ref());
    page.given(1, "nodePortRange", draft.node_ports.as_ref());
}

fn api(page: &mut Page, draft: &SiteDraft) {
    let none = draft.api_port.is_none() && draft.api_names.is_empty() && draft.api_addresses.is_empty();
    if none && draft.api_endpoint.is_none() {
        return;
    }
    page.gap();
    page.open(0, "api");
    page.given(1, "port", draft.api_port.as_ref());
    page.list(1, "names", &draft.api_names);
    page.list(1, "addresses", &draft.api_addresses);
    page.given(1, "endpoint", draft.api_endpoint.as_ref());
}

fn services(page: &mut Page, draft: &SiteDraft) {
    if !draft.dns_upstreams.is_empty() {
        page.gap();
        page.open(0, "dns");
        page.list(1, "upstreams", &draft.dns_upstreams);
    }
    if !draft.time_servers.is_empty() {
        page.gap();
        page.open(0, "time");
        page.list(1, "servers", &draft.time_servers);
    }
    if let Some(root) = &draft.data_root {
        page.gap();
        page.pair(0, "dataRoot", root);
    }
}

fn registries(page: &mut Page, registries: &[RegistryDraft]) {
    if registries.is_empty() {
        return;
    }
    page.gap();
    page.open(0, "registries");
    for registry in registries {
        page.line(1, &format!("- host: {}", scalar(registry.host.as_str())));
        page.given(2, "caFile", registry.ca_file.as_ref());
        page.given(2, "username", registry.username.as_ref());
        if let Some(name) = &registry.password {
            page.secret(2, "password", name);
        }
        page.list(2, "mirrorOf", &registry.mirror_of);
    }
}

fn components(page: &mut Page, draft: &SiteDraft) {
    for (key, args) in [("kubelet", &draft.kubelet_args), ("apiServer", &draft.api_server_args)] {
        if args.is_empty() {
            continue;
        }
        page.gap();
        page.open(0, key);
        page.open(1, "extraArgs");
        for (flag, value) in args {
            page.pair(2, flag.as_str(), value);
        }
    }
    let mode = draft.kube_proxy.map(|mode| match mode {
        KubeProxyChoice::Auto => "auto",
        KubeProxyChoice::Nftables => "nftables",
        KubeProxyChoice::Iptables => "iptables",
    });
    if let Some(mode) = mode {
        page.gap();
        page.open(0, "kubeProxy");
        page.pair(1, "mode", mode);
    }
    if let Some(version) = &draft.version {
        page.gap();
        page.open(0, "kubernetes");
        page.line(
            1,
            &format!("version: {}  # the bundle must carry exactly this one", scalar(version.as_str())),
        );
    }
}

fn addons(page: &mut Page, draft: &SiteDraft) {
    if let Some(on) = draft.local_path {
        page.gap();
        page.open(0, "addons");
        page.line(1, &format!("localPath: {on}"));
    }
}
