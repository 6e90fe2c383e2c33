//! A plan in the making: what every phase adds its steps to.

use std::collections::{BTreeMap, BTreeSet};

use bundles_format::{Arch, Blob, Digest, FileArtifact, ImageArtifact, Release};
use installer_model::plan::{Action, BlobSpec, FileSource, FileSpec, ImageSpec, Phase, Step, StepId};
use installer_model::settings::{HostSettings, SiteSettings};
use installer_model::site::{Host, Site};
use installer_render::paths::DataFolders;

/// What the planner knows of one host beside the site file.
#[derive(Debug, Clone)]
pub struct HostInput {
    pub arch: Arch,
    pub settings: HostSettings,
}

pub(crate) struct Draft<'a> {
    pub(crate) site: &'a Site,
    pub(crate) release: &'a Release,
    pub(crate) hosts: &'a BTreeMap<String, HostInput>,
    pub(crate) shared: &'a SiteSettings,
    pub(crate) registry_cas: &'a BTreeMap<String, String>,
    pub(crate) data: DataFolders,
    steps: Vec<Step>,
    gaps: Vec<String>,
}

impl<'a> Draft<'a> {
    pub(crate) fn new(
        site: &'a Site,
        release: &'a Release,
        hosts: &'a BTreeMap<String, HostInput>,
        shared: &'a SiteSettings,
        registry_cas: &'a BTreeMap<String, String>,
    ) -> Draft<'a> {
        let data = DataFolders::below(site.data_root.as_str());
        Draft { site, release, hosts, shared, registry_cas, data, steps: Vec::new(), gaps: Vec::new() }
    }

    /// Adds a step of `host`. `word` completes the step's name and is unique in its host and phase.
    pub(crate) fn add(
        &mut self,
        host: &Host,
        phase: Phase,
        word: &str,
        action: Action,
        after: &[&StepId],
    ) -> StepId {
        let id = StepId(format!("{}/{phase}/{word}", host.name));
        let quorum_critical = host.roles.control_plane && phase == Phase::Found;
        self.steps.push(Step {
            id: id.clone(),
            phase,
            wave: 0,
            host: host.name.to_string(),
            action,
            after: after.iter().map(|&id| id.clone()).collect(),
            quorum_critical,
        });
        id
    }

    pub(crate) fn files(
        &mut self,
        host: &Host,
        phase: Phase,
        word: &str,
        title: &str,
        files: Vec<FileSpec>,
        after: &[&StepId],
    ) -> StepId {
        let action = Action::Files { title: title.to_owned(), folders: Vec::new(), files };
        self.add(host, phase, word, action, after)
    }

    pub(crate) fn host(&self, host: &Host) -> &'a HostInput {
        self.hosts.get(host.name.as_str()).expect("plan() refuses hosts without a survey")
    }

    /// The kubelet's configuration is one for the cluster: the oldest host decides.
    pub(crate) fn accept_cgroup_v1(&self) -> bool {
        self.hosts.values().any(|host| !host.settings.fail_cgroup_v1)
    }

    /// The interfaces that flannel must be told: it takes that of the default route by itself, which is not there in
    /// a closed room, and is the wrong one where the cluster has a network of its own.
    pub(crate) fn flannel_interfaces(&self) -> Vec<String> {
        let own_network = self.site.hosts.iter().any(|h| h.address.ip() != Some(h.cluster_address));
        if !own_network && !self.shared.cluster_interface_needed {
            return Vec::new();
        }
        let names = self.hosts.values().filter_map(|host| host.settings.cluster_interface.clone());
        names.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// The step of this name, if an earlier phase added it.
    pub(crate) fn find(&self, host: &Host, phase: Phase, word: &str) -> StepId {
        let id = StepId(format!("{}/{phase}/{word}", host.name));
        debug_assert!(self.steps.iter().any(|step| step.id == id), "{id} was not planned");
        id
    }

    /// As [`Draft::find`], where it may not have been planned.
    pub(crate) fn planned(&self, host: &Host, phase: Phase, word: &str) -> Option<StepId> {
        let id = StepId(format!("{}/{phase}/{word}", host.name));
        self.steps.iter().any(|step| step.id == id).then_some(id)
    }

    /// A file of the bundle; a missing one is noted and its place is taken by an empty file that no plan contains.
    pub(crate) fn bundle_file(&mut self, host: &Host, name: &str, path: String) -> FileSpec {
        let arch = self.host(host).arch;
        match self.release.file(name, arch) {
            Some(file) => placed(file, path),
            None => {
                self.gap(format!("file {name} for {arch}"));
                FileSpec { path, mode: 0, source: FileSource::Text(String::new()) }
            }
        }
    }

    /// Every file of the bundle whose name begins with `prefix`, placed below `folder` under the rest of its name.
    pub(crate) fn bundle_tree(&mut self, host: &Host, prefix: &str, folder: &str) -> Vec<FileSpec> {
        let arch = self.host(host).arch;
        let files: Vec<FileSpec> = self
            .release
            .files(arch)
            .filter_map(|file| Some(placed(file, format!("{folder}/{}", file.name.strip_prefix(prefix)?))))
            .collect();
        if files.is_empty() {
            self.gap(format!("files {prefix}* for {arch}"));
        }
        files
    }

    /// The content digest of a bundle file: what a running process was started from.
    pub(crate) fn content(&self, host: &Host, name: &str) -> Option<Digest> {
        self.release.file(name, self.host(host).arch).map(|file| file.content.clone())
    }

    pub(crate) fn images(&mut self, host: &Host, references: &[String]) -> Vec<ImageSpec> {
        let arch = self.host(host).arch;
        let mut found = Vec::new();
        for reference in references {
            match self.release.image(reference, arch) {
                Some(image) => found.push(image_spec(image)),
                None => self.gap(format!("image {reference} for {arch}")),
            }
        }
        found
    }

    /// The image of this repository, whatever its tag.
    pub(crate) fn image_of(&mut self, repository: &str) -> String {
        let prefix = format!("{repository}:");
        let mut references =
            self.release.components.iter().flat_map(|c| &c.images).map(|image| &image.reference);
        if let Some(found) = references.find(|name| name.starts_with(&prefix)) {
            return found.clone();
        }
        self.gap(format!("image {repository}"));
        format!("{repository}:missing")
    }

    pub(crate) fn version_of(&mut self, component: &str) -> String {
        match self.release.component(component) {
            Some(found) => found.version.clone(),
            None => {
                self.gap(format!("component {component}"));
                String::new()
            }
        }
    }

    pub(crate) fn gap(&mut self, what: String) {
        if !self.gaps.contains(&what) {
            self.gaps.push(what);
        }
    }

    /// The steps, or what the bundle lacks.
    pub(crate) fn finish(self) -> Result<Vec<Step>, Vec<String>> {
        if self.gaps.is_empty() { Ok(self.steps) } else { Err(self.gaps) }
    }
}

fn placed(file: &FileArtifact, path: String) -> FileSpec {
    FileSpec {
        path,
        mode: file.mode,
        source: FileSource::Blob {
            name: file.name.clone(),
            blob: file.blob.digest.clone(),
            blob_size: file.blob.size,
            content: file.content.clone(),
            content_size: file.content_size,
        },
    }
}

pub(crate) fn image_spec(image: &ImageArtifact) -> ImageSpec {
    ImageSpec {
        reference: image.reference.clone(),
        index: image.index.as_ref().map(blob_spec),
        manifest: blob_spec(&image.manifest),
        config: blob_spec(&image.config),
        layers: image.layers.iter().map(blob_spec).collect(),
    }
}

fn blob_spec(blob: &Blob) -> BlobSpec {
    BlobSpec { digest: blob.digest.clone(), size: blob.size, media_type: blob.media_type.clone() }
}

pub(crate) fn text(path: impl Into<String>, content: impl Into<String>) -> FileSpec {
    FileSpec { path: path.into(), mode: 0o644, source: FileSource::Text(content.into()) }
}
