//! Writes the first inputs of the corpus, made from the real types: `cargo run -p fuzz --example seeds`. What fuzzing
//! finds lies beside them under other names.

use std::error::Error;
use std::fs;
use std::path::Path;

use bundles_format::{Arch, Blob, Component, Digest, FORMAT, FileArtifact, ImageArtifact, Release, oci};
use installer_model::event::{EVENT_FORMAT, Event, Failure, Outcome, OutputSeal, Record, RunId};
use installer_model::plan::{PlanId, StepId};
use installer_wire::exchange::encode;
use installer_wire::{Answer, Command, Request};
use sha2::{Digest as _, Sha256};

fn main() -> Result<(), Box<dyn Error>> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for (target, name, bytes) in
        bundles()?.into_iter().chain(events()?).chain(frames()?).chain(sites()?).chain(imports()?)
    {
        fs::create_dir_all(corpus.join(target))?;
        fs::write(corpus.join(target).join(format!("seed-{name}")), bytes)?;
    }
    Ok(())
}

type Seeds = Result<Vec<(&'static str, String, Vec<u8>)>, Box<dyn Error>>;

fn sha256(bytes: &[u8]) -> Digest {
    Digest::from_sha256(Sha256::digest(bytes).into())
}

fn blob(content: &[u8], media_type: &str) -> Blob {
    Blob { digest: sha256(content), size: content.len() as u64, media_type: media_type.into() }
}

fn bundles() -> Seeds {
    let (layer, config) = (b"a layer".as_slice(), b"{}".as_slice());
    let file = FileArtifact {
        name: "kubelet".into(),
        arch: Arch::Amd64,
        blob: blob(b"kubelet", oci::FILE_ZSTD),
        content: sha256(b"content"),
        content_size: 7,
        mode: 0o755,
    };
    let layers = vec![blob(layer, "application/vnd.oci.image.layer.v1.tar+zstd")];
    let config_blob = blob(config, "application/vnd.oci.image.config.v1+json");
    let manifest = oci::manifest(&config_blob, &layers);
    let image = ImageArtifact {
        index: None,
        reference: "armilla.local/demo:1".into(),
        arch: Arch::Amd64,
        manifest: blob(manifest.as_bytes(), "application/vnd.oci.image.manifest.v1+json"),
        config: config_blob,
        layers,
        unpacked_size: 5000,
    };
    let component = |files, images| Component {
        name: "demo".into(),
        version: "1".into(),
        license: "Apache-2.0".into(),
        source: "here".into(),
        files,
        images,
    };
    let release = |components| Release {
        format: FORMAT,
        name: "test".into(),
        version: "1".into(),
        architectures: vec![Arch::Amd64],
        components,
    };
    let with = |release: &Release, blobs: &[&[u8]]| -> Result<Vec<u8>, Box<dyn Error>> {
        let mut input = vec![3];
        input.extend(serde_json::to_vec(release)?);
        for blob in blobs {
            input.push(0);
            input.extend(*blob);
        }
        Ok(input)
    };
    let one_file = with(&release(vec![component(vec![file.clone()], vec![])]), &[b"kubelet"])?;
    let whole = release(vec![component(vec![file], vec![image])]);
    let whole = with(&whole, &[b"kubelet", layer, config, manifest.as_bytes()])?;
    let empty = with(&release(vec![]), &[])?;
    let entries = [[1, 0, 0, 2].as_slice(), b"{}", &[1, 0, 2], b"{}", &[2, 0, 0], &[3, 0, 0]].concat();
    let names =
        [[1, 0, 0, 0].as_slice(), &[200, 0, 9], b"../../etc", &[150, 0, 1, 1], &[9, 0, 1, 1]].concat();
    let seeds =
        [("file", one_file), ("image", whole), ("empty", empty), ("entries", entries), ("names", names)];
    Ok(seeds.into_iter().map(|(name, bytes)| ("bundle", name.to_owned(), bytes)).collect())
}

fn events() -> Seeds {
    let step = StepId("kubeadm-init/c1".into());
    let seal = OutputSeal { length: 12, dropped: 1, digest: sha256(b"output") };
    let failure = Failure {
        what: "start containerd".into(),
        evidence: vec!["exit 1".into()],
        hint: Some("look at the journal".into()),
        exit_code: 20,
    };
    let lives = [
        vec![
            Event::RunStarted { plan: PlanId("p-1".into()) },
            Event::StepStarted { step: step.clone(), attempt: 1 },
            Event::StepDone { step: step.clone(), attempt: 1, output: Some(seal.clone()) },
            Event::RunEnded { outcome: Outcome::Healthy },
        ],
        vec![
            Event::RunStarted { plan: PlanId("p-2".into()) },
            Event::StepStarted { step: step.clone(), attempt: 1 },
            Event::StepFailed { step: step.clone(), attempt: 1, failure, output: None },
            Event::HostDropped { host: "c1".into(), step: step.clone() },
            Event::RunEnded { outcome: Outcome::Degraded },
            Event::RunResumed,
            Event::StepStarted { step: step.clone(), attempt: u32::MAX },
            Event::StepMet { step, attempt: u32::MAX },
        ],
        vec![Event::RunCancelled, Event::RunEnded { outcome: Outcome::Cancelled }],
    ];
    let mut seeds = Vec::new();
    for (number, life) in lives.into_iter().enumerate() {
        let mut bytes = Vec::new();
        for (at, event) in life.into_iter().enumerate() {
            let record = Record {
                format: EVENT_FORMAT,
                index: at as u64 + 1,
                at: 1_700_000_000_000,
                run: RunId("r-1".into()),
                event,
            };
            serde_json::to_writer(&mut bytes, &record)?;
            bytes.push(b'\n');
        }
        seeds.push(("event", format!("life-{number}"), bytes));
    }
    let newer = br#"{"format":9,"index":18446744073709551615,"at":0,"run":"r-1","event":{"type":"fromTomorrow","x":1}}"#;
    seeds.push(("event", "newer".into(), newer.to_vec()));
    seeds.push(("event", "not-json".into(), b"{\n[]\nnull\n".to_vec()));
    Ok(seeds)
}

fn frames() -> Seeds {
    let read = Request::FileRead { path: "/etc/os-release".into(), max: 4096 };
    let write = Request::FileWrite { path: "/etc/x".into(), mode: 0o600 };
    let facts = serde_json::to_value(installer_model::survey::HostFacts::default())?;
    let seeds = [
        ("ping", encode(1, &Request::Ping, b"")?),
        ("read", encode(2, &read, b"")?),
        ("write", encode(3, &write, b"the content")?),
        ("command", encode(4, &Request::Command(Command::new(["true"])), b"")?),
        ("facts", encode(5, &Answer::Facts { facts }, b"")?),
        ("done", [encode(6, &Answer::Done, b"")?, vec![0, 0, 0, 0, 9, 0, 0, 0, 7]].concat()),
    ];
    Ok(seeds.map(|(name, bytes)| ("hand_frames", name.to_owned(), [vec![3], bytes].concat())).into())
}

fn sites() -> Seeds {
    let init = installer_model::site_file::init("demo", &["root@10.0.0.1", "10.0.0.2"]);
    let mut seeds = vec![
        ("site_file", "empty".to_owned(), Vec::new()),
        ("site_file", "anchors".to_owned(), b"a: &a [*a, {b: !!str 1}]\n? x\n: >-\n  y\n".to_vec()),
        (
            "site_file",
            "wrong".to_owned(),
            b"apiVersion: 1\nkind: []\nhosts:\n  - {name: A_, address: 300.1}\n".to_vec(),
        ),
    ];
    if let Ok(text) = init {
        seeds.push(("site_file", "init".to_owned(), text.into_bytes()));
    }
    let plans = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../installer/plan/tests/plans");
    for file in fs::read_dir(plans)? {
        let path = file?.path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            seeds.push(("site_file", name, fs::read(&path)?));
        }
    }
    Ok(seeds)
}

fn imports() -> Seeds {
    let mut seeds = Vec::new();
    for file in
        fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../installer/import/tests/files"))?
    {
        let path = file?.path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            seeds.push(("import_files", name, fs::read(&path)?));
        }
    }
    Ok(seeds)
}
