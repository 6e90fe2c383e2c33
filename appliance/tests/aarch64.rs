//! The program for aarch64, run: as it is on a machine of that kind, by qemu-user on any other. It teaches its verbs, holds
//! a bundle against its seal, and is a hand that reads what the machine is.
//!
//! `make test-full PART=arm64` builds program and bundle, then runs this.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};
use std::time::Instant;

use bundles_format::Digest;
use installer_model::survey::{HostFacts, Questions};
use installer_wire::exchange::{Assembler, encode};
use installer_wire::{Answer, Decoder, GREETING, Hello, Request};
use sha2::{Digest as _, Sha256};

/// Named where a machine's own processor cannot run the program.
const EMULATOR: &str = "qemu-aarch64-static";

fn built(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dist").join(name);
    assert!(path.exists(), "{} is not there: `make test-full PART=arm64` builds it", path.display());
    path.canonicalize().unwrap()
}

fn armilla() -> Command {
    let program = built("aarch64/armilla");
    if cfg!(target_arch = "aarch64") {
        return Command::new(program);
    }
    let mut command = Command::new(EMULATOR);
    command.arg(program);
    command
}

fn run(words: &[&str]) -> Output {
    armilla().args(words).env_remove("ARMILLA_STATE").output().unwrap()
}

#[test]
#[ignore = "needs dist/aarch64 and qemu-user-static"]
fn it_teaches_its_verbs_in_the_same_words() {
    let golden = include_str!("help.txt");
    let verbs: Vec<&str> = golden.split("$ armilla").skip(1).collect();
    assert!(verbs.len() > 20, "{} verbs", verbs.len());
    for verb in &verbs {
        let (line, text) = verb.split_once('\n').unwrap();
        let words: Vec<&str> = line.split_whitespace().collect();
        let output = run(&words);
        assert!(output.status.success(), "{line}: {output:?}");
        assert_eq!(String::from_utf8(output.stdout).unwrap().trim_end(), text.trim_end(), "{line}");
    }
    println!("{} verbs", verbs.len());
}

#[test]
#[ignore = "needs dist/aarch64 and qemu-user-static"]
fn it_holds_a_bundle_against_its_seal_and_names_a_flipped_bit() {
    let (bundle, key) = (built("aarch64/armilla.bundle"), built("bundle.key.pub"));
    let verify = |bundle: &Path| {
        run(&["bundle", "verify", bundle.to_str().unwrap(), "--trust", key.to_str().unwrap(), "-o", "json"])
    };
    let begun = Instant::now();
    let good = verify(&bundle);
    assert!(good.status.success(), "{good:?}");
    println!(
        "verified in {:.1} s: {}",
        begun.elapsed().as_secs_f64(),
        String::from_utf8(good.stdout).unwrap()
    );

    let folder = tempfile::tempdir().unwrap();
    let spoiled = folder.path().join("spoiled.bundle");
    std::fs::copy(&bundle, &spoiled).unwrap();
    flip_a_bit(&spoiled);
    let refused = verify(&spoiled);
    let said = String::from_utf8(refused.stderr).unwrap();
    println!("spoiled: exit {:?}, {}", refused.status.code(), said.trim());
    assert!(!refused.status.success() && said.contains("sha256:"), "{said}");
}

/// In the middle of the file, where nothing but blobs is.
fn flip_a_bit(path: &Path) {
    let file = File::options().read(true).write(true).open(path).unwrap();
    let middle = file.metadata().unwrap().len() / 2;
    let mut byte = [0];
    file.read_exact_at(&mut byte, middle).unwrap();
    file.write_all_at(&[byte[0] ^ 1], middle).unwrap();
}

#[test]
#[ignore = "needs dist/aarch64 and qemu-user-static"]
fn its_hand_reads_the_facts_that_a_hand_of_this_machine_reads() {
    let root = tempfile::tempdir().unwrap();
    let (mut hand, hello) = Hand::start(armilla(), root.path());
    let (mut native, native_hello) = Hand::start(Command::new(env!("CARGO_BIN_EXE_armilla")), root.path());
    assert_eq!(hello.machine, "aarch64");
    assert_eq!(hello.boot_id, native_hello.boot_id);

    let (theirs, ours) = (hand.facts(root.path()), native.facts(root.path()));
    assert_eq!(theirs.machine.as_deref(), Some("aarch64"));
    assert!(
        theirs.page_size.is_some_and(|bytes| bytes.is_power_of_two() && bytes >= 4096),
        "{:?}",
        theirs.page_size
    );
    assert!(theirs.fsync.is_some(), "the latency of fsync was measured");
    assert!(
        theirs.clock_unix_ns <= ours.clock_unix_ns,
        "one clock: {:?} {:?}",
        theirs.clock_unix_ns,
        ours.clock_unix_ns
    );
    assert_eq!(theirs.cpu.count, ours.cpu.count);
    assert_eq!(theirs.memory.map(|memory| memory.total), ours.memory.map(|memory| memory.total));
    // What neither the processor nor the moment decides.
    let lasting = |facts: &HostFacts| {
        let HostFacts { hostname, machine_id, os, kernel_release, mounts, nics, routes, cgroup, .. } =
            facts.clone();
        let data = facts
            .data_dirs
            .iter()
            .map(|dir| (dir.mount_target.clone(), dir.fs_type.clone(), dir.total_bytes))
            .collect::<Vec<_>>();
        let names =
            nics.into_iter().map(|nic| (nic.name, nic.mac, nic.mtu, nic.addresses)).collect::<Vec<_>>();
        (hostname, machine_id, os, kernel_release, mounts, names, routes, cgroup, data)
    };
    assert_eq!(lasting(&theirs), lasting(&ours));
    assert_eq!((&theirs.modules, &theirs.features), (&ours.modules, &ours.features));
    assert_eq!(theirs.sysctls, ours.sysctls);
    println!(
        "{} of {}, {} bytes a page, {:?}",
        theirs.kernel_release.unwrap_or_default(),
        hello.machine,
        theirs.page_size.unwrap_or_default(),
        theirs.fsync
    );
}

#[test]
#[ignore = "needs dist/aarch64 and qemu-user-static"]
fn its_hand_keeps_blobs_and_files_that_have_their_digest() {
    let root = tempfile::tempdir().unwrap();
    let (mut hand, _) = Hand::start(armilla(), root.path());
    let blob: Vec<u8> = (0..3_000_017_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let (digest, size) = (digest_of(&blob), blob.len() as u64);
    let half = blob.len() / 2;
    for (offset, piece) in [(0, &blob[..half]), (half, &blob[half..])] {
        let offset = offset as u64;
        let (answer, _) = hand.ask(&Request::BlobPiece { digest: digest.clone(), size, offset }, piece);
        let have = offset + piece.len() as u64;
        assert_eq!(answer, Answer::BlobPiece { have, complete: have == size });
    }
    let wrong = Request::BlobPiece { digest: digest_of(b"another"), size: 5, offset: 0 };
    assert!(matches!(hand.ask(&wrong, b"other").0, Answer::Failed(_)));

    let path = root.path().join("etc/file").to_str().unwrap().to_owned();
    assert_eq!(hand.ask(&Request::FileWrite { path: path.clone(), mode: 0o640 }, &blob).0, Answer::Done);
    let (answer, _) = hand.ask(&Request::FileStat { path, digest: true }, b"");
    let Answer::FileStat { file: Some(file) } = answer else { panic!("{answer:?}") };
    assert_eq!((file.mode, file.size, file.digest), (0o640, size, Some(digest)));
}

fn digest_of(bytes: &[u8]) -> Digest {
    Digest::from_sha256(Sha256::digest(bytes).into())
}

/// A hand at the other end of two pipes.
struct Hand {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    decoder: Decoder,
    assembler: Assembler,
    asked: u32,
}

impl Hand {
    fn start(mut program: Command, root: &Path) -> (Hand, Hello) {
        let mut child = program
            .args(["hand", "--root", root.to_str().unwrap(), "serve"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = child.stdin.take().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        assert_eq!(line, GREETING);
        let (decoder, assembler) = (Decoder::default(), Assembler::default());
        let mut hand = Hand { child, input, output, decoder, assembler, asked: 0 };
        let (Answer::Hello(hello), _) = hand.answer_to(0) else { panic!("no hello") };
        (hand, hello)
    }

    fn ask(&mut self, request: &Request, body: &[u8]) -> (Answer, Vec<u8>) {
        self.asked += 1;
        self.input.write_all(&encode(self.asked, request, body).unwrap()).unwrap();
        self.answer_to(self.asked)
    }

    fn answer_to(&mut self, request: u32) -> (Answer, Vec<u8>) {
        let mut piece = [0; 64 * 1024];
        loop {
            while let Some(frame) = self.decoder.next_frame().unwrap() {
                if let Some(message) = self.assembler.take(frame).unwrap() {
                    assert_eq!(message.request, request);
                    return (serde_json::from_slice(&message.json).unwrap(), message.body);
                }
            }
            let read = self.output.read(&mut piece).unwrap();
            assert_ne!(read, 0, "the hand ended");
            self.decoder.feed(&piece[..read]);
        }
    }

    fn facts(&mut self, folder: &Path) -> HostFacts {
        let folder = folder.to_str().unwrap().to_owned();
        let questions = Questions { data_dirs: vec![folder.clone()], fsync_dir: Some(folder) };
        let options = serde_json::to_value(questions).unwrap();
        let (answer, _) = self.ask(&Request::Facts { options }, b"");
        let Answer::Facts { facts } = answer else { panic!("{answer:?}") };
        serde_json::from_value(facts).unwrap()
    }
}

impl Drop for Hand {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
