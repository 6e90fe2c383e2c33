//! `armilla bundle`: keys, building, looking into a bundle.

mod addon;
mod import;
mod kept;
mod parts;

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use bundles_build::{Access, BuildOptions, Catalog, Given, Lock, Progress, default_cache, update_lock};
use bundles_format::{Arch, Release};
use bundles_store::{Bundle, KeyPair, Sealed, Trust};
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::{CliError, Output};
use crate::wiring::ServerArgs;

#[derive(Debug, Subcommand)]
pub(super) enum BundleCommand {
    /// Make a key pair: the private key that seals bundles, and FILE.pub that is trusted.
    Keygen { file: PathBuf },
    /// Build a bundle from the catalogue and seal it.
    Build(Box<BuildArgs>),
    /// What a bundle is: release, signer, components.
    Show(OpenArgs),
    /// Hold every byte of a bundle against its seal and digests.
    Verify(OpenArgs),
    /// Every file and image of a bundle; without one, the bundles that a server keeps.
    Ls(LsArgs),
    /// Have a server keep a bundle, which is sent to it where it has to be.
    Add(kept::AddArgs),
    /// Have a server forget a bundle that no site uses; what was sent to it is removed.
    Rm(kept::RmArgs),
    /// Keep the keys that may seal a server's bundles.
    #[command(subcommand)]
    Key(kept::KeyCommand),
    /// Look after uploads that were cut off.
    #[command(subcommand)]
    Upload(kept::UploadCommand),
    /// Cut a bundle into parts, for carriers that do not take it whole.
    Split(parts::SplitArgs),
    /// Make a bundle of its parts again, in any order; goes on where it was cut off.
    Join(parts::JoinArgs),
    /// Bring a bundle's images to the nodes of a site, and apply its manifests.
    Import(Box<import::ImportArgs>),
}

#[derive(Debug, Args)]
pub(super) struct BuildArgs {
    /// Where the bundle goes.
    file: PathBuf,
    /// The private key, from `bundle keygen`.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Architectures; this machine's own unless given.
    #[arg(long = "arch", value_name = "ARCH")]
    architectures: Vec<Arch>,
    /// A file that the catalogue takes from outside: `armilla:amd64=PATH`.
    #[arg(long = "file", value_name = "NAME:ARCH=PATH", value_parser = parse_file)]
    files: Vec<((String, Arch), PathBuf)>,
    /// A directory with such files: `DIR/x86_64/armilla`, `DIR/aarch64/pause`.
    #[arg(long, value_name = "DIR")]
    programs: Option<PathBuf>,
    /// A directory with a catalogue of your own; its lock is DIR/lock.json.
    #[arg(long, value_name = "DIR")]
    catalog: Option<PathBuf>,
    /// Resolve modules and packages anew and write the lock: of one component, or of all; needs --catalog.
    #[arg(long, value_name = "COMPONENT", num_args = 0..=1, require_equals = true, default_missing_value = "",
          requires = "catalog")]
    update_lock: Option<Vec<String>>,
    /// A file of CA certificates in PEM, trusted beside the system's when something is downloaded; may be repeated.
    #[arg(long = "ca", value_name = "FILE")]
    cas: Vec<PathBuf>,
    /// A registry that has no TLS; may be repeated.
    #[arg(long = "plain-http", value_name = "HOST:PORT")]
    plain: Vec<String>,
    /// Where what was built is kept for the next time.
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// Components built at a time.
    #[arg(long, value_name = "N", default_value_t = 2)]
    jobs: usize,
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    addon: addon::AddonArgs,
}

#[derive(Debug, Args)]
pub(super) struct OpenArgs {
    /// A file, or the id of a bundle that a server keeps, or the beginning of one.
    bundle: PathBuf,
    #[command(flatten)]
    server: ServerArgs,
    /// The public key that must have sealed it.
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
}

#[derive(Debug, Args)]
pub(super) struct LsArgs {
    /// A file, or the id of a bundle that a server keeps, or the beginning of one.
    bundle: Option<PathBuf>,
    #[command(flatten)]
    server: ServerArgs,
    /// The public key that must have sealed it.
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
}

impl LsArgs {
    fn open(self, bundle: PathBuf) -> OpenArgs {
        let LsArgs { server, trust, output, .. } = self;
        OpenArgs { bundle, server, trust, output }
    }
}

/// An id rather than a file: such a file is not there, and nothing else is written like this.
fn id_of(bundle: &Path) -> Option<&str> {
    let text = bundle.to_str()?;
    let digits = text.strip_prefix("sha256:").unwrap_or(text);
    let is_id = digits.len() >= 4 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    (is_id && !bundle.exists()).then_some(text)
}

fn parse_file(text: &str) -> Result<((String, Arch), PathBuf), String> {
    let (what, path) = text.split_once('=').ok_or("want NAME:ARCH=PATH")?;
    let (name, arch) = what.split_once(':').ok_or("want NAME:ARCH=PATH")?;
    Ok(((name.to_owned(), arch.parse()?), PathBuf::from(path)))
}

pub(super) fn run(command: BundleCommand) -> Result<u8, CliError> {
    match command {
        BundleCommand::Keygen { file } => keygen(&file),
        BundleCommand::Build(args) => build(*args),
        BundleCommand::Show(args) => match id_of(&args.bundle) {
            Some(id) => return super::wait(kept::show(&args.server, id, false)),
            None => show(&args),
        },
        BundleCommand::Verify(args) => match id_of(&args.bundle) {
            Some(id) => return super::wait(kept::verify(&args.server, id, args.output)),
            None => verify(&args),
        },
        BundleCommand::Ls(mut args) => match args.bundle.take() {
            None => return super::wait(kept::ls(&args.server, args.output)),
            Some(bundle) => match id_of(&bundle) {
                Some(id) => return super::wait(kept::show(&args.server, id, true)),
                None => list(&args.open(bundle)),
            },
        },
        BundleCommand::Add(args) => return super::wait(kept::add(&args)),
        BundleCommand::Rm(args) => return super::wait(kept::rm(&args)),
        BundleCommand::Key(command) => return super::wait(kept::key(&command)),
        BundleCommand::Upload(command) => return super::wait(kept::upload(&command)),
        BundleCommand::Split(args) => parts::split(&args),
        BundleCommand::Join(args) => parts::join(&args),
        BundleCommand::Import(args) => return super::wait(import::run(&args)),
    }
    .map(|()| 0)
}

/// The machine's or the file's fault.
fn failed(error: impl Error) -> CliError {
    CliError::from_error(1, "failed to ", &error)
}

/// The bundle is not there, or not one that may be used.
fn refused(path: &Path, error: impl Error) -> CliError {
    let code = if path.exists() { 5 } else { 3 };
    CliError::from_error(code, &format!("{}: failed to ", path.display()), &error)
}

fn keygen(file: &Path) -> Result<(), CliError> {
    let (pair, public) = bundles_store::keygen(file).map_err(failed)?;
    say(&format!("private key {}\npublic key  {}", file.display(), public.display()));
    say(&format!("fingerprint {}", pair.public().fingerprint()));
    Ok(())
}

fn build(args: BuildArgs) -> Result<(), CliError> {
    let architectures = match args.architectures.is_empty() {
        true => {
            vec![Arch::from_machine(std::env::consts::ARCH).ok_or_else(|| {
                CliError::new(2, "no bundle is built for this machine's architecture: give --arch")
            })?]
        }
        false => args.architectures,
    };
    let access = Access { cas: args.cas, plain: args.plain, logins: Access::usual_logins() };
    if args.addon.is_meant() {
        let BuildArgs { file, key, cache, output, .. } = args;
        return addon::build(args.addon, addon::Common { file, key, architectures, cache, access, output });
    }
    let cache = args.cache.unwrap_or_else(default_cache);
    let draw = Draw::new();
    let progress = |event| draw.event(event);
    let (catalog, lock) = match &args.catalog {
        None => (Catalog::built_in(), Lock::built_in()),
        Some(directory) => {
            let (catalog, path) = (Catalog::read(directory).map_err(failed)?, directory.join("lock.json"));
            if let Some(names) = &args.update_lock {
                let names: Vec<String> = names.iter().filter(|name| !name.is_empty()).cloned().collect();
                let old = Lock::read(&path).map_err(failed)?;
                let renewed =
                    update_lock(&catalog, old, &names, &cache, &access, &progress).map_err(failed)?;
                renewed.write(&path).map_err(failed)?;
            }
            let lock = Lock::read(&path).map_err(failed)?;
            (catalog, lock)
        }
    };
    let mut files: Given = args.files.into_iter().collect();
    for arch in args.programs.iter().flat_map(|_| Arch::ALL) {
        for name in catalog.given() {
            let path = args.programs.iter().map(|programs| programs.join(arch.machine()).join(&name));
            for path in path.filter(|path| path.is_file()) {
                files.entry((name.clone(), arch)).or_insert(path);
            }
        }
    }
    // This very program is the armilla of its own architecture.
    if let (Some(own), Ok(path)) = (Arch::from_machine(std::env::consts::ARCH), std::env::current_exe()) {
        files.entry(("armilla".to_owned(), own)).or_insert(path);
    }
    let version_of =
        |name: &str| catalog.components.iter().find(|c| c.name == name).map(|c| c.version.clone());
    let kubernetes = version_of("kubernetes");
    let suffix = kubernetes.as_ref().map(|version| format!("+k8s{version}")).unwrap_or_default();
    let kubeadm_config =
        kubernetes.zip(version_of("etcd")).map(|(kubernetes, etcd)| kubeadm(&kubernetes, &etcd));
    // A catalogue without Kubernetes is somebody's own and makes no cluster.
    let prove: fn(&Release) -> Vec<String> =
        if kubeadm_config.is_some() { installer_plan::closure::gaps } else { |_| Vec::new() };
    let options = BuildOptions {
        catalog,
        lock,
        architectures,
        files,
        cache,
        output: args.file,
        key: KeyPair::read(&args.key).map_err(failed)?,
        name: "armilla".to_owned(),
        version: format!("{}{suffix}", env!("CARGO_PKG_VERSION")),
        wanted: Vec::new(),
        access,
        kubeadm_config,
        prove,
        jobs: args.jobs,
    };
    let built = bundles_build::build(&options, &progress).map_err(failed)?;
    draw.done();
    match args.output {
        Output::Json => say(&json!({
            "bundle": options.output, "id": built.written.id, "size": built.written.size,
            "components": built.units, "cached": built.cached, "seconds": built.took.as_secs_f64(),
        })
        .to_string()),
        Output::Text => say(&format!(
            "{}: {}, {} components ({} from the cache), {}, sealed by {}",
            options.output.display(),
            bytes(built.written.size),
            built.units,
            built.cached,
            clock(built.took),
            options.key.public().fingerprint(),
        )),
    }
    Ok(())
}

/// What kubeadm must know to say which images it wants.
fn kubeadm(kubernetes: &str, etcd: &str) -> String {
    format!(
        "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nkubernetesVersion: v{kubernetes}\n\
         etcd:\n  local:\n    imageTag: {etcd}-0\n"
    )
}

/// Opens a bundle for a person to look at: without --trust, its own key is taken and that is said.
fn open(args: &OpenArgs) -> Result<Bundle<Sealed>, CliError> {
    let bundle = Bundle::inspect(&args.bundle).map_err(|error| refused(&args.bundle, error))?;
    let trust = match &args.trust {
        Some(path) => Trust::read(path).map_err(failed)?,
        None => {
            tell(&format!("not held against a trusted key; it says {}", bundle.signer().fingerprint()));
            Trust::key(bundle.signer().clone())
        }
    };
    bundle.seal(&trust).map_err(|error| refused(&args.bundle, error))
}

fn show(args: &OpenArgs) -> Result<(), CliError> {
    let bundle = open(args)?;
    let release = bundle.release();
    if args.output == Output::Json {
        say(&json!({
            "id": bundle.id(), "signer": bundle.signer(), "size": bundle.size(), "release": release,
        })
        .to_string());
        return Ok(());
    }
    let architectures: Vec<&str> = release.architectures.iter().map(|arch| arch.as_str()).collect();
    say(&format!("{} {} for {}", release.name, release.version, architectures.join(", ")));
    say(&format!("size    {}\nindex   {}\nsigner  {}\n", bytes(bundle.size()), bundle.id(), bundle.signer()));
    let mut table = vec![["COMPONENT", "VERSION", "SIZE", "LICENCE"].map(str::to_owned).to_vec()];
    for component in &release.components {
        let files = component.files.iter().map(|file| &file.blob);
        let blobs: BTreeMap<_, _> = files
            .chain(component.images.iter().flat_map(|image| image.blobs()))
            .map(|blob| (&blob.digest, blob.size))
            .collect();
        let size = bytes(blobs.values().sum());
        table.push(vec![component.name.clone(), component.version.clone(), size, component.license.clone()]);
    }
    columns(&table);
    Ok(())
}

fn verify(args: &OpenArgs) -> Result<(), CliError> {
    let bundle = open(args)?;
    let bar = bar("{bar:30} {bytes}/{total_bytes} {bytes_per_sec}, {eta} left");
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let verified = bundle.verify(threads, |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    verified.map_err(|error| refused(&args.bundle, error))?;
    let blobs = bundle.release().blobs().len();
    match args.output {
        Output::Json => {
            say(&json!({ "id": bundle.id(), "signer": bundle.signer(), "blobs": blobs }).to_string())
        }
        Output::Text => {
            say(&format!("good: {blobs} blobs, {}, sealed by {}", bytes(bundle.size()), bundle.signer()))
        }
    }
    Ok(())
}

fn list(args: &OpenArgs) -> Result<(), CliError> {
    let bundle = open(args)?;
    if args.output == Output::Json {
        say(&json!(rows(bundle.release())).to_string());
        return Ok(());
    }
    let mut table = vec![["KIND", "NAME", "ARCH", "SIZE", "UNPACKED", "DIGEST"].map(str::to_owned).to_vec()];
    for Row { kind, name, arch, size, unpacked, digest } in rows(bundle.release()) {
        table.push(vec![kind.into(), name, arch.to_string(), bytes(size), bytes(unpacked), digest]);
    }
    columns(&table);
    Ok(())
}

#[derive(serde::Serialize)]
struct Row {
    kind: &'static str,
    name: String,
    arch: Arch,
    size: u64,
    unpacked: u64,
    digest: String,
}

fn rows(release: &Release) -> Vec<Row> {
    let files = release.components.iter().flat_map(|component| &component.files).map(|file| Row {
        kind: "file",
        name: file.name.clone(),
        arch: file.arch,
        size: file.blob.size,
        unpacked: file.content_size,
        digest: file.content.short(),
    });
    let images = release.components.iter().flat_map(|component| &component.images).map(|image| Row {
        kind: "image",
        name: image.reference.clone(),
        arch: image.arch,
        size: image.blobs().map(|blob| blob.size).sum(),
        unpacked: image.unpacked_size,
        digest: image.manifest.digest.short(),
    });
    files.chain(images).collect()
}

/// Draws a build: a bar with what is at work on a terminal, a line per component elsewhere.
struct Draw {
    bar: ProgressBar,
    state: Mutex<DrawState>,
}

#[derive(Default)]
struct DrawState {
    at_work: BTreeSet<String>,
    /// When the build said last that it will be done.
    due: Option<Instant>,
}

impl Draw {
    fn new() -> Draw {
        Draw { bar: bar("{bar:30} {pos}/{len} {elapsed} {wide_msg}"), state: Mutex::default() }
    }

    fn event(&self, event: Progress) {
        let mut state = self.state.lock().expect("drawing does not panic");
        let DrawState { at_work, due } = &mut *state;
        let soon = |left: Duration| Some(Instant::now() + left);
        match event {
            Progress::Planned { units, left } => {
                self.bar.set_length(units as u64);
                *due = soon(left);
                self.line(&format!(
                    "{units} components, {}",
                    if left.is_zero() {
                        "all in the cache".to_owned()
                    } else {
                        format!("about {}", clock(left))
                    }
                ));
            }
            Progress::Started { component, arch } => {
                at_work.insert(format!("{component} {arch}"));
            }
            Progress::At { component, arch, what } => {
                let what: String = what.chars().take(60).collect();
                let left = due.map(|due| due.saturating_duration_since(Instant::now())).unwrap_or_default();
                self.bar.set_message(format!("about {} left; {component} {arch}: {what}", clock(left)));
            }
            Progress::Finished { component, arch, cached, took, done, units, left } => {
                let name = format!("{component} {arch}");
                at_work.remove(&name);
                *due = soon(left);
                self.bar.set_position(done as u64);
                let how = if cached { "from the cache".to_owned() } else { clock(took) };
                let rest = at_work.iter().cloned().collect::<Vec<_>>().join(", ");
                let rest = if rest.is_empty() { rest } else { format!("; at work: {rest}") };
                let left =
                    if done == units { String::new() } else { format!(", about {} left", clock(left)) };
                self.line(&format!("{done}/{units} {name}: {how}{left}{rest}"));
            }
            Progress::Writing { done, total } => {
                self.bar.set_message(format!("writing {} of {}", bytes(done), bytes(total)));
            }
        }
    }

    fn line(&self, text: &str) {
        if self.bar.is_hidden() { tell(text) } else { self.bar.println(text) }
    }

    fn done(&self) {
        self.bar.finish_and_clear();
    }
}

fn bar(template: &str) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template(template).expect("the templates in this file are well formed");
    ProgressBar::new(0).with_style(style)
}

/// Columns as wide as their widest cell; the first row is the heading.
fn columns(rows: &[Vec<String>]) {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..rows[0].len()).map(width).collect();
    for row in rows {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        say(cells.join("  ").trim_end());
    }
}

fn bytes(count: u64) -> String {
    indicatif::HumanBytes(count).to_string()
}

fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60.. => format!("{} min {:02} s", seconds / 60, seconds % 60),
    }
}

/// To standard output; a reader who went away is no reason to complain to anybody.
fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

fn tell(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
