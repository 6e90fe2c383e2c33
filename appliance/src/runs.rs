//! Runs, whoever knows of them: a server, the engine of another process, or the database.
#![expect(clippy::print_stderr, reason = "tells why a run does not go on")]

use std::time::{Duration, Instant};

use appliance_client::Client;
use appliance_store::RunRow;
use installer_model::chain;
use installer_model::event::{Event, Outcome, Record, RunId};
use installer_model::plan::{Plan, PlanId, StepId};
use installer_model::view::View;
use installer_run::query::Answer;
use installer_run::reader::{ReadError, Reader};
use serde::Deserialize;
use serde_json::Value;

use crate::cli::{CliError, escaped};
use crate::served::Held;
use crate::wiring::{self, ServerArgs, failed as told};

/// Events of a page, at most what a server gives.
const PAGE: usize = 1000;
/// How long a server that has just started may take until a run that was open goes on.
const TAKEN_UP_WITHIN: Duration = Duration::from_secs(15);
const PAUSE: Duration = Duration::from_millis(300);

/// Where runs are read.
pub(crate) enum Source {
    Server(Client),
    Here(Reader),
}

/// A run as a server has it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Served {
    id: String,
    site: String,
    plan: String,
    /// `open` or the outcome.
    state: String,
    live: bool,
    held: Option<Held>,
    started_at: u64,
    ended_at: Option<u64>,
    revision: u64,
}

/// A run with everything that happened in it.
#[derive(Deserialize)]
struct Whole {
    #[serde(flatten)]
    run: Served,
    view: View,
}

/// That a run is held, or let go.
#[derive(Deserialize)]
struct News {
    run: Option<String>,
    held: Option<Held>,
}

#[derive(Deserialize)]
struct Events {
    items: Vec<Record>,
}

/// A piece of what a step said.
#[derive(Deserialize)]
struct Piece {
    text: String,
    next: u64,
}

impl Served {
    fn row(self) -> RunRow {
        let Served { id, site, plan, state, live: _, held: _, started_at, ended_at, revision } = self;
        // `open` is none of them.
        let outcome: Option<Outcome> = serde_json::from_value(Value::from(state)).ok();
        RunRow { run: RunId(id), site, plan: PlanId(plan), started_at, ended_at, outcome, revision }
    }
}

impl Source {
    pub(crate) fn of(args: &ServerArgs, verb: &str) -> Result<Source, CliError> {
        Ok(match args.server()? {
            Some(client) => Source::Server(client),
            None => Source::Here(wiring::reader(&args.state, verb)),
        })
    }

    /// Every run, oldest first.
    pub(crate) async fn runs(&self) -> Result<Vec<RunRow>, CliError> {
        match self {
            Source::Here(reader) => reader.runs().map_err(|error| failed(&error)),
            Source::Server(client) => {
                let items = crate::cli::list(client, "/api/v1/runs").await?;
                let served =
                    items.into_iter().map(serde_json::from_value).collect::<Result<Vec<Served>, _>>();
                Ok(served.map_err(|error| misread(&error))?.into_iter().map(Served::row).collect())
            }
        }
    }

    pub(crate) async fn run(&self, id: &RunId) -> Result<(RunRow, View), CliError> {
        match self {
            Source::Here(reader) => reader.run(id).map_err(|error| match error {
                ReadError::Refused(_) => missing(id),
                other => failed(&other),
            }),
            Source::Server(client) => {
                let Whole { run, view } = whole(client, id).await?;
                Ok((run.row(), view))
            }
        }
    }

    /// Whether somebody is still at work on it.
    pub(crate) async fn is_live(&self, id: &RunId) -> Result<bool, CliError> {
        match self {
            Source::Here(_) => Ok(false),
            Source::Server(client) => Ok(whole(client, id).await?.run.live),
        }
    }

    /// A plan, where it is known.
    pub(crate) async fn plan(&self, id: &PlanId) -> Option<Plan> {
        match self {
            Source::Here(reader) => reader.plan(id).ok(),
            Source::Server(client) => {
                let path = format!("/api/v1/plans/{}", escaped(&id.0));
                let answer: Value = client.get(&path).await.ok()?.value;
                let plan = answer.get("plan").cloned().unwrap_or(answer);
                serde_json::from_value(plan).ok()
            }
        }
    }

    /// A piece of what an attempt of a step said, from a byte offset on, and where the next one begins.
    pub(crate) async fn output(
        &self,
        id: &RunId,
        step: &StepId,
        attempt: u32,
        offset: u64,
    ) -> Result<(String, u64), CliError> {
        match self {
            Source::Here(reader) => reader.output(id, step, attempt, offset).map_err(|error| failed(&error)),
            Source::Server(client) => {
                let (run, step) = (escaped(&id.0), escaped(&step.to_string()));
                let path = format!("/api/v1/runs/{run}/output?step={step}&attempt={attempt}&offset={offset}");
                let piece: Piece = client.get_patiently(&path).await.map_err(|error| told(&error))?.value;
                Ok((piece.text, piece.next))
            }
        }
    }

    /// A run's events from its first, each once; as they come while it is performed.
    pub(crate) async fn follow(&self, id: &RunId, show: &dyn Fn(&Record)) -> Result<(), CliError> {
        match self {
            Source::Here(reader) => {
                for answer in reader.follow(id, 0).map_err(|error| failed(&error))? {
                    match answer.map_err(|error| failed(&error))? {
                        Answer::Record { record } => show(&record),
                        Answer::Refused { why } => return Err(CliError::new(3, why)),
                        _ => {}
                    }
                }
                Ok(())
            }
            Source::Server(client) => follow(client, id, show).await,
        }
    }
}

/// First what is there, then the stream from behind it, so that nothing falls between the two.
async fn follow(client: &Client, id: &RunId, show: &dyn Fn(&Record)) -> Result<(), CliError> {
    // Asked before the events are read: a run that ends in between has its end among them.
    let mut held = Holding { id, told: Vec::new() };
    let is_live = is_taken_up(client, id, &mut held).await?;
    let mut next = 0;
    let mut seen = |record: &Record| {
        show(record);
        next = record.index + 1;
        matches!(record.event, Event::RunEnded { .. })
    };
    let mut from = 0;
    loop {
        let records = events(client, id, from).await?;
        if records.iter().any(&mut seen) {
            return Ok(());
        }
        match records.last() {
            Some(last) if records.len() == PAGE => from = last.index + 1,
            Some(_) | None => break,
        }
    }
    if !is_live {
        return Ok(());
    }
    let mut watch = client.watch("/api/v1/watch?topics=events,requests", Some(next.saturating_sub(1)));
    loop {
        let message = watch.next().await.map_err(|error| told(&error))?;
        match message.event.as_str() {
            "events" => {
                let record: Record = serde_json::from_str(&message.data).map_err(|error| misread(&error))?;
                if record.run == *id {
                    show(&record);
                    if matches!(record.event, Event::RunEnded { .. }) {
                        return Ok(());
                    }
                }
            }
            "held" => {
                let news: News = serde_json::from_str(&message.data).map_err(|error| misread(&error))?;
                if let (true, Some(why)) = (news.run.as_deref() == Some(&id.0), news.held) {
                    held.tell(why.lines());
                }
            }
            _ => {}
        }
    }
}

/// Tells what keeps a run from going on: once, however often the server tries again in vain.
struct Holding<'a> {
    id: &'a RunId,
    told: Vec<String>,
}

impl Holding<'_> {
    fn tell(&mut self, why: Vec<String>) {
        if why != self.told {
            eprintln!("{} does not go on yet:", self.id);
            why.iter().for_each(|line| eprintln!("  {line}"));
            self.told = why;
        }
    }
}

/// Whether somebody performs the run, or will: a server that has just started takes up what was open one after the other.
/// What keeps it from going on is told; the server goes on by itself when that is answered.
async fn is_taken_up(client: &Client, id: &RunId, held: &mut Holding<'_>) -> Result<bool, CliError> {
    let until = Instant::now() + TAKEN_UP_WITHIN;
    loop {
        let Whole { run, .. } = whole(client, id).await?;
        if run.live || run.state != "open" {
            return Ok(run.live);
        }
        if let Some(why) = &run.held {
            held.tell(why.lines());
            return Ok(true);
        }
        if Instant::now() >= until {
            return Ok(false);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn events(client: &Client, id: &RunId, from: u64) -> Result<Vec<Record>, CliError> {
    let path = format!("/api/v1/runs/{}/events?from={from}&limit={PAGE}", escaped(&id.0));
    let page: Events = client.get_patiently(&path).await.map_err(|error| told(&error))?.value;
    Ok(page.items)
}

async fn whole(client: &Client, id: &RunId) -> Result<Whole, CliError> {
    let path = format!("/api/v1/runs/{}", escaped(&id.0));
    client.get_patiently(&path).await.map(|answer| answer.value).map_err(|error| match error.problem() {
        Some(problem) if problem.status == 404 => missing(id),
        Some(_) | None => told(&error),
    })
}

fn missing(id: &RunId) -> CliError {
    CliError::new(3, format!("find run {id}")).hint("`armilla run ls` lists the runs that there are")
}

fn failed(error: &ReadError) -> CliError {
    let code = if matches!(error, ReadError::Refused(_)) { 3 } else { 1 };
    CliError::new(code, chain(error)).hint("`armilla run ls` lists the runs of a state folder")
}

fn misread(error: &serde_json::Error) -> CliError {
    CliError::new(1, format!("understand what the server says of runs: {error}"))
        .hint("it may be of another version")
}
