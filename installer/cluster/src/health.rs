//! Whether the API server says that it is well, and etcd under it.

use std::time::Instant;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use utoipa::ToSchema;

use crate::cluster::Cluster;
use crate::dial::{CONNECT_LIMIT, Dial};
use crate::error::ClusterError;

/// Where etcd tells of itself in plain HTTP, on loopback alone. Source: kubeadm's `--listen-metrics-urls`.
const ETCD: (&str, u16) = ("127.0.0.1", 2381);

/// How much etcd may have to say; some 200 KB are usual.
const ETCD_LIMIT: u64 = 4 << 20;

/// A cluster's version and health.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ClusterHealth)]
pub struct Health {
    /// The API server's, such as `v1.37.1`.
    pub version: String,
    /// Such as `linux/amd64`.
    pub platform: String,
    /// Whether the API server says that it is ready.
    pub ready: bool,
    /// What it looked at.
    pub checks: Vec<Check>,
    /// How long it took to answer, in milliseconds, the way there included.
    pub answered_in_ms: u64,
}

/// One of the API server's own checks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = HealthCheck)]
pub struct Check {
    /// Such as `etcd` or `poststarthook/rbac/bootstrap-roles`.
    pub name: String,
    pub good: bool,
    /// What it says beside `ok`; the API server withholds most of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// An etcd member as it tells of itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Etcd {
    /// Such as `3.7.3`.
    pub version: Option<String>,
    pub has_leader: bool,
    pub is_leader: bool,
    /// Since it was started.
    pub leader_changes: u64,
    /// Bytes on disk, and how much of that is used.
    pub size: u64,
    pub used: u64,
    /// Bytes; a member that has grown beyond it takes no more writes.
    pub quota: u64,
    /// Below how many milliseconds 99 of 100 writes to its log stayed since it was started; 10 and less is what etcd
    /// asks of disks.
    pub fsync_p99_ms: Option<f64>,
    pub commit_p99_ms: Option<f64>,
}

impl Cluster {
    /// What the API server says of itself.
    pub async fn health(&self) -> Result<Health, ClusterError> {
        let what = "ask the API server for its health";
        let version = self.ask(what, self.client.apiserver_version());
        let timed = async {
            let begun = Instant::now();
            (self.text(what, "/readyz?verbose").await, begun.elapsed())
        };
        let (version, (readyz, took)) = tokio::join!(version, timed);
        let (version, (status, text)) = (version?, readyz?);
        Ok(Health {
            version: version.git_version,
            platform: version.platform,
            ready: status == 200,
            checks: checks(&text),
            answered_in_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        })
    }
}

/// The checks of `/readyz?verbose`: `[+]NAME ok`, `[-]NAME failed: REASON`.
fn checks(text: &str) -> Vec<Check> {
    text.lines()
        .filter_map(|line| {
            let (good, rest) = match (line.strip_prefix("[+]"), line.strip_prefix("[-]")) {
                (Some(rest), _) => (true, rest),
                (None, Some(rest)) => (false, rest),
                (None, None) => return None,
            };
            let (name, said) = rest.split_once(' ').unwrap_or((rest, "ok"));
            let message = Some(said.trim()).filter(|said| !matches!(*said, "ok" | ""));
            Some(Check { name: name.to_owned(), good, message: message.map(str::to_owned) })
        })
        .collect()
}

/// Asks the etcd member of the host that `dial` dials from.
pub async fn etcd(dial: &Dial) -> Result<Etcd, ClusterError> {
    let what = || "ask etcd for its health".to_owned();
    match tokio::time::timeout(CONNECT_LIMIT, metrics(dial)).await {
        Ok(Ok(text)) => Ok(Etcd::of(&text)),
        Ok(Err(error)) => Err(ClusterError::Unreachable { what: what(), reason: error.to_string() }),
        Err(_) => Err(ClusterError::Late { what: what(), limit: CONNECT_LIMIT }),
    }
}

async fn metrics(dial: &Dial) -> std::io::Result<String> {
    let mut stream = dial(ETCD.0.to_owned(), ETCD.1).await?;
    // 1.0: the answer ends with the connection, and comes in one piece.
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").await?;
    stream.flush().await?;
    let mut answer = Vec::new();
    stream.take(ETCD_LIMIT).read_to_end(&mut answer).await?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").ok_or(std::io::ErrorKind::InvalidData)?;
    let status = head.split(' ').nth(1).unwrap_or_default();
    if status == "200" {
        Ok(body.to_owned())
    } else {
        Err(std::io::Error::other(format!("it answered {status}")))
    }
}

impl Etcd {
    /// Reads the Prometheus text that etcd gives. What it does not tell stays at nothing.
    fn of(text: &str) -> Etcd {
        let number = |name: &str| {
            text.lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse::<f64>().ok())
                .unwrap_or_default()
        };
        let version = text.lines().find_map(|line| {
            let rest = line.strip_prefix("etcd_server_version{server_version=\"")?;
            rest.split_once('"').map(|(version, _)| version.to_owned())
        });
        Etcd {
            version,
            has_leader: number("etcd_server_has_leader") > 0.0,
            is_leader: number("etcd_server_is_leader") > 0.0,
            leader_changes: number("etcd_server_leader_changes_seen_total") as u64,
            size: number("etcd_mvcc_db_total_size_in_bytes") as u64,
            used: number("etcd_mvcc_db_total_size_in_use_in_bytes") as u64,
            quota: number("etcd_server_quota_backend_bytes") as u64,
            fsync_p99_ms: p99(text, "etcd_disk_wal_fsync_duration_seconds"),
            commit_p99_ms: p99(text, "etcd_disk_backend_commit_duration_seconds"),
        }
    }
}

/// The upper bound of the bucket that the 99th of 100 lies in, in milliseconds. Not interpolated: what is told is certain.
fn p99(text: &str, name: &str) -> Option<f64> {
    let begin = format!("{name}_bucket{{le=\"");
    let buckets: Vec<(f64, f64)> = text
        .lines()
        .filter_map(|line| {
            let (bound, count) = line.strip_prefix(&begin)?.split_once("\"} ")?;
            Some((bound.parse().ok()?, count.trim().parse().ok()?))
        })
        .collect();
    let (_, all) = *buckets.last()?;
    let found = buckets.iter().find(|(_, count)| *count >= all * 0.99)?;
    (all > 0.0 && found.0.is_finite()).then_some(found.0 * 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answers;

    #[test]
    fn the_checks_of_a_real_api_server_are_read() {
        let all = checks(answers::READYZ);
        assert_eq!(all.len(), 37);
        assert!(all.iter().all(|check| check.good && check.message.is_none()));
        assert!(all.iter().any(|check| check.name == "etcd"));
        assert!(all.iter().any(|check| check.name == "poststarthook/rbac/bootstrap-roles"));
    }

    #[test]
    fn what_fails_says_so() {
        let text = "[+]ping ok\n[-]etcd failed: reason withheld\n[+]shutdown ok\nreadyz check failed\n";
        let all = checks(text);
        assert_eq!(all.len(), 3);
        assert_eq!((all[1].name.as_str(), all[1].good), ("etcd", false));
        assert_eq!(all[1].message.as_deref(), Some("failed: reason withheld"));
    }

    #[test]
    fn etcd_tells_of_itself() {
        let etcd = Etcd::of(answers::ETCD_METRICS);
        assert_eq!(etcd.version.as_deref(), Some("3.7.3"));
        assert!(etcd.has_leader && etcd.is_leader);
        assert_eq!((etcd.leader_changes, etcd.size, etcd.quota), (1, 1_523_712, 2_147_483_648));
        // 682 writes: the 675.18th lies in the bucket up to 256 ms.
        assert_eq!(etcd.fsync_p99_ms, Some(256.0));
        assert_eq!(etcd.commit_p99_ms, Some(512.0));
    }

    #[test]
    fn an_etcd_that_says_nothing_has_no_numbers() {
        assert_eq!(Etcd::of("HELP nothing"), Etcd::default());
        let endless = "x_bucket{le=\"0.1\"} 1\nx_bucket{le=\"+Inf\"} 5\n";
        assert_eq!(p99(endless, "x"), None, "no bound is known");
        assert_eq!(p99("x_bucket{le=\"0.1\"} 0\nx_bucket{le=\"+Inf\"} 0\n", "x"), None);
    }
}
