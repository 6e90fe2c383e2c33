//! The lab keeps its own promises: what other scenarios find on its hosts was put there by what they test.
//!
//! Needs root and a minute: `cargo test -p lab --test lab_itself -- --ignored`.

#![expect(clippy::unwrap_used, reason = "a scenario ends at the first thing that is not so")]

use lab::{Cut, Host, Lab, LabSpec, Owner, Process};
use std::io::Read;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A name that no other lab on this machine has.
fn name(part: &str) -> String {
    format!("self-{part}-{}", std::process::id())
}

fn lab(part: &str, hosts: u8, change: impl FnOnce(&mut LabSpec)) -> Lab {
    let mut spec = LabSpec::new(&name(part), hosts).unwrap();
    change(&mut spec);
    Lab::up(&spec).unwrap_or_else(|error| panic!("{}", chain(&error))).down_on_drop()
}

fn chain(error: &dyn std::error::Error) -> String {
    let cause = error.source().map(|cause| format!(": {}", chain(cause))).unwrap_or_default();
    format!("{error}{cause}")
}

/// The `lab` command, for what concerns processes that end.
fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_lab"))
}

fn ssh(lab: &Lab, user: &str, host: &Host) -> Command {
    let known_hosts = format!("UserKnownHostsFile={}", lab.record().known_hosts.display());
    let login = format!("{user}@{}", host.address());
    lab.command(["ssh", "-o", "StrictHostKeyChecking=yes", "-o", &known_hosts, &login])
}

fn ssh_with_key(lab: &Lab, user: &str, host: &Host, line: &str) -> String {
    let mut command = ssh(lab, user, host);
    let output =
        command.arg("-i").arg(&lab.record().key).args(["-o", "BatchMode=yes", line]).output().unwrap();
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Whether ssh greets on this address, asked from the lab's network.
fn greets(lab: &Lab, host: &Host) -> bool {
    let address = SocketAddr::from((host.address(), 22));
    lab.inside(|| greeting(address)).unwrap().is_some()
}

fn greeting(address: SocketAddr) -> Option<[u8; 4]> {
    let limit = Duration::from_secs(1);
    let mut stream = TcpStream::connect_timeout(&address, limit).ok()?;
    stream.set_read_timeout(Some(limit)).ok()?;
    let mut greeting = [0; 4];
    stream.read_exact(&mut greeting).ok()?;
    Some(greeting)
}

#[test]
#[ignore = "needs root"]
fn hosts_are_bare_and_each_is_its_own() {
    let lab = lab("bare", 3, |_| {});
    let each = |line: &str| -> Vec<String> {
        lab.hosts().iter().map(|host| host.shell(line).unwrap().trim().to_owned()).collect()
    };
    assert_eq!(each("hostname"), ["h1", "h2", "h3"]);
    // ssh answers a moment before the last unit of the boot has started: only then is a host `running`.
    let state = "systemctl is-system-running --wait || systemctl list-units --failed --plain --no-legend";
    assert_eq!(each(state), ["running"; 3]);
    for own in
        ["cat /etc/machine-id", "cat /proc/sys/kernel/random/boot_id", "cat /etc/ssh/ssh_host_*_key.pub"]
    {
        let mut all = each(own);
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 3, "{own}");
    }
    let missing = "containerd conntrack iptables nft socat ethtool";
    let found = format!("for tool in {missing}; do command -v $tool; done; true");
    assert_eq!(each(&found), ["", "", ""]);
    assert_eq!(each("cat /etc/resolv.conf"), ["nameserver 192.0.2.53"; 3]);
    assert_eq!(each("ls /sys/class/net | tr '\\n' ' '"), ["host0 lo"; 3]);
    assert_eq!(each("ip route show default"), ["default via 10.77.0.1 dev host0"; 3]);
    assert_eq!(each("cat /proc/sys/net/ipv4/ip_forward"), ["0"; 3]);
}

#[test]
#[ignore = "needs root"]
fn root_and_an_ordinary_user_log_in_by_key_and_by_password() {
    let lab = lab("login", 1, |_| {});
    let (host, password) = (lab.host("h1").unwrap(), &lab.record().site_password);
    assert_eq!(ssh_with_key(&lab, "root", host, "id -un"), "root\n");
    assert_eq!(
        ssh_with_key(&lab, "site", host, "sudo -n true 2>&1 || true"),
        "sudo: a password is required\n"
    );
    assert_eq!(
        ssh_with_key(&lab, "site", host, &format!("echo {password} | sudo -S -p '' id -un")),
        "root\n"
    );
    let by_password = |user, password: &str| {
        let directory = tempfile::tempdir().unwrap();
        let asked = directory.path().join("asked");
        std::fs::write(&asked, format!("#!/bin/sh\necho {password}\n")).unwrap();
        std::fs::set_permissions(&asked, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
        let mut command = ssh(&lab, user, host);
        command.args([
            "-o",
            "PreferredAuthentications=password",
            "-o",
            "NumberOfPasswordPrompts=1",
            "id -un",
        ]);
        let output = command.env("SSH_ASKPASS", asked).env("SSH_ASKPASS_REQUIRE", "force").output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(by_password("root", &lab.record().root_password), "root\n");
    assert_eq!(by_password("site", password), "site\n");
    assert_eq!(by_password("site", "wrong"), "");
}

#[test]
#[ignore = "needs root"]
fn a_power_cut_keeps_the_disk_and_nothing_else() {
    let lab = lab("power", 2, |_| {});
    let host = lab.host("h1").unwrap();
    let boot = || host.shell("cat /proc/sys/kernel/random/boot_id").unwrap();
    let first = boot();
    host.shell(
        "echo kept > /root/file; echo kept > /var/lib/etcd/file; sync; ip route add 203.0.113.0/24 dev host0",
    )
    .unwrap();
    lab.power_off(&["h1", "h2"]).unwrap();
    assert!(!host.is_on() && host.leader().is_none() && !greets(&lab, host));
    assert!(host.shell("true").is_err());
    lab.power_on(&["h1", "h2"]).unwrap();
    assert!(greets(&lab, host));
    assert_eq!(host.shell("cat /root/file /var/lib/etcd/file").unwrap(), "kept\nkept\n");
    assert_eq!(host.shell("ip route show 203.0.113.0/24").unwrap(), "");
    assert_ne!(boot(), first);
}

#[test]
#[ignore = "needs root"]
fn a_host_that_reboots_comes_back_and_one_that_shuts_down_stays_off() {
    let lab = lab("reboot", 1, |_| {});
    let host = lab.host("h1").unwrap();
    let boot = || host.shell("cat /proc/sys/kernel/random/boot_id").ok();
    let first = boot();
    host.shell("systemctl reboot").unwrap();
    eventually("the host has rebooted", || boot().is_some_and(|now| Some(now) != first));
    host.wait().unwrap();
    assert!(greets(&lab, host));
    host.shell("systemctl poweroff").unwrap();
    eventually("the host is off", || !host.is_on());
    lab.power_on(&["h1"]).unwrap();
    assert!(greets(&lab, host));
}

fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < deadline, "not within 30 s: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
#[ignore = "needs root"]
fn a_host_that_is_cut_off_stays_so_until_it_is_mended() {
    let lab = lab("cut", 2, |_| {});
    let (first, second) = (lab.host("h1").unwrap(), lab.host("h2").unwrap());
    let carrier = || first.shell("cat /sys/class/net/host0/carrier").unwrap();
    for (cut, link) in [(Cut::Cable, "0\n"), (Cut::FromHost, "1\n"), (Cut::ToHost, "1\n")] {
        lab.cut("h1", cut).unwrap();
        assert!(!greets(&lab, first) && greets(&lab, second), "{cut:?}");
        assert_eq!(carrier(), link, "{cut:?}");
        lab.power_off(&["h1"]).unwrap();
        lab.power_on(&["h1"]).unwrap();
        assert!(!greets(&lab, first), "{cut:?} after a power cut");
        lab.mend("h1").unwrap();
        eventually(&format!("{cut:?} is mended"), || greets(&lab, first));
    }
}

#[test]
#[ignore = "needs root"]
fn what_is_cut_one_way_still_passes_the_other() {
    let lab = lab("oneway", 1, |_| {});
    let host = lab.host("h1").unwrap();
    // The runner's name for the host must be fresh, or the first packet is an ARP question that gets no answer.
    assert!(greets(&lab, host));
    let received = || -> u64 {
        let text = host.shell("cat /sys/class/net/host0/statistics/rx_packets").unwrap();
        text.trim().parse().unwrap()
    };
    lab.cut("h1", Cut::FromHost).unwrap();
    let before = received();
    assert!(!greets(&lab, host));
    assert!(received() > before, "packets to the host pass");
    lab.mend("h1").unwrap();
    eventually("the cable is mended", || greets(&lab, host));
    lab.cut("h1", Cut::ToHost).unwrap();
    std::thread::sleep(Duration::from_millis(200));
    let before = received();
    assert!(!greets(&lab, host));
    assert_eq!(received(), before, "packets to the host are lost");
}

#[test]
#[ignore = "needs root"]
fn a_limit_holds_each_way_and_across_a_reboot() {
    let lab = lab("shape", 1, |_| {});
    let host = lab.host("h1").unwrap();
    let megabytes = 5;
    let seconds = |line: &str| {
        let started = Instant::now();
        let mut command = ssh(&lab, "root", host);
        command.arg("-i").arg(&lab.record().key).arg(line);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let zeros = vec![0; megabytes << 20];
        // The line that only sends does not read.
        let _ = std::io::Write::write_all(&mut child.stdin.take().unwrap(), &zeros);
        assert!(child.wait().unwrap().success());
        started.elapsed().as_secs_f64()
    };
    let lines = ["cat > /dev/null".to_owned(), format!("head -c {megabytes}M /dev/zero")];
    lab.shape("h1", Some("16mbit".parse().unwrap())).unwrap();
    lab.power_off(&["h1"]).unwrap();
    lab.power_on(&["h1"]).unwrap();
    // 5 MiB at 16 Mbit/s take 2.6 s, on a busy machine longer.
    let limited = lines.each_ref().map(|line| seconds(line));
    assert!(limited.iter().all(|taken| *taken > 2.5), "{limited:?} s");
    lab.shape("h1", None).unwrap();
    let free = lines.each_ref().map(|line| seconds(line));
    assert!(free.iter().all(|taken| *taken < 2.5), "{free:?} s without a limit");
}

#[test]
#[ignore = "needs root"]
fn the_gateway_counts_what_is_sent_on_purpose_and_nothing_else() {
    let lab = lab("gateway", 2, |_| {});
    let (first, second) = (lab.host("h1").unwrap(), lab.host("h2").unwrap());
    ssh_with_key(&lab, "root", first, "true");
    first.shell(&format!("timeout 2 bash -c 'read -r line < /dev/tcp/{}/22'", second.address())).unwrap();
    assert_eq!(lab.gateway_count().unwrap().packets, 0);
    lab.gateway_probe("h2").unwrap();
    let count = lab.gateway_count().unwrap();
    assert_eq!((count.packets, count.seen.len()), (1, 1));
    assert_eq!(count.seen[0].from, second.address().to_string());
    // A program on a host that resolves a name asks the name server beyond the gateway.
    first.shell("timeout 1 getent hosts example.com || true").unwrap();
    let count = lab.gateway_count().unwrap();
    assert!(count.seen.iter().any(|flow| flow.from == "10.77.0.11" && flow.to == "192.0.2.53"), "{count:?}");
    // So does one that runs in the lab's network on the machine.
    let _ = lab.command(["bash", "-c", "echo > /dev/udp/198.51.100.9/9"]).status().unwrap();
    let count = lab.gateway_count().unwrap();
    assert!(count.seen.iter().any(|flow| flow.from == "10.77.0.2"), "{count:?}");
}

#[test]
#[ignore = "needs root"]
fn an_isolated_lab_has_no_way_out_and_still_counts() {
    let lab = lab("isolated", 1, |spec| spec.isolated = true);
    let host = lab.host("h1").unwrap();
    assert_eq!(host.shell("ip route show default").unwrap(), "");
    assert_eq!(host.shell("cat /etc/resolv.conf").unwrap(), "");
    assert!(host.shell("bash -c 'echo > /dev/udp/198.51.100.7/9' 2>&1").is_err(), "network is unreachable");
    assert_eq!(lab.gateway_count().unwrap().packets, 0);
    lab.gateway_probe("h1").unwrap();
    assert_eq!(lab.gateway_count().unwrap().packets, 1);
    assert!(host.shell("bash -c 'echo > /dev/udp/198.51.100.7/9' 2>&1").is_err(), "the probe left no route");
}

#[test]
#[ignore = "needs root"]
fn settings_reach_the_hosts_that_they_are_for() {
    let os_release = "ID=kylin\nVERSION_ID=V10\nNAME=Kylin\n";
    let lab = lab("settings", 2, |spec| {
        spec.second_network = true;
        spec.hosts[0].os_release = Some(os_release.to_owned());
        spec.hosts[0].disk_size = "200M".parse().unwrap();
        spec.hosts[1].sshd = vec!["UseDNS yes".into(), "MaxSessions 3".into()];
    });
    let (first, second) = (lab.host("h1").unwrap(), lab.host("h2").unwrap());
    assert_eq!(first.shell("cat /etc/os-release").unwrap(), os_release);
    assert!(second.shell("cat /etc/os-release").unwrap().contains("ID=debian"));
    let sshd = "sshd -T | grep -E '^(usedns|maxsessions) ' | sort | tr '\\n' ' '";
    assert_eq!(first.shell(sshd).unwrap(), "maxsessions 10 usedns no ");
    assert_eq!(second.shell(sshd).unwrap(), "maxsessions 3 usedns yes ");
    let other = second.cluster_address().unwrap();
    assert_eq!(
        first.shell(&format!("ip route get {other} | head -1 | cut -d' ' -f3")).unwrap(),
        "cluster0\n"
    );
    first.shell(&format!("timeout 2 bash -c 'read -r line < /dev/tcp/{other}/22'")).unwrap();
    // The runner is on the SSH network alone.
    let cluster = SocketAddr::from((other, 22));
    assert_eq!(lab.inside(|| greeting(cluster)).unwrap(), None);
    // A full disk is that host's alone, and its containers lie on it.
    assert!(first.shell("dd if=/dev/zero of=/var/lib/containerd/big bs=1M count=400 2>/dev/null").is_err());
    assert!(first.shell("dd if=/dev/zero of=/root/x bs=1M count=20 2>/dev/null").is_err());
    second.shell("dd if=/dev/zero of=/root/big bs=1M count=400 2>/dev/null").unwrap();
}

#[test]
#[ignore = "needs root"]
fn containers_can_run_on_a_host() {
    let lab = lab("containers", 1, |_| {});
    let host = lab.host("h1").unwrap();
    host.shell(
        "cd /var/lib/containerd && mkdir lower upper work merged && touch lower/file &&
         mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work merged && test -e merged/file",
    )
    .unwrap();
    host.shell("unshare --mount --pid --fork --uts --ipc --net --mount-proc true").unwrap();
    host.shell(
        "for group in /sys/fs/cgroup/*/; do mkdir $group/kubepods && rmdir $group/kubepods || exit 1; done",
    )
    .unwrap();
    host.shell("sysctl -qw net.ipv4.ip_forward=1 && test -r /dev/kmsg && test -c /dev/fuse").unwrap();
    assert_eq!(host.shell("findmnt -no PROPAGATION /").unwrap(), "shared\n");
    host.shell("ip link add flannel.1 type vxlan id 1 dstport 8472 dev host0").unwrap();
}

#[test]
#[ignore = "needs root"]
fn two_labs_live_side_by_side() {
    let (one, other) = (lab("one", 1, |_| {}), lab("other", 1, |_| {}));
    let (here, there) = (one.host("h1").unwrap(), other.host("h1").unwrap());
    assert_eq!(here.address(), there.address());
    assert_ne!(here.fingerprint(), there.fingerprint());
    one.down().unwrap();
    assert!(greets(&other, there));
    assert_eq!(ssh_with_key(&other, "root", there, "hostname"), "h1\n");
}

#[test]
#[ignore = "needs root"]
fn a_forward_lets_the_machine_in_until_the_lab_goes_down() {
    let lab = lab("forward", 1, |_| {});
    let program = Path::new(env!("CARGO_BIN_EXE_lab"));
    let to = SocketAddr::from((lab.host("h1").unwrap().address(), 22));
    let forward = lab.forward(program, "127.0.0.1:0".parse().unwrap(), to).unwrap();
    assert_eq!(greeting(forward.listen), Some(*b"SSH-"));
    assert!(lab.forward(program, forward.listen, to).is_err(), "the address is taken");
    lab.down().unwrap();
    assert!(forward.process.wait_for_end(Duration::from_secs(5)));
    assert_eq!(greeting(forward.listen), None);
}

/// A loop device ends with the last mount namespace that has its mount; a host of another lab that is just starting has
/// a copy of all of the machine's mounts for a moment.
fn leaves_nothing(name: &str) {
    eventually(&format!("nothing bears the name {name}"), || traces_of(name).is_empty());
}

/// Whatever on this machine bears the lab's name.
fn traces_of(name: &str) -> Vec<String> {
    let mut traces = Vec::new();
    for file in ["/proc/self/mountinfo", "/proc/self/cgroup"] {
        let text = std::fs::read_to_string(file).unwrap();
        traces.extend(text.lines().filter(|line| line.contains(name)).map(str::to_owned));
    }
    let commands = ["losetup --list --noheadings --output BACK-FILE", "ip netns list", "ls /run/armilla-lab"];
    for command in commands.into_iter().chain(["find /sys/fs/cgroup -name self-*", "ps -eo args"]) {
        let words: Vec<&str> = command.split(' ').collect();
        let output = Command::new(words[0]).args(&words[1..]).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        traces
            .extend(text.lines().filter(|line| line.contains(name)).map(|line| format!("{command}: {line}")));
    }
    traces
}

#[test]
#[ignore = "needs root"]
fn down_leaves_nothing() {
    let lab = lab("down", 2, |_| {});
    let (name, disks) = (lab.name().to_string(), lab.record().disks.clone());
    assert!(traces_of(&name).len() > 10 && disks.exists());
    // A program in a host and a half of the lab that is off already must not be in the way.
    let mut sleeper = lab.host("h2").unwrap().command(["sleep", "600"]).unwrap().spawn().unwrap();
    lab.power_off(&["h1"]).unwrap();
    lab.down().unwrap();
    sleeper.wait().unwrap();
    leaves_nothing(&name);
    assert!(!disks.exists());
    Lab::down_by_name(&name.parse().unwrap()).unwrap();
}

#[test]
#[ignore = "needs root"]
fn a_lab_whose_owner_was_killed_is_removed_by_the_next_up() {
    let mut owner = Command::new("sleep").arg("600").spawn().unwrap();
    let process = Process::with_pid(owner.id()).unwrap();
    let left = lab("left", 1, |spec| spec.owner = Owner::Other(process));
    assert!(!left.record().is_left_behind());
    let again = Lab::up(&LabSpec::new(left.name().as_str(), 1).unwrap());
    assert!(again.unwrap_err().to_string().contains("it is up already"));
    owner.kill().unwrap();
    owner.wait().unwrap();
    assert!(left.record().is_left_behind());
    let _next = lab("next", 1, |_| {});
    leaves_nothing(left.name().as_str());
}

#[test]
#[ignore = "needs root"]
fn an_up_that_is_killed_at_any_moment_is_cleaned_up_by_the_next() {
    let name = name("killed");
    for milliseconds in [30, 100, 200, 400, 700] {
        let mut up =
            program().args(["--name", &name, "up", "--hosts", "2"]).stdout(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(milliseconds));
        up.kill().unwrap();
        up.wait().unwrap();
    }
    let status =
        program().args(["--name", &name, "up", "--hosts", "1"]).stdout(Stdio::null()).status().unwrap();
    assert!(status.success());
    let lab = Lab::open(&name.parse().unwrap()).unwrap();
    assert!(greets(&lab, lab.host("h1").unwrap()));
    lab.down().unwrap();
    leaves_nothing(&name);
}
