//! A server whose own run is busy. The binary performs runs only on real hosts; so this program is started again as a server of the
//! same crates, without an optimiser for our own, which writes down what an engine writes down: events, the output of commands and
//! progress.

use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use appliance_api::{App, Authority, DoorLimits, Options, Serving};
use appliance_store::{Holder, Store};
use installer_model::event::{Event, Outcome};
use installer_model::plan::{Intent, PLAN_FORMAT, Plan, PlanId, StepId};

use crate::server::{Process, free_address};

/// What the program is called with as a server, before its state folder and its address.
pub(crate) const ROLE: &str = "--busy-server";
/// Hosts of the run, and steps of each: together some 40 events a second for ten seconds.
const HOSTS: usize = 20;
const STEPS: usize = 10;
/// Before and after the act of a step.
const PAUSE: Duration = Duration::from_millis(25);
/// Bytes that each step's command says.
const OUTPUT: usize = 4096;

/// The beginning and the end of the run and of each step.
pub(crate) const EVENTS: usize = 2 + 2 * HOSTS * STEPS;

/// Started by this program. It waits for a line before it performs the run.
pub(crate) fn start(state: &Path) -> (Process, String) {
    let address = free_address();
    let mut command = Process::held(&std::env::current_exe().unwrap());
    command.arg(ROLE).arg(state).arg(&address).stdin(Stdio::piped());
    (Process::start(command), address)
}

/// Serves until it is killed.
pub(crate) async fn serve(state: PathBuf, address: &str) {
    let store = Arc::new(Store::open(&state, &Holder::this_process("bench", 0)).unwrap());
    let authority = Authority::make().unwrap();
    let app = App::new(store.clone(), "bench", authority.certificate_pem());
    let options = Options {
        listen: address.parse().unwrap(),
        socket: state.join("armilla.sock"),
        names: Vec::new(),
        limits: DoorLimits::default(),
    };
    let _serving = Serving::start(app.clone(), authority, options).await.unwrap();
    let run = tokio::task::spawn_blocking(move || {
        std::io::stdin().lock().read_line(&mut String::new()).unwrap();
        perform(&store, &app);
    });
    run.await.unwrap();
    std::future::pending().await
}

fn perform(store: &Store, app: &App) {
    let plan = Plan {
        format: PLAN_FORMAT,
        id: PlanId("p-busy".to_owned()),
        parent: None,
        site: "busy".into(),
        intent: Intent::Install,
        release: "1".into(),
        steps: Vec::new(),
        report: Vec::new(),
    };
    let adopted = store.adopt(&plan).unwrap();
    let run = store.begin(&adopted, app.now_ms()).unwrap();
    let append = |event| store.append(&run.run, app.now_ms(), vec![event]).map(drop).unwrap();
    for number in 0..STEPS * HOSTS {
        let step = StepId(format!("h{}/step{}", number % HOSTS, number / HOSTS));
        append(Event::StepStarted { step: step.clone(), attempt: 1 });
        let said = "what a command says, line by line\n".repeat(OUTPUT / 34);
        store.append_output(&run.run, &step, 1, said.as_bytes()).unwrap();
        app.tell_progress(&serde_json::json!({
            "run": run.run, "step": step, "attempt": 1, "bytesDone": OUTPUT, "bytesTotal": null, "note": "doing it",
        }));
        std::thread::sleep(PAUSE);
        let output = store.seal_output(&run.run, &step, 1).unwrap();
        append(Event::StepDone { step, attempt: 1, output });
        std::thread::sleep(PAUSE);
    }
    append(Event::RunEnded { outcome: Outcome::Healthy });
}
