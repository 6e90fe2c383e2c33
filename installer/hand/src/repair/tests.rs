use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;

use installer_model::repair::MountOption;

use super::*;

/// A host of files below a folder; its programs write down what they were told, and answer from a table.
struct Fake {
    dir: tempfile::TempDir,
    told: RefCell<Vec<String>>,
    answers: BTreeMap<&'static str, (i32, &'static str)>,
}

impl Fake {
    fn with(files: &[(&str, &str)]) -> Fake {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = dir.path().join(path.trim_start_matches('/'));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Fake { dir, told: RefCell::default(), answers: BTreeMap::new() }
    }

    fn answers(mut self, command: &'static str, code: i32, said: &'static str) -> Fake {
        self.answers.insert(command, (code, said));
        self
    }

    fn on<T>(&self, work: impl FnOnce(&Host<'_>) -> T) -> T {
        let run = |argv: &[&str]| {
            let line = argv.join(" ");
            let (code, said) = self.answers.get(line.as_str()).copied().unwrap_or((0, ""));
            self.told.borrow_mut().push(line);
            Ok(CommandOutput { code, stdout: said.as_bytes().to_vec(), stderr: Vec::new(), truncated: false })
        };
        let record = self.dir.path().join("var/lib/armilla/before/repairs.json");
        work(&Host { root: self.dir.path().to_owned(), record, run: &run })
    }

    fn repair(&self, repair: &Repair) -> Vec<Change> {
        self.on(|host| Work::on(host, false).unwrap().act(repair)).unwrap()
    }

    fn dry(&self, repair: &Repair) -> Vec<Change> {
        self.on(|host| Work::on(host, true).unwrap().act(repair)).unwrap()
    }

    fn undo(&self) -> Vec<Change> {
        self.on(undo::all).unwrap()
    }

    fn told(&self) -> Vec<String> {
        self.told.borrow().clone()
    }

    /// Every file with its text.
    fn files(&self) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        let mut open = vec![self.dir.path().to_owned()];
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    open.push(path);
                } else {
                    let name = path.strip_prefix(self.dir.path()).unwrap().display().to_string();
                    found.insert(name, fs::read_to_string(&path).unwrap());
                }
            }
        }
        found
    }
}

const FSTAB: &str = "UUID=1 / ext4 defaults 0 1\n/swapfile none swap sw 0 0\n";

fn spoiled() -> Fake {
    Fake::with(&[
        ("/proc/sys/net/ipv4/ip_forward", "0\n"),
        ("/proc/sys/kernel/hostname", "localhost\n"),
        ("/proc/sys/kernel/random/uuid", "0f0e0d0c-0b0a-4908-8706-050403020100\n"),
        ("/proc/swaps", "Filename Type Size Used Priority\n/swapfile file 1 0 -2\n"),
        ("/proc/self/mountinfo", "1 0 8:1 / / rw - ext4 a rw\n2 1 8:2 / /var/lib rw,noexec - ext4 b rw\n"),
        ("/swapfile", ""),
        ("/etc/fstab", FSTAB),
        ("/etc/hostname", "localhost\n"),
        ("/etc/hosts", "::1 localhost\n"),
        ("/etc/machine-id", "11111111111111111111111111111111\n"),
        ("/etc/kubernetes/admin.conf", "theirs\n"),
        ("/etc/selinux/config", "SELINUX=enforcing\n"),
        ("/sys/fs/selinux/enforce", "1\n"),
        ("/etc/systemd/system/kubelet.service", "[Service]\n"),
        ("/sys/class/net/eth0/mtu", "9000\n"),
        ("/sys/class/net/eth0/flags", "0x1002\n"),
        ("/sys/module/overlay/x", ""),
        ("/var/lib/x", ""),
    ])
    .answers("systemctl show -p LoadState --value kubelet.service", 0, "loaded")
    .answers("systemctl is-enabled kubelet.service", 0, "enabled")
    .answers("systemctl is-active kubelet.service", 0, "active")
    .answers("systemctl show -p LoadState --value chronyd.service", 0, "not-found")
    .answers("systemctl show -p LoadState --value chrony.service", 0, "loaded")
    .answers("systemctl is-enabled chrony.service", 1, "disabled")
    .answers("systemctl is-active chrony.service", 3, "inactive")
}

fn repairs() -> Vec<Repair> {
    let text = str::to_owned;
    vec![
        Repair::SetSysctl { key: text("net.ipv4.ip_forward"), value: text("1") },
        Repair::LoadModule { module: text("overlay") },
        Repair::LoadModule { module: text("br_netfilter") },
        Repair::SwapOff,
        Repair::SetUnitAside { unit: text("kubelet.service") },
        Repair::StartUnit { units: vec![text("chronyd.service"), text("chrony.service")] },
        Repair::SetHostname { name: text("h1") },
        Repair::NewMachineId,
        Repair::MakeFolder { path: text("/var/log/journal"), mode: 0o755 },
        Repair::SetMode { path: text("/etc/hosts"), mode: 0o600 },
        Repair::SetAside { path: text("/etc/kubernetes"), data: false },
        Repair::LinkUp { interface: text("eth0") },
        Repair::SetMtu { interface: text("eth0"), mtu: 1500 },
        Repair::Remount { path: text("/var/lib/armilla"), option: MountOption::Exec },
        Repair::SelinuxPermissive,
        Repair::HostsLine { address: text("127.0.0.1"), name: text("localhost") },
        Repair::CommentOut { path: text("/etc/selinux/config"), line: text("SELINUX=permissive") },
        Repair::WriteFile { path: text("/etc/new.conf"), mode: 0o644, content: text("x\n") },
    ]
}

#[test]
fn what_was_repaired_is_taken_back_to_the_last_byte() {
    let fake = spoiled();
    let before = fake.files();
    for repair in repairs() {
        assert!(!fake.repair(&repair).is_empty(), "{repair:?} changed nothing");
    }
    let repaired = fake.files();
    assert_eq!(repaired["proc/sys/net/ipv4/ip_forward"], "1\n");
    assert!(repaired["etc/fstab"].contains("\n# /swapfile"));
    assert!(repaired.contains_key("etc/kubernetes.armilla-aside/admin.conf"));
    assert_eq!(
        (repaired["etc/hostname"].as_str(), repaired["proc/sys/kernel/hostname"].as_str()),
        ("h1\n", "h1\n")
    );
    assert_ne!(repaired["etc/machine-id"], before["etc/machine-id"]);
    for told in [
        "modprobe br_netfilter",
        "swapoff /swapfile",
        "systemctl disable kubelet.service",
        "systemctl stop kubelet.service",
        "systemctl enable --now chrony.service",
        "ip link set eth0 up",
        "ip link set eth0 mtu 1500",
        "mount -o remount,exec /var/lib",
    ] {
        assert!(fake.told().iter().any(|line| line == told), "{told}: {:#?}", fake.told());
    }

    fake.told.borrow_mut().clear();
    assert!(!fake.undo().is_empty());
    assert_eq!(fake.files(), before);
    for told in [
        "swapon /swapfile",
        "systemctl enable kubelet.service",
        "systemctl start kubelet.service",
        "systemctl disable chrony.service",
        "systemctl stop chrony.service",
        "ip link set eth0 mtu 9000",
        "mount -o remount,noexec /var/lib",
    ] {
        assert!(fake.told().iter().any(|line| line == told), "{told}: {:#?}", fake.told());
    }
    assert_eq!(fake.undo(), [], "there is nothing more to take back");
}

#[test]
fn a_dry_run_says_the_same_and_does_nothing() {
    let fake = spoiled();
    let before = fake.files();
    let said: Vec<usize> = repairs().iter().map(|repair| fake.dry(repair).len()).collect();
    assert_eq!(fake.files(), before);
    let harmless = |line: &String| line.starts_with("systemctl show") || line.starts_with("systemctl is-");
    assert!(fake.told().iter().all(harmless), "{:#?}", fake.told());
    // The last but one comments out what a repair before it would have written.
    for (at, repair) in repairs().iter().enumerate().filter(|(at, _)| *at != 16) {
        assert_eq!(fake.repair(repair).len(), said[at], "{repair:?}");
    }
}

#[test]
fn what_is_so_already_is_left_alone() {
    let fake = spoiled();
    let file = Repair::WriteFile { path: "/etc/new.conf".into(), mode: 0o644, content: "x\n".into() };
    for repair in [file, Repair::HostsLine { address: "::1".into(), name: "localhost".into() }] {
        fake.repair(&repair);
        assert_eq!(fake.repair(&repair), [], "{repair:?}");
    }
    let forward = Repair::SetSysctl { key: "net.ipv4.ip_forward".into(), value: "1".into() };
    fake.repair(&forward);
    assert_eq!(fake.repair(&forward), []);
}

#[test]
fn how_it_was_at_first_is_what_is_put_back() {
    let fake = spoiled();
    let before = fake.files();
    for value in ["1", "2"] {
        fake.repair(&Repair::SetSysctl { key: "net.ipv4.ip_forward".into(), value: value.into() });
    }
    fake.undo();
    assert_eq!(fake.files(), before);
}

#[test]
fn what_somebody_wrote_since_is_theirs() {
    let fake = spoiled();
    fake.repair(&Repair::SwapOff);
    fs::write(fake.dir.path().join("etc/fstab"), "mine\n").unwrap();
    let changes = fake.undo();
    assert!(changes.iter().any(|change| change.after.contains("left as it is")), "{changes:#?}");
    assert_eq!(fake.files()["etc/fstab"], "mine\n");
}

#[test]
fn data_that_is_set_aside_is_renamed_and_never_deleted() {
    let fake = Fake::with(&[("/var/lib/etcd/member/snap/db", "precious")]);
    let aside = Repair::SetAside { path: "/var/lib/etcd".into(), data: true };
    fake.repair(&aside);
    assert_eq!(fake.files()["var/lib/etcd.armilla-aside/member/snap/db"], "precious");
    // Something new in its place is not written over, neither way.
    fs::create_dir_all(fake.dir.path().join("var/lib/etcd/new")).unwrap();
    assert!(fake.on(|host| Work::on(host, false).unwrap().act(&aside)).is_err());
    assert!(fake.on(undo::all).unwrap_err().detail.contains("there is a new /var/lib/etcd"));
    fs::remove_dir(fake.dir.path().join("var/lib/etcd/new")).unwrap();
    fake.undo();
    assert_eq!(fake.files()["var/lib/etcd/member/snap/db"], "precious");
}

#[test]
fn what_the_host_needs_is_never_stopped() {
    for unit in
        ["sshd.service", "ssh.service", "systemd-networkd.service", "dbus.service", "NetworkManager.service"]
    {
        let fake = spoiled();
        let stop = Repair::StopUnit { unit: unit.to_owned() };
        assert!(fake.on(|host| Work::on(host, false).unwrap().act(&stop)).is_err(), "{unit}");
        assert_eq!(fake.told(), Vec::<String>::new());
    }
}

#[test]
fn a_path_that_climbs_is_refused() {
    let fake = spoiled();
    for path in ["etc/x", "/etc/../root/x"] {
        let aside = Repair::SetAside { path: path.to_owned(), data: false };
        assert!(fake.on(|host| Work::on(host, false).unwrap().act(&aside)).is_err(), "{path}");
    }
}
