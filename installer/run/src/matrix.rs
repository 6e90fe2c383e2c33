//! Has the hosts measure the network between each other: all listen at once, then pair by pair probes the other, round
//! after round. What was decided is in `installer_plan::matrix`; here it is only carried out.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::{join, join_all};
use installer_model::link::{Heard, Link, Listening, PortSeen, Probed, Probing, Reach};
use installer_model::site::{Host, Site};
use installer_model::survey::{Protocol, Survey};
use installer_plan::matrix;
use installer_ssh::Hand;

/// How long a hand waits for an answer: twice the time after which TCP repeats its first packet, so that one lost packet
/// is no blocked port.
const PATIENCE_MS: u64 = 2_500;
/// Enough to see a loss of one in a hundred.
const ECHOES: u32 = 100;
/// One pair, with everything blocked and every wait used up.
const LONGEST_PAIR: Duration = Duration::from_secs(30);
/// No round begins after this: fifty hosts that all block each other are not waited for.
const LONGEST: Duration = Duration::from_secs(120);

/// What is measured: the hosts of `pairs`, on hands that are connected.
pub struct Matrix<'a> {
    pub site: &'a Site,
    pub hands: &'a BTreeMap<String, Arc<Hand>>,
    /// For the interfaces' MTUs.
    pub survey: &'a Survey,
    /// Letters and digits that nobody can guess, made for this once.
    pub nonce: String,
    /// Whether two hosts are to be measured; where it is so already that they form a cluster, they need not be.
    pub wanted: &'a (dyn Fn(&Host, &Host) -> bool + Sync),
}

type Ports = BTreeSet<(Protocol, u16)>;

impl Matrix<'_> {
    /// Both directions of every pair that was measured. A host whose hand is lost on the way is left out.
    pub async fn measure(&self) -> Vec<Link> {
        let hosts: Vec<&Host> = self.site.hosts.iter().collect();
        let pairs = |round: Vec<(usize, usize)>| -> Vec<(&Host, &Host)> {
            let pairs = round.into_iter().map(|(one, other)| (hosts[one], hosts[other]));
            pairs.filter(|(one, other)| (self.wanted)(one, other)).collect()
        };
        let rounds: Vec<Vec<(&Host, &Host)>> = matrix::rounds(hosts.len()).into_iter().map(pairs).collect();
        if rounds.iter().all(Vec::is_empty) {
            return Vec::new();
        }
        let listening: BTreeMap<&str, Ports> =
            join_all(hosts.iter().map(|host| self.listen(host))).await.into_iter().flatten().collect();
        let began = Instant::now();
        let mut links = Vec::new();
        for round in rounds {
            if began.elapsed() > LONGEST {
                tracing::warn!(
                    "the network was not measured to its end: too many pairs do not reach each other"
                );
                break;
            }
            let probes = round.into_iter().map(|(one, other)| {
                join(self.probe(one, other, &listening), self.probe(other, one, &listening))
            });
            for (there, back) in join_all(probes).await {
                links.extend([there, back].into_iter().flatten());
            }
        }
        let heard: BTreeMap<&str, Heard> =
            join_all(hosts.iter().map(|host| self.end(host))).await.into_iter().flatten().collect();
        for link in &mut links {
            link.heard = self.heard(link, &heard);
        }
        links
    }

    fn hand(&self, host: &Host) -> Option<&Arc<Hand>> {
        self.hands.get(host.name.as_str())
    }

    async fn listen<'a>(&self, host: &'a Host) -> Option<(&'a str, Ports)> {
        let others = self.site.hosts.iter().filter(|other| other.name != host.name);
        let listening = Listening {
            nonce: self.nonce.clone(),
            address: host.cluster_address,
            peers: others.map(|other| other.cluster_address).collect(),
            ports: matrix::listening(self.site, host),
            hold_ms: u64::try_from((LONGEST + LONGEST_PAIR).as_millis()).unwrap_or(u64::MAX),
        };
        match self.hand(host)?.net_listen(listening).await {
            Ok(ports) => Some((host.name.as_str(), ports.into_iter().collect())),
            Err(error) => {
                tracing::warn!(host = %host.name, %error, "the network to this host is not measured");
                None
            }
        }
    }

    async fn probe(&self, from: &Host, to: &Host, listening: &BTreeMap<&str, Ports>) -> Option<Link> {
        let hears = listening.get(to.name.as_str())?;
        let nic = self.survey.facts(&from.name).and_then(|facts| facts.nic_of(from.cluster_address));
        let probing = Probing {
            nonce: self.nonce.clone(),
            from: from.cluster_address,
            to: to.cluster_address,
            ports: matrix::ports(self.site, from, to)
                .into_iter()
                .map(|(protocol, port)| (protocol, port, hears.contains(&(protocol, port))))
                .collect(),
            mtu: nic.and_then(|nic| nic.mtu),
            echoes: ECHOES,
            patience_ms: PATIENCE_MS,
        };
        let asked = tokio::time::timeout(LONGEST_PAIR, self.hand(from)?.net_probe(probing)).await;
        match asked {
            Ok(Ok(Probed { ports, mtu, echo })) => {
                Some(Link { from: from.name.clone(), to: to.name.clone(), ports, mtu, echo, heard: None })
            }
            Ok(Err(error)) => {
                tracing::warn!(from = %from.name, to = %to.name, %error, "the way is not measured");
                None
            }
            Err(_) => {
                tracing::warn!(from = %from.name, to = %to.name, "the way took too long to measure");
                None
            }
        }
    }

    async fn end<'a>(&self, host: &'a Host) -> Option<(&'a str, Heard)> {
        Some((host.name.as_str(), self.hand(host)?.net_end(&self.nonce).await.ok()?))
    }

    /// How much of what `from` sent arrived at `to`; nothing is known where no UDP port was free.
    fn heard(&self, link: &Link, heard: &BTreeMap<&str, Heard>) -> Option<u32> {
        let tested = |seen: &PortSeen| seen.protocol == Protocol::Udp && seen.reach != Reach::Untested;
        if !link.ports.iter().any(tested) {
            return None;
        }
        let from: IpAddr = self.site.host(&link.from)?.cluster_address;
        let counts = heard.get(link.to.as_str())?;
        Some(counts.iter().find(|(peer, _)| *peer == from).map_or(0, |(_, count)| *count))
    }
}
