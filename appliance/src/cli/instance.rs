//! `armilla instance`.

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use appliance_control::Instance;
use appliance_control::here::now_ms;
use appliance_store::{BackupError, Passphrase, PassphraseError, Store, VaultError};
use clap::{Args, Subcommand};
use hyper::Method;
use installer_model::Utc;

use super::{CliError, StateArgs};
use crate::wiring::{self, ServerArgs};

#[derive(Debug, Subcommand)]
pub(super) enum InstanceCommand {
    /// Write all that a state folder holds into one file, but the key that opens its secrets
    Backup(Backup),
    /// Make a state folder of a backup
    Restore(Restore),
    /// Put the key of a state folder under a passphrase
    Protect(Protect),
}

/// Sites, plans, runs with their events and output, users and the audit. Secrets stay sealed: keep armilla.key of the state
/// folder apart from the backup. A key under a passphrase goes with it. A server that has the folder open gives the backup
/// itself, and goes on working meanwhile.
#[derive(Debug, Args)]
pub(super) struct Backup {
    /// The file to write, `-` for standard output [default: armilla-backup-TIME]
    #[arg(short = 'o', long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    server: ServerArgs,
}

/// The folder must have no database. The backup is held against its digest before anything is written.
#[derive(Debug, Args)]
pub(super) struct Restore {
    /// The backup
    file: PathBuf,
    /// The armilla.key that lay beside the database
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    #[command(flatten)]
    state: StateArgs,
}

/// From then on every start wants ARMILLA_PASSPHRASE_FILE, the name of a file whose first line is the passphrase (`-` is
/// standard input), or the credential armilla.passphrase of systemd (`LoadCredential=` in a drop-in of the unit).
#[derive(Debug, Args)]
pub(super) struct Protect {
    /// A file whose first line is the new passphrase; asked for where it is not given
    #[arg(long, value_name = "FILE")]
    passphrase: Option<PathBuf>,
    /// Under no passphrase from now on
    #[arg(long, conflicts_with = "passphrase")]
    none: bool,
    #[command(flatten)]
    state: StateArgs,
}

pub(super) async fn run(command: &InstanceCommand) -> Result<u8, CliError> {
    match command {
        InstanceCommand::Backup(args) => backup(args).await,
        InstanceCommand::Restore(args) => restore(args),
        InstanceCommand::Protect(args) => protect(args),
    }
}

async fn backup(args: &Backup) -> Result<u8, CliError> {
    let now = now_ms();
    if args.out.as_deref() == Some(Path::new("-")) {
        write_backup(args, now, &mut io::stdout()).await?;
        return Ok(0);
    }
    let default = || PathBuf::from(format!("armilla-backup-{}", Utc(now).to_string().replace(':', "")));
    let path = args.out.clone().unwrap_or_else(default);
    let partial = partial(&path);
    let failed = |error: io::Error| CliError::new(1, format!("write {}: {error}", path.display()));
    let mut options = fs::OpenOptions::new();
    let options = options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(&partial).map_err(failed)?;
    let written = write_backup(args, now, &mut file).await.and_then(|()| {
        file.sync_all().map_err(failed)?;
        // One that was cut off on the way is none.
        let about = appliance_store::about_backup(&partial).map_err(told)?;
        fs::rename(&partial, &path).map_err(failed)?;
        Ok(about)
    });
    let about = written.inspect_err(|_| {
        let _ = fs::remove_file(&partial);
    })?;
    println!("{}", path.display());
    match about.wrapped_key {
        Some(_) => eprintln!("Its key is inside, under its passphrase."),
        None => eprintln!(
            "Its secrets open with armilla.key of the state folder alone, which is not inside: keep a copy of it elsewhere."
        ),
    }
    Ok(0)
}

/// The backup of a server, or of a folder that nobody has open.
async fn write_backup(args: &Backup, now: u64, out: &mut (dyn Write + Send)) -> Result<(), CliError> {
    if let Some(server) = args.server.server()? {
        let taken = server.download(Method::POST, "/api/v1/instance/backup", out).await;
        return taken.map(drop).map_err(|error| wiring::failed(&error));
    }
    let folder = wiring::state_folder(&args.server.state);
    if !Store::database_path(&folder).exists() {
        return Err(CliError::new(3, format!("find an instance in {}", folder.display())));
    }
    let instance = Instance::open(&folder, "instance backup")?;
    instance.store.backup(&instance.holder, now, out).map(drop).map_err(told)
}

/// Where a file is written until all of it is there.
fn partial(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".partial");
    path.with_file_name(name)
}

fn restore(args: &Restore) -> Result<u8, CliError> {
    let folder = wiring::state_folder(&args.state);
    let about = appliance_store::restore(&args.file, &folder, args.key.as_deref()).map_err(told)?;
    println!("{}", folder.display());
    eprintln!("Restored as it was at {}, written by {}.", Utc(about.written_at), about.by);
    Ok(0)
}

fn protect(args: &Protect) -> Result<u8, CliError> {
    let folder = wiring::state_folder(&args.state);
    let passphrase = match (&args.passphrase, args.none) {
        (_, true) => None,
        (Some(path), false) => Some(Passphrase::read(path).map_err(refused)?),
        (None, false) => Some(asked()?),
    };
    Store::protect(&folder, passphrase.as_ref()).map_err(|error| match error {
        VaultError::Passphrase(error) => refused(error),
        error => CliError::from_error(1, "", &error),
    })?;
    println!("{}", Store::key_path(&folder).display());
    Ok(0)
}

fn asked() -> Result<Passphrase, CliError> {
    if !io::stdin().is_terminal() {
        return Err(CliError::new(2, "ask for a passphrase: standard input is no terminal")
            .hint("name a file with it by --passphrase"));
    }
    let ask = |question| {
        rpassword::prompt_password(question)
            .map_err(|error| CliError::new(1, format!("ask for a passphrase: {error}")))
    };
    let first = ask("New passphrase: ")?;
    if first != ask("Again: ")? {
        return Err(CliError::new(5, "take the passphrase: the two are not the same"));
    }
    Passphrase::new(&first).map_err(refused)
}

fn refused(error: PassphraseError) -> CliError {
    CliError::from_error(5, "", &error)
}

/// With the documented exit code.
fn told(error: BackupError) -> CliError {
    let (code, hint) = match &error {
        BackupError::InUse { .. } | BackupError::Occupied { .. } => (4, "name a new folder with --state"),
        BackupError::NotABackup { .. } | BackupError::Damaged { .. } => (5, "take another backup"),
        BackupError::Newer { .. } => (5, "restore it with the version that wrote it, or a newer one"),
        BackupError::NoKey { .. } | BackupError::WrongKey { .. } => (5, "name it with --key"),
        BackupError::Store(_)
        | BackupError::Vault(_)
        | BackupError::Write(_)
        | BackupError::Read { .. }
        | BackupError::Folder { .. } => return CliError::from_error(1, "", &error),
    };
    CliError::from_error(code, "", &error).hint(hint)
}
