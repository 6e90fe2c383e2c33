//! A server on a socket that writes down what it is asked, and says yes to everything.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

/// Method and path of a request, without its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked(String);

impl Asked {
    /// Whether it is a request of `METHOD /path/{parameter}`.
    pub(crate) fn is_of(&self, route: &str) -> bool {
        let (one, other): (Vec<&str>, Vec<&str>) = (self.0.split('/').collect(), route.split('/').collect());
        one.len() == other.len()
            && one.iter().zip(&other).all(|(one, other)| other.starts_with('{') || one == other)
    }
}

pub(crate) struct Recorder {
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Recorder {
    /// Listens until the test ends.
    pub(crate) fn start(socket: &Path) -> Recorder {
        let listener = UnixListener::bind(socket).unwrap();
        let recorder = Recorder { asked: Arc::default() };
        let asked = Arc::clone(&recorder.asked);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let asked = Arc::clone(&asked);
                std::thread::spawn(move || answer(stream.unwrap(), &asked));
            }
        });
        recorder
    }

    /// What it was asked since the last time.
    pub(crate) fn take(&self) -> Vec<Asked> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

/// One request of a connection. A verb also connects only to see whether somebody is there.
fn answer(stream: UnixStream, asked: &Mutex<Vec<Asked>>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut first = String::new();
    reader.read_line(&mut first).ok().filter(|read| *read > 0)?;
    let (mut length, mut line) = (0, String::new());
    while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap();
        }
        line.clear();
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let mut words = first.split(' ');
    let (method, target) = (words.next()?, words.next()?);
    let path = target.split('?').next()?;
    let request = format!("{method} {path}");
    let (status, said) = said(&request);
    asked.lock().unwrap().push(Asked(request));
    let said = said.to_string();
    let head = format!("HTTP/1.1 {status} x\r\ncontent-type: application/json\r\nconnection: close\r\n");
    let mut stream = stream;
    write!(stream, "{head}content-length: {}\r\n\r\n{said}", said.len()).ok()
}

/// What makes verbs go on: hosts that are reached, a finding that can be mended, a run that has ended well.
fn said(request: &str) -> (u16, Value) {
    let plan = json!({"format": 2, "id": "x", "parent": null, "site": "x", "intent": "install", "release": "1", "steps": [], "report": []});
    let view = json!({"run": "r-1", "plan": "x", "index": 1, "startedAt": 1, "endedAt": 1, "outcome": "healthy", "steps": {}, "attempts": {},
        "dropped": {}, "cancelled": false, "waived": [], "started_at": 1, "ended_at": 1});
    let run = json!({"id": "r-1", "site": "x", "plan": "x", "state": "healthy", "live": false, "startedAt": 1, "endedAt": 1, "revision": 1, "view": view});
    let ended = json!({"format": 1, "index": 1, "at": 1, "run": "r-1", "event": {"type": "runEnded", "outcome": "healthy"}});
    let finding = json!({"id": "swap", "severity": "refuse", "host": "a", "title": {"en": "a", "zh": "a"}, "observed": "", "wanted": "",
        "text": {"en": "a", "zh": "a"}, "fix": null, "repairs": [{"kind": "swapOff"}]});
    let made = json!({"id": "x", "steps": 0, "report": [], "findings": [], "stopping": 0, "strangers": [], "repaired": []});
    match request {
        // The file is one that this server does not see.
        "POST /api/v1/bundles" => (404, json!({"status": 404, "detail": "It is not there."})),
        "POST /api/v1/sites/x/checks" => (200, json!({"findings": [finding], "unusedWaivers": []})),
        "POST /api/v1/sites/x/scan" => {
            (200, json!({"reached": true, "unknownKeys": [], "secrets": [], "problems": []}))
        }
        "POST /api/v1/sites/x/plans" => (200, made),
        "POST /api/v1/runs" | "GET /api/v1/requests/x" => {
            (200, json!({"id": "x", "state": "taken", "run": "r-1"}))
        }
        "POST /api/v1/runs/r-1/hosts/a/retry" => (200, json!({"run": "r-1"})),
        "GET /api/v1/plans/x" => (200, plan),
        "GET /api/v1/runs/r-1" => (200, run),
        "GET /api/v1/runs/r-1/events" => (200, json!({"items": [ended]})),
        "POST /api/v1/uploads" => (200, json!({"id": "x", "size": u64::MAX, "received": 0})),
        "PUT /api/v1/uploads/x/content" => (200, json!({"id": "x", "size": u64::MAX, "received": u64::MAX})),
        verify if verify.starts_with("POST /api/v1/bundles/sha256") => {
            (404, json!({"status": 404, "detail": "It is not there."}))
        }
        _ => (200, json!({"items": [], "id": "x", "name": "x", "text": "", "bundle": null})),
    }
}
