//! `dial`: a connection from this host to somewhere else, over the standard streams: for servers whose sshd forwards no
//! ports (`AllowTcpForwarding no`, which hardening guides ask for).

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::thread;
use std::time::Duration;

use installer_wire::GREETING;

/// How long a connection may take to stand.
const CONNECT: Duration = Duration::from_secs(10);

/// Connects, greets, and moves bytes until the other end has said all. The error is why there is no connection.
pub fn dial(
    mut input: impl Read + Send + 'static,
    mut output: impl Write,
    host: &str,
    port: u16,
) -> io::Result<()> {
    let mut from = connect(host, port)?;
    let mut to = from.try_clone()?;
    output.write_all(GREETING.as_bytes())?;
    output.flush()?;
    // Its end is not waited for: with the other end gone, nobody is left to read what is still to come.
    thread::spawn(move || {
        pass(&mut input, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
    pass(&mut from, &mut output);
    Ok(())
}

/// Moves bytes until one side is done.
fn pass(from: &mut impl Read, to: &mut impl Write) {
    let mut piece = vec![0; 64 * 1024];
    loop {
        match from.read(&mut piece) {
            Ok(0) => return,
            Ok(read) if to.write_all(&piece[..read]).and_then(|()| to.flush()).is_ok() => {}
            Err(error) if matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::Interrupted) => {}
            Ok(_) | Err(_) => return,
        }
    }
}

fn connect(host: &str, port: u16) -> io::Result<TcpStream> {
    let mut last = io::Error::from(ErrorKind::NotFound);
    for address in (host, port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, CONNECT) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn bytes_go_both_ways_and_the_last_answer_arrives_after_the_last_question() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut asked = String::new();
            stream.read_to_string(&mut asked).unwrap();
            stream.write_all(asked.to_uppercase().as_bytes()).unwrap();
        });
        let mut told = Vec::new();
        dial(&b"who is there?"[..], &mut told, "127.0.0.1", port).unwrap();
        assert_eq!(String::from_utf8(told).unwrap(), format!("{GREETING}WHO IS THERE?"));
        server.join().unwrap();
    }

    #[test]
    fn a_port_that_nobody_listens_on_is_not_greeted_for() {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut told = Vec::new();
        let error = dial(&b""[..], &mut told, "127.0.0.1", free).unwrap_err();
        assert_eq!((error.kind(), told.len()), (ErrorKind::ConnectionRefused, 0));
    }
}
