//! One cluster's API, with a limit on every question.

use std::future::Future;
use std::time::Duration;

use hyper_util::client::legacy::Client as Hyper;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use kube::api::ListParams;
use kube::client::Body;
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;
use tower::ServiceExt;

use crate::credentials::Credentials;
use crate::dial::{Connector, Dial};
use crate::error::ClusterError;
use crate::page::{Page, Query, checked};

/// How long the API may take to answer a question.
const ASK_LIMIT: Duration = Duration::from_secs(20);

/// How long a connection that nobody uses is kept.
const IDLE: Duration = Duration::from_secs(60);

/// The API of a cluster. Clones share its connections.
#[derive(Clone)]
pub struct Cluster {
    pub(crate) client: Client,
    pub(crate) dial: Dial,
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Cluster({}:{})", self.host, self.port)
    }
}

impl Cluster {
    /// Connects to nothing yet. To be called within a tokio runtime.
    pub fn new(credentials: &Credentials, dial: Dial) -> Cluster {
        let Credentials { host, port, tls } = credentials;
        let connector = Connector { dial: dial.clone(), config: tls.clone() };
        let hyper: Hyper<_, Body> = Hyper::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(4)
            .build(connector);
        let authority =
            if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        let service = hyper.map_request(move |mut request: http::Request<Body>| {
            let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
            *request.uri_mut() = http::Uri::builder()
                .scheme("https")
                .authority(authority.as_str())
                .path_and_query(path)
                .build()
                .expect("invariant: an address that was parsed and a path that was one");
            request
        });
        Cluster { client: Client::new(service, "default"), dial, host: host.clone(), port: *port }
    }

    /// The answer to a question, within the limit. `what` completes "failed to".
    pub(crate) async fn ask<T>(
        &self,
        what: &str,
        question: impl Future<Output = kube::Result<T>>,
    ) -> Result<T, ClusterError> {
        match tokio::time::timeout(ASK_LIMIT, question).await {
            Ok(answered) => answered.map_err(|error| ClusterError::of(what, error)),
            Err(_) => Err(ClusterError::Late { what: what.to_owned(), limit: ASK_LIMIT }),
        }
    }

    /// A page of a kind, of all namespaces unless one is named.
    pub(crate) async fn page<K>(&self, what: &str, query: &Query) -> Result<Page<K>, ClusterError>
    where
        K: Resource<Scope = k8s_openapi::NamespaceResourceScope, DynamicType = ()>,
        K: Clone + std::fmt::Debug + DeserializeOwned,
    {
        let api: Api<K> = match &query.namespace {
            Some(namespace) => Api::namespaced(self.client.clone(), checked(what, namespace)?),
            None => Api::all(self.client.clone()),
        };
        self.page_of(what, &api, query).await
    }

    pub(crate) async fn page_of<K>(
        &self,
        what: &str,
        api: &Api<K>,
        query: &Query,
    ) -> Result<Page<K>, ClusterError>
    where
        K: Clone + std::fmt::Debug + DeserializeOwned,
    {
        let list = self.ask(what, api.list(&ListParams::from(query))).await?;
        let token = list.metadata.continue_.filter(|token| !token.is_empty());
        let more = list.metadata.remaining_item_count.and_then(|more| u64::try_from(more).ok());
        let total = if token.is_none() && query.token.is_none() {
            Some(list.items.len() as u64)
        } else {
            more.filter(|_| query.token.is_none()).map(|more| more + list.items.len() as u64)
        };
        Ok(Page { items: list.items, total, token })
    }

    /// Status and body of a path that answers in text, such as `/readyz?verbose`, whatever the status.
    pub(crate) async fn text(&self, what: &str, path: &str) -> Result<(u16, String), ClusterError> {
        let request = http::Request::get(path).body(Body::from(Vec::new()));
        let request = request.expect("invariant: paths asked for here are written here");
        let question = async {
            let answer = self.client.send(request).await?;
            let status = answer.status().as_u16();
            let bytes = http_body_util::BodyExt::collect(answer.into_body()).await?.to_bytes();
            Ok((status, String::from_utf8_lossy(&bytes).into_owned()))
        };
        self.ask(what, question).await
    }
}
