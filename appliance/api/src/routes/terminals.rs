//! Terminals over WebSocket: on hosts, and in containers.
//!
//! ```text
//!  caller ──binary──▶ what is typed               server ──binary──▶ what is shown
//!  caller ──text────▶ {"resize":{"columns":120,"rows":40}}
//!                                                 server ──text────▶ {"exit":{"code":0,"message":null}}, then it closes
//! ```
//!
//! A page cannot read what its handshake is answered with, only how a terminal was closed: with `refusalOnClose` a terminal that may
//! not be, or could not be opened, is opened and closed at once, with the reason. Programs are answered by a problem.
//!
//! A browser sends a WebSocket's handshake to any server with the cookies of that server, so `Origin` is checked here as
//! on requests that change something (RFC 6455, section 10.2). Who opens a terminal is noted before it is opened. What is typed and
//! shown is not: it may hold any secret.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use appliance_control::Terminal;
use appliance_store::ledger::{Command, TerminalCommand};
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{FromRequestParts, Request, State};
use axum::response::Response;
use installer_cluster::{Ended, Exec};
use installer_wire::terminal::{Size, Typed};
use serde::Deserialize;
use tokio::io::AsyncReadExt;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{interval, sleep_until, timeout};
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::Routes;
use super::clusters::To;
use crate::access::{Known, Needs, Peer, STILL_IN, is_of_this_origin, is_still_in};
use crate::app::App;
use crate::extract::{Path, Query};
use crate::problem::{Kind, Problem, ProblemBody};
use crate::streams::Opened;

/// A terminal that nobody typed into for so long is closed.
const IDLE: Duration = Duration::from_secs(30 * 60);

/// How long a caller may take to take what is shown.
const STALLED: Duration = Duration::from_secs(30);

/// The longest message of a caller, in bytes: a large paste comes in several.
const LONGEST: usize = 64 * 1024;

/// What is shown travels in pieces of so many bytes at most.
const PIECE: usize = 16 * 1024;

/// Runs the best shell that the container has.
const SHELL: &str = "for shell in bash ash sh; do command -v $shell >/dev/null && exec $shell; done";

pub(super) fn routes(routes: Routes) -> Routes {
    routes.add_stream(Needs::Operator, routes!(exec)).add_stream(Needs::Operator, routes!(shell))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct WindowParams {
    /// Of the caller's window.
    #[param(minimum = 1, maximum = 1000, default = 80)]
    columns: Option<u16>,
    #[param(minimum = 1, maximum = 1000, default = 24)]
    rows: Option<u16>,
    /// What the caller's terminal is called, as in `TERM`.
    #[param(max_length = 64, pattern = "^[A-Za-z0-9][A-Za-z0-9+._-]*$")]
    term: Option<String>,
    /// In pods: which container; without it, the first.
    #[param(max_length = 253)]
    container: Option<String>,
    /// In pods: what `sh` runs; without it, the container's shell.
    #[param(max_length = 4000)]
    command: Option<String>,
    /// For pages, which cannot read a problem here: what keeps the terminal from being opened is told as the reason of its end.
    #[serde(default, rename = "refusalOnClose")]
    refusal_on_close: bool,
}

impl WindowParams {
    fn size(&self) -> Result<Size, Problem> {
        let size = Size { columns: self.columns.unwrap_or(80), rows: self.rows.unwrap_or(24) };
        match (1..=1000).contains(&size.columns) && (1..=1000).contains(&size.rows) {
            true => Ok(size),
            false => Err(Problem::invalid("?columns", "a window has 1 to 1000 columns and rows")),
        }
    }

    fn term(&self) -> Result<&str, Problem> {
        let term = self.term.as_deref().unwrap_or("xterm-256color");
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '.' | '_' | '-');
        let begins = term.starts_with(|c: char| c.is_ascii_alphanumeric());
        match begins && term.len() <= 64 && term.chars().all(fits) {
            true => Ok(term),
            false => Err(Problem::invalid("?term", "this is no name of a terminal")),
        }
    }
}

/// Opens a terminal in a container of a pod (WebSocket)
#[utoipa::path(get, path = "/api/v1/clusters/{site}/pods/{namespace}/{pod}/exec", tag = "clusters",
    params(("site" = String, Path), ("namespace" = String, Path), ("pod" = String, Path), WindowParams),
    responses((status = 101, description = "The terminal is open"),
        (status = 426, body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, body = ProblemBody, content_type = "application/problem+json")))]
async fn exec(
    State(app): State<App>,
    Path((site, namespace, pod)): Path<(String, String, String)>,
    Query(params): Query<WindowParams>,
    known: Known,
    peer: Peer,
    request: Request,
) -> Result<Response, Problem> {
    let size = params.size()?;
    let upgrade = upgrade(request).await?;
    let to = To::site(&app, site).await?;
    let command = params.command.clone().unwrap_or_else(|| SHELL.to_owned());
    let mut detail = BTreeMap::new();
    detail.extend(params.container.clone().map(|container| ("container".to_owned(), container)));
    detail.extend(params.command.clone().map(|command| ("command".to_owned(), command)));
    let place = format!("{}/pods/{namespace}/{pod}", to.site.name);
    let command = vec!["sh".to_owned(), "-c".to_owned(), command];
    let exec = Exec { namespace, pod, container: params.container, command, terminal: true };
    let clusters = app.clusters()?;
    let opening = async || clusters.exec(&to.site, &exec, size).await.map_err(Problem::from);
    match Visit::opened(&app, known, &peer, place, detail, opening).await {
        Ok((visit, terminal)) => Ok(visit.attend(upgrade, terminal)),
        Err(problem) => refused(upgrade, problem, params.refusal_on_close),
    }
}

/// Opens a terminal of root on a host (WebSocket)
#[utoipa::path(get, path = "/api/v1/sites/{name}/hosts/{host}/shell", tag = "hosts",
    params(("name" = String, Path), ("host" = String, Path), WindowParams),
    responses((status = 101, description = "The terminal is open"),
        (status = 426, body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, body = ProblemBody, content_type = "application/problem+json")))]
async fn shell(
    State(app): State<App>,
    Path((site, host)): Path<(String, String)>,
    Query(params): Query<WindowParams>,
    known: Known,
    peer: Peer,
    request: Request,
) -> Result<Response, Problem> {
    let (size, term) = (params.size()?, params.term()?.to_owned());
    if params.container.is_some() || params.command.is_some() {
        return Err(Problem::invalid("?", "a host's shell takes no container and no command"));
    }
    let upgrade = upgrade(request).await?;
    let to = To::site(&app, site).await?;
    appliance_control::site_file::host(&to.site, &host).map_err(Problem::from)?;
    let place = format!("{}/hosts/{host}", to.site.name);
    let clusters = app.clusters()?;
    let opening = async || clusters.shell(&to.site, &host, size, &term).await.map_err(Problem::from);
    match Visit::opened(&app, known, &peer, place, BTreeMap::new(), opening).await {
        Ok((visit, terminal)) => Ok(visit.attend(upgrade, terminal)),
        Err(problem) => refused(upgrade, problem, params.refusal_on_close),
    }
}

/// The request is a WebSocket's handshake, by a page of this origin or by no browser.
async fn upgrade(request: Request) -> Result<WebSocketUpgrade, Problem> {
    let (mut parts, _) = request.into_parts();
    if !is_of_this_origin(&parts.uri, &parts.headers) {
        return Err(Problem::new(Kind::CrossOrigin, "A page of another origin sent this request."));
    }
    WebSocketUpgrade::from_request_parts(&mut parts, &()).await.map_err(|_| {
        Problem::new(Kind::UpgradeNeeded, "Terminals are spoken to over a WebSocket (RFC 6455).")
            .hint("`armilla host shell` and the web page do")
    })
}

/// Nobody gets a terminal: as an answer to the handshake, or to a page as the end of one.
fn refused(upgrade: WebSocketUpgrade, problem: Problem, on_close: bool) -> Result<Response, Problem> {
    if !on_close {
        return Err(problem);
    }
    let reason = fit(problem.detail()).to_owned();
    Ok(upgrade.on_upgrade(async move |mut socket| close(&mut socket, close_code::POLICY, &reason).await))
}

async fn close(socket: &mut WebSocket, code: u16, reason: &str) {
    let goodbye = Message::Close(Some(CloseFrame { code, reason: Utf8Bytes::from(reason) }));
    let _ = timeout(STALLED, socket.send(goodbye)).await;
}

/// A close frame has room for 123 bytes of reason (RFC 6455, section 5.5).
fn fit(reason: &str) -> &str {
    &reason[..reason.floor_char_boundary(123)]
}

/// Somebody takes what opens a cluster: noted before it is given.
pub(super) async fn note_handed(app: &App, known: &Known, peer: &Peer, what: String) -> Result<(), Problem> {
    note(app, known, TerminalCommand::Hand { what, from: peer.address() }).await
}

async fn note(app: &App, known: &Known, said: TerminalCommand) -> Result<(), Problem> {
    app.submit_as(known.actor.clone(), Command::Terminals(said)).await.map(drop)
}

/// Somebody at a terminal, from before it is opened until after it is closed.
struct Visit {
    app: App,
    known: Known,
    place: String,
    from: String,
    begun: Instant,
    typed: u64,
    shown: u64,
    _seat: OwnedSemaphorePermit,
    _opened: Opened,
}

impl Visit {
    async fn begin(
        app: &App,
        known: Known,
        peer: &Peer,
        place: String,
        detail: BTreeMap<String, String>,
    ) -> Result<Visit, Problem> {
        let opened = app.streams().open_terminal(&known)?;
        let seat = app.terminals().try_acquire_owned().map_err(|_| {
            Problem::new(Kind::Busy, "As many terminals are open as the server takes on.")
                .wait(Duration::from_secs(30))
        })?;
        let from = peer.address();
        note(app, &known, TerminalCommand::Open { place: place.clone(), from: from.clone(), detail }).await?;
        let begun = Instant::now();
        Ok(Visit {
            app: app.clone(),
            known,
            place,
            from,
            begun,
            typed: 0,
            shown: 0,
            _seat: seat,
            _opened: opened,
        })
    }

    /// Begins a visit and opens its terminal.
    async fn opened(
        app: &App,
        known: Known,
        peer: &Peer,
        place: String,
        detail: BTreeMap<String, String>,
        opening: impl AsyncFnOnce() -> Result<Terminal, Problem>,
    ) -> Result<(Visit, Terminal), Problem> {
        let visit = Visit::begin(app, known, peer, place, detail).await?;
        match opening().await {
            Ok(terminal) => Ok((visit, terminal)),
            Err(problem) => {
                visit.end("it could not be opened").await;
                Err(problem)
            }
        }
    }

    fn attend(mut self, upgrade: WebSocketUpgrade, terminal: Terminal) -> Response {
        upgrade.max_message_size(LONGEST).max_frame_size(LONGEST).on_upgrade(async move |mut socket| {
            let why = self.sit(&mut socket, terminal).await;
            let (code, text) = why.goodbye();
            close(&mut socket, code, &text).await;
            self.end(&text).await;
        })
    }

    /// Moves bytes until one side is done.
    async fn sit(&mut self, socket: &mut WebSocket, mut terminal: Terminal) -> Why {
        let mut piece = vec![0; PIECE];
        let mut closing = self.app.closing();
        let mut asking = interval(STILL_IN);
        let mut last_typed = tokio::time::Instant::now();
        let mut shown_all = false;
        let mut ended: Option<Ended> = None;
        let mut waiting: Option<Typed> = None;
        loop {
            if *closing.borrow() {
                return Why::Closing;
            }
            if let (true, Some(ended)) = (shown_all, &ended) {
                let _ = timeout(STALLED, socket.send(Message::Text(told(ended).into()))).await;
                return Why::Ended(ended.clone());
            }
            tokio::select! {
                // What is typed waits here for a host that is slow to take it, while what it shows goes on.
                room = terminal.typed.reserve(), if waiting.is_some() => {
                    // A shell that is gone takes no keys; its end is told by the other side.
                    if let (Ok(room), Some(typed)) = (room, waiting.take()) {
                        room.send(typed);
                    }
                }
                message = socket.recv(), if waiting.is_none() => match message {
                    Some(Ok(Message::Binary(keys))) => {
                        last_typed = tokio::time::Instant::now();
                        self.typed += keys.len() as u64;
                        waiting = Some(Typed::Keys(keys.to_vec()));
                    }
                    Some(Ok(Message::Text(text))) => match resize(&text) {
                        Some(size) => waiting = Some(Typed::Size(size)),
                        None => return Why::Nonsense,
                    },
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return Why::Left,
                },
                read = terminal.output.read(&mut piece), if !shown_all => match read {
                    Ok(read @ 1..) => {
                        self.shown += read as u64;
                        let shown = Message::Binary(piece[..read].to_vec().into());
                        if !matches!(timeout(STALLED, socket.send(shown)).await, Ok(Ok(()))) {
                            return Why::Left;
                        }
                    }
                    Ok(0) | Err(_) => shown_all = true,
                },
                end = &mut terminal.ended, if ended.is_none() => ended = Some(end),
                _ = asking.tick() => {
                    if !is_still_in(&self.app, &self.known).await {
                        return Why::NotInAnyMore;
                    }
                }
                () = sleep_until(last_typed + IDLE) => return Why::Idle,
                _ = closing.changed() => {}
            }
        }
    }

    async fn end(self, why: &str) {
        let Visit { app, known, place, from, begun, typed, shown, _seat, _opened } = self;
        let (seconds, why) = (begun.elapsed().as_secs(), why.to_owned());
        let said = TerminalCommand::Close { place, from, seconds, typed, shown, why };
        if note(&app, &known, said).await.is_err() {
            tracing::warn!("the end of a terminal was not noted");
        }
    }
}

/// Why a terminal was closed.
enum Why {
    Ended(Ended),
    Left,
    Idle,
    /// The session or token has ended, or its user may less.
    NotInAnyMore,
    Closing,
    /// The caller sent what is not of this protocol.
    Nonsense,
}

impl Why {
    /// Code and reason of the close frame, and what the audit says.
    fn goodbye(&self) -> (u16, String) {
        match self {
            Why::Ended(Ended { code: Some(code), .. }) => (close_code::NORMAL, format!("exit code {code}")),
            Why::Ended(Ended { code: None, .. }) => (close_code::NORMAL, "it ended".to_owned()),
            Why::Left => (close_code::NORMAL, "the user left".to_owned()),
            Why::Idle => {
                (close_code::POLICY, format!("nothing was typed for {} minutes", IDLE.as_secs() / 60))
            }
            Why::NotInAnyMore => (close_code::POLICY, "the session has ended".to_owned()),
            Why::Closing => (close_code::AWAY, "the server closes".to_owned()),
            Why::Nonsense => (close_code::INVALID, "a text message that says nothing known".to_owned()),
        }
    }
}

fn told(ended: &Ended) -> String {
    serde_json::json!({ "exit": { "code": ended.code, "message": ended.message } }).to_string()
}

fn resize(text: &str) -> Option<Size> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Told {
        resize: Window,
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Window {
        columns: u16,
        rows: u16,
    }
    let Told { resize: Window { columns, rows } } = serde_json::from_str(text).ok()?;
    ((1..=1000).contains(&columns) && (1..=1000).contains(&rows)).then_some(Size { columns, rows })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_have_sizes_that_windows_have() {
        let size = |columns, rows| Some(Size { columns, rows });
        assert_eq!(resize(r#"{"resize":{"columns":120,"rows":40}}"#), size(120, 40));
        for text in [
            "",
            "{}",
            r#"{"resize":{"columns":0,"rows":40}}"#,
            r#"{"resize":{"columns":70000,"rows":40}}"#,
            r#"{"resize":{"columns":1,"rows":1},"exec":"rm"}"#,
        ] {
            assert_eq!(resize(text), None, "{text}");
        }
    }

    #[test]
    fn names_of_terminals_are_names() {
        let term = |term: &str| WindowParams {
            columns: None,
            rows: None,
            term: Some(term.to_owned()),
            container: None,
            command: None,
            refusal_on_close: false,
        };
        assert!(term("xterm-256color").term().is_ok());
        for wrong in ["", "-x", "a b", "x;reboot", "../x", &"x".repeat(65)] {
            assert!(term(wrong).term().is_err(), "{wrong}");
        }
    }
}
