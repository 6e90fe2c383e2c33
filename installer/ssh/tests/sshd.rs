//! Hands on a real sshd: what a site's hosts do, in small, on 127.0.0.1.
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail the test")]

mod reach;
mod support;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bundles_format::Digest;
use installer_model::secret::Secret;
use installer_ssh::{Auth, Blob, Followed, Hand, HandError, HostKeyPolicy, Sudo, Target};
use installer_wire::{Command, FailureKind, FileKind, UnitCommand, UnitState};
use sha2::{Digest as _, Sha256};
use support::{Relay, Settings, Sshd, hand_program, wait_until};

async fn start(server: &Sshd, target: &Target) -> Result<Hand, HandError> {
    Hand::start(target, &hand_program(), &server.root()).await
}

fn blob(content: &Arc<Vec<u8>>) -> Blob {
    let digest = Digest::from_sha256(Sha256::digest(&content[..]).into());
    let content = Arc::clone(content);
    let size = content.len() as u64;
    let open = Arc::new(move |offset: u64| -> std::io::Result<Box<dyn std::io::Read + Send>> {
        let content = Arc::clone(&content);
        Ok(Box::new(std::io::Cursor::new(content[offset as usize..].to_vec())))
    });
    Blob { digest, size, open }
}

/// Bytes that do not repeat and are the same every time.
fn content(size: usize) -> Arc<Vec<u8>> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(size + 8);
    while bytes.len() < size {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(size);
    Arc::new(bytes)
}

async fn output_of(hand: &Hand, name: &str) -> (String, UnitState) {
    let mut follow = hand.follow_unit(name, 0);
    let mut output = Vec::new();
    loop {
        match follow.next().await.unwrap() {
            Followed::Output { bytes, .. } => output.extend(bytes),
            Followed::Ended(state) => return (String::from_utf8(output).unwrap(), state),
        }
    }
}

#[tokio::test]
async fn a_hand_is_put_on_a_host_without_sftp_and_does_what_it_is_told() {
    let server = Sshd::start(&Settings::default());
    let hand = start(&server, &server.target()).await.unwrap();
    assert_eq!(hand.hello().machine, std::env::consts::ARCH);
    assert_eq!(hand.fingerprint(), Some(&server.fingerprint("host_ed25519")));

    let path = server.path("made/by/hand").to_str().unwrap().to_owned();
    hand.write(&path, 0o640, b"content").await.unwrap();
    let stat = hand.stat(&path, true).await.unwrap().unwrap();
    assert_eq!((stat.kind, stat.mode, stat.size), (FileKind::File, 0o640, 7));
    assert_eq!(hand.read(&path, 100).await.unwrap(), b"content");
    hand.remove(&[&path]).await.unwrap();
    assert_eq!(hand.stat(&path, false).await.unwrap(), None);

    let output =
        hand.command(Command::new(["sh", "-c", "cat; echo oops >&2; exit 4"]), b"hello").await.unwrap();
    assert_eq!(
        (output.code, output.stdout_text(), output.stderr_text()),
        (4, "hello".into(), "oops\n".into())
    );
    let missing = hand.command(Command::new(["no-such-program"]), b"").await.unwrap_err();
    assert_eq!(missing.failure().unwrap().kind, FailureKind::Missing);

    // The program is not sent again.
    let before = std::fs::metadata(
        std::fs::read_dir(server.path("data root/bin")).unwrap().next().unwrap().unwrap().path(),
    );
    start(&server, &server.target()).await.unwrap().ping().await.unwrap();
    let entries: Vec<_> = std::fs::read_dir(server.path("data root/bin")).unwrap().flatten().collect();
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0].metadata().unwrap().modified().unwrap(), before.unwrap().modified().unwrap());
}

#[tokio::test]
async fn an_encrypted_key_needs_its_passphrase() {
    let server = Sshd::start(&Settings::default());
    let mut target = server.target();
    let with =
        |phrase: &str| Auth::Key { file: server.path("locked"), passphrase: Some(Secret::new(phrase)) };
    target.auth = with("open sesame");
    start(&server, &target).await.unwrap().ping().await.unwrap();
    target.auth = with("wrong");
    let error = start(&server, &target).await.err().unwrap();
    assert!(matches!(error, HandError::KeyUnusable { .. }), "{error:?}");
    assert!(error.to_string().contains("its passphrase is another"), "{error}");
    assert_eq!(error.exit_code(), 7);
    target.auth = Auth::Key { file: server.path("locked"), passphrase: None };
    let error = start(&server, &target).await.err().unwrap();
    assert!(error.to_string().contains("no passphrase was given"), "{error}");
}

#[tokio::test]
async fn every_way_to_log_in_is_tried_in_its_order() {
    let server = Sshd::start(&Settings::default());
    let mut target = server.target();
    let right = target.auth.clone();
    target.auth = Auth::Each(vec![server.key("stranger"), right]);
    start(&server, &target).await.unwrap().ping().await.unwrap();
    target.auth = Auth::Each(vec![server.key("stranger"), Auth::Password(Secret::new("a guess"))]);
    let error = start(&server, &target).await.err().unwrap().to_string();
    assert!(error.contains("stranger was not accepted; the password was not accepted"), "{error}");
    assert!(!error.contains("a guess"), "{error}");
}

/// libssh2 finds the agent by `SSH_AUTH_SOCK` alone, so the test runs itself again as a process of its own that has it.
#[test]
fn a_key_in_the_agent_lets_in() {
    const SERVER: &str = "ARMILLA_TEST_SERVER";
    if let Ok(server) = std::env::var(SERVER) {
        let [port, user, root] = &server.split('\n').collect::<Vec<_>>()[..] else { panic!("{server:?}") };
        let ask = HostKeyPolicy::Ask(Arc::new(|_, _| true));
        let mut target = Target::new("127.0.0.1", user, Auth::Agent, ask);
        target.port = port.parse().unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let started = runtime.block_on(Hand::start(&target, &hand_program(), root));
        return runtime.block_on(started.unwrap().ping()).unwrap();
    }
    let server = Sshd::start(&Settings::default());
    let socket = server.path("agent");
    let mut agent = std::process::Command::new("ssh-agent")
        .arg("-D")
        .arg("-a")
        .arg(&socket)
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    wait_until("the agent answers", || std::os::unix::net::UnixStream::connect(&socket).is_ok());
    let add = |key: &str| {
        std::process::Command::new("ssh-add")
            .arg(server.path(key))
            .env("SSH_AUTH_SOCK", &socket)
            .output()
            .unwrap()
    };
    let again = || {
        let user = server.target().user;
        std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "a_key_in_the_agent_lets_in"])
            .env("SSH_AUTH_SOCK", &socket)
            .env(SERVER, format!("{}\n{user}\n{}", server.port, server.root()))
            .output()
            .unwrap()
    };
    assert!(add("stranger").status.success());
    let refused = again();
    assert!(add("user").status.success());
    let accepted = again();
    agent.kill().unwrap();
    agent.wait().unwrap();
    let said =
        String::from_utf8_lossy(&refused.stderr).into_owned() + &String::from_utf8_lossy(&refused.stdout);
    assert!(said.contains("none of the 1 keys in the SSH agent was accepted"), "{said}");
    assert!(accepted.status.success(), "{}", String::from_utf8_lossy(&accepted.stdout));
}

#[tokio::test]
async fn who_is_not_let_in_is_told_so() {
    let server = Sshd::start(&Settings::default());
    let mut target = server.target();
    target.auth = server.key("stranger");
    let error = start(&server, &target).await.err().unwrap();
    assert!(matches!(error, HandError::AuthFailed { .. }), "{error:?}");
    assert!(error.to_string().contains("publickey"), "{error}");
    assert_eq!(error.exit_code(), 7);

    target.port = Sshd::start(&Settings::default()).port;
    let error = start(&server, &target).await.err().unwrap();
    assert!(matches!(error, HandError::Unreachable { .. }), "{error:?}");
    assert_eq!(error.exit_code(), 8);
}

#[tokio::test]
async fn a_changed_host_key_stops_and_shows_both() {
    let (server, other) = (Sshd::start(&Settings::default()), Sshd::start(&Settings::default()));
    let mut target = server.target();
    target.host_key = HostKeyPolicy::Pinned(other.fingerprint("host_ed25519"));
    match start(&server, &target).await.err().unwrap() {
        HandError::HostKeyChanged { old, new, .. } => {
            assert_eq!(old, other.fingerprint("host_ed25519"));
            assert_eq!(new, server.fingerprint("host_ed25519"));
        }
        error => panic!("{error:?}"),
    }
}

#[tokio::test]
async fn a_pinned_key_of_another_kind_is_found() {
    let server = Sshd::start(&Settings::default());
    let mut target = server.target();
    target.host_key = HostKeyPolicy::Pinned(server.fingerprint("host_ecdsa"));
    let hand = start(&server, &target).await.unwrap();
    assert_eq!(hand.fingerprint(), Some(&server.fingerprint("host_ecdsa")));
}

#[tokio::test]
async fn at_first_contact_somebody_is_asked() {
    let server = Sshd::start(&Settings::default());
    let shown = Arc::new(Mutex::new(Vec::new()));
    let mut target = server.target();
    for answer in [false, true] {
        let shown = Arc::clone(&shown);
        target.host_key = HostKeyPolicy::Ask(Arc::new(move |host, fingerprint| {
            shown.lock().unwrap().push((host.to_owned(), fingerprint.clone()));
            answer
        }));
        let started = start(&server, &target).await;
        assert_eq!(started.is_ok(), answer);
        assert!(answer || matches!(started.err().unwrap(), HandError::HostKeyUnknown { .. }));
    }
    assert_eq!(*shown.lock().unwrap(), vec![("127.0.0.1".to_owned(), server.fingerprint("host_ed25519")); 2]);
}

#[tokio::test]
async fn a_host_is_reached_through_two_others() {
    let servers = [(); 3].map(|()| Sshd::start(&Settings::default()));
    let [mut target, mut inner, outer] = [0, 1, 2].map(|at: usize| servers[at].target());
    inner.jump = Some(Box::new(outer));
    target.jump = Some(Box::new(inner));
    let hand = start(&servers[0], &target).await.unwrap();
    assert_eq!(hand.hello().root, servers[0].root());
    let bytes = content(3_000_000);
    hand.put_blob(&blob(&bytes), &|_| {}).await.unwrap();
    assert!(hand.blob_states(&[blob(&bytes).digest]).await.unwrap()[0].complete);
}

#[tokio::test]
async fn sudo_is_given_its_password_once_and_a_wrong_one_is_named() {
    let server = Sshd::start(&Settings { sudo_password: Some("xyzzy"), ..Settings::default() });
    let mut target = server.target();
    target.sudo = Sudo::Password(Secret::new("xyzzy"));
    let hand = start(&server, &target).await.unwrap();
    hand.put_blob(&blob(&content(100_000)), &|_| {}).await.unwrap();

    target.sudo = Sudo::Password(Secret::new("plugh"));
    let error = start(&server, &target).await.err().unwrap();
    assert!(matches!(error, HandError::WrongSudoPassword { .. }), "{error:?}");
    assert_eq!(error.exit_code(), 7);

    target.sudo = Sudo::NoPassword;
    let error = start(&server, &target).await.err().unwrap();
    assert!(matches!(error, HandError::SudoRefused { .. }), "{error:?}");
}

#[tokio::test]
async fn no_secret_is_on_a_command_line_in_an_environment_or_in_the_servers_log() {
    let server = Sshd::start(&Settings { sudo_password: Some("xyzzy-plugh"), lines: &["LogLevel DEBUG3"] });
    let mut target = server.target();
    target.sudo = Sudo::Password(Secret::new("xyzzy-plugh"));
    let hand = start(&server, &target).await.unwrap();
    let held = hand.command(Command::new(["sh", "-c", "read -r secret; sleep 2"]), b"second-secret\n");
    let look = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let (mut seen, mut files) = (Vec::new(), 0);
        for process in std::fs::read_dir("/proc").unwrap().flatten() {
            for file in ["cmdline", "environ"] {
                let Ok(text) = std::fs::read(process.path().join(file)) else { continue };
                let text = String::from_utf8_lossy(&text).into_owned();
                files += 1;
                if text.contains("xyzzy-plugh") || text.contains("second-secret") {
                    seen.push(text);
                }
            }
        }
        assert!(files > 4);
        assert_eq!(seen, Vec::<String>::new());
    };
    let (output, ()) = tokio::join!(held, look);
    assert_eq!(output.unwrap().code, 0);
    let log = std::fs::read_to_string(server.path("sshd.log")).unwrap();
    assert!(log.contains("Starting session: command"), "the log tells of sessions at all");
    assert!(!log.contains("xyzzy-plugh") && !log.contains("second-secret"));
}

#[tokio::test]
async fn a_blob_that_was_cut_goes_on_where_it_ended() {
    let server = Sshd::start(&Settings::default());
    let relay = Relay::to(server.port);
    let mut target = server.target();
    target.port = relay.port;
    let bytes = content(20_000_000);
    let hand = start(&server, &target).await.unwrap();
    relay.cut_after(12_000_000);
    let error = hand.put_blob(&blob(&bytes), &|_| {}).await.err().unwrap();
    assert!(error.is_lost_connection(), "{error:?}");
    assert!(hand.ping().await.err().unwrap().is_lost_connection());
    relay.mend();

    let hand = start(&server, &target).await.unwrap();
    let there = Arc::new(AtomicU64::new(0));
    let brought = hand.put_blob(&blob(&bytes), &|bytes| there.store(bytes, Ordering::SeqCst)).await.unwrap();
    assert!(brought.resumed_at > 5_000_000, "{brought:?}");
    assert_eq!(brought.resumed_at + brought.sent, 20_000_000);
    assert_eq!(there.load(Ordering::SeqCst), 20_000_000);
    let stored = server.path(&format!("data root/blobs/sha256/{}", blob(&bytes).digest.hex()));
    assert!(std::fs::read(stored).unwrap() == **bytes);
    let again = hand.put_blob(&blob(&bytes), &|_| {}).await.unwrap();
    assert_eq!((again.resumed_at, again.sent), (20_000_000, 0));
}

#[tokio::test]
async fn a_receiver_that_was_left_without_a_word_makes_way_for_the_next() {
    let server = Sshd::start(&Settings::default());
    let relay = Relay::to(server.port);
    let mut target = server.target();
    target.port = relay.port;
    target.patience.keepalive = Duration::from_millis(300);
    target.patience.silence = Duration::from_secs(2);
    let bytes = content(60_000_000);
    let hand = start(&server, &target).await.unwrap();
    let begun = |there: u64| relay.hold(there > 20_000_000);
    let error = hand.put_blob(&blob(&bytes), &begun).await.err().unwrap();
    assert!(matches!(error, HandError::Lost { .. }), "{error:?}");

    // The network stays as it is: the first connection's end never reaches the server.
    let hand = start(&server, &server.target()).await.unwrap();
    let brought = hand.put_blob(&blob(&bytes), &|_| {}).await.unwrap();
    assert!(brought.resumed_at > 1_000_000, "{brought:?}");
    assert_eq!(brought.resumed_at + brought.sent, 60_000_000);
    relay.hold(false);
}

#[tokio::test]
async fn blobs_travel_side_by_side_and_wrong_bytes_are_refused() {
    let server = Sshd::start(&Settings::default());
    let hand = start(&server, &server.target()).await.unwrap();
    let all = content(40_000_000);
    let blobs: Vec<Blob> = all.chunks(6_000_000).map(|piece| blob(&Arc::new(piece.to_vec()))).collect();
    let bring = |blob: Blob| {
        let hand = hand.clone();
        tokio::spawn(async move { hand.put_blob(&blob, &|_| {}).await })
    };
    for task in blobs.iter().cloned().map(bring).collect::<Vec<_>>() {
        task.await.unwrap().unwrap();
    }
    let digests: Vec<Digest> = blobs.iter().map(|blob| blob.digest.clone()).collect();
    assert!(hand.blob_states(&digests).await.unwrap().iter().all(|state| state.complete));

    let mut forged = blob(&content(1_000_000));
    forged.open = blob(&Arc::new(vec![7; 1_000_000])).open;
    let error = hand.put_blob(&forged, &|_| {}).await.err().unwrap();
    assert_eq!(error.failure().unwrap().kind, FailureKind::DigestMismatch);
}

#[tokio::test]
async fn where_one_session_is_all_blobs_go_in_pieces() {
    let server = Sshd::start(&Settings { lines: &["MaxSessions 1"], ..Settings::default() });
    let hand = start(&server, &server.target()).await.unwrap();
    let bytes = content(1_500_000);
    let brought = hand.put_blob(&blob(&bytes), &|_| {}).await.unwrap();
    assert_eq!((brought.resumed_at, brought.sent), (0, 1_500_000));
    assert!(hand.blob_states(&[blob(&bytes).digest]).await.unwrap()[0].complete);
}

#[tokio::test]
async fn a_file_is_placed_from_a_blob() {
    let server = Sshd::start(&Settings::default());
    let hand = start(&server, &server.target()).await.unwrap();
    let plain = content(2_000_000);
    let packed = Arc::new(zstd::encode_all(&plain[..], 3).unwrap());
    hand.put_blob(&blob(&packed), &|_| {}).await.unwrap();
    let path = server.path("placed").to_str().unwrap().to_owned();
    let (from, to) = (blob(&packed).digest, blob(&plain).digest);
    assert!(hand.place_file(&from, &path, 0o755, &to, 2_000_000).await.unwrap());
    assert!(!hand.place_file(&from, &path, 0o755, &to, 2_000_000).await.unwrap());
    assert!(std::fs::read(&path).unwrap() == **plain);
}

#[tokio::test]
async fn a_unit_survives_its_connection_and_the_next_hand_follows_it() {
    let server = Sshd::start(&Settings::default());
    let relay = Relay::to(server.port);
    let mut target = server.target();
    target.port = relay.port;
    let hand = start(&server, &target).await.unwrap();
    let name = format!("armilla-test-{}", server.port);
    let script = "read -r word; for n in 1 2 3 4 5 6 7 8; do echo $word $n; sleep 0.3; done; exit 5";
    let unit = UnitCommand::new(&name, ["sh", "-c", script]);
    assert!(!hand.start_unit(unit.clone(), b"secret\n").await.unwrap());
    let mut follow = hand.follow_unit(&name, 0);
    let Followed::Output { bytes, .. } = follow.next().await.unwrap() else { panic!("no output") };
    let mut seen = bytes;
    relay.cut_after(0);
    let offset = loop {
        match follow.next().await {
            Ok(Followed::Output { bytes, .. }) => seen.extend(bytes),
            Ok(Followed::Ended(state)) => panic!("{state:?}"),
            Err(error) => {
                assert!(error.is_lost_connection(), "{error:?}");
                break follow.offset();
            }
        }
    };
    relay.mend();

    let hand = start(&server, &target).await.unwrap();
    assert!(hand.start_unit(unit, b"secret\n").await.unwrap(), "the same unit is found, not started again");
    let other = hand.start_unit(UnitCommand::new(&name, ["true"]), b"").await.err().unwrap();
    assert_eq!(other.failure().unwrap().kind, FailureKind::Exists);
    let mut follow = hand.follow_unit(&name, offset);
    let state = loop {
        match follow.next().await.unwrap() {
            Followed::Output { bytes, .. } => seen.extend(bytes),
            Followed::Ended(state) => break state,
        }
    };
    assert_eq!(state, UnitState::Exited(5));
    let wanted: String = (1..=8).map(|n| format!("secret {n}\n")).collect();
    assert_eq!(String::from_utf8(seen).unwrap(), wanted);
    assert!(!server.path(&format!("data root/runs/{name}/stdin")).exists());
    hand.forget_units(std::slice::from_ref(&name)).await.unwrap();
    assert!(hand.units().await.unwrap().is_empty());
}

#[tokio::test]
async fn units_end_by_themselves_by_order_and_by_misfortune() {
    let server = Sshd::start(&Settings::default());
    let hand = start(&server, &server.target()).await.unwrap();
    let name = |what: &str| format!("armilla-test-{}-{what}", server.port);
    let sleeper = |what: &str| UnitCommand::new(&name(what), ["sh", "-c", "echo on; sleep 600"]);

    hand.start_unit(UnitCommand::new(&name("missing"), ["no-such-program"]), b"").await.unwrap();
    let (said, state) = output_of(&hand, &name("missing")).await;
    assert_eq!(state, UnitState::Exited(127));
    assert!(said.contains("no-such-program"), "{said}");

    hand.start_unit(sleeper("stopped"), b"").await.unwrap();
    assert_eq!(hand.stop_unit(&name("stopped")).await.unwrap().state, UnitState::Exited(143));

    hand.start_unit(sleeper("lost"), b"").await.unwrap();
    let begun = hand.follow_unit(&name("lost"), 0).next().await.unwrap();
    assert_eq!(begun, Followed::Output { offset: 0, bytes: b"on\n".to_vec() });
    let started =
        std::fs::read_to_string(server.path(&format!("data root/runs/{}/started.json", name("lost"))));
    let started: serde_json::Value = serde_json::from_str(&started.unwrap()).unwrap();
    let group = format!("-{}", started["pid"]);
    assert!(std::process::Command::new("kill").args(["-9", "--", &group]).status().unwrap().success());
    assert_eq!(output_of(&hand, &name("lost")).await, ("on\n".to_owned(), UnitState::Lost));

    let states: Vec<UnitState> = hand.units().await.unwrap().into_iter().map(|unit| unit.state).collect();
    assert_eq!(states, [UnitState::Lost, UnitState::Exited(127), UnitState::Exited(143)]);
    assert_eq!(output_of(&hand, &name("never")).await.1, UnitState::Absent);
}

#[tokio::test]
async fn a_newer_claim_locks_out_an_older_hand() {
    let server = Sshd::start(&Settings::default());
    let (old, new) =
        (start(&server, &server.target()).await.unwrap(), start(&server, &server.target()).await.unwrap());
    let path = server.path("file").to_str().unwrap().to_owned();
    old.fence("ledger", 1, 1, false, None).await.unwrap();
    old.write(&path, 0o644, b"old").await.unwrap();
    new.fence("ledger", 2, 1, false, None).await.unwrap();
    let error = old.write(&path, 0o644, b"late").await.err().unwrap();
    assert_eq!(error.failure().unwrap().kind, FailureKind::Fenced);
    assert_eq!(error.exit_code(), 4);
    assert_eq!(old.read(&path, 10).await.unwrap(), b"old");
    let foreign = new.fence("another", 9, 9, false, None).await.err().unwrap();
    assert_eq!(foreign.failure().unwrap().fence.as_ref().unwrap().ledger, "ledger");
    new.fence("another", 9, 9, true, None).await.unwrap();
}

#[tokio::test]
async fn a_network_that_is_gone_is_survived_for_a_while_and_then_noticed() {
    let server = Sshd::start(&Settings::default());
    let relay = Relay::to(server.port);
    let mut target = server.target();
    target.port = relay.port;
    target.patience.keepalive = Duration::from_millis(300);
    target.patience.silence = Duration::from_secs(3);
    let hand = start(&server, &target).await.unwrap();
    relay.hold(true);
    let pinged = hand.ping();
    let back = async {
        tokio::time::sleep(Duration::from_millis(1500)).await;
        relay.hold(false);
    };
    let (pinged, ()) = tokio::join!(pinged, back);
    pinged.unwrap();

    relay.hold(true);
    let since = Instant::now();
    let error = hand.ping().await.err().unwrap();
    relay.hold(false);
    assert!(matches!(error, HandError::Lost { .. }), "{error:?}");
    assert!(since.elapsed() > Duration::from_secs(2) && since.elapsed() < Duration::from_secs(15));
}

#[tokio::test]
async fn a_hand_ends_when_it_is_dropped() {
    let server = Sshd::start(&Settings::default());
    let hand = start(&server, &server.target()).await.unwrap();
    let process = format!("/proc/{}", hand.hello().pid);
    assert!(std::path::Path::new(&process).exists());
    drop(hand);
    tokio::task::spawn_blocking(move || {
        wait_until("the hand ends", || !std::path::Path::new(&process).exists());
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_host_for_which_there_is_no_program_is_named() {
    let server = Sshd::start(&Settings::default());
    let error = Hand::start(&server.target(), &installer_ssh::BinarySource::default(), &server.root())
        .await
        .err()
        .unwrap();
    assert!(
        matches!(&error, HandError::WrongArch { machine, .. } if machine == std::env::consts::ARCH),
        "{error:?}"
    );
}

#[tokio::test]
async fn the_machine_itself_needs_no_ssh() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().to_str().unwrap();
    let hand = Hand::start_local(Sudo::None, &hand_program(), root).await.unwrap();
    let bytes = content(3_000_000);
    hand.put_blob(&blob(&bytes), &|_| {}).await.unwrap();
    assert!(hand.blob_states(&[blob(&bytes).digest]).await.unwrap()[0].complete);
}
