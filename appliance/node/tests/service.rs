//! The node service as a process: what systemd and an installer see of it.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use installer_model::node::NodeConfig;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// Set in the process that is the service: this test binary once more, told to run the one "test" below.
const CONFIG: &str = "ARMILLA_TEST_NODE_CONFIG";

#[test]
fn the_service_itself() {
    if let Some(config) = std::env::var_os(CONFIG) {
        appliance_node::main(Path::new(&config)).unwrap();
    }
}

struct Service {
    directory: TempDir,
    child: Child,
    systemd: UnixDatagram,
    config: NodeConfig,
}

impl Service {
    fn start(backends: Vec<SocketAddr>) -> Service {
        let directory = tempfile::tempdir().unwrap();
        let systemd = UnixDatagram::bind(directory.path().join("notify")).unwrap();
        systemd.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut config = NodeConfig::new(backends);
        config.balancer.listen = free_address();
        config.mirror.listen = free_address();
        config.mirror.containerd_root = directory.path().join("root");
        config.mirror.images = directory.path().join("images.json");
        write(&directory.path().join("node.json"), &config);
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "the_service_itself", "--nocapture"])
            .env(CONFIG, directory.path().join("node.json"))
            .env("NOTIFY_SOCKET", directory.path().join("notify"))
            .env("WATCHDOG_USEC", "400000")
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Service { directory, child, systemd, config }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("node.json")
    }

    fn heard(&self) -> String {
        let mut buffer = [0; 256];
        let length = self.systemd.recv(&mut buffer).expect("systemd should have heard something");
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).unwrap();
    }

    fn exit(&mut self) -> ExitStatus {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(started.elapsed() < Duration::from_secs(10), "the service does not stop");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until a connection through the balancer gets this byte.
    fn wait_for_backend(&self, name: u8, within: Duration) -> bool {
        let started = Instant::now();
        while started.elapsed() < within {
            let mut got = [0];
            let mut stream = TcpStream::connect(self.config.balancer.listen).unwrap();
            if stream.read_exact(&mut got).is_ok() && got == [name] {
                return true;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        false
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn write(path: &Path, config: &NodeConfig) {
    let next = path.with_extension("next");
    std::fs::write(&next, serde_json::to_string(config).unwrap()).unwrap();
    std::fs::rename(next, path).unwrap();
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// A backend that says its name to whoever connects.
fn backend(name: u8) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let _ = stream.unwrap().write_all(&[name]);
        }
    });
    address
}

#[test]
fn systemd_hears_that_it_is_ready_then_alive_then_stopping() {
    let mut service = Service::start(vec![backend(1)]);
    assert_eq!(service.heard(), "READY=1\nSTATUS=1 of 1 API servers answer");
    assert!(service.wait_for_backend(1, Duration::from_secs(1)), "ready means that it serves");
    let started = Instant::now();
    for _ in 0..4 {
        assert_eq!(service.heard(), "WATCHDOG=1\nSTATUS=1 of 1 API servers answer");
    }
    assert!(started.elapsed() < Duration::from_millis(1600), "twice per period of 400 ms");
    service.signal(Signal::TERM);
    let last = std::iter::repeat_with(|| service.heard()).find(|said| !said.starts_with("WATCHDOG"));
    assert_eq!(last.as_deref(), Some("STOPPING=1"));
    assert!(service.exit().success());
}

#[test]
fn a_replaced_file_and_a_hangup_both_bring_new_backends() {
    let mut service = Service::start(vec![backend(1)]);
    service.heard();
    for (name, signal) in [(2, None), (3, Some(Signal::HUP))] {
        service.config.balancer.backends = vec![backend(name)];
        write(&service.path(), &service.config);
        let within = match signal {
            Some(signal) => {
                service.signal(signal);
                Duration::from_millis(500)
            }
            None => Duration::from_secs(5),
        };
        assert!(service.wait_for_backend(name, within), "backend {name} was not taken up");
    }
    std::fs::write(service.path(), "{\"format\":1").unwrap();
    service.signal(Signal::HUP);
    assert!(service.wait_for_backend(3, Duration::from_secs(1)), "a broken file changes nothing");
}

#[test]
fn a_taken_port_is_named_when_it_fails_to_start() {
    let directory = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut config = NodeConfig::new(vec![backend(1)]);
    config.balancer.listen = taken.local_addr().unwrap();
    config.mirror.listen = free_address();
    write(&directory.path().join("node.json"), &config);
    let error = appliance_node::main(&directory.path().join("node.json")).unwrap_err();
    assert_eq!(error.to_string(), format!("failed to listen on {}", taken.local_addr().unwrap()));
    let error = appliance_node::main(&directory.path().join("absent.json")).unwrap_err();
    assert!(error.to_string().starts_with("failed to read "), "{error}");
}
