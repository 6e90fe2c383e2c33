//! Makes a host: a disk of its own, a root on it, and in that root what is the host's own.

use crate::cgroup;
use crate::command;
use crate::condition::Condition;
use crate::file::{self, FileError};
use crate::guest::{Guest, GuestFile};
use crate::host::{Host, HostError};
use crate::random;
use crate::scripts::Scripts;
use crate::spec::HostSpec;
use crate::state::Record;
use std::fs::File;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;

/// Directories of the host that lie on its disk as they are: containerd's own overlays cannot lie on an overlay.
pub(crate) const OWN_DIRECTORIES: &[(&str, &str)] =
    &[("containerd", "/var/lib/containerd"), ("kubelet", "/var/lib/kubelet"), ("etcd", "/var/lib/etcd")];

impl Host {
    fn call<'a>(&self, program: &str, words: impl IntoIterator<Item = &'a str>) -> Result<String, HostError> {
        command::run(program, words)
            .map_err(|source| HostError::Make { host: self.name().to_owned(), source })
    }

    /// Makes the host's disk and root, and everything in it that is its own. Returns its public host key.
    pub(crate) fn make(&self, base: &Path, spec: &HostSpec, lab: &Record) -> Result<String, HostError> {
        file::make_directory(&self.place.directory)?;
        self.make_disk(&lab.disks, spec)?;
        self.mount_root(base)?;
        self.write_files(spec, lab)?;
        self.set_passwords(lab)?;
        let key = self.place.root().join("etc/ssh/ssh_host_ed25519_key");
        let words = ["-q", "-t", "ed25519", "-N", "", "-C", self.name(), "-f"];
        self.call("ssh-keygen", words.into_iter().chain([key.to_string_lossy().as_ref()]))?;
        self.write_scripts()?;
        Ok(file::read(&key.with_extension("pub"))?)
    }

    /// A sparse image: takes what is written to it, and hurts nobody else when it is full.
    fn make_disk(&self, disks: &Path, spec: &HostSpec) -> Result<(), HostError> {
        file::make_directory(disks)?;
        let image = disks.join(format!("{}.img", self.name()));
        let size = |file: File| file.set_len(spec.disk_size.bytes());
        File::create(&image).and_then(size).map_err(FileError::new("make disk image", &image))?;
        let image = image.to_string_lossy();
        let options = "lazy_itable_init=1,lazy_journal_init=1,nodiscard";
        self.call("mkfs.ext4", ["-q", "-F", "-E", options, &image])?;
        file::make_directory(&self.place.disk())?;
        self.call("mount", ["-o", "loop", &image, &self.place.disk().to_string_lossy()])?;
        for name in ["upper", "work"].into_iter().chain(OWN_DIRECTORIES.iter().map(|(name, _)| *name)) {
            file::make_directory(&self.place.disk().join(name))?;
        }
        Ok(())
    }

    fn mount_root(&self, base: &Path) -> Result<(), HostError> {
        file::make_directory(&self.place.root())?;
        let disk = self.place.disk();
        let (upper, work) = (disk.join("upper"), disk.join("work"));
        let options =
            format!("lowerdir={},upperdir={},workdir={}", base.display(), upper.display(), work.display());
        let root = self.place.root();
        self.call("mount", ["-t", "overlay", "overlay", "-o", &options, &root.to_string_lossy()]).map(drop)
    }

    fn write_files(&self, spec: &HostSpec, lab: &Record) -> Result<(), HostError> {
        let authorized = file::read(&lab.key.with_extension("pub"))?;
        let guest = Guest {
            name: self.name(),
            address: self.address(),
            cluster_address: self.cluster_address(),
            isolated: lab.isolated,
            machine_id: &random::hex(16)?,
            os_release: spec.os_release.as_deref(),
            sshd: &spec.sshd,
            authorized: &authorized,
        };
        for GuestFile { path, text, mode } in guest.files() {
            let path = self.place.root().join(path);
            file::make_directory(path.parent().expect("a guest's file lies in a directory"))?;
            file::write(&path, &text, mode)?;
        }
        self.authorize_user(&authorized)
    }

    /// The ordinary user's key must be the user's own file, or sshd does not trust it.
    fn authorize_user(&self, authorized: &str) -> Result<(), HostError> {
        let home = self.place.root().join("home/site");
        let user = std::fs::metadata(&home).map_err(FileError::new("find", &home))?;
        let directory = home.join(".ssh");
        file::make_directory(&directory)?;
        let keys = directory.join("authorized_keys");
        file::write(&keys, authorized, 0o600)?;
        for path in [&directory, &keys] {
            chown(path, Some(user.uid()), Some(user.gid())).map_err(FileError::new("give away", path))?;
        }
        Ok(())
    }

    fn set_passwords(&self, lab: &Record) -> Result<(), HostError> {
        let lines = format!("root:{}\nsite:{}\n", lab.root_password, lab.site_password);
        let root = self.place.root();
        command::run_with_input("chroot", [root.as_os_str(), "chpasswd".as_ref()], &lines)
            .map(drop)
            .map_err(|source| HostError::Make { host: self.name().to_owned(), source })
    }

    fn write_scripts(&self) -> Result<(), HostError> {
        let moves = cgroup::make(&self.place.cgroup)?;
        let scripts = Scripts {
            lab: &self.lab_namespace,
            host: self.name(),
            place: &self.place,
            cables: &self.cables(),
            cgroups: &moves,
        };
        file::write(&self.place.cables_script(), &scripts.cables(), 0o600)?;
        file::write(&self.place.start_script(), &scripts.start(), 0o600)?;
        self.keep_condition(&Condition::default())
    }
}
