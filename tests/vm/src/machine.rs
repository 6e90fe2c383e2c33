//! A host with a kernel, a clock and a cgroup tree of its own: a QEMU machine on a lab's network, for what hosts that are
//! containers share. It is emulated, since stock kernels hang under some nested KVMs: it computes some fifteen times
//! slower, boots in half a minute, and is the slow host that the product must be patient with.

use crate::address::{self, GATEWAY, PREFIX_LENGTH};
use crate::base::{self, BaseError};
use crate::command::{self, CommandError};
use crate::file::{self, FileError};
use crate::lab::Lab;
use crate::spec::Size;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Why a machine is not there as it should be.
#[derive(Debug, thiserror::Error)]
pub enum MachineError {
    #[error("make the machine's base image")]
    Base(#[from] BaseError),
    #[error("keep the machine's files")]
    File(#[from] FileError),
    #[error("make the machine's disk or network")]
    Make(#[from] CommandError),
    #[error("find a kernel in {}", .0.display())]
    NoKernel(PathBuf),
    #[error("start qemu-system-x86_64: `apt-get install --no-install-recommends qemu-system-x86`")]
    Start(#[source] std::io::Error),
    #[error("reach ssh on the machine within {} s; its console says:\n{console}", .limit.as_secs())]
    Silent { limit: Duration, console: String },
}

/// What a machine is to be.
#[derive(Debug, Clone)]
pub struct MachineSpec {
    pub processors: u8,
    /// MiB.
    pub memory: u32,
    pub disk_size: Size,
    /// Its clock beside that of this machine, in seconds.
    pub clock_offset: i64,
}

impl Default for MachineSpec {
    fn default() -> MachineSpec {
        MachineSpec { processors: 4, memory: 4096, disk_size: Size::gibibytes(12), clock_offset: 0 }
    }
}

/// A machine that runs. It ends with this value, and with the thread that started it.
#[derive(Debug)]
pub struct Machine {
    child: Child,
    directory: PathBuf,
    key: PathBuf,
    namespace: PathBuf,
}

/// Beyond the addresses of a lab's other hosts.
const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 250);
const NAME: &str = "q1";

/// An emulated machine boots in 35 s on four idle processors.
const SSH_ANSWERS_WITHIN: Duration = Duration::from_secs(600);

/// What the machine does by itself when it boots; the rest is as Debian makes it.
const NETWORK_UNIT: &str = "[Unit]\nBefore=network-pre.target\nWants=network-pre.target\n\
    [Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/usr/local/lib/lab-network\n\
    [Install]\nWantedBy=multi-user.target\n";

impl Machine {
    /// Starts a machine on the lab's network and returns when ssh answers. One lab holds one.
    pub fn start(lab: &Lab, spec: &MachineSpec, tell: &dyn Fn(&str)) -> Result<Machine, MachineError> {
        let tree = base::machine_tree(tell)?;
        // Beside the disks of the lab's other hosts: the lab takes it along when it goes.
        let directory = lab.record().disks.join("machine");
        file::make_directory(&directory)?;
        make_disk(lab, spec, &tree, &directory)?;
        let namespace = &lab.record().namespace;
        make_card(namespace)?;
        let child = qemu(spec, &tree.join("boot"), &directory, namespace)?;
        let key = lab.record().key.clone();
        let machine = Machine { child, directory, key, namespace: namespace.clone() };
        machine.wait()?;
        Ok(machine)
    }

    pub fn name(&self) -> &'static str {
        NAME
    }
    pub fn address(&self) -> Ipv4Addr {
        ADDRESS
    }
    /// All that it has said on its console.
    pub fn console(&self) -> String {
        let bytes = std::fs::read(self.directory.join("console")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Runs a shell line on it as root, over ssh; its standard output. A status other than 0 is an error.
    pub fn shell(&self, line: &str) -> Result<String, CommandError> {
        let mut ssh = Command::new("nsenter");
        ssh.arg(format!("--net={}", self.namespace.display())).args(["ssh", "-i"]).arg(&self.key);
        // Its host key was made with it, a moment ago.
        for option in
            ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR", "BatchMode=yes"]
        {
            ssh.args(["-o", option]);
        }
        ssh.arg(format!("root@{ADDRESS}")).arg(line).stdin(Stdio::null());
        command::run_command(&mut ssh)
    }

    fn wait(&self) -> Result<(), MachineError> {
        let begun = Instant::now();
        while self.shell("true").is_err() {
            if begun.elapsed() > SSH_ANSWERS_WITHIN {
                let console = command::last_lines(&self.console(), 25);
                return Err(MachineError::Silent { limit: SSH_ANSWERS_WITHIN, console });
            }
            std::thread::sleep(Duration::from_secs(1));
        }
        Ok(())
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A copy of the tree with what is the machine's own, as a sparse ext4 image.
fn make_disk(lab: &Lab, spec: &MachineSpec, tree: &Path, directory: &Path) -> Result<(), MachineError> {
    let own = directory.join("tree");
    file::remove_tree(&own)?;
    let copy = ["-a", "--reflink=auto"].map(std::ffi::OsStr::new);
    command::run("cp", copy.into_iter().chain([tree.as_os_str(), own.as_os_str()]))?;
    for (path, text, mode) in own_files(&file::read(&lab.record().key.with_extension("pub"))?) {
        let path = own.join(path);
        file::make_directory(path.parent().expect("a machine's file lies in a directory"))?;
        file::write(&path, &text, mode)?;
    }
    let key = own.join("etc/ssh/ssh_host_ed25519_key");
    let words = ["-q", "-t", "ed25519", "-N", "", "-C", NAME, "-f"].map(std::ffi::OsStr::new);
    command::run("ssh-keygen", words.into_iter().chain([key.as_os_str()]))?;
    let enable = ["systemctl", "enable", "--quiet", "lab-network.service"].map(std::ffi::OsStr::new);
    command::run("chroot", [own.as_os_str()].into_iter().chain(enable))?;
    let disk = directory.join("disk");
    let size = |file: std::fs::File| file.set_len(spec.disk_size.bytes());
    std::fs::File::create(&disk).and_then(size).map_err(FileError::new("make disk image", &disk))?;
    let options =
        ["-q", "-F", "-E", "lazy_itable_init=1,lazy_journal_init=1", "-d"].map(std::ffi::OsStr::new);
    command::run("mkfs.ext4", options.into_iter().chain([own.as_os_str(), disk.as_os_str()]))?;
    Ok(file::remove_tree(&own)?)
}

fn own_files(authorized: &str) -> [(&'static str, String, u32); 6] {
    let network = format!(
        "#!/bin/sh\nset -e\nip link set eth0 up\nip address replace {ADDRESS}/{PREFIX_LENGTH} dev eth0\n\
         ip route replace default via {GATEWAY} dev eth0\n"
    );
    [
        ("etc/hostname", format!("{NAME}\n"), 0o644),
        ("etc/hosts", format!("127.0.0.1 localhost\n{ADDRESS} {NAME}\n"), 0o644),
        ("etc/resolv.conf", String::new(), 0o644),
        ("root/.ssh/authorized_keys", authorized.to_owned(), 0o600),
        ("usr/local/lib/lab-network", network, 0o755),
        ("etc/systemd/system/lab-network.service", NETWORK_UNIT.to_owned(), 0o644),
    ]
}

/// The machine's cable: a tap on the lab's first bridge.
fn make_card(namespace: &Path) -> Result<(), CommandError> {
    let enter = format!("--net={}", namespace.display());
    let ip = |words: &str| {
        let all = [enter.as_str(), "ip"].into_iter().chain(words.split(' '));
        command::run("nsenter", all).map(drop)
    };
    // Left by a machine that was there before.
    let _ = ip(&format!("link delete {NAME}"));
    ip(&format!("tuntap add dev {NAME} mode tap"))?;
    ip(&format!("link set {NAME} master lab0 up"))
}

fn qemu(spec: &MachineSpec, boot: &Path, directory: &Path, namespace: &Path) -> Result<Child, MachineError> {
    let find = |prefix: &str| {
        let name = file::names_in(boot).into_iter().find(|name| name.starts_with(prefix));
        name.map(|name| boot.join(name)).ok_or_else(|| MachineError::NoKernel(boot.to_owned()))
    };
    let (kernel, initrd) = (find("vmlinuz-")?, find("initrd.img-")?);
    // Written by `date`, read by QEMU: the clock of the machine's hardware.
    let offset = format!("--date={} seconds", spec.clock_offset);
    let clock = command::run("date", ["--utc", &offset, "+%Y-%m-%dT%H:%M:%S"])?;
    let console = directory.join("console");
    let console = std::fs::File::create(&console).map_err(FileError::new("make", &console))?;
    let error = console.try_clone().map_err(MachineError::Start)?;
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig=KILL", "nsenter", &format!("--net={}", namespace.display())]);
    command.args(["qemu-system-x86_64", "-machine", "q35", "-accel", "tcg,thread=multi", "-cpu", "max"]);
    command.args(["-smp", &spec.processors.to_string(), "-m", &spec.memory.to_string()]);
    command.args(["-nodefaults", "-display", "none", "-serial", "stdio", "-no-reboot"]);
    command.arg("-kernel").arg(kernel).arg("-initrd").arg(initrd);
    command.args(["-append", "root=/dev/vda rw console=ttyS0 net.ifnames=0 mitigations=off"]);
    // What was written and not yet synced may go with the machine; the disk goes with it too.
    command.args([
        "-drive",
        &format!("file={},if=virtio,format=raw,cache=unsafe", directory.join("disk").display()),
    ]);
    command.args(["-netdev", &format!("tap,id=lab,ifname={NAME},script=no,downscript=no")]);
    command.args(["-device", &format!("virtio-net-pci,netdev=lab,mac={}", address::hardware(ADDRESS))]);
    command.args(["-rtc", &format!("base={}", clock.trim())]);
    command.stdin(Stdio::null()).stdout(console).stderr(error);
    command.spawn().map_err(MachineError::Start)
}
