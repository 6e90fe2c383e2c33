//! `armilla serve` in a lab's network, asked by curl alone, as the appliance's README says.

use super::readme::Readme;
use super::shell::Shell;
use super::stream::{Message, Stream};
use super::terminal::Terminal;
use crate::installation::{Installation, done};
use lab::Process;
use serde_json::Value;
use std::time::{Duration, Instant};

/// A server that was started, or started again, answers within this.
const START: Duration = Duration::from_secs(60);
/// Whatever happens in a run comes within this.
const HAPPENS: Duration = Duration::from_secs(300);
/// Bytes that have arrived when an upload is cut off: what the server writes down each time.
const ENOUGH: u64 = 64 << 20;

pub(crate) struct Served<'a> {
    site: &'a Installation,
    pub(crate) shell: Shell,
    readme: Readme,
    /// The README's line that starts the server.
    start: String,
    starts: usize,
    process: Process,
    streams: Vec<Stream>,
}

/// What a server answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
    /// As it came.
    pub(crate) text: String,
}

impl<'a> Served<'a> {
    /// Starts a server on the folder's state and becomes its first administrator.
    pub(crate) fn begin(site: &'a Installation) -> Served<'a> {
        let folder = site.folder.path();
        let mut shell = Shell::begin(&site.lab, folder);
        // A machine that lacks one of them is told which.
        ["curl", "jq", "openssl"].iter().for_each(|tool| drop(shell.tell(&format!("command -v {tool}"))));
        let mut readme = Readme::read();
        let state = site.folder.state();
        let lines = readme.lines(&[("/var/lib/armilla", &state.display().to_string())]);
        let process = Process::this();
        let mut served =
            Served { site, shell, readme, start: lines[0].clone(), starts: 0, process, streams: Vec::new() };
        served.start();
        let (url, fingerprint) = served.place();
        let greeting = served.greeting();
        let code = greeting.lines().find_map(|line| line.strip_prefix("setup code: "));
        let code = code.unwrap_or_else(|| panic!("no setup code: {greeting}")).to_owned();
        served.shell.tell(&lines[1].replace("https://10.0.0.5:9443", &url));
        served.become_administrator(&url, &code, &fingerprint);
        served
    }

    /// Runs the README's line; returns when the server answers.
    fn start(&mut self) {
        self.starts += 1;
        let log = self.log();
        let script = format!("{}\necho $!", self.start.replace(" &", &format!(" >{log} 2>&1 &")));
        let process: u32 = self.shell.tell(&script).trim().parse().unwrap();
        self.process = Process::with_pid(process).expect("the server runs");
        let begun = Instant::now();
        while !self.greeting().contains("listens on ") {
            assert!(begun.elapsed() < START, "the server does not answer: {}", self.greeting());
            assert!(self.process.is_alive(), "the server ended: {}", self.greeting());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends it as a service manager does.
    pub(crate) fn stop(&mut self) {
        self.shell.tell(&format!("kill {}", self.process.pid));
        assert!(self.process.wait_for_end(START), "it goes on: {}", self.greeting());
    }

    /// The same line again; those who follow go on behind what they have.
    pub(crate) fn start_again(&mut self) {
        self.start();
        let mut streams = std::mem::take(&mut self.streams);
        streams.iter_mut().for_each(|stream| stream.go_on(&mut self.shell));
        self.streams = streams;
        assert!(!self.greeting().contains("setup code"), "{}", self.greeting());
    }

    /// Where it listens, and the fingerprint of its authority.
    pub(crate) fn place(&self) -> (String, String) {
        let greeting = self.greeting();
        let after = |mark: &str| {
            let found = greeting.lines().find_map(|line| line.split_once(mark));
            found.unwrap_or_else(|| panic!("{mark:?} is not in: {greeting}")).1.trim().to_owned()
        };
        (after("listens on "), after("SHA-256 "))
    }

    fn log(&self) -> String {
        self.site.folder.path().join(format!("serve-{}.log", self.starts)).display().to_string()
    }

    fn greeting(&self) -> String {
        std::fs::read_to_string(self.log()).unwrap_or_default()
    }

    fn become_administrator(&mut self, url: &str, code: &str, fingerprint: &str) {
        let block = self.readme.block(&[("https://10.0.0.5:9443", url), ("XXXX-XXXX-XXXX", code)]);
        let said = self.shell.tell(&block);
        let shown = said.lines().find_map(|line| line.split_once("ingerprint=")).expect("openssl shows it").1;
        assert_eq!(shown.replace(':', "").to_lowercase(), fingerprint.replace(':', "").to_lowercase());
        assert!(self.shell.tell("echo $TOKEN").starts_with("armilla_"), "{said}");
        assert_eq!(self.get("me")["role"], "admin");
    }

    /// `words` are curl's, after what the README's `api` gives it.
    pub(crate) fn ask(&mut self, words: &str) -> Answer {
        let said = self.shell.run(&format!("api -w '\\n%{{http_code}}' {words}"));
        let (text, status) = said.out.rsplit_once('\n').unwrap_or(("", &said.out));
        let status = status.parse().unwrap_or_else(|_| panic!("{words}: {said:?}"));
        Answer { status, body: serde_json::from_str(text).unwrap_or_default(), text: text.to_owned() }
    }

    /// A GET of something that is there; `path` begins below `/api/v1/`.
    pub(crate) fn get(&mut self, path: &str) -> Value {
        let answer = self.ask(&format!("\"$U/{path}\""));
        assert_eq!(answer.status, 200, "GET {path}: {}", answer.text);
        answer.body
    }

    /// A POST below `/api/v1/`; without a body for null.
    pub(crate) fn post(&mut self, path: &str, body: &Value) -> Answer {
        if body.is_null() {
            return self.ask(&format!("-X POST \"$U/{path}\""));
        }
        self.ask(&format!("\"$U/{path}\" --json '{body}'"))
    }

    /// Opens a terminal; what the server says where it does not.
    pub(crate) fn terminal(&mut self, path: &str) -> Result<Terminal, String> {
        let token = self.shell.tell("echo $TOKEN");
        let url = self.shell.tell("echo $U");
        let place = url.trim_start_matches("https://").split('/').next().unwrap_or_default();
        let folder = self.site.folder.path();
        Terminal::open(&self.site.lab, folder, place, &token, &format!("/api/v1/{path}"))
    }

    /// Sends the bundle over a line that is cut off half-way; its id.
    pub(crate) fn send_bundle(&mut self) -> String {
        let begun = Instant::now();
        let mut lines = self.readme.lines(&[]);
        let sending = lines.pop().expect("the last line sends");
        self.shell.tell(&lines.join("\n"));
        // Slow enough that there is a middle of it.
        let slowly = self.site.folder.path().join("home/.curlrc");
        std::fs::write(&slowly, "limit-rate = 120M\n").unwrap();
        let job = self.shell.start(&format!("{sending} >/dev/null 2>&1"));
        while self.received() < ENOUGH {
            assert!(begun.elapsed() < START, "the upload does not arrive");
            std::thread::sleep(Duration::from_millis(20));
        }
        let curls = Process::with_pid(job).map(Process::children).unwrap_or_default();
        assert!(!curls.is_empty(), "the upload was over before it could be cut off");
        curls.into_iter().for_each(Process::kill);
        self.shell.run(&format!("wait {job}"));
        std::fs::remove_file(slowly).unwrap();
        let half = self.post("uploads/$upload/complete", &Value::Null);
        assert_eq!(half.status, 409, "half an upload is no bundle: {}", half.text);
        let block = self.readme.block(&[]);
        let contents = self.shell.tell(&block);
        assert!(contents.lines().any(|line| line.starts_with("kubernetes ")), "{contents}");
        done("the bundle, sent in two pieces", begun);
        let id = self.shell.tell("echo $bundle");
        assert_eq!(self.get("uploads")["items"], serde_json::json!([]));
        id
    }

    fn received(&mut self) -> u64 {
        self.get("uploads/$upload")["received"].as_u64().unwrap()
    }

    /// Brings site, key and host keys, looks, plans and starts; the run.
    pub(crate) fn start_run(&mut self) -> String {
        let name = self.name();
        let home = self.site.folder.path().join("home/.ssh");
        std::fs::create_dir_all(&home).unwrap();
        std::fs::copy(&self.site.lab.record().key, home.join("id_ed25519")).unwrap();
        let block = self.readme.block(&[("demo", &name)]);
        self.shell.tell(&block);
        self.trust_hosts(&name);
        let block = self.readme.block(&[("demo", &name)]);
        let said = self.shell.tell(&block);
        assert!(said.contains("/place/") || said.contains("place"), "the plan as people read it: {said}");
        let request = self.shell.tell("echo $request");
        self.run_of(&request)
    }

    /// The keys are those that the hosts have, and nothing stands in the way.
    fn trust_hosts(&mut self, name: &str) {
        let block = self.readme.block(&[("demo", name)]);
        let said = self.shell.tell(&block);
        for host in self.site.lab.hosts() {
            assert!(said.contains(host.fingerprint()), "{}: {said}", host.name());
        }
        assert_eq!(self.get(&format!("sites/{name}/checks"))["stopping"], 0, "{said}");
    }

    /// The run that a request came to.
    pub(crate) fn run_of(&mut self, request: &str) -> String {
        let begun = Instant::now();
        loop {
            let request = self.get(&format!("requests/{request}"));
            if let ("taken", Some(run)) =
                (request["state"].as_str().unwrap_or_default(), request["run"].as_str())
            {
                return run.to_owned();
            }
            assert_eq!(request["state"], "waiting", "{request}");
            assert!(begun.elapsed() < START, "{request}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Follows what happens from the beginning, by the README's two lines.
    pub(crate) fn follow(&mut self) {
        let [first, again] = self.readme.lines(&[]).try_into().expect("two lines follow");
        assert!(self.readme.is_at_its_end(), "a part of the README was not run");
        self.begin_streams(&first, &again);
    }

    /// The same, where nobody follows the README.
    pub(crate) fn follow_everything(&mut self) {
        let url = "$U/watch?topics=events,runs";
        self.begin_streams(
            &format!("api -N \"{url}&after=0\""),
            &format!("api -N -H \"Last-Event-ID: 57\" \"{url}\""),
        );
    }

    /// One stream of runs and their events, one of everything.
    fn begin_streams(&mut self, first: &str, again: &str) {
        let folder = self.site.folder.path();
        let of_all = |line: &str| line.replace("topics=events,runs", "");
        let all = Stream::begin(&mut self.shell, folder, "all", &of_all(first), &of_all(again));
        let runs = Stream::begin(&mut self.shell, folder, "runs", first, again);
        self.streams = vec![runs, all];
    }

    /// Waits for a message that fits, among those after an id.
    pub(crate) fn wait_for(&self, what: &str, after: u64, fits: impl Fn(&Message) -> bool) -> Message {
        let begun = Instant::now();
        loop {
            let messages = self.streams[0].durable().into_iter();
            let mut later = messages.filter(|message| message.id.is_some_and(|id| id > after));
            if let Some(message) = later.find(|message| fits(message)) {
                return message;
            }
            assert!(begun.elapsed() < HAPPENS, "{what}: it did not happen");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// How far the streams are.
    pub(crate) fn last_id(&self) -> u64 {
        self.streams[0].last_id().unwrap_or_default()
    }

    /// `kill -9` as soon as a step with this in its id starts, and the same line again.
    pub(crate) fn kill_at(&mut self, step: &str) {
        self.kill_after(step, || {});
    }

    /// As [`Served::kill_at`]; something is done just before the server is started again.
    pub(crate) fn kill_after(&mut self, step: &str, meanwhile: impl FnOnce()) {
        self.wait_for(step, 0, |message| message.starts(step));
        let begun = Instant::now();
        self.process.kill();
        assert!(self.process.wait_for_end(START), "it was killed");
        meanwhile();
        self.start_again();
        done(&format!("killed in {step}, answers again after"), begun);
    }

    /// Everything of runs that streamed so far, with progress.
    pub(crate) fn streamed(&self) -> Vec<Message> {
        self.streams[0].messages()
    }

    /// Waits until the stream says that a run is held, or that it no longer is; why.
    pub(crate) fn wait_for_hold(&self, run: &str, limit: Duration, held: bool) -> Value {
        let begun = Instant::now();
        loop {
            let messages = self.streams[1].messages();
            let last = messages.iter().rfind(|message| message.event == "held" && message.data["run"] == run);
            if let Some(last) = last.filter(|last| last.data["held"].is_object() == held) {
                return last.data["held"].clone();
            }
            assert!(begun.elapsed() < limit, "{run} held: {held} was not told, last {last:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until the run has ended; how it ended.
    pub(crate) fn outcome(&mut self, run: &str) -> String {
        let ended = self.wait_for(&format!("the end of {run}"), 0, |message| {
            message.data["run"] == run && message.data["event"]["type"] == "runEnded"
        });
        ended.data["event"]["outcome"].as_str().unwrap_or_default().to_owned()
    }

    /// Everything that streamed is what the ledger has, in its order, each once: read again from the beginning, and as
    /// the events of each run.
    pub(crate) fn nothing_was_lost(&mut self) {
        let folder = self.site.folder.path();
        let (first, again) = ("api -sN \"$U/watch?after=0\"", "57");
        let fresh = Stream::begin(&mut self.shell, folder, "fresh", first, again);
        let begun = Instant::now();
        assert!(self.get("runs")["total"].as_u64() > Some(0), "there were runs");
        while fresh.last_id() < self.streams[1].last_id() {
            assert!(begun.elapsed() < START, "the feed does not come to its end");
            std::thread::sleep(Duration::from_millis(50));
        }
        let end = self.streams.iter().filter_map(Stream::last_id).min().unwrap();
        let upto = |messages: Vec<Message>| -> Vec<Message> {
            messages.into_iter().filter(|message| message.id <= Some(end)).collect()
        };
        let ledger = upto(fresh.durable());
        let of_runs = |message: &Message| matches!(message.event.as_str(), "events" | "runs");
        let ledger_of_runs: Vec<Message> =
            ledger.iter().filter(|message| of_runs(message)).cloned().collect();
        let [runs, all] = [0, 1].map(|at| upto(self.streams[at].durable()));
        assert_eq!(differs(&all, &ledger), None, "of everything");
        assert_eq!(differs(&runs, &ledger_of_runs), None, "of runs and their events");
        println!(
            "streamed through {} starts of the server: {} of {} messages, {} of {} of runs, none twice",
            self.starts,
            all.len(),
            ledger.len(),
            runs.len(),
            ledger_of_runs.len()
        );
        fresh.end(&mut self.shell);
    }

    /// The newest plan of a site.
    pub(crate) fn plan_of(&mut self, name: &str) -> Value {
        self.get(&format!("sites/{name}/plans?sort=-madeAt&limit=1"))["items"][0]["id"].clone()
    }

    pub(crate) fn name(&self) -> String {
        let text = std::fs::read_to_string(self.site.folder.site()).unwrap();
        let name = text.lines().find_map(|line| line.strip_prefix("  name: ")).expect("the site has a name");
        name.to_owned()
    }
}

/// The first place at which two streams are not the same.
fn differs(seen: &[Message], ledger: &[Message]) -> Option<String> {
    let at = (0..seen.len().max(ledger.len())).find(|at| seen.get(*at) != ledger.get(*at))?;
    Some(format!("message {at}: came {:?}, the ledger has {:?}", seen.get(at), ledger.get(at)))
}

impl Drop for Served<'_> {
    fn drop(&mut self) {
        self.process.kill();
    }
}
