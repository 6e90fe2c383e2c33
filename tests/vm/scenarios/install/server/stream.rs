//! A reader of the event stream: curl, which writes down what comes. Where it is cut off, another one goes on behind the last id.

use super::shell::Shell;
use lab::Process;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const BEGINS: Duration = Duration::from_secs(60);

/// One message of a stream.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Message {
    /// None of progress, which may be lost.
    pub(crate) id: Option<u64>,
    pub(crate) event: String,
    pub(crate) data: Value,
}

impl Message {
    /// Something that happened: neither progress nor a mark of how far the stream is.
    fn is_durable(&self) -> bool {
        self.id.is_some() && self.event != "bookmark"
    }

    /// It tells that a step with this in its id started.
    pub(crate) fn starts(&self, step: &str) -> bool {
        let event = &self.data["event"];
        event["type"] == "stepStarted" && event["step"].as_str().is_some_and(|id| id.contains(step))
    }
}

pub(crate) struct Stream {
    folder: PathBuf,
    name: String,
    /// The line that follows from the beginning, and the one that goes on behind an id; `57` stands for that.
    first: String,
    again: String,
    pieces: usize,
    process: u32,
}

impl Stream {
    pub(crate) fn begin(shell: &mut Shell, folder: &Path, name: &str, first: &str, again: &str) -> Stream {
        assert!(again.contains("57"), "{again}");
        let (first, again) = (first.to_owned(), again.to_owned());
        let mut stream =
            Stream { folder: folder.to_owned(), name: name.to_owned(), first, again, pieces: 0, process: 0 };
        let line = stream.first.clone();
        stream.follow(shell, &line);
        stream
    }

    fn follow(&mut self, shell: &mut Shell, line: &str) {
        self.pieces += 1;
        let to = self.piece(self.pieces);
        self.process = shell.start(&format!("{line} >{} 2>/dev/null", to.display()));
        // A stream begins by saying how far it is. Until then it would not notice that the server dies.
        let begun = Instant::now();
        while parse(&std::fs::read_to_string(&to).unwrap_or_default()).is_empty() {
            assert!(begun.elapsed() < BEGINS, "no stream comes to {}", to.display());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn piece(&self, number: usize) -> PathBuf {
        self.folder.join(format!("{}-{number}.stream", self.name))
    }

    /// The server is gone and is back: goes on behind the last message that came whole.
    pub(crate) fn go_on(&mut self, shell: &mut Shell) {
        shell.run(&format!("wait {}", self.process));
        let line = match self.last_id() {
            Some(id) => self.again.replace("57", &id.to_string()),
            None => self.first.clone(),
        };
        self.follow(shell, &line);
    }

    /// Everything that came whole so far.
    pub(crate) fn messages(&self) -> Vec<Message> {
        let pieces = (1..=self.pieces).map(|number| std::fs::read_to_string(self.piece(number)));
        pieces.flat_map(|text| parse(&text.unwrap_or_default())).collect()
    }

    /// What came whole and may not be lost.
    pub(crate) fn durable(&self) -> Vec<Message> {
        self.messages().into_iter().filter(Message::is_durable).collect()
    }

    /// Stops reading.
    pub(crate) fn end(self, shell: &mut Shell) {
        let curls = Process::with_pid(self.process).map(Process::children).unwrap_or_default();
        curls.into_iter().for_each(Process::kill);
        shell.run(&format!("wait {}", self.process));
    }

    pub(crate) fn last_id(&self) -> Option<u64> {
        self.messages().iter().rev().find_map(|message| message.id)
    }
}

/// The whole messages of a text: what the end of it cuts off is left out.
fn parse(text: &str) -> Vec<Message> {
    let whole = text.rfind("\n\n").map_or("", |end| &text[..end]);
    let blocks = whole.split("\n\n").filter(|block| !block.is_empty());
    let field = |block: &str, name: &str| {
        block.lines().find_map(|line| line.strip_prefix(name)).map(|rest| rest.trim().to_owned())
    };
    let message = |block: &str| Message {
        id: field(block, "id:").map(|id| id.parse().unwrap()),
        event: field(block, "event:").unwrap_or_default(),
        data: serde_json::from_str(&field(block, "data:").unwrap_or_default()).unwrap(),
    };
    blocks.map(message).collect()
}
