//! A bundle that lies here is brought to whoever is asked: named by its path where the server sees the same files, sent in chunks
//! elsewhere. One that is there already is not sent again, and one that was cut off goes on.
#![expect(clippy::print_stderr, reason = "tells the operator how far it is")]

use std::io::{IsTerminal, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use appliance_client::{Client, ClientError};
use bundles_store::{Bundle, PublicKey, Unverified};
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::cli::{CliError, StateArgs, escaped};
use crate::wiring::{confirm, failed, state_folder};

/// Bytes of a chunk: what is sent again after a cut, at most.
const CHUNK: u64 = 8 << 20;
/// How long a server may be away in the middle: it is restarted, or the line is cut.
const PATIENCE: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_secs(1);
/// Between two lines where no bar can be drawn.
const TOLD_EACH: Duration = Duration::from_secs(10);

/// Whom a bundle is brought to, and who vouches for its key.
pub(crate) struct Bringing<'a> {
    pub(crate) client: &'a Client,
    /// Files of public keys.
    pub(crate) trust: &'a [PathBuf],
    /// Trust a key that is seen for the first time.
    pub(crate) yes: bool,
    /// Where the parts of a bundle are joined.
    pub(crate) state: &'a StateArgs,
}

/// An upload, as the server tells of it.
#[derive(Debug, Deserialize)]
struct Upload {
    id: String,
    size: u64,
    received: u64,
    digest: Option<String>,
}

impl Bringing<'_> {
    /// Id of the bundle in this file or folder of parts, which the server has from then on.
    pub(crate) async fn bring(&self, path: &Path) -> Result<String, CliError> {
        let path = appliance_control::bundle::whole(path.to_owned(), &state_folder(self.state))?;
        let path = std::path::absolute(&path).unwrap_or(path);
        let bundle = inspect(&path)?;
        self.vouch(&path, bundle.signer()).await?;
        let id = bundle.id().to_string();
        if self.has(&id).await? {
            return Ok(id);
        }
        if self.client.is_here() {
            match self.add(&path).await {
                Ok(id) => return Ok(id),
                // The service has a user of its own, who does not see everybody's files.
                Err(ClientError::Problem(problem)) if problem.status == 404 => {}
                Err(error) => return Err(failed(&error)),
            }
        }
        self.send(&path).await
    }

    /// Takes a file in that lies on the server's machine.
    pub(crate) async fn add(&self, path: &Path) -> Result<String, ClientError> {
        let added = self.client.post::<Value>("/api/v1/bundles", &json!({"path": path})).await?.value;
        Ok(added["id"].as_str().unwrap_or_default().to_owned())
    }

    /// The server trusts who sealed it: it did before, a key was named, or somebody says so now.
    async fn vouch(&self, path: &Path, signer: &PublicKey) -> Result<(), CliError> {
        let fingerprint = signer.fingerprint().to_string();
        let named = self.trust.iter().map(|file| public_key(file)).collect::<Result<Vec<_>, _>>()?;
        if !named.is_empty() && !named.contains(signer) {
            let told = format!("trust bundle {}: it is sealed by {fingerprint}", path.display());
            return Err(CliError::new(5, format!("{told}, and --trust names another key"))
                .hint("the key comes with whoever made the bundle"));
        }
        let known: Value = self.get("/api/v1/bundle-keys").await?;
        let mut known = known["items"].as_array().into_iter().flatten();
        if known.any(|key| key["fingerprint"] == fingerprint.as_str()) {
            return Ok(());
        }
        let question = format!(
            "{} is sealed by {fingerprint}, seen for the first time. Trust it from now on?",
            path.display()
        );
        if named.is_empty() && !confirm(self.yes, &question) {
            let told = format!("trust bundle {}: nobody vouched for {fingerprint}", path.display());
            return Err(CliError::new(5, told).hint("name its public key with --trust FILE"));
        }
        let wish = json!({"pem": signer.to_pem()});
        self.client
            .post::<Value>("/api/v1/bundle-keys", &wish)
            .await
            .map(drop)
            .map_err(|error| failed(&error))
    }

    /// Whether the server has the bundle, and the file is still what it was.
    async fn has(&self, id: &str) -> Result<bool, CliError> {
        let path = format!("/api/v1/bundles/{}/verify", escaped(id));
        match self.client.post::<Value>(&path, &json!({})).await {
            Ok(_) => Ok(true),
            // Not there, or something else lies in its place: brought again, it is there.
            Err(ClientError::Problem(problem)) if matches!(problem.status, 404 | 409 | 422) => Ok(false),
            Err(error) => Err(failed(&error)),
        }
    }

    /// Sends the file, or the rest of it.
    async fn send(&self, path: &Path) -> Result<String, CliError> {
        let (mut file, size) = open(path)?;
        let bar = Shown::new(size);
        let digest = digest(&mut file, size, &bar).map_err(|error| unread(path, &error))?;
        let mut upload = self.begun(path, size, &digest).await?;
        if upload.received > 0 {
            eprintln!("{} of {} are there already.", HumanBytes(upload.received), HumanBytes(size));
        }
        bar.begin("sending");
        while upload.received < size {
            bar.at(upload.received);
            let chunk = chunk(&mut file, upload.received).map_err(|error| unread(path, &error))?;
            let place = format!("/api/v1/uploads/{}", escaped(&upload.id));
            let to = format!("{place}/content?offset={}", upload.received);
            upload = match self.client.put_bytes::<Upload>(&to, chunk.into()).await {
                Ok(answer) => answer.value,
                Err(error) if resumes(&error) => self.again(&place).await?,
                Err(error) => return Err(failed(&error)),
            };
        }
        bar.begin("being read by the server");
        let complete = format!("/api/v1/uploads/{}/complete", escaped(&upload.id));
        let added = self.client.post::<Value>(&complete, &json!({})).await;
        bar.end();
        let added = added.map_err(|error| failed(&error))?.value;
        Ok(added["id"].as_str().unwrap_or_default().to_owned())
    }

    /// The upload of this file that was cut off, or a new one.
    async fn begun(&self, path: &Path, size: u64, digest: &str) -> Result<Upload, CliError> {
        let listed: Value = self.get("/api/v1/uploads").await?;
        let uploads = listed["items"].as_array().into_iter().flatten().cloned();
        let mut uploads = uploads.filter_map(|upload| serde_json::from_value::<Upload>(upload).ok());
        let is_it = |upload: &Upload| upload.size == size && upload.digest.as_deref() == Some(digest);
        if let Some(upload) = uploads.find(is_it) {
            return Ok(upload);
        }
        let name =
            path.file_name().map_or_else(|| "bundle".into(), |name| name.to_string_lossy().into_owned());
        let wish = json!({"name": name, "size": size, "digest": digest});
        let begun = self.client.post("/api/v1/uploads", &wish).await;
        begun.map(|answer| answer.value).map_err(|error| failed(&error))
    }

    /// How much has arrived for sure, as soon as the server says so again.
    async fn again(&self, place: &str) -> Result<Upload, CliError> {
        let until = Instant::now() + PATIENCE;
        loop {
            tokio::time::sleep(PAUSE).await;
            match self.client.get(place).await {
                Ok(answer) => return Ok(answer.value),
                Err(error) if resumes(&error) && Instant::now() < until => {}
                Err(error) => return Err(failed(&error)),
            }
        }
    }

    async fn get(&self, path: &str) -> Result<Value, CliError> {
        self.client.get(path).await.map(|answer| answer.value).map_err(|error| failed(&error))
    }
}

/// Whether the upload may go on from what the server says it has. A conflict: a chunk arrived whose answer did not.
fn resumes(error: &ClientError) -> bool {
    match error {
        ClientError::Connect { .. } | ClientError::Cut { .. } | ClientError::TimedOut { .. } => true,
        ClientError::Problem(problem) => matches!(problem.status, 408 | 409 | 503),
        ClientError::Trust { .. }
        | ClientError::Answer { .. }
        | ClientError::Events { .. }
        | ClientError::Read { .. }
        | ClientError::Request(_) => false,
    }
}

fn inspect(path: &Path) -> Result<Bundle<Unverified>, CliError> {
    Bundle::inspect(path).map_err(|error| {
        let code = if path.exists() { 5 } else { 3 };
        CliError::from_error(code, &format!("open bundle {}: ", path.display()), &error)
            .hint("name a whole bundle; copy it again if this one was cut off on the way")
    })
}

fn public_key(file: &Path) -> Result<PublicKey, CliError> {
    let pem = std::fs::read_to_string(file)
        .map_err(|error| CliError::new(3, format!("read {}: {error}", file.display())))?;
    PublicKey::from_pem(&pem).ok_or_else(|| {
        CliError::new(5, format!("understand {}: it is no public key in PEM", file.display()))
            .hint("--trust wants the .pub file that `armilla bundle keygen` wrote")
    })
}

fn open(path: &Path) -> Result<(std::fs::File, u64), CliError> {
    let file = std::fs::File::open(path).map_err(|error| unread(path, &error))?;
    let size = file.metadata().map_err(|error| unread(path, &error))?.len();
    Ok((file, size))
}

fn unread(path: &Path, error: &std::io::Error) -> CliError {
    CliError::new(1, format!("read {}: {error}", path.display()))
}

/// sha256 of the whole, by which the server knows an upload again.
fn digest(file: &mut std::fs::File, size: u64, bar: &Shown) -> std::io::Result<String> {
    bar.begin("reading");
    let (mut sum, mut piece, mut done) = (Sha256::new(), vec![0; 1 << 20], 0);
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect()),
            read => {
                sum.update(&piece[..read]);
                done += read as u64;
                bar.at(done.min(size));
            }
        }
    }
}

fn chunk(file: &mut std::fs::File, from: u64) -> std::io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(from))?;
    let mut chunk = Vec::new();
    file.take(CHUNK).read_to_end(&mut chunk)?;
    if chunk.is_empty() {
        return Err(std::io::Error::new(std::io::ErrorKind::UnexpectedEof, "it became shorter meanwhile"));
    }
    Ok(chunk)
}

/// How far it is: a bar on a terminal, else a line now and then.
struct Shown {
    bar: ProgressBar,
    told: std::cell::Cell<Option<Instant>>,
    size: u64,
}

impl Shown {
    fn new(size: u64) -> Shown {
        let style =
            ProgressStyle::with_template("{bar:30} {bytes}/{total_bytes} {bytes_per_sec}, {eta} left  {msg}")
                .expect("invariant: the template is well formed");
        let bar = match std::io::stderr().is_terminal() {
            true => ProgressBar::new(size).with_style(style),
            false => ProgressBar::hidden(),
        };
        Shown { bar, told: std::cell::Cell::new(None), size }
    }

    fn begin(&self, what: &'static str) {
        self.bar.set_message(what);
        self.bar.reset_eta();
        if self.bar.is_hidden() {
            eprintln!("{} {what}", HumanBytes(self.size));
            self.told.set(Some(Instant::now()));
        }
    }

    fn at(&self, done: u64) {
        self.bar.set_position(done);
        let due = self.told.get().is_none_or(|told| told.elapsed() >= TOLD_EACH);
        if self.bar.is_hidden() && due {
            eprintln!("{} of {}", HumanBytes(done), HumanBytes(self.size));
            self.told.set(Some(Instant::now()));
        }
    }

    fn end(&self) {
        self.bar.finish_and_clear();
    }
}
