//! The demo: three bare hosts, one command, a Kubernetes that is shown to work; and taking it all away again.

mod folder;
mod product;
mod server;

pub use folder::Folder;
pub use product::Product;
use server::Login;

use crate::command::CommandError;
use crate::file::FileError;
use crate::host::HostError;
use crate::lab::{Lab, LabError};
use crate::proofs::{self, ProofError};
use crate::relay::Forward;
use crate::spec::{LabName, LabSpec, Owner, SpecError};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// Why there is no demo.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    #[error("use the lab")]
    Lab(#[from] LabError),
    #[error("choose a lab")]
    Spec(#[from] SpecError),
    #[error("use a host")]
    Host(#[from] HostError),
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error("keep the files of the demo")]
    File(#[from] FileError),
    #[error("find {}: `make binary` builds it", .0.display())]
    NoProduct(PathBuf),
    #[error("know the architecture of this machine: {0}")]
    Architecture(&'static str),
    #[error("run `{command}`")]
    Start { command: String, source: std::io::Error },
    #[error("run `{command}`: {status}")]
    Ended { command: String, status: std::process::ExitStatus },
    #[error("have a server: {said}")]
    Server { said: String },
    #[error("prove anything")]
    Proof(#[from] ProofError),
    #[error("show {failed} of {all} things that a cluster must do: the lines above name them")]
    NotShown { failed: usize, all: usize },
}

/// What the demo is made of.
#[derive(Debug)]
pub struct Demo {
    pub lab: LabName,
    pub folder: Folder,
    pub product: Product,
    /// The `lab` command, which the forward runs as.
    pub program: PathBuf,
}

const HOSTS: u8 = 3;

impl Demo {
    /// From nothing, or from wherever an earlier demo stopped, to a cluster that was shown to work. Output of `armilla`
    /// goes straight to the terminal; `say` hears the rest.
    pub fn run(&self, say: &dyn Fn(&str)) -> Result<(), DemoError> {
        let begun = Instant::now();
        server::stop(&self.folder);
        say("\n== The bundle: everything that the hosts will need, in one sealed file");
        self.product.put_into(&self.folder)?;
        self.product.build_bundle(&self.folder)?;
        say(&format!("\n== The hosts: {HOSTS} bare machines in a network without a way out"));
        let lab = self.lab(say)?;
        let port = self.forward(&lab, (lab.hosts()[0].address(), 6443).into())?.listen;
        say("\n== armilla apply: from bare hosts to Kubernetes");
        let apply = Instant::now();
        finish(self.folder.armilla_on_site(&lab, "apply").arg("-y"))?;
        let apply = apply.elapsed();
        say("\n== What the cluster does");
        self.prove(&lab, say)?;
        say("\n== From this machine");
        self.let_kubectl_in(&lab, port)?;
        finish(&mut self.folder.kubectl(&["get", "nodes", "-o", "wide"]))?;
        say("\n== The server");
        let login = self.serve(&lab)?;
        say(&self.goodbye(begun.elapsed(), apply, &login));
        Ok(())
    }

    /// The lab, brought up or found; hosts without power are given it.
    fn lab(&self, say: &dyn Fn(&str)) -> Result<Lab, DemoError> {
        let lab = match Lab::open(&self.lab) {
            Ok(lab) if !lab.record().is_left_behind() => lab,
            _ => {
                // What was remembered of other hosts with these addresses is worse than nothing.
                self.folder.forget_hosts()?;
                let mut spec = LabSpec::new(self.lab.as_str(), HOSTS)?;
                spec.owner = Owner::Nobody;
                Lab::up_telling(&spec, say)?
            }
        };
        let off: Vec<&str> =
            lab.hosts().iter().filter(|host| !host.is_on()).map(|host| host.name()).collect();
        lab.power_on(&off)?;
        for host in lab.hosts() {
            say(&format!("{} {} {}", host.name(), host.address(), host.fingerprint()));
        }
        self.folder.write_site_once(&lab, self.lab.as_str())?;
        Ok(lab)
    }

    /// A forward into the lab: the one that there is, or a new one.
    fn forward(&self, lab: &Lab, to: SocketAddr) -> Result<Forward, DemoError> {
        if let Some(forward) = lab.forwards().into_iter().find(|forward| forward.to == to) {
            return Ok(forward);
        }
        Ok(lab.forward(&self.program, (Ipv4Addr::LOCALHOST, 0).into(), to)?)
    }

    fn prove(&self, lab: &Lab, say: &dyn Fn(&str)) -> Result<(), DemoError> {
        let first = lab.hosts()[0].name();
        let proofs = proofs::all(lab, first, lab.hosts().len(), &|proof| say(&proof.line()))?;
        match proofs.iter().filter(|proof| proof.outcome.is_err()).count() {
            0 => Ok(()),
            failed => Err(DemoError::NotShown { failed, all: proofs.len() }),
        }
    }

    fn let_kubectl_in(&self, lab: &Lab, port: SocketAddr) -> Result<(), DemoError> {
        let server = format!("https://{port}");
        let kubeconfig = read(self.folder.armilla(lab, "kubeconfig").args(["--server", &server]))?;
        self.folder.keep_kubeconfig(&kubeconfig)?;
        self.folder.keep_kubectl(&lab.hosts()[0])
    }

    /// Starts the server on the demo's state folder, which has the site and its runs, and makes its administrator.
    fn serve(&self, lab: &Lab) -> Result<Login, DemoError> {
        let server = server::start(&self.folder, lab)?;
        let url = format!("https://{}", self.forward(lab, server.listens)?.listen);
        let login = server::login(&self.folder, &server, url)?;
        // The server gets the site as its file has it, and the key that opens the hosts: it shows the cluster from then on.
        finish(
            self.folder
                .armilla_on_site(lab, "plan")
                .args(["-o", "json", "-y"])
                .stdout(std::process::Stdio::null()),
        )?;
        // From the machine, as somebody would who stands elsewhere: what is told below works.
        finish(login.command(&self.folder).stdin(login.password_file(&self.folder)?))?;
        Ok(login)
    }

    fn goodbye(&self, all: Duration, apply: Duration, login: &Login) -> String {
        let folder = from_here(self.folder.path());
        let folder = folder.display();
        let lab = format!("{} --name {} run --", from_here(&self.program).display(), self.lab);
        let Login { url, fingerprint, password } = login;
        format!(
            "\nDone in {} s, {} s of it `armilla apply`.\n\n\
             Look around:\n  {folder}/kubectl --kubeconfig {folder}/kubeconfig get pods -A\n  \
             {lab} {folder}/armilla status -s {folder}/site.yaml --state {folder}/state\n  \
             {folder}/armilla run show --state {folder}/state\n  \
             {folder}/armilla bundle show {folder}/armilla.bundle --trust {folder}/bundle.key.pub\n\n\
             The server:\n  {url}\n  user admin, password {password}\n  \
             certificate authority: SHA-256 {fingerprint}\n  \
             {folder}/armilla login {url} --ca-fingerprint {fingerprint} && {folder}/armilla whoami\n  \
             {folder}/armilla audit ls --state {folder}/state\n\n\
             Clean up:\n  make demo-down",
            all.as_secs(),
            apply.as_secs(),
        )
    }

    /// Takes everything away. Nothing is wrong when there is nothing.
    pub fn down(lab: &LabName, folder: &Folder) -> Result<(), DemoError> {
        server::stop(folder);
        Lab::down_by_name(lab)?;
        Ok(folder.remove()?)
    }
}

/// Runs a command to its end, its output for people to see.
pub(crate) fn finish(command: &mut Command) -> Result<(), DemoError> {
    let words = in_words(command);
    let status = command.status().map_err(|source| DemoError::Start { command: words.clone(), source })?;
    if status.success() { Ok(()) } else { Err(DemoError::Ended { command: words, status }) }
}

/// Runs a command to its end; its standard output. Its complaints are for people to see.
pub(crate) fn read(command: &mut Command) -> Result<String, DemoError> {
    let words = in_words(command);
    let output = command.stderr(std::process::Stdio::inherit()).output();
    let output = output.map_err(|source| DemoError::Start { command: words.clone(), source })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(DemoError::Ended { command: words, status: output.status })
}

fn in_words(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

/// A path as people write it who stand in this directory.
fn from_here(path: &Path) -> PathBuf {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(here).unwrap_or(path).to_owned()
}

/// A path as other directories see it too.
pub(crate) fn absolute(path: &Path) -> Result<PathBuf, FileError> {
    std::path::absolute(path).map_err(FileError::new("find", path))
}
