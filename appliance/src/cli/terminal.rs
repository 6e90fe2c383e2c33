//! This terminal as the window of one somewhere else: keys go there as they are typed, and what it shows comes here.

use std::io::{IsTerminal, Write};

use appliance_client::{Client, Said, Talk, escaped};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use tokio::io::AsyncReadExt;
use tokio::signal::unix::{SignalKind, signal};

use super::CliError;
use super::asking::told;

/// What a window is taken for that is none.
const USUAL: (u16, u16) = (80, 24);

/// Opens the terminal at `path`, which may have parameters, and stays until it ends. Gives the exit code of what ran in it.
pub(super) async fn attend(client: &Client, path: &str) -> Result<u8, CliError> {
    let (columns, rows) = window().unwrap_or(USUAL);
    let joint = if path.contains('?') { '&' } else { '?' };
    let talk = client.talk(&format!("{path}{joint}columns={columns}&rows={rows}")).await.map_err(told)?;
    let raw = Raw::begin();
    let ended = exchange(talk).await;
    drop(raw);
    let (code, message) = ended?;
    if let Some(message) = message {
        eprintln!("{message}");
    }
    Ok(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}

/// What this terminal is called, as a parameter of the address.
pub(super) fn term() -> String {
    let term = std::env::var("TERM").ok().filter(|term| !term.is_empty());
    escaped(term.as_deref().unwrap_or("xterm-256color"))
}

/// Moves what is typed there and what is shown here, until what runs there ends.
async fn exchange(mut talk: Talk) -> Result<(Option<i32>, Option<String>), CliError> {
    let mut typed = tokio::io::stdin();
    let mut keys = vec![0; 4096];
    let mut typing = true;
    let unheard = |error: std::io::Error| CliError::new(1, format!("hear of the window's size: {error}"));
    let mut resized = signal(SignalKind::window_change()).map_err(unheard)?;
    loop {
        tokio::select! {
            said = talk.next() => match said.map_err(told)? {
                Said::Shown(bytes) => {
                    let mut out = std::io::stdout().lock();
                    let shown = out.write_all(&bytes).and_then(|()| out.flush());
                    shown.map_err(|error| CliError::new(1, format!("show what the host says: {error}")))?;
                }
                Said::Ended { code, message } => return Ok((code, message)),
            },
            read = typed.read(&mut keys), if typing => match read {
                Ok(read @ 1..) => talk.keys(keys[..read].to_vec()).await.map_err(told)?,
                // Ctrl-D, as whoever has no more to type would.
                Ok(0) | Err(_) => {
                    typing = false;
                    talk.keys(vec![4]).await.map_err(told)?;
                }
            },
            _ = resized.recv() => if let Some((columns, rows)) = window() {
                talk.resize(columns, rows).await.map_err(told)?;
            },
        }
    }
}

fn window() -> Option<(u16, u16)> {
    let size = tcgetwinsize(std::io::stdout()).ok()?;
    (size.ws_col > 0 && size.ws_row > 0).then_some((size.ws_col.min(1000), size.ws_row.min(1000)))
}

/// The terminal passes everything on as it is typed; put back when this goes.
struct Raw(Option<Termios>);

impl Raw {
    fn begin() -> Raw {
        let before = std::io::stdin().is_terminal().then(|| tcgetattr(std::io::stdin()).ok()).flatten();
        if let Some(before) = &before {
            let mut raw = before.clone();
            raw.make_raw();
            let _ = tcsetattr(std::io::stdin(), OptionalActions::Flush, &raw);
        }
        Raw(before)
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            let _ = tcsetattr(std::io::stdin(), OptionalActions::Flush, before);
        }
    }
}
