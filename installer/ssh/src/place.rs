//! Putting the program on a host, with nothing but `sh` and the usual small tools there.
//!
//! No sftp, no scp, no /tmp: the program comes through the standard input of a script, into a folder that survives and
//! from which programs may be run, under a name that says which program it is.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bundles_format::{Arch, Digest};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};

use crate::error::HandError;
use crate::root::{Root, place_error};
use crate::shell::{Running, quoted};

/// The program for each architecture that there is one for.
#[derive(Debug, Clone, Default)]
pub struct BinarySource {
    binaries: BTreeMap<Arch, Binary>,
}

/// A program on this machine.
#[derive(Debug, Clone)]
pub struct Binary {
    pub path: PathBuf,
    pub digest: Digest,
    /// Bytes.
    pub size: u64,
}

impl BinarySource {
    pub fn new(binaries: impl IntoIterator<Item = (Arch, Binary)>) -> BinarySource {
        BinarySource { binaries: binaries.into_iter().collect() }
    }

    /// The program that is running, for hosts of this machine's architecture.
    pub fn this_program() -> Result<BinarySource, HandError> {
        let here = |error: std::io::Error| HandError::Here(format!("find this program: {error}"));
        let binary = Binary::read(&std::env::current_exe().map_err(here)?)?;
        let machine = std::env::consts::ARCH;
        let arch = Arch::from_machine(machine)
            .ok_or_else(|| HandError::Here(format!("this machine is {machine}, which no host is")))?;
        Ok(BinarySource::new([(arch, binary)]))
    }

    fn for_machine(&self, machine: &str) -> Option<&Binary> {
        self.binaries.get(&Arch::from_machine(machine)?)
    }
}

impl Binary {
    /// Reads a program once for its digest and size.
    pub fn read(path: &Path) -> Result<Binary, HandError> {
        let here = |error: std::io::Error| HandError::Here(format!("read {}: {error}", path.display()));
        let mut file = std::fs::File::open(path).map_err(here)?;
        let mut hash = Sha256::new();
        let size = std::io::copy(&mut file, &mut hash).map_err(here)?;
        Ok(Binary { path: path.to_owned(), digest: Digest::from_sha256(hash.finalize().into()), size })
    }
}

/// What `uname -m` says.
async fn machine(root: &Root) -> Result<String, HandError> {
    let shell = &root.shell;
    let Running { input, mut output, mut errors, exit } = shell.run("uname -m").await?;
    drop(input);
    let (mut said, mut wrong) = (String::new(), String::new());
    let read = async { (output.read_to_string(&mut said).await, errors.read_to_string(&mut wrong).await) };
    let _ = read.await;
    match exit.await {
        // A login shell may print more; the last line is the answer.
        Ok(Some(0)) => Ok(said.trim().lines().last().unwrap_or_default().trim().to_owned()),
        Ok(code) => {
            let code = code.map_or("a signal".to_owned(), |code| format!("exit code {code}"));
            // `nologin` speaks on standard output, what PAM has to say comes on standard error.
            let said = [wrong.trim(), said.trim()].into_iter().find(|said| !said.is_empty());
            let said = said.map(|said| format!(": {}", said.replace('\n', " "))).unwrap_or_default();
            let reason = format!("its login shell ended `uname -m` with {code}{said}");
            let (address, user) = (shell.address().to_owned(), root.user.clone());
            Err(HandError::NoShell { address, user, reason })
        }
        Err(_) => Err(shell.lost("")),
    }
}

/// Makes sure that the program for the host's architecture is there; gives its path on the host.
pub async fn place(root: &Root, source: &BinarySource, folder: &str) -> Result<String, HandError> {
    let machine = machine(root).await?;
    let binary = source.for_machine(&machine).ok_or_else(|| HandError::WrongArch {
        address: root.shell.address().to_owned(),
        machine,
        have: source.binaries.keys().copied().collect(),
    })?;
    let path = format!("{folder}/bin/armilla-{}", binary.digest.short());
    let mut greeted = root.run_when_free(&script(folder, &path, binary)).await?;
    let mut answer = String::new();
    let _ = greeted.output.read_line(&mut answer).await;
    match answer.trim() {
        "have" => return Ok(path),
        "want" => send(binary, &mut greeted.input).await?,
        _ => {}
    }
    drop(greeted.input);
    answer.clear();
    let _ = greeted.output.read_to_string(&mut answer).await;
    match greeted.exit.await {
        Ok(_) if answer.trim_end().ends_with("placed") => Ok(path),
        Ok(code) => Err(place_error(root.shell.address().to_owned(), code, &greeted.said.text())),
        Err(_) => Err(root.shell.lost("")),
    }
}

async fn send(binary: &Binary, input: &mut (impl tokio::io::AsyncWrite + Unpin)) -> Result<(), HandError> {
    let here = |error: std::io::Error| HandError::Here(format!("read {}: {error}", binary.path.display()));
    let mut file = tokio::fs::File::open(&binary.path).await.map_err(here)?;
    let mut piece = vec![0; 128 * 1024];
    loop {
        match file.read(&mut piece).await.map_err(here)? {
            0 => break,
            // When the script has ended, its words say why.
            read if input.write_all(&piece[..read]).await.is_err() => break,
            _ => {}
        }
    }
    let _ = input.flush().await;
    Ok(())
}

/// The script that finds or takes the program. `head` ends at the announced size, so that it never waits for more.
fn script(folder: &str, path: &str, binary: &Binary) -> String {
    format!(
        r#"set -eu
umask 022
want={digest}
at={path}
digest() {{ sha256sum < "$1" | cut -c1-64; }}
mkdir -p {folder}/bin
printf 'armilla-hand 1\n'
if [ -x "$at" ] && [ "$(digest "$at")" = "$want" ]; then echo have; exit 0; fi
new="$at.new$$"
trap 'rm -f "$new"' EXIT
: > "$new"
echo want
head -c {size} > "$new"
if [ "$(digest "$new")" != "$want" ]; then echo 'the program did not arrive whole' >&2; exit 1; fi
chmod 0755 "$new"
mv -f "$new" "$at"
echo placed
"#,
        digest = binary.digest.hex(),
        path = quoted(path),
        folder = quoted(folder),
        size = binary.size,
    )
}
