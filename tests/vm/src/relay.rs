//! A forward from the machine into the lab: it listens on the machine's side and opens its other end inside the lab's
//! network namespace. It runs as a process of its own, recorded so that `down` ends it.

use crate::file::{self, FileError};
use crate::netns;
use crate::place::{Place, namespace_file};
use crate::process::Process;
use crate::spec::LabName;
use serde::{Deserialize, Serialize};
use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// A forward that was made.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Forward {
    pub listen: SocketAddr,
    pub to: SocketAddr,
    pub process: Process,
}

/// Why there is no forward.
#[derive(Debug, thiserror::Error)]
pub enum ForwardError {
    #[error("listen on {listen}")]
    Listen { listen: SocketAddr, source: io::Error },
    #[error("forward to the whole world from {0}: only loopback addresses are listened on")]
    NotLoopback(SocketAddr),
    #[error("start the forward")]
    Start(#[source] io::Error),
    #[error("record the forward")]
    Record(#[from] FileError),
}

/// The hidden verb of the `lab` command under which a relay process runs.
pub const RELAY_VERB: &str = "relay";

/// Starts `program relay …`, which must end up in [`serve`]; the listening socket is its standard input, so that an
/// address that is taken is known here and now.
pub(crate) fn start(
    program: &Path,
    name: &LabName,
    listen: SocketAddr,
    to: SocketAddr,
) -> Result<Forward, ForwardError> {
    if !listen.ip().is_loopback() {
        return Err(ForwardError::NotLoopback(listen));
    }
    let refused = |source| ForwardError::Listen { listen, source };
    let listener = TcpListener::bind(listen).map_err(refused)?;
    let listen = listener.local_addr().map_err(refused)?;
    let mut child = Command::new("setsid")
        .arg(program)
        .args(["--name", name.as_str(), RELAY_VERB, "--to", &to.to_string()])
        .current_dir("/")
        .stdin(Stdio::from(OwnedFd::from(listener)))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(ForwardError::Start)?;
    let process = Process::with_pid(child.id());
    let process = process.ok_or_else(|| ForwardError::Start(io::ErrorKind::NotFound.into()))?;
    std::thread::spawn(move || child.wait());
    let forward = Forward { listen, to, process };
    let directory = Place::of(name).forwards();
    file::make_directory(&directory)?;
    let text = serde_json::to_string(&forward).expect("a forward is plain data");
    file::write(&directory.join(format!("{}.json", process.pid)), &text, 0o600)?;
    Ok(forward)
}

/// The forwards of a lab that still run.
pub(crate) fn list(place: &Place) -> Vec<Forward> {
    let read = |name: String| serde_json::from_str(&file::read(&place.forwards().join(name)).ok()?).ok();
    let all = file::names_in(&place.forwards()).into_iter().filter_map(read);
    all.filter(|forward: &Forward| forward.process.is_alive()).collect()
}

pub(crate) fn stop_all(place: &Place) {
    list(place).into_iter().for_each(|forward| forward.process.kill());
}

/// The relay process: takes connections from its standard input for as long as the lab is there.
pub fn serve(name: &LabName, to: SocketAddr) -> Result<(), ForwardError> {
    let socket = io::stdin().as_fd().try_clone_to_owned().map_err(ForwardError::Start)?;
    let namespace = namespace_file(&Place::of(name).own_namespace());
    for client in TcpListener::from(socket).incoming() {
        let client = client.map_err(ForwardError::Start)?;
        let namespace = namespace.clone();
        std::thread::spawn(move || {
            // A host that does not answer closes this one connection: the client sees it.
            let limit = Duration::from_secs(10);
            if let Ok(Ok(host)) = netns::inside(&namespace, || TcpStream::connect_timeout(&to, limit)) {
                let _ = join(&client, &host);
            }
        });
    }
    Ok(())
}

/// Copies both ways until both have ended; each end is passed on as it comes.
fn join(client: &TcpStream, host: &TcpStream) -> io::Result<()> {
    let copy = |mut from: &TcpStream, mut to: &TcpStream| {
        let copied = io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
        copied
    };
    std::thread::scope(|scope| {
        scope.spawn(|| copy(client, host));
        copy(host, client).map(drop)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};

    #[test]
    fn an_end_that_is_half_closed_can_still_be_answered() {
        let near = TcpListener::bind("127.0.0.1:0").unwrap();
        let far = TcpListener::bind("127.0.0.1:0").unwrap();
        let (near_address, far_address) = (near.local_addr().unwrap(), far.local_addr().unwrap());
        std::thread::spawn(move || {
            let (client, _) = near.accept().unwrap();
            join(&client, &TcpStream::connect(far_address).unwrap()).unwrap();
        });
        std::thread::spawn(move || {
            let (mut stream, _) = far.accept().unwrap();
            let mut question = String::new();
            stream.read_to_string(&mut question).unwrap();
            stream.write_all(format!("heard {question}").as_bytes()).unwrap();
        });
        let mut client = TcpStream::connect(near_address).unwrap();
        client.write_all(b"hello").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert_eq!(answer, "heard hello");
    }

    #[test]
    fn only_loopback_is_listened_on() {
        let listen = "0.0.0.0:0".parse().unwrap();
        let name = "x".parse().unwrap();
        let result = start(Path::new("/nowhere"), &name, listen, "10.77.0.11:6443".parse().unwrap());
        assert!(matches!(result, Err(ForwardError::NotLoopback(_))));
    }
}
