//! A lab from up to down.

use crate::address;
use crate::base::{self, BaseError};
use crate::command::{self, CommandError};
use crate::condition::{self, Cut, Rate};
use crate::file::{self, FileError};
use crate::gateway::{self, GatewayCount, GatewayError};
use crate::host::{Host, HostError};
use crate::needs::{self, NeedsError};
use crate::netns;
use crate::place::{Place, namespace_file};
use crate::process::Process;
use crate::random;
use crate::relay::{self, Forward, ForwardError};
use crate::spec::{HostSpec, LabName, LabSpec, Owner, SpecError};
use crate::state::{HostRecord, Lock, Record, StateError};
use crate::teardown::{self, TeardownError};
use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

/// Why a lab is not as it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    #[error("bring up a lab that cannot be")]
    Spec(#[from] SpecError),
    #[error("check what the machine has")]
    Needs(#[from] NeedsError),
    #[error("bring up lab {0}: it is up already; `lab down --name {0}` takes it down")]
    IsUp(LabName),
    #[error("get the base image")]
    Base(#[from] BaseError),
    #[error("make the lab's network")]
    Network(#[source] CommandError),
    #[error("make the lab's key")]
    Key(#[source] CommandError),
    #[error("cut or mend a host")]
    Cables(#[source] CommandError),
    #[error("use the lab's state")]
    State(#[from] StateError),
    #[error("keep the lab's files")]
    File(#[from] FileError),
    #[error("use a host")]
    Host(#[from] HostError),
    #[error("ask the gateway")]
    Gateway(#[from] GatewayError),
    #[error("forward into the lab")]
    Forward(#[from] ForwardError),
    #[error("take lab {name} down")]
    Teardown { name: LabName, source: TeardownError },
}

/// A lab that is up. Dropping it leaves it up, unless [`Lab::down_on_drop`] was asked for.
#[derive(Debug)]
pub struct Lab {
    record: Record,
    hosts: Vec<Host>,
    down_on_drop: bool,
}

impl Lab {
    /// Brings a lab up and returns when ssh answers on every host. What was left behind by processes that are gone is
    /// removed first; what was made is removed again if it cannot be finished.
    pub fn up(spec: &LabSpec) -> Result<Lab, LabError> {
        Lab::up_telling(spec, &|_| {})
    }

    /// As [`Lab::up`]; `tell` hears what takes long.
    pub fn up_telling(spec: &LabSpec, tell: &dyn Fn(&str)) -> Result<Lab, LabError> {
        needs::check(false)?;
        Lab::remove_left_behind(tell)?;
        let place = Place::of(&spec.name);
        let _lock = Lock::take(&place.lock())?;
        if place.directory().exists() {
            let record = Record::load(&spec.name);
            if record.is_ok_and(|record| !record.is_left_behind()) {
                return Err(LabError::IsUp(spec.name.clone()));
            }
            remove(&spec.name)?;
        }
        let base = base::tree(tell)?;
        match make(spec, &place, &base) {
            Ok(lab) => Ok(lab),
            Err(error) => {
                // The error that is worth hearing is the first one; `up` and `down` will say if this one stays.
                let _ = teardown::remove(&spec.name);
                Err(error)
            }
        }
    }

    /// A lab that somebody else brought up.
    pub fn open(name: &LabName) -> Result<Lab, LabError> {
        Ok(Lab::from_record(Record::load(name)?))
    }

    fn from_record(record: Record) -> Lab {
        let hosts = (0..record.hosts.len()).map(|position| Host::of(&record, position)).collect();
        Lab { record, hosts, down_on_drop: false }
    }

    /// All labs of this machine whose state can be read.
    pub fn list() -> Vec<Lab> {
        teardown::names().iter().filter_map(|name| Lab::open(name).ok()).collect()
    }

    /// All names of labs on this machine, half made ones too.
    pub fn names() -> Vec<LabName> {
        teardown::names()
    }

    /// Removes the labs whose owners are gone.
    fn remove_left_behind(tell: &dyn Fn(&str)) -> Result<(), LabError> {
        for lab in Lab::list().iter().filter(|lab| lab.record.is_left_behind()) {
            let _lock = Lock::take(&Place::of(lab.name()).lock())?;
            // Somebody else may have removed it, and made it anew, while the lock was theirs.
            if Record::load(lab.name()).is_ok_and(|record| record.is_left_behind()) {
                tell(&format!("removing lab {}, which was left behind", lab.name()));
                remove(lab.name())?;
            }
        }
        Ok(())
    }

    /// Takes a lab down by name; nothing is wrong when there is none.
    pub fn down_by_name(name: &LabName) -> Result<(), LabError> {
        let _lock = Lock::take(&Place::of(name).lock())?;
        remove(name)
    }

    pub fn down(mut self) -> Result<(), LabError> {
        self.down_on_drop = false;
        Lab::down_by_name(self.name())
    }

    /// Takes the lab down when this value is dropped, a panicking test's too.
    pub fn down_on_drop(mut self) -> Lab {
        self.down_on_drop = true;
        self
    }

    pub fn name(&self) -> &LabName {
        &self.record.name
    }
    /// Addresses, keys and passwords.
    pub fn record(&self) -> &Record {
        &self.record
    }
    pub fn hosts(&self) -> &[Host] {
        &self.hosts
    }
    pub fn host(&self, name: &str) -> Result<&Host, LabError> {
        Ok(&self.hosts[self.record.position(name)?])
    }
    pub fn forwards(&self) -> Vec<Forward> {
        relay::list(&Place::of(self.name()))
    }

    fn select<S: AsRef<str>>(&self, names: &[S]) -> Result<Vec<&Host>, LabError> {
        names.iter().map(|name| self.host(name.as_ref())).collect()
    }

    /// Cuts the power of these hosts at once and returns when all are off.
    pub fn power_off<S: AsRef<str>>(&self, names: &[S]) -> Result<(), LabError> {
        let hosts = self.select(names)?;
        hosts.iter().for_each(|host| host.cut_power());
        Ok(hosts.iter().try_for_each(|host| host.wait_for_off())?)
    }

    /// Gives these hosts power and returns when ssh answers on all of them.
    pub fn power_on<S: AsRef<str>>(&self, names: &[S]) -> Result<(), LabError> {
        let hosts = self.select(names)?;
        {
            let _lock = Lock::take(&Place::of(self.name()).lock())?;
            hosts.iter().try_for_each(|host| host.start())?;
        }
        Ok(hosts.iter().try_for_each(|host| host.wait())?)
    }

    /// Cuts a host off from all its networks; it stays so across power cuts, until it is mended.
    pub fn cut(&self, host: &str, cut: Cut) -> Result<(), LabError> {
        self.change_cut(host, Some(cut))
    }

    /// Undoes `cut`. A cable that was pulled takes up to a second until packets pass, the kernel's pause between two
    /// changes of a link.
    pub fn mend(&self, host: &str) -> Result<(), LabError> {
        self.change_cut(host, None)
    }

    fn change_cut(&self, host: &str, cut: Option<Cut>) -> Result<(), LabError> {
        let _lock = Lock::take(&Place::of(self.name()).lock())?;
        let host = self.host(host)?;
        let mut condition = host.condition();
        condition.cut = cut;
        host.put_in_condition(&condition)?;
        let all: Vec<_> = self.hosts.iter().map(|host| (host.condition(), host.cables())).collect();
        let enter = format!("--net={}", self.record.namespace.display());
        command::run_with_input("nsenter", [&enter, "nft", "-f", "-"], &condition::one_way_rules(&all))
            .map_err(LabError::Cables)?;
        Ok(())
    }

    /// Limits what passes each of a host's cards, each way; nothing lifts the limit.
    pub fn shape(&self, host: &str, rate: Option<Rate>) -> Result<(), LabError> {
        let _lock = Lock::take(&Place::of(self.name()).lock())?;
        let host = self.host(host)?;
        let mut condition = host.condition();
        condition.rate = rate;
        Ok(host.put_in_condition(&condition)?)
    }

    /// A command that runs in the lab's network, on the machine otherwise: ssh to hosts, or the product itself.
    pub fn command<S: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net={}", self.record.namespace.display())).arg("--").args(words);
        command
    }

    /// Runs `work` on a thread in the lab's network: sockets that it makes reach the hosts.
    pub fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, LabError> {
        Ok(netns::inside(&self.record.namespace, work)?)
    }

    /// What reached the gateway since the lab came up.
    pub fn gateway_count(&self) -> Result<GatewayCount, LabError> {
        Ok(gateway::count(&Place::of(self.name()).gateway_namespace())?)
    }

    /// Sends one packet from a host out of the lab, on purpose.
    pub fn gateway_probe(&self, host: &str) -> Result<(), LabError> {
        let host = self.host(host)?;
        let route_via = self.record.isolated.then_some(self.record.gateway);
        Ok(gateway::probe(host.name(), host.namespace(), route_via)?)
    }

    /// Forwards a loopback address of the machine to one in the lab, by a process that outlives this one. `program` is the
    /// `lab` command.
    pub fn forward(&self, program: &Path, listen: SocketAddr, to: SocketAddr) -> Result<Forward, LabError> {
        Ok(relay::start(program, self.name(), listen, to)?)
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if self.down_on_drop {
            // What cannot be removed now is left behind, and the next `up` finds it.
            let _ = Lab::down_by_name(self.name());
        }
    }
}

fn remove(name: &LabName) -> Result<(), LabError> {
    teardown::remove(name).map_err(|source| LabError::Teardown { name: name.clone(), source })
}

/// Makes everything that is not there yet. The record is written first: whatever happens from then on is found.
fn make(spec: &LabSpec, place: &Place, base: &Path) -> Result<Lab, LabError> {
    let mut record = new_record(spec, place)?;
    file::make_private_directory(&place.directory())?;
    record.save()?;
    lend_to_containers()?;
    make_key(&record.key)?;
    netns::make_lab(&place.own_namespace(), &place.gateway_namespace(), spec.isolated, spec.second_network)
        .and_then(|()| gateway::open(&place.gateway_namespace()))
        .map_err(LabError::Network)?;
    make_hosts(spec, &mut record, base)?;
    record.owner = match spec.owner {
        Owner::Caller => Some(Process::this()),
        Owner::Other(process) => Some(process),
        Owner::Nobody => None,
    };
    record.save()?;
    Ok(Lab::from_record(record))
}

fn new_record(spec: &LabSpec, place: &Place) -> Result<Record, LabError> {
    let host = |(position, host): (usize, &HostSpec)| HostRecord {
        name: host.name.clone(),
        address: address::ssh(position),
        cluster_address: spec.second_network.then(|| address::cluster(position)),
        disk_size: host.disk_size,
        host_key: String::new(),
        fingerprint: String::new(),
    };
    Ok(Record {
        name: spec.name.clone(),
        // Until the lab is finished it is nobody else's.
        owner: Some(Process::this()),
        isolated: spec.isolated,
        namespace: namespace_file(&place.own_namespace()),
        gateway: address::GATEWAY,
        key: place.key(),
        known_hosts: place.known_hosts(),
        root_password: random::password()?,
        site_password: random::password()?,
        disks: place.disks(),
        hosts: spec.hosts.iter().enumerate().map(host).collect(),
    })
}

/// Makes and starts all hosts side by side, and waits for all.
fn make_hosts(spec: &LabSpec, record: &mut Record, base: &Path) -> Result<(), LabError> {
    let make = |position: usize| -> Result<String, HostError> {
        let host = Host::of(record, position);
        let key = host.make(base, &spec.hosts[position], record)?;
        host.start()?;
        host.wait()?;
        Ok(key)
    };
    let keys: Vec<Result<String, HostError>> = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..spec.hosts.len()).map(|position| scope.spawn(move || make(position))).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    let mut known_hosts = String::new();
    for (host, key) in record.hosts.iter_mut().zip(keys) {
        // The comment after the key is of no use to anybody.
        host.host_key = key?.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
        host.fingerprint = fingerprint(&host.host_key)?;
        known_hosts.push_str(&format!("{} {}\n", host.address, host.host_key));
    }
    Ok(file::write(&record.known_hosts, &known_hosts, 0o600)?)
}

fn make_key(path: &Path) -> Result<(), LabError> {
    let words = ["-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f"].map(OsStr::new);
    command::run("ssh-keygen", words.into_iter().chain([path.as_os_str()])).map_err(LabError::Key)?;
    Ok(())
}

/// `256 SHA256:… comment (ED25519)`, as ssh-keygen(1) prints it.
fn fingerprint(key: &str) -> Result<String, LabError> {
    let line = command::run_with_input("ssh-keygen", ["-l", "-f", "-"], key).map_err(LabError::Key)?;
    Ok(line.split_whitespace().nth(1).unwrap_or_default().to_owned())
}

/// What all hosts share with the machine's kernel and would each have for themselves: systemd-nspawn offers hosts
/// /lib/modules only if there is one, and 128 inotify instances, the kernel's default for one user, are used up by three
/// hosts with kubelets.
fn lend_to_containers() -> Result<(), FileError> {
    file::make_directory(Path::new("/lib/modules"))?;
    let limit = Path::new("/proc/sys/fs/inotify/max_user_instances");
    let now: u64 = file::read(limit)?.trim().parse().unwrap_or(0);
    if now < 1024 {
        std::fs::write(limit, "1024").map_err(FileError::new("raise", limit))?;
    }
    Ok(())
}
