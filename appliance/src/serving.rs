//! The server, put together: the store, the certificate authority that lies sealed in it, the doors.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use appliance_api::{App, Authority, DoorLimits, Options, Serving};
use appliance_control::{Clusters, Control, Instance, SshHosts};
use appliance_store::Store;
use appliance_store::ledger::{Actor, Command, CredentialCommand};

use crate::cli::CliError;

/// Under which the store keeps the authority, sealed.
const AUTHORITY: &str = "tls/ca";

/// A server that listens.
pub(crate) struct Server {
    serving: Serving,
    control: Control,
    socket: PathBuf,
    fingerprint: String,
}

impl Server {
    /// Opens the state folder for this process alone, and listens. `names` go into the certificate beside those that the
    /// machine has.
    pub(crate) async fn start(
        state: &Path,
        listen: SocketAddr,
        names: Vec<String>,
    ) -> Result<Server, CliError> {
        let instance = Instance::open(state, "serve")?;
        let authority = authority(&instance.store)?;
        let (fingerprint, pem) = (authority.fingerprint(), authority.certificate_pem());
        let hosts = Arc::new(SshHosts::new(instance.clone()));
        let control = Control::begin(instance.store.clone(), hosts)?;
        let clusters = Clusters::given(instance.clone());
        let app = App::new(instance.store.clone(), env!("CARGO_PKG_VERSION"), pem)
            .with_control(control.clone())
            .with_clusters(clusters);
        let socket = state.join("armilla.sock");
        let options = Options { listen, socket: socket.clone(), names, limits: DoorLimits::default() };
        let serving = Serving::start(app, authority, options).await.map_err(|error| {
            CliError::from_error(1, "", &error).hint("`--listen 0.0.0.0:PORT` takes another port")
        })?;
        Ok(Server { serving, control, socket, fingerprint })
    }

    /// Where it listens, with the port that was given.
    pub(crate) fn address(&self) -> SocketAddr {
        self.serving.address
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.socket.clone()
    }

    /// What whoever started it needs to know, line by line.
    pub(crate) fn greeting(&self) -> Vec<String> {
        let url = url(self.serving.address, &self.serving.names);
        let mut lines = vec![
            format!("Armilla listens on {url}"),
            format!("certificate authority: SHA-256 {}", self.fingerprint),
        ];
        if let Some(code) = &self.serving.setup_code {
            lines.push(format!("setup code: {code}"));
            lines.push("Nobody can log in yet; this makes the first administrator:".to_owned());
            lines.push(format!("  armilla login {url} --setup-code {code}"));
        }
        for (run, site) in self.control.left() {
            lines.push(format!(
                "{run} of site {site} was left open: it goes on with the next `armilla apply`"
            ));
        }
        // An empty line ends it: programs that read along know that there is no more.
        lines.extend([String::new(), String::new()]);
        lines
    }

    /// Runs stay open where they are: the next server of this state folder takes them up.
    pub(crate) async fn close(self) {
        self.control.close().await;
        self.serving.close().await;
    }
}

/// The one that there is, or a new one.
fn authority(store: &Store) -> Result<Authority, CliError> {
    let stored = |error| CliError::from_error(1, "keep the certificate authority: ", &error);
    let made = |error| CliError::from_error(1, "", &error);
    if let Some(kept) = store.secret(AUTHORITY).map_err(stored)? {
        return Authority::from_bytes(&kept).map_err(made);
    }
    let authority = Authority::make().map_err(made)?;
    let sealed = store.seal(AUTHORITY, &authority.to_bytes()).map_err(stored)?;
    let command = CredentialCommand::PutSecret { name: AUTHORITY.to_owned(), sealed };
    store.submit(&Actor::Instance, &Command::Credentials(command)).map_err(stored)?;
    Ok(authority)
}

/// A URL that works from elsewhere where there is one: of an address that stands for all of them, the first that others can
/// reach.
fn url(listens: SocketAddr, names: &[String]) -> String {
    let addresses = names.iter().filter_map(|name| name.parse::<IpAddr>().ok());
    let reached =
        addresses.filter(|address| !address.is_loopback() && address.is_ipv4() == listens.is_ipv4());
    let address = if listens.ip().is_unspecified() { { reached }.next() } else { None };
    format!("https://{}", SocketAddr::new(address.unwrap_or(listens.ip()), listens.port()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_is_one_that_others_can_reach() {
        let names = ["10.0.0.5", "127.0.0.1", "::1", "fd00::5", "localhost"].map(str::to_owned);
        let told = |listens: &str, names: &[String]| url(listens.parse().unwrap(), names);
        assert_eq!(told("0.0.0.0:9443", &names), "https://10.0.0.5:9443");
        assert_eq!(told("[::]:9443", &names), "https://[fd00::5]:9443");
        assert_eq!(told("127.0.0.1:443", &names), "https://127.0.0.1:443");
        assert_eq!(told("0.0.0.0:9443", &[]), "https://0.0.0.0:9443");
    }

    #[test]
    fn the_authority_is_made_once_and_lies_sealed() {
        let folder = tempfile::tempdir().unwrap();
        let first = {
            let instance = Instance::open(folder.path(), "serve").unwrap();
            authority(&instance.store).unwrap().fingerprint()
        };
        let instance = Instance::open(folder.path(), "serve").unwrap();
        assert_eq!(authority(&instance.store).unwrap().fingerprint(), first);
        drop(instance);
        let bytes = std::fs::read(Store::database_path(folder.path())).unwrap();
        assert!(!bytes.windows(11).any(|part| part == b"PRIVATE KEY"));
    }
}
