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
///
/// Where SELinux is in the kernel, files below `/var/lib` are data, which systemd may not execute (a unit ends with
/// 203/EXEC): the program is labelled as one, each time, since relabelling a host would take the label off again.
fn script(folder: &str, path: &str, binary: &Binary) -> String {
    format!(
        r#"set -eu
umask 022
want={digest}
at={path}
digest() {{ sha256sum < "$1" | cut -c1-64; }}
label() {{ [ ! -e /sys/fs/selinux/enforce ] || chcon -t bin_t "$1" 2>/dev/null || :; }}
mkdir -p {folder}/bin
printf 'armilla-hand 1\n'
if [ -x "$at" ] && [ "$(digest "$at")" = "$want" ]; then label "$at"; echo have; exit 0; fi
new="$at.new$$"
trap 'rm -f "$new"' EXIT
: > "$new"
echo want
head -c {size} > "$new"
if [ "$(digest "$new")" != "$want" ]; then echo 'the program did not arrive whole' >&2; exit 1; fi
chmod 0755 "$new"
label "$new"
mv -f "$new" "$at"
echo placed
"#,
        digest = binary.digest.hex(),
        path = quoted(path),
        folder = quoted(folder),
        size = binary.size,
    )
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::process::{Command, Stdio};

    use super::*;

    /// The tools that the script calls, beside what a shell does itself.
    const TOOLS: [&str; 7] = ["cut", "chmod", "head", "mkdir", "mv", "rm", "sha256sum"];

    /// Runs the placing script with a shell and a search path; gives what it said and what lies there afterwards.
    fn placed_by(shell: &[&str], path: &str, content: &[u8]) -> (String, Option<Vec<u8>>) {
        let folder = tempfile::tempdir().unwrap();
        let digest = Digest::from_sha256(Sha256::digest(content).into());
        let binary = Binary { path: PathBuf::new(), digest, size: content.len() as u64 };
        let root = folder.path().join("it's a root").to_string_lossy().into_owned();
        let at = format!("{root}/bin/armilla-1");
        let mut said = String::new();
        // The second time it is there already.
        for _ in 0..2 {
            let mut child = Command::new(shell[0])
                .args(&shell[1..])
                .args(["-c", &script(&root, &at, &binary)])
                .env("PATH", path)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            let mut input = child.stdin.take().unwrap();
            let _ = input.write_all(content);
            drop(input);
            let output = child.wait_with_output().unwrap();
            said += &String::from_utf8_lossy(&output.stdout);
            said += &String::from_utf8_lossy(&output.stderr);
        }
        let mode = std::fs::metadata(&at).map(|meta| meta.permissions().mode() & 0o777);
        assert_eq!(mode.ok(), Some(0o755), "{shell:?}: {said}");
        (said, std::fs::read(at).ok())
    }

    /// Whatever `sh` is: bash on EL and openEuler, dash on Debian, Ubuntu and UOS, BusyBox on small ones, with its tools.
    #[test]
    fn every_shell_and_every_set_of_tools_places_the_program() {
        let content: Vec<u8> = (0..300_000u32).map(|at| (at % 251) as u8).collect();
        let path = std::env::var("PATH").unwrap();
        let find = |name: &str| {
            let paths = path.split(':').map(|folder| Path::new(folder).join(name));
            paths.filter(|path| path.exists()).map(|path| path.to_string_lossy().into_owned()).next()
        };
        let mut tried = Vec::new();
        for shell in ["sh", "dash", "bash"] {
            if let Some(shell) = find(shell) {
                let (said, there) = placed_by(&[&shell], &path, &content);
                assert_eq!(said, "armilla-hand 1\nwant\nplaced\narmilla-hand 1\nhave\n", "{shell}");
                assert!(there.is_some_and(|there| there == content), "{shell}");
                tried.push(shell);
            }
        }
        if let Some(busybox) = find("busybox") {
            let tools = tempfile::tempdir().unwrap();
            for tool in TOOLS {
                symlink(&busybox, tools.path().join(tool)).unwrap();
            }
            let (said, there) = placed_by(&[&busybox, "sh"], &tools.path().to_string_lossy(), &content);
            assert!(said.ends_with("have\n") && there.is_some_and(|there| there == content), "{said}");
            tried.push(busybox);
        }
        assert!(!tried.is_empty());
    }
}
