//! Which server a verb asks, and the same routes in the own process where there is none.
//!
//! ```text
//!  --context NAME ───────────────────────────────▶ TLS, as who logged in
//!  --state FOLDER, ARMILLA_STATE ──┬─ a server ──▶ its socket
//!  neither: the current context ─▶ TLS            
//!  nor that: the usual folder ─────┴─ none ──────▶ this process, with the folder's store
//! ```

use std::path::{Path, PathBuf};
use std::sync::Arc;

use appliance_api::{App, Peer, router};
use appliance_client::{Body, BoxError, Client, ClientError, Context, Contexts, Handler, Transport};
use appliance_control::here::operator;
use appliance_control::{Clusters, Control, Instance, SshHosts};
use clap::Args;
use http_body_util::BodyExt;
use tower::ServiceExt;

use super::{Secrets, state_folder};
use crate::cli::{CliError, StateArgs};

/// Whom to ask.
#[derive(Debug, Clone, Args)]
pub(crate) struct ServerArgs {
    #[command(flatten)]
    pub(crate) state: StateArgs,
    /// Ask this server, one of those that `armilla login` keeps
    #[arg(long, value_name = "NAME", env = "ARMILLA_CONTEXT")]
    pub(crate) context: Option<String>,
}

impl ServerArgs {
    /// A client of whoever answers; `verb` is what this process does, for others who wait for the store.
    pub(crate) fn client(&self, verb: &str) -> Result<Client, CliError> {
        match self.server()? {
            Some(client) => Ok(client),
            None => Ok(Client::new(Transport::Here(here(&state_folder(&self.state), verb)?))),
        }
    }

    /// A client of the server that is asked; `None` where none is, and this process answers itself.
    pub(crate) fn server(&self) -> Result<Option<Client>, CliError> {
        let is_local = self.context.is_none() && self.state.state.is_some();
        if let Some(context) = if is_local { None } else { self.context()? } {
            return context.client().map(Some).map_err(|error| failed(&error));
        }
        let socket = state_folder(&self.state).join("armilla.sock");
        Ok(Transport::of_folder(&socket).map(Client::new))
    }

    /// The context that was named, else the current one.
    fn context(&self) -> Result<Option<Context>, CliError> {
        let path = contexts_path();
        let contexts = contexts(&path)?;
        match &self.context {
            None => Ok(contexts.chosen().cloned()),
            Some(name) => contexts.contexts.get(name).cloned().map(Some).ok_or_else(|| {
                CliError::new(3, format!("find context {name} in {}", path.display()))
                    .hint("`armilla login https://HOST:9443` makes one")
            }),
        }
    }
}

/// The routes in this process, for whoever runs it: the folder's owner, who may do all.
fn here(folder: &Path, verb: &str) -> Result<Handler, CliError> {
    let instance = Instance::open(folder, verb)?;
    let secrets = Arc::new(Secrets::default());
    let hosts = SshHosts::with_secrets(instance.clone(), secrets.clone());
    let control = Control::idle(instance.store.clone(), Arc::new(hosts));
    let clusters = Clusters::new(instance.clone(), secrets);
    let app = App::new(instance.store.clone(), env!("CARGO_PKG_VERSION"), String::new());
    let app = app.with_control(control).with_clusters(clusters);
    let (router, _) = router(&app);
    let peer = Peer::Local { name: operator() };
    Ok(Arc::new(move |request| {
        let (router, peer) = (router.clone(), peer.clone());
        Box::pin(async move {
            let mut request = request.map(axum::body::Body::new);
            request.extensions_mut().insert(peer);
            let answer = router.oneshot(request).await.unwrap_or_else(|never| match never {});
            answer.map(|body| -> Body { body.map_err(BoxError::from).boxed_unsync() })
        })
    }))
}

pub(crate) fn contexts_path() -> PathBuf {
    let base = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_else(|| "/root".into())).join(".config");
    Contexts::path(&base.unwrap_or_else(home).join("armilla"))
}

pub(crate) fn contexts(path: &Path) -> Result<Contexts, CliError> {
    Contexts::read(path).map_err(|error| {
        CliError::from_error(1, "", &error)
            .hint(format!("`chmod 600 {0}` closes it; removing it logs out everywhere", path.display()))
    })
}

/// What a server said, as the command line says it.
pub(crate) fn failed(error: &ClientError) -> CliError {
    let code = error.exit_code();
    let told = match error.problem() {
        Some(problem) => CliError::all(code, problem.lines()),
        None => CliError::from_error(code, "", error),
    };
    let hint = match (error, error.problem()) {
        (_, Some(problem)) => match (&problem.hint, problem.status) {
            (_, 401) => Some("log in: `armilla login https://HOST:9443`".to_owned()),
            (hint, _) => hint.clone(),
        },
        (ClientError::Connect { .. } | ClientError::Cut { .. } | ClientError::TimedOut { .. }, _) => Some(
            "see whether the server runs (`systemctl status armilla` there) and is reached from here"
                .to_owned(),
        ),
        (ClientError::Trust { .. }, _) => Some(
            "the server shows another certificate authority than before; if that is right, log in again"
                .to_owned(),
        ),
        _ => None,
    };
    match hint {
        Some(hint) => told.hint(hint),
        None => told,
    }
}
