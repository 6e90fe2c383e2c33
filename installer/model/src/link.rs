//! The network between two hosts, as they themselves found it before anything was installed.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::names::HostName;
use crate::survey::Protocol;

/// One direction between two hosts on their cluster addresses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Link {
    pub from: HostName,
    pub to: HostName,
    /// Every port that `from` will use on `to`.
    pub ports: Vec<PortSeen>,
    /// `None`: no UDP port answered, or the interface is not known.
    pub mtu: Option<PathMtu>,
    /// `None`: no UDP port answered.
    pub echo: Option<Echo>,
    /// Probes over UDP that arrived at `to`, whether or not its answers came back. `None`: nobody counted.
    #[serde(default)]
    pub heard: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PortSeen {
    pub protocol: Protocol,
    pub port: u16,
    pub reach: Reach,
}

/// What became of a probe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "is")]
pub enum Reach {
    /// The other host's hand answered, or what listens there already took the connection.
    Open,
    /// Somebody on the way said no, such as a firewall that rejects: what the kernel was told.
    Rejected { error: String },
    /// No answer at all: dropped on the way, as firewalls do.
    Silent,
    /// It was answered, but not by the other host's hand.
    Stranger,
    /// The port could not be listened on, or holds UDP already: nothing is known.
    Untested,
}

impl Reach {
    /// Whether packets are known not to get through.
    pub fn is_blocked(&self) -> bool {
        match self {
            Reach::Rejected { .. } | Reach::Silent | Reach::Stranger => true,
            Reach::Open | Reach::Untested => false,
        }
    }
}

/// The largest packet that was answered, with the header: bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PathMtu {
    /// Of the sender's interface: what the pod network fills.
    pub wanted: u32,
    pub passes: u32,
}

/// Small datagrams that were sent and answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Echo {
    pub sent: u32,
    pub answered: u32,
    /// Of those that were answered, microseconds.
    pub median_us: u64,
}

impl Echo {
    /// Of a thousand sent, how many were not answered.
    pub fn lost_permille(self) -> u32 {
        let lost = u64::from(self.sent.saturating_sub(self.answered)) * 1000;
        u32::try_from(lost.checked_div(u64::from(self.sent)).unwrap_or(0)).unwrap_or(1000)
    }
}

/// What a hand is told to listen on for a moment, and for whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listening {
    /// Known to engine and hands alone: who does not say it is not answered.
    pub nonce: String,
    pub address: IpAddr,
    /// Others are not answered.
    pub peers: Vec<IpAddr>,
    pub ports: Vec<(Protocol, u16)>,
    /// After that it ends by itself, at most [`Listening::LONGEST_MS`].
    pub hold_ms: u64,
}

impl Listening {
    pub const LONGEST_MS: u64 = 600_000;
}

/// What a hand is told to find out about the way to one other host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probing {
    pub nonce: String,
    pub from: IpAddr,
    pub to: IpAddr,
    /// Each with whether the other host's hand listens there; where it does not, something else may.
    pub ports: Vec<(Protocol, u16, bool)>,
    /// Bytes of the largest packet to try; `None`: not asked.
    pub mtu: Option<u32>,
    /// How many small datagrams to send.
    pub echoes: u32,
    /// How long an answer is waited for.
    pub patience_ms: u64,
}

/// What a hand found out: [`Link`] without its names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probed {
    pub ports: Vec<PortSeen>,
    pub mtu: Option<PathMtu>,
    pub echo: Option<Echo>,
}

/// How many probes over UDP came from each peer.
pub type Heard = Vec<(IpAddr, u32)>;
