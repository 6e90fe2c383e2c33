//! `check`, `plan`, `apply` and `reset` asked of a server: it gets the site file and the secrets that the file refers to, looks at
//! the hosts, and performs the run, which goes on when this process leaves.
#![expect(clippy::print_stderr, clippy::print_stdout, reason = "tells the operator what is being done")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use appliance_client::{Client, ClientError};
use appliance_control::fixing::Fix;
use appliance_control::here::home;
use appliance_control::restoring::Left;
use appliance_control::site_file::{self, hosts_in_words};
use appliance_control::waiving;
use hyper::Method;
use installer_model::event::RunId;
use installer_model::finding::{Finding, Severity};
use installer_model::plan::Plan;
use installer_model::site::Site;
use installer_model::view::View;
use installer_model::waiver::{KeptWaiver, Waiver};
use installer_run::Observer;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::bringing::Bringing;
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

/// What a plan and its run are told beside what the plan is to bring about.
#[derive(Default)]
pub(crate) struct Beside {
    /// Hosts that are lost and left alone.
    pub(crate) without: Vec<String>,
    /// Id of a bundle that is brought to the site, and whether its manifests are applied.
    pub(crate) import: Option<(String, bool)>,
}

impl Beside {
    fn with(&self, args: &SiteArgs, mut wish: Value) -> Value {
        wish["takeOver"] = json!(args.take_over);
        wish["without"] = json!(self.without);
        wish["import"] = json!(self.import.as_ref().map(|(id, apply)| json!({"bundle": id, "apply": apply})));
        wish
    }
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
    #[serde(flatten)]
    pub(crate) left: Left,
}

/// Why a secret was not given.
enum Ungiven {
    /// It is not to be had here.
    Here(CliError),
    There(ClientError),
}

impl Ungiven {
    fn told(self) -> CliError {
        match self {
            Ungiven::Here(error) => error,
            Ungiven::There(error) => failed(&error),
        }
    }
}

/// Secrets that a site's file refers to are here, not there: each is given once, and sealed.
async fn give_secrets(client: &Client, place: &str) -> Result<(), Ungiven> {
    let listed = client.get::<Value>(&format!("{place}/credentials")).await.map_err(Ungiven::There)?.value;
    let wanted: Vec<Credential> = understood(listed["items"].clone()).map_err(Ungiven::Here)?;
    for credential in wanted.iter().filter(|credential| !credential.given) {
        let Some(secret) = read_secret(credential).map_err(Ungiven::Here)? else { continue };
        let place = format!("{place}/credentials/{}", escaped(&credential.id));
        let given = client.change::<()>(Method::PUT, &place, &json!({"secret": secret}), None).await;
        given.map_err(Ungiven::There)?;
    }
    Ok(())
}

/// The same for those who only look: a site that is not there needs none, and who may not give any has an answer without.
pub(crate) async fn give_if_let(client: &Client, site: &str) -> Result<(), CliError> {
    match give_secrets(client, &format!("/api/v1/sites/{}", escaped(site))).await {
        Err(Ungiven::There(ClientError::Problem(problem))) if matches!(problem.status, 403 | 404) => Ok(()),
        given => given.map_err(Ungiven::told),
    }
}

/// What stands between a server and the hosts of a site.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Scan {
    pub(crate) reached: bool,
    pub(crate) unknown_keys: Vec<Value>,
    secrets: Vec<String>,
    problems: Vec<Flaw>,
}

impl Scan {
    pub(crate) fn refused(&self) -> CliError {
        let of_secret = !self.unknown_keys.is_empty() || !self.secrets.is_empty();
        CliError::all(if of_secret { 7 } else { 8 }, lines(&self.problems))
    }
}

/// Whether somebody says of each key that it is right.
pub(crate) fn vouched(yes: bool, keys: &[Value]) -> bool {
    keys.iter().all(|key| {
        let text = |field: &str| key[field].as_str().unwrap_or_default();
        let (place, fingerprint) = (text("place"), text("fingerprint"));
        let told = format!("{place} shows host key {fingerprint}, seen for the first time.");
        confirm(yes, &format!("{told} Trust it from now on?"))
    })
}

/// Has a server trust keys of hosts, each with its `place` and `fingerprint`.
pub(crate) async fn trust(client: &Client, keys: &[Value]) -> Result<(), CliError> {
    let trusted = client.post::<()>("/api/v1/host-keys", &json!({"items": keys})).await;
    trusted.map(drop).map_err(|error| failed(&error))
}

#[derive(Deserialize, Serialize)]
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

/// What keeps a run from going on.
#[derive(Deserialize)]
pub(crate) struct Held {
    problems: Vec<Flaw>,
}

impl Held {
    pub(crate) fn lines(&self) -> Vec<String> {
        lines(&self.problems)
    }
}

impl<'a> Served<'a> {
    /// Gives the server what it needs to know; `None` where no server is asked and this process does it itself.
    pub(crate) async fn ready(args: &'a SiteArgs) -> Result<Option<Served<'a>>, CliError> {
        Served::ready_without(args, &[]).await
    }

    /// The same where hosts are lost.
    pub(crate) async fn ready_without(
        args: &'a SiteArgs,
        without: &[String],
    ) -> Result<Option<Served<'a>>, CliError> {
        let Some(client) = args.server().server()? else { return Ok(None) };
        let site = site_file::read(&args.site)?;
        let place = format!("/api/v1/sites/{}", escaped(site.name.as_str()));
        let served = Served { client, args, site, place };
        served.put_site().await?;
        give_secrets(&served.client, &served.place).await.map_err(Ungiven::told)?;
        eprintln!("{} looks at {} ...", served.client.server(), hosts_in_words(&served.site));
        served.reach(without).await?;
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

    /// Id of the bundle that was named, by the command or in the site file, which the server has from then on. A path in the
    /// file that leads nowhere here may be one of the server's machine: whether it took that in, it says itself.
    async fn bundle(&self) -> Result<Option<String>, CliError> {
        if let Some(path) = &self.args.bundle {
            return self.bring(path).await.map(Some);
        }
        let Some(choice) = &self.site.bundle else { return Ok(None) };
        let folder = self.args.site.parent().unwrap_or(Path::new(""));
        let path = folder.join(home(&choice.path));
        if !path.exists() {
            return Ok(None);
        }
        if let Some(pem) = &choice.trust {
            // Who may not vouch for keys goes on with those that are trusted.
            match self.client.post::<Value>("/api/v1/bundle-keys", &json!({"pem": pem})).await {
                Err(ClientError::Problem(problem)) if problem.status == 403 => {}
                trusted => drop(trusted.map_err(|error| failed(&error))?),
            }
        }
        self.bring(&path).await.map(Some)
    }

    /// Id of a bundle that lies here, which the server has from then on.
    pub(crate) async fn bring(&self, path: &Path) -> Result<String, CliError> {
        let SiteArgs { trust, yes, state, .. } = self.args;
        Bringing { client: &self.client, trust, yes: *yes, state }.bring(path).await
    }

    /// Has the server reach every host; keys that it sees for the first time are asked about here.
    async fn reach(&self, without: &[String]) -> Result<(), CliError> {
        loop {
            let but = if without.is_empty() { "" } else { "?without=" };
            let path = format!("{}/scan{but}{}", self.place, escaped(&without.join(",")));
            let scan: Scan = self.post(&path, &json!({})).await?;
            if scan.reached {
                return Ok(());
            }
            if scan.unknown_keys.is_empty() || !vouched(self.args.yes, &scan.unknown_keys) {
                return Err(scan.refused());
            }
            trust(&self.client, &scan.unknown_keys).await?;
        }
    }

    /// Waivers that are taken back, then those that are new: as the verb does in its own process.
    pub(crate) async fn waive(&self, change: &waiving::Change) -> Result<(), CliError> {
        for target in &change.remove {
            let path = format!("{}/waivers/{}", self.place, escaped(&target.to_string()));
            self.client.delete(&path).await.map_err(|error| failed(&error))?;
        }
        for waiver in &change.add {
            let Waiver { check, host, reason } = waiver;
            let wish = json!({"check": check, "host": host, "reason": reason});
            self.post::<()>(&format!("{}/waivers", self.place), &wish).await?;
        }
        Ok(())
    }

    /// Mends what checks can mend by themselves; `dry` asks the hosts what would change.
    pub(crate) async fn repair(&self, move_data: bool, dry: bool) -> Result<Vec<Fix>, CliError> {
        let dry = if dry { "?dryRun=All" } else { "" };
        let path = format!("{}/repairs{dry}", self.place);
        let done: Value = self.post(&path, &json!({"moveData": move_data})).await?;
        understood(done["items"].clone())
    }

    pub(crate) async fn check(&self) -> Result<Judged, CliError> {
        self.post(&format!("{}/checks", self.place), &json!({})).await
    }

    /// `intent` is what a plan is to bring about, such as `{"intent": "install"}`.
    pub(crate) async fn make_plan(&self, intent: Value, beside: &Beside) -> Result<(Made, Plan), CliError> {
        let wish = beside.with(self.args, intent);
        let made: Made = self.post(&format!("{}/plans", self.place), &wish).await?;
        let plan = self.get(&format!("/api/v1/plans/{}", escaped(&made.id))).await?;
        Ok((made, plan))
    }

    /// The site's plan is the one that it follows already.
    pub(crate) async fn follows(&self) -> Result<Option<String>, CliError> {
        let site: Value = self.get(&self.place).await?;
        Ok(site["plan"].as_str().map(str::to_owned))
    }

    /// Has the plan run, and shows the run to its end. Gives what came of it.
    pub(crate) async fn perform(
        &self,
        made: &Made,
        plan: &Plan,
        beside: &Beside,
        shown: Shown,
    ) -> Result<View, CliError> {
        let wish = json!({"plan": made.id, "patience": self.args.patience});
        let wish = beside.with(self.args, wish);
        let request: Request = self.post("/api/v1/runs", &wish).await?;
        let run = begun(&self.client, &request.id).await?;
        eprintln!("Run {run} goes on whether somebody looks or not; Ctrl-C stops looking.");
        let source = Source::Server(self.client.clone());
        let display: Box<dyn Observer> = match shown {
            Shown::Text => Box::new(display::Lines::default()),
            Shown::Json => Box::new(display::Json),
        };
        display.began(plan, &View::new(run.clone()));
        source.follow(&run, &|record| display.record(record)).await?;
        // What is done after its last step belongs to it, too.
        while source.is_live(&run).await? {
            tokio::time::sleep(PAUSE).await;
        }
        Ok(source.run(&run).await?.1)
    }

    /// Whether the site's cluster stands, as far as the server knows.
    pub(crate) async fn is_founded(&self) -> Result<bool, CliError> {
        let site: Value = self.get(&self.place).await?;
        Ok(site["founded"] == Value::Bool(true))
    }

    /// What the release of a bundle is called.
    pub(crate) async fn release_of(&self, bundle: &str) -> Result<String, CliError> {
        let bundle: Value = self.get(&format!("/api/v1/bundles/{}", escaped(bundle))).await?;
        Ok(bundle["release"].as_str().unwrap_or_default().to_owned())
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

/// The run that a request came to.
pub(crate) async fn begun(client: &Client, request: &str) -> Result<RunId, CliError> {
    let place = format!("/api/v1/requests/{}", escaped(request));
    loop {
        let request: Request = client.get(&place).await.map_err(|error| failed(&error))?.value;
        if let Some(run) = request.run {
            return Ok(RunId(run));
        }
        if request.state == "failed" {
            return Err(CliError::new(4, format!("start the run: {}", request.why.unwrap_or_default())));
        }
        if let Some(held) = request.held {
            return Err(CliError::all(4, lines(&held.problems)).hint(
                "the server goes on by itself when what it needs is there; `armilla run ls` shows its runs",
            ));
        }
        tokio::time::sleep(PAUSE).await;
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
