//! What a host had where Armilla puts its things: remembered before the first of them is put there, so that `reset` can
//! tell what is ours from what was there, and put the latter back.
//!
//! The record lies on the host, and it decides what a reset may touch: without one, nothing of ours was ever put there.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::try_join_all;
use installer_model::event::Failure;
use installer_wire::{FileKind, FileStat};
use serde::{Deserialize, Serialize};

use super::cleanup;
use crate::host_port::{HostPort, failure};
use crate::world::{Probe, StepContext};

/// Where the record lies on a host.
pub const RECORD: &str = "/var/lib/armilla/before/host.json";
/// Below it lies, under its own path, what was there and would be overwritten.
const KEPT: &str = "/var/lib/armilla/before/files";

/// The record.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Before {
    /// What Armilla, or what it runs, puts somewhere, and what was there.
    places: BTreeMap<String, Was>,
    /// Folders above those places, and whether they were there.
    folders: BTreeMap<String, bool>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Was {
    Nothing,
    /// A folder with these names in it. They stay, and it gets its mode back.
    Folder {
        mode: u32,
        names: BTreeSet<String>,
    },
    /// A file or a link: a copy is kept.
    Kept,
}

/// What of a place may be removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Removable<'a> {
    /// It is not ours.
    Nothing,
    Whole,
    /// What is in it, but for these names.
    Inside(&'a BTreeSet<String>),
}

impl Before {
    /// `None`: nothing of Armilla was ever put on the host, or all of it is gone.
    pub(super) async fn read(port: &HostPort<'_>) -> Result<Option<Before>, Failure> {
        let Some(text) = port.read(RECORD, 4 << 20).await? else { return Ok(None) };
        serde_json::from_slice(&text)
            .map(Some)
            .map_err(|error| failure(format!("read {RECORD}"), &error.to_string()))
    }

    pub(super) fn removable(&self, path: &str) -> Removable<'_> {
        match self.places.get(path) {
            None => Removable::Nothing,
            // What was kept is put back later.
            Some(Was::Nothing | Was::Kept) => Removable::Whole,
            Some(Was::Folder { names, .. }) => Removable::Inside(names),
        }
    }

    fn lacks<'p>(&self, paths: &'p [String]) -> Vec<&'p String> {
        paths.iter().filter(|path| !self.places.contains_key(*path)).collect()
    }

    fn lacks_folders(&self, paths: &[String], folders: &[String]) -> Vec<String> {
        let above_folders = folders.iter().flat_map(|folder| above(folder).chain([folder.as_str()]));
        let all: BTreeSet<&str> = paths.iter().flat_map(|path| above(path)).chain(above_folders).collect();
        all.into_iter().filter(|folder| !self.folders.contains_key(*folder)).map(str::to_owned).collect()
    }

    /// Folders that were not there, the deepest first: each goes once it is empty.
    fn came(&self) -> Vec<&str> {
        let mut came: Vec<&str> =
            self.folders.iter().filter(|(_, was)| !**was).map(|(path, _)| path.as_str()).collect();
        came.sort_by_key(|path| std::cmp::Reverse(path.matches('/').count()));
        came
    }
}

/// The folders above a path, without the root.
fn above(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(at, _)| &path[..at]).filter(|folder| !folder.is_empty())
}

pub(super) async fn probe(
    port: &HostPort<'_>,
    paths: &[String],
    folders: &[String],
) -> Result<Probe, Failure> {
    let Some(before) = Before::read(port).await? else {
        return Ok(Probe::NotMet("nobody has looked yet".to_owned()));
    };
    if let Some(path) = before.lacks(paths).first() {
        return Ok(Probe::NotMet(format!("nobody has looked at {path} yet")));
    }
    Ok(match before.lacks_folders(paths, folders).first() {
        Some(folder) => Probe::NotMet(format!("nobody has looked at {folder} yet")),
        None => Probe::Met,
    })
}

/// What was looked at once is never looked at again: by then, what is there may be ours.
pub(super) async fn act(port: &HostPort<'_>, paths: &[String], folders: &[String]) -> Result<(), Failure> {
    let mut before = Before::read(port).await?.unwrap_or_default();
    let looked = before.lacks_folders(paths, folders);
    let there = try_join_all(looked.iter().map(|folder| port.stat(folder, false))).await?;
    before.folders.extend(looked.into_iter().zip(there).map(|(folder, stat)| (folder, stat.is_some())));

    let new: Vec<String> = before.lacks(paths).into_iter().cloned().collect();
    let found = try_join_all(new.iter().map(|path| port.stat(path, false))).await?;
    for (path, stat) in new.into_iter().zip(found) {
        let was = match stat {
            None => Was::Nothing,
            Some(stat) => look(port, &path, &stat).await?,
        };
        before.places.insert(path, was);
    }
    let text = serde_json::to_vec(&before).expect("plain data");
    port.write(RECORD, 0o600, &text).await
}

async fn look(port: &HostPort<'_>, path: &str, stat: &FileStat) -> Result<Was, Failure> {
    // A link to a folder, such as a data folder that was moved to another disk, is that folder.
    let folder = match stat.kind {
        FileKind::Folder => true,
        FileKind::Link => port.command(&["test", "-d", path]).await?.ok(),
        FileKind::File | FileKind::Other => false,
    };
    if folder {
        let mode = if stat.kind == FileKind::Folder { stat.mode } else { mode_of_target(port, path).await? };
        return Ok(Was::Folder { mode, names: names_in(port, path).await? });
    }
    let kept = format!("{KEPT}{path}");
    let parent = kept.rsplit_once('/').map_or(KEPT, |(parent, _)| parent);
    port.folder(parent, 0o700).await?;
    copy(port, path, &kept).await?;
    Ok(Was::Kept)
}

/// What a hand that was killed was writing: it lies beside its place, under the place's name and the hand's number.
async fn half_written(port: &HostPort<'_>, before: &Before) -> Result<Vec<String>, Failure> {
    let folders: BTreeSet<&str> =
        before.places.keys().filter_map(|path| path.rsplit_once('/')).map(|(folder, _)| folder).collect();
    let mut argv = vec!["find"];
    argv.extend(folders.into_iter().filter(|folder| !folder.is_empty()));
    argv.extend(["-maxdepth", "1", "-name", ".*.armilla-*", "-print0"]);
    // It complains of folders that are gone, and goes on.
    let found = port.command(&argv).await?.stdout_text();
    let ours = |path: &&str| place_of(path).is_some_and(|place| before.places.contains_key(&place));
    Ok(found.split_terminator('\0').filter(ours).map(str::to_owned).collect())
}

/// The place that `/folder/.name.armilla-<number>` was written for, as the hand names it (`NewFile`, `make_link`).
fn place_of(path: &str) -> Option<String> {
    let (folder, name) = path.rsplit_once('/')?;
    let (name, number) = name.strip_prefix('.')?.rsplit_once(".armilla-")?;
    let numbers = number.split('-').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()));
    numbers.then(|| format!("{folder}/{name}"))
}

async fn mode_of_target(port: &HostPort<'_>, link: &str) -> Result<u32, Failure> {
    Ok(port.stat(&format!("{link}/."), false).await?.map_or(0o755, |stat| stat.mode))
}

/// What is directly in a folder, also behind a link.
pub(super) async fn names_in(port: &HostPort<'_>, folder: &str) -> Result<BTreeSet<String>, Failure> {
    let inside = format!("{folder}/");
    let argv = ["find", &inside, "-mindepth", "1", "-maxdepth", "1", "-print0"];
    let output = port.command(&argv).await?;
    if !output.ok() {
        return Err(failure(format!("list {folder}"), &output.stderr_text()));
    }
    let text = output.stdout_text();
    let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    Ok(text.split_terminator('\0').map(name).collect())
}

/// With owner, mode and times; a link stays a link. The new one takes the place of the old one.
async fn copy(port: &HostPort<'_>, from: &str, to: &str) -> Result<(), Failure> {
    let output = port.command_within(120, &["cp", "-a", "--remove-destination", from, to], b"").await?;
    if output.ok() { Ok(()) } else { Err(failure(format!("copy {from} to {to}"), &output.stderr_text())) }
}

pub(super) async fn probe_restored(port: &HostPort<'_>) -> Result<Probe, Failure> {
    Ok(match port.stat(RECORD, false).await? {
        None => Probe::Met,
        Some(_) => Probe::NotMet("what was there before is not back yet".to_owned()),
    })
}

/// Removes what the plan no longer knows but an earlier one put there, puts back what was overwritten, gives folders their
/// modes, removes folders that came with us and are empty. The record goes last: until then all of this may be done
/// again.
pub(super) async fn restore(port: &HostPort<'_>, ctx: &StepContext, keep: &[String]) -> Result<(), Failure> {
    let Some(before) = Before::read(port).await? else { return Ok(()) };
    let places: Vec<String> = before.places.keys().cloned().collect();
    cleanup::remove_paths(port, &places, keep).await?;
    port.remove(&half_written(port, &before).await?).await?;
    for (path, was) in &before.places {
        match was {
            Was::Nothing => {}
            Was::Kept => {
                if let Some((parent, _)) = path.rsplit_once('/').filter(|(parent, _)| !parent.is_empty())
                    && port.stat(parent, false).await?.is_none()
                {
                    port.folder(parent, 0o755).await?;
                }
                copy(port, &format!("{KEPT}{path}"), path).await?;
            }
            Was::Folder { mode, .. } => {
                let now = port.stat(&format!("{path}/."), false).await?;
                if now.is_none_or(|stat| stat.mode != *mode) {
                    port.folder(&format!("{path}/."), *mode).await?;
                }
            }
        }
    }
    for folder in before.came() {
        if port.stat(folder, false).await?.is_none_or(|stat| stat.kind != FileKind::Folder) {
            continue;
        }
        let names = names_in(port, folder).await?;
        if names.is_empty() {
            port.remove(&[folder.to_owned()]).await?;
        } else {
            let names: Vec<String> = names.into_iter().collect();
            ctx.output(format!("{folder} stays: somebody else's {} is in it\n", names.join(", ")).as_bytes());
        }
    }
    port.remove(&[RECORD.to_owned()]).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(names: &[&str]) -> Was {
        Was::Folder { mode: 0o755, names: names.iter().map(|&name| name.to_owned()).collect() }
    }

    #[test]
    fn only_what_was_not_there_is_removed_whole() {
        let places = [
            ("/opt/cni/bin/bridge", Was::Kept),
            ("/var/lib/etcd", Was::Nothing),
            ("/var/lib/kubelet", folder(&["lost+found"])),
        ];
        let places = places.map(|(path, was)| (path.to_owned(), was)).into();
        let before = Before { places, folders: BTreeMap::new() };
        assert_eq!(before.removable("/var/lib/etcd"), Removable::Whole);
        assert_eq!(before.removable("/opt/cni/bin/bridge"), Removable::Whole, "it is put back later");
        assert_eq!(before.removable("/usr/local/bin/kubectl"), Removable::Nothing, "nobody looked at it");
        let Removable::Inside(names) = before.removable("/var/lib/kubelet") else { panic!("it was there") };
        assert!(names.contains("lost+found"));
    }

    #[test]
    fn folders_above_a_place_are_looked_at_and_the_deepest_goes_first() {
        let paths = ["/etc/cni/net.d/10-flannel.conflist".to_owned()];
        let mut before = Before::default();
        let looked = before.lacks_folders(&paths, &["/lib/modules".to_owned()]);
        assert_eq!(looked, ["/etc", "/etc/cni", "/etc/cni/net.d", "/lib", "/lib/modules"]);
        before.folders = looked.into_iter().map(|folder| (folder.clone(), folder == "/etc")).collect();
        before.folders.insert("/lib".to_owned(), true);
        assert_eq!(before.came(), ["/etc/cni/net.d", "/etc/cni", "/lib/modules"]);
        assert!(before.lacks_folders(&paths, &[]).is_empty());
    }

    #[test]
    fn half_a_file_is_known_by_its_place_and_number() {
        let place = |path: &str| place_of(path);
        assert_eq!(
            place("/usr/local/bin/.kubelet.armilla-769-45").as_deref(),
            Some("/usr/local/bin/kubelet")
        );
        assert_eq!(place("/etc/.crictl.yaml.armilla-7").as_deref(), Some("/etc/crictl.yaml"));
        for other in
            ["/etc/.crictl.yaml.armilla-x", "/etc/crictl.yaml.armilla-7", "/etc/.a.armilla-", "/etc/.b"]
        {
            assert_eq!(place(other), None, "{other}");
        }
    }

    #[test]
    fn a_record_is_read_back_as_it_was_written() {
        let places = [("/a".to_owned(), folder(&["x"])), ("/b".to_owned(), Was::Nothing)].into();
        let before = Before { places, folders: [("/etc".to_owned(), true)].into() };
        let text = serde_json::to_string(&before).unwrap();
        assert_eq!(
            text,
            r#"{"places":{"/a":{"folder":{"mode":493,"names":["x"]}},"/b":"nothing"},"folders":{"/etc":true}}"#
        );
        assert_eq!(serde_json::from_str::<Before>(&text).unwrap(), before);
    }
}
