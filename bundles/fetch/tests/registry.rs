//! A blob from Debian's docker-registry over a line that is cut again and again: it goes on by range.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[expect(dead_code, unreachable_pub, reason = "other tests use the rest")]
mod servers;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use bundles_fetch::{Access, Fetcher};
use bundles_format::{Digest, Reference};
use servers::{Registry, sum};

/// Between a client and a registry: each connection ends when so many bytes of answers have passed.
#[derive(Default)]
struct Line {
    /// What was asked, of all connections together.
    asked: Mutex<String>,
    /// Bytes of answers that passed, heads included.
    passed: Mutex<usize>,
}

impl Line {
    /// Gives the address, `127.0.0.1:PORT`.
    fn start(self: &Arc<Line>, registry: String, cut: usize) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let line = Arc::clone(self);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (line, server) = (Arc::clone(&line), TcpStream::connect(&registry).unwrap());
                std::thread::spawn(move || line.join(&client.unwrap(), &server, cut));
            }
        });
        address
    }

    fn join(&self, client: &TcpStream, server: &TcpStream, cut: usize) {
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let (mut client, mut server, mut piece) = (client, server, vec![0; 4096]);
                while let Ok(read @ 1..) = client.read(&mut piece) {
                    self.asked.lock().unwrap().push_str(&String::from_utf8_lossy(&piece[..read]));
                    if server.write_all(&piece[..read]).is_err() {
                        return;
                    }
                }
            });
            let (mut left, mut piece) = (cut, vec![0; 65_536]);
            while left > 0
                && let Ok(read @ 1..) = (&*server).read(&mut piece[..left.min(65_536)])
                && (&*client).write_all(&piece[..read]).is_ok()
            {
                left -= read;
                *self.passed.lock().unwrap() += read;
            }
            let _ = client.shutdown(Shutdown::Both);
            let _ = server.shutdown(Shutdown::Both);
        });
    }
}

#[test]
fn a_blob_of_a_registry_goes_on_by_range_however_often_the_line_is_cut() {
    let dir = tempfile::tempdir().unwrap();
    let registry = Registry::start(dir.path(), None);
    let content: Vec<u8> = (0..400_000_u32).flat_map(u32::to_le_bytes).collect();
    registry.push_blob("shop/front", &content);
    let line = Arc::new(Line::default());
    let host = line.start(registry.host.clone(), 500_000);

    let fetcher = Fetcher::new(&Access { plain: vec![host.clone()], ..Access::default() }).unwrap();
    let image: Reference = format!("{host}/shop/front:1").parse().unwrap();
    let digest: Digest = sum(&content).parse().unwrap();
    let to = dir.path().join("blob");
    fetcher.blob(&image, (&digest, content.len() as u64), &to, &|_| true).unwrap();
    assert_eq!(std::fs::read(&to).unwrap(), content);

    let asked = line.asked.lock().unwrap().to_lowercase();
    let ranges: Vec<u64> = asked
        .lines()
        .filter_map(|header| header.strip_prefix("range: bytes=")?.trim_end_matches('-').parse().ok())
        .collect();
    assert!(ranges.len() >= 3 && ranges.is_sorted() && ranges[0] > 400_000, "{asked}");
    let passed = *line.passed.lock().unwrap();
    assert!(passed < content.len() + 16_384, "no byte of the blob twice: {passed}");
}
