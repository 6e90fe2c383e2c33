//! The processes of the host, by what `/proc` says of them.

use installer_model::survey::Holder;

use super::Root;

/// Every process that could be read. Kernel threads too: they hold nothing.
pub(super) fn list(root: &Root) -> Vec<Holder> {
    let pids = root.names("/proc").into_iter().filter_map(|name| name.parse::<u32>().ok());
    let mut processes: Vec<Holder> = pids.filter_map(|pid| one(root, pid)).collect();
    processes.sort_by_key(|process| process.pid);
    processes
}

fn one(root: &Root, pid: u32) -> Option<Holder> {
    let command = root.line(&format!("/proc/{pid}/comm"))?;
    let unit = root.text(&format!("/proc/{pid}/cgroup")).and_then(|text| unit(&text));
    Some(Holder { pid, command, unit })
}

/// The innermost service or scope of the path that systemd keeps: the v2 line (`0::`) or v1's `name=systemd`.
fn unit(cgroup: &str) -> Option<String> {
    let paths = cgroup.lines().filter_map(|line| {
        let mut fields = line.splitn(3, ':');
        let (number, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
        (controllers == "name=systemd" || number == "0").then_some(path)
    });
    let named = |path: &str| {
        let part = path.rsplit('/').find(|part| part.ends_with(".service") || part.ends_with(".scope"));
        part.map(str::to_owned)
    };
    paths.filter_map(named).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_is_named_by_either_tree() {
        let v2 = "0::/system.slice/kubelet.service\n";
        assert_eq!(unit(v2).as_deref(), Some("kubelet.service"));
        let v1 = "8:pids:/system.slice/x.service\n1:name=systemd:/system.slice/docker.service\n0::/\n";
        assert_eq!(unit(v1).as_deref(), Some("docker.service"));
        let pod = "1:name=systemd:/kubepods.slice/kubepods-pod1.slice/cri-containerd-ab.scope\n";
        assert_eq!(unit(pod).as_deref(), Some("cri-containerd-ab.scope"));
        assert_eq!(unit("0::/\n"), None);
    }
}
