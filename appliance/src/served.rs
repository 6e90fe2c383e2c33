//! `check`, `plan`, `apply` and `reset` asked of a server: it gets the site file and the secrets that the file refers to, looks at
//! the hosts, and performs the run, which goes on when this process leaves.
#![expect(clippy::print_stderr, clippy::print_stdout, reason = "tells the operator what is being done")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use appliance_client::Client;
use appliance_control::here::home;
use appliance_control::site_file::{self, hosts_in_words};
use hyper::Method;
use installer_model::event::{Outcome, RunId};
use installer_model::finding::{Finding, Severity};
use installer_model::plan::Plan;
use installer_model::site::Site;
use installer_model::view::View;
use installer_model::waiver::KeptWaiver;
use installer_run::Observer;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::cli::{CliError, SiteArgs, escaped};
use crate::display;
use crate::findings;
use crate::performing::Shown;
use crate::runs::Source;
use crate::wiring::{confirm, failed};

/// Between two looks at a request that waits.
const PAUSE: Duration = Duration::from_millis(300);

/// A site that a server knows as its file here has it, and whose hosts it reaches.
pub(crate) struct Served<'a> {
    client: Client,
    args: &'a SiteArgs,
    site: Site,
    /// `/api/v1/sites/NAME`.
    place: String,
}

/// What a look at the hosts came to.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Judged {
    pub(crate) findings: Vec<Finding>,
    pub(crate) unused_waivers: Vec<KeptWaiver>,
}

/// A plan that the server keeps.
#[derive(Deserialize)]
pub(crate) struct Made {
    pub(crate) id: String,
    pub(crate) report: Vec<String>,
    pub(crate) findings: Vec<Finding>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Scan {
    reached: bool,
    unknown_keys: Vec<Value>,
    secrets: Vec<String>,
    problems: Vec<Flaw>,
}

#[derive(Deserialize)]
struct Flaw {
    pointer: String,
    detail: String,
}

#[derive(Deserialize)]
struct Credential {
    id: String,
    kind: String,
    from: String,
    what: String,
    given: bool,
}

#[derive(Deserialize)]
struct Request {
    id: String,
    state: String,
    run: Option<String>,
    why: Option<String>,
    held: Option<Held>,
}

#[derive(Deserialize)]
struct Held {
    problems: Vec<Flaw>,
}

impl<'a> Served<'a> {
    /// Gives the server what it needs to know; `None` where no server is asked and this process does it itself.
    pub(crate) async fn ready(args: &'a SiteArgs) -> Result<Option<Served<'a>>, CliError> {
        let Some(client) = args.server().server()? else { return Ok(None) };
        let site = site_file::read(&args.site)?;
        let place = format!("/api/v1/sites/{}", escaped(site.name.as_str()));
        let served = Served { client, args, site, place };
        served.put_site().await?;
        served.give_secrets().await?;
        eprintln!("{} looks at {} ...", served.client.server(), hosts_in_words(&served.site));
        served.reach().await?;
        Ok(Some(served))
    }

    /// Writes the site as the file has it, with the bundle that was named.
    async fn put_site(&self) -> Result<(), CliError> {
        let path = &self.args.site;
        let text = std::fs::read_to_string(path)
            .map_err(|error| CliError::new(1, format!("read {}: {error}", path.display())))?;
        let named = self.bundle().await?;
        match self.client.get::<Value>(&self.place).await {
            Ok(known) => {
                let bundle = named.map_or_else(|| known.value["bundle"].clone(), Value::from);
                if known.value["text"] == text.as_str() && known.value["bundle"] == bundle {
                    return Ok(());
                }
                let wish = json!({"text": text, "bundle": bundle});
                let written =
                    self.client.change::<Value>(Method::PUT, &self.place, &wish, known.etag()).await;
                written.map(drop).map_err(|error| failed(&error))
            }
            Err(error) if error.problem().is_some_and(|problem| problem.status == 404) => {
                let wish = json!({"text": text, "bundle": named});
                self.client
                    .post::<Value>("/api/v1/sites", &wish)
                    .await
                    .map(drop)
                    .map_err(|error| failed(&error))
            }
            Err(error) => Err(failed(&error)),
        }
    }

    /// Id of the bundle that was named: a file on the server's machine.
    async fn bundle(&self) -> Result<Option<String>, CliError> {
        for key in &self.args.trust {
            let pem = std::fs::read_to_string(key)
                .map_err(|error| CliError::new(3, format!("read {}: {error}", key.display())))?;
            self.client
                .post::<Value>("/api/v1/bundle-keys", &json!({"pem": pem}))
                .await
                .map_err(|error| failed(&error))?;
        }
        let Some(path) = &self.args.bundle else { return Ok(None) };
        let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
        let added = self.client.post::<Value>("/api/v1/bundles", &json!({"path": path})).await;
        let added = added.map_err(|error| failed(&error))?.value;
        Ok(added["id"].as_str().map(str::to_owned))
    }

    /// Secrets that the site file refers to are here, not there: each is given once, and sealed.
    async fn give_secrets(&self) -> Result<(), CliError> {
        let listed: Value = self.get(&format!("{}/credentials", self.place)).await?;
        let wanted: Vec<Credential> = understood(listed["items"].clone())?;
        for credential in wanted.iter().filter(|credential| !credential.given) {
            let Some(secret) = read_secret(credential)? else { continue };
            let place = format!("{}/credentials/{}", self.place, escaped(&credential.id));
            let given = self.client.change::<()>(Method::PUT, &place, &json!({"secret": secret}), None).await;
            given.map_err(|error| failed(&error))?;
        }
        Ok(())
    }

    /// Has the server reach every host; keys that it sees for the first time are asked about here.
    async fn reach(&self) -> Result<(), CliError> {
        loop {
            let path = format!("{}/scan", self.place);
            let scan: Scan = self.post(&path, &json!({})).await?;
            if scan.reached {
                return Ok(());
            }
            let is_question = !scan.unknown_keys.is_empty();
            let vouched = scan.unknown_keys.iter().all(|key| {
                let (place, fingerprint) = (&key["place"], &key["fingerprint"]);
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                let (place, fingerprint) = (text(place), text(fingerprint));
                confirm(
                    self.args.yes,
                    &format!(
                        "{place} shows host key {fingerprint}, seen for the first time. Trust it from now on?"
                    ),
                )
            });
            if !(is_question && vouched) {
                let code = if is_question || !scan.secrets.is_empty() { 7 } else { 8 };
                return Err(CliError::all(code, lines(&scan.problems)));
            }
            let keys = json!({"items": scan.unknown_keys});
            self.client.post::<()>("/api/v1/host-keys", &keys).await.map_err(|error| failed(&error))?;
        }
    }

    pub(crate) async fn check(&self) -> Result<Judged, CliError> {
        self.post(&format!("{}/checks", self.place), &json!({})).await
    }

    /// `wish` is what a plan is to bring about, such as `{"intent": "install"}`.
    pub(crate) async fn make_plan(&self, mut wish: Value) -> Result<(Made, Plan), CliError> {
        wish["takeOver"] = json!(self.args.take_over);
        let made: Made = self.post(&format!("{}/plans", self.place), &wish).await?;
        let plan = self.get(&format!("/api/v1/plans/{}", escaped(&made.id))).await?;
        Ok((made, plan))
    }

    /// The site's plan is the one that it follows already.
    pub(crate) async fn follows(&self) -> Result<Option<String>, CliError> {
        let site: Value = self.get(&self.place).await?;
        Ok(site["plan"].as_str().map(str::to_owned))
    }

    /// Has the plan run, and shows the run to its end.
    pub(crate) async fn perform(&self, made: &Made, plan: &Plan, shown: Shown) -> Result<u8, CliError> {
        let wish = json!({"plan": made.id, "takeOver": self.args.take_over, "patience": self.args.patience});
        let request: Request = self.post("/api/v1/runs", &wish).await?;
        let run = self.begun(request).await?;
        eprintln!("Run {run} goes on whether somebody looks or not; Ctrl-C stops looking.");
        let source = Source::Server(self.client.clone());
        let display: Box<dyn Observer> = match shown {
            Shown::Text => Box::new(display::Lines::default()),
            Shown::Json => Box::new(display::Json),
        };
        display.began(plan, &View::new(run.clone()));
        source.follow(&run, &|record| display.record(record)).await?;
        let (_, view) = source.run(&run).await?;
        Ok(exit_code(&view))
    }

    /// The run that a request came to.
    async fn begun(&self, mut request: Request) -> Result<RunId, CliError> {
        loop {
            if let Some(run) = request.run {
                return Ok(RunId(run));
            }
            if request.state == "failed" {
                return Err(CliError::new(4, format!("start the run: {}", request.why.unwrap_or_default())));
            }
            if let Some(held) = request.held {
                return Err(CliError::all(4, lines(&held.problems))
                    .hint("the server goes on by itself when what it needs is there; `armilla run ls` shows its runs"));
            }
            tokio::time::sleep(PAUSE).await;
            request = self.get(&format!("/api/v1/requests/{}", escaped(&request.id))).await?;
        }
    }

    pub(crate) fn site(&self) -> &Site {
        &self.site
    }

    async fn get<T: serde::de::DeserializeOwned>(&self, path: &str) -> Result<T, CliError> {
        self.client.get(path).await.map(|answer| answer.value).map_err(|error| failed(&error))
    }

    async fn post<T: serde::de::DeserializeOwned>(&self, path: &str, wish: &Value) -> Result<T, CliError> {
        self.client.post(path, wish).await.map(|answer| answer.value).map_err(|error| failed(&error))
    }
}

/// Shows what somebody should look at; refusals end the command.
pub(crate) fn report(findings: &[Finding]) -> Result<(), CliError> {
    let worth = |finding: &&Finding| finding.severity >= Severity::Warn || finding.waived.is_some();
    let shown: Vec<Finding> = findings.iter().filter(worth).cloned().collect();
    if !shown.is_empty() {
        eprint!("{}", findings::text(&shown, findings::language()));
    }
    match findings.iter().filter(|finding| finding.stops()).count() {
        0 => Ok(()),
        refused => {
            let stand = if refused == 1 { "finding stands" } else { "findings stand" };
            Err(CliError::new(5, format!("start: {refused} {stand} in the way"))
                .hint("nothing was changed; mend them and run again"))
        }
    }
}

/// What is done here only, in the words of its option.
pub(crate) fn refuse(option: &str) -> CliError {
    CliError::new(2, format!("do that through a server: it does not know {option}"))
        .hint("end the server, or name another state folder with --state, and run the same line again")
}

fn exit_code(view: &View) -> u8 {
    match view.outcome {
        Some(Outcome::Healthy) => 0,
        Some(Outcome::Cancelled) => 130,
        Some(Outcome::Abandoned) => 4,
        Some(Outcome::Degraded | Outcome::Failed) | None => 1,
    }
}

fn lines(flaws: &[Flaw]) -> Vec<String> {
    let line = |flaw: &Flaw| match flaw.pointer.strip_prefix("/hosts/") {
        Some(host) => format!("{host}: {}", flaw.detail),
        None => flaw.detail.clone(),
    };
    if flaws.is_empty() { vec!["reach the hosts".to_owned()] } else { flaws.iter().map(line).collect() }
}

fn understood<T: serde::de::DeserializeOwned>(value: Value) -> Result<T, CliError> {
    serde_json::from_value(value).map_err(|error| {
        CliError::new(1, format!("understand the server: {error}")).hint("it may be of another version")
    })
}

/// What a site file refers to, out of this user's files, variables and head; `None` where it is not to be had here.
fn read_secret(credential: &Credential) -> Result<Option<String>, CliError> {
    if let Some(name) = credential.from.strip_prefix("environment variable ") {
        return Ok(std::env::var(name).ok());
    }
    let file =
        credential.from.strip_prefix("file ").or((credential.kind != "secret").then_some(&credential.from));
    if let Some(file) = file {
        let path: PathBuf = home(Path::new(file));
        let text = std::fs::read_to_string(&path)
            .map_err(|error| CliError::new(7, format!("read the {}: {error}", credential.what)))?;
        let is_text = credential.kind != "secret";
        return Ok(Some(if is_text { text } else { text.trim_end_matches(['\r', '\n']).to_owned() }));
    }
    let asked = rpassword::prompt_password(format!("{}: ", credential.what));
    asked.map(Some).map_err(|error| CliError::new(7, format!("ask for the {}: {error}", credential.what)))
}

/// A plan as JSON, for programs.
pub(crate) fn print_plan(plan: &Plan) {
    println!("{}", serde_json::to_string_pretty(plan).expect("a plan is plain data"));
}
