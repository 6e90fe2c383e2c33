//! The folder of an installation: what `armilla` is given and what it leaves, each file under its usual name.

use crate::demo::{DemoError, absolute};
use crate::file::{self, FileError};
use crate::host::Host;
use crate::lab::Lab;
use std::fmt::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// `site.yaml`, `armilla`, `armilla.bundle`, `bundle.key`, `bundle.key.pub`, `state/`, `kubeconfig`, `kubectl`.
#[derive(Debug, Clone)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// The folder at `path`, made if it is not there, for root alone: a key and a kubeconfig will lie in it.
    pub fn make(path: &Path) -> Result<Folder, FileError> {
        let path = absolute(path)?;
        file::make_private_directory(&path)?;
        Ok(Folder { path })
    }

    /// As [`Folder::make`], without making it.
    pub fn at(path: &Path) -> Result<Folder, FileError> {
        Ok(Folder { path: absolute(path)? })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
    pub fn site(&self) -> PathBuf {
        self.path.join("site.yaml")
    }
    pub fn bundle(&self) -> PathBuf {
        self.path.join("armilla.bundle")
    }
    /// The private key that seals the bundle.
    pub fn key(&self) -> PathBuf {
        self.path.join("bundle.key")
    }
    /// The public key that is trusted.
    pub fn trust(&self) -> PathBuf {
        self.path.join("bundle.key.pub")
    }
    pub fn state(&self) -> PathBuf {
        self.path.join("state")
    }
    pub fn program(&self) -> PathBuf {
        self.path.join("armilla")
    }

    /// `armilla VERB -s site.yaml --state state`, in the lab's network; a verb may be two words.
    pub fn armilla(&self, lab: &Lab, verb: &str) -> Command {
        let mut command = lab.command([self.program()]);
        command.args(verb.split(' ')).arg("-s").arg(self.site()).arg("--state").arg(self.state());
        command
    }

    /// As [`Folder::armilla`], for the verbs that take a bundle.
    pub fn armilla_on_site(&self, lab: &Lab, verb: &str) -> Command {
        let mut command = self.armilla(lab, verb);
        // Who takes a cluster away may have lost what it was made from.
        if verb != "reset" {
            command.arg("-b").arg(self.bundle()).arg("--trust").arg(self.trust());
        }
        command
    }

    /// `kubectl` on the machine itself, through the forward.
    pub fn kubectl(&self, words: &[&str]) -> Command {
        let mut command = Command::new(self.path.join("kubectl"));
        command.arg("--kubeconfig").arg(self.path.join("kubeconfig")).args(words);
        command
    }

    /// Writes a site of all hosts of the lab, unless there is a site file: somebody may have changed it.
    pub fn write_site_once(&self, lab: &Lab, name: &str) -> Result<(), FileError> {
        let hosts: Vec<&Host> = lab.hosts().iter().collect();
        if self.site().exists() { Ok(()) } else { self.write_site(lab, name, &hosts) }
    }

    /// Writes a site of these hosts; the first one is the control plane, and a worker as the others are.
    pub fn write_site(&self, lab: &Lab, name: &str, hosts: &[&Host]) -> Result<(), FileError> {
        let mut text = format!(
            "apiVersion: armilla/v1\nkind: Site\nmetadata:\n  name: {name}\nssh:\n  user: root\n  keyFile: {}\nhosts:\n",
            lab.record().key.display()
        );
        for (position, host) in hosts.iter().enumerate() {
            let roles = if position == 0 { "[control-plane, worker]" } else { "[worker]" };
            let (name, address) = (host.name(), host.address());
            writeln!(text, "  - name: {name}\n    address: {address}\n    roles: {roles}")
                .expect("writing to a String does not fail");
            if let Some(address) = host.cluster_address() {
                writeln!(text, "    clusterAddress: {address}").expect("writing to a String does not fail");
            }
        }
        file::write(&self.site(), &text, 0o600)
    }

    pub(super) fn keep_kubeconfig(&self, text: &str) -> Result<(), FileError> {
        file::write(&self.path.join("kubeconfig"), text, 0o600)
    }

    /// The host's kubectl is static: it runs on the machine too.
    pub(super) fn keep_kubectl(&self, host: &Host) -> Result<(), DemoError> {
        Ok(self.keep_program(&host.root().join("usr/local/bin/kubectl"), "kubectl")?)
    }

    /// Copies a program beside and renames it: the old one may be running.
    pub(super) fn keep_program(&self, from: &Path, name: &str) -> Result<(), FileError> {
        let (partial, to) = (self.path.join(format!(".{name}")), self.path.join(name));
        std::fs::copy(from, &partial).map_err(FileError::new("copy", from))?;
        let executable = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&partial, executable).map_err(FileError::new("change", &partial))?;
        std::fs::rename(&partial, &to).map_err(FileError::new("put in place", &to))
    }

    /// Removes what is known of hosts: their site file, the way in, pinned keys and runs.
    pub(super) fn forget_hosts(&self) -> Result<(), FileError> {
        for path in [self.site(), self.path.join("kubeconfig"), self.path.join("admin.password")] {
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(FileError::new("remove", &path)(error));
                }
                _ => {}
            }
        }
        file::remove_tree(&self.state())
    }

    pub(super) fn remove(&self) -> Result<(), FileError> {
        file::remove_tree(&self.path)
    }
}
