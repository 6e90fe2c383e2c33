//! What is done to a host's cables: cut, one way or both, and slowed down. Kept as a state that is put on again whenever
//! the host starts, since its cards are new each time.

use crate::spec::SpecError;
use serde::{Deserialize, Serialize};
use std::fmt::Write;
use std::str::FromStr;

/// The condition of one host's cables, on all its networks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Condition {
    pub(crate) cut: Option<Cut>,
    pub(crate) rate: Option<Rate>,
}

/// How a host is cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cut {
    /// The cable is pulled: both ends see the link go down.
    Cable,
    /// What the host sends is lost; the link stays up.
    FromHost,
    /// What is sent to the host is lost; the link stays up.
    ToHost,
}

/// The most that goes through a card each way, in kilobits per second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rate(u64);

impl FromStr for Rate {
    type Err = SpecError;
    fn from_str(text: &str) -> Result<Self, SpecError> {
        let wrong = || SpecError::Rate(text.to_owned());
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let factor = match &text[digits.len()..] {
            "kbit" => 1,
            "mbit" => 1_000,
            "gbit" => 1_000_000,
            _ => return Err(wrong()),
        };
        let count: u64 = digits.parse().map_err(|_| wrong())?;
        count.checked_mul(factor).filter(|rate| (1..=100_000_000).contains(rate)).map(Rate).ok_or_else(wrong)
    }
}

impl Rate {
    /// A token bucket of tc-tbf(8). It must hold what passes between two timer ticks, and one segment of 64 KiB that
    /// the kernel has not cut up yet; 10 ms covers a kernel of 100 Hz.
    fn bucket(self) -> String {
        let burst = (self.0 * 1000 / 8 / 100).max(64 << 10);
        format!("tbf rate {}kbit burst {burst} latency 50ms", self.0)
    }
}

/// One card of a host and the other end of its cable.
pub(crate) struct Cable {
    /// In the lab's namespace, a port of `bridge`.
    pub(crate) port: String,
    pub(crate) bridge: &'static str,
    /// In the host's namespace.
    pub(crate) card: &'static str,
    pub(crate) hardware: String,
}

impl Condition {
    /// A script that puts the cables in this condition, whatever they were in before.
    pub(crate) fn script(&self, lab: &str, host: &str, cables: &[Cable]) -> String {
        let mut script =
            String::from("# Puts the host's cables in the condition that was asked for.\nset -e\n");
        for Cable { port, card, .. } in cables {
            let ends = [format!("-n {lab} qdisc %% dev {port}"), format!("-n {host} qdisc %% dev {card}")];
            for end in ends {
                let line = match self.rate {
                    Some(rate) => format!("tc {} root {}", end.replace("%%", "replace"), rate.bucket()),
                    None => format!("tc {} root 2>/dev/null || true", end.replace("%%", "delete")),
                };
                let _ = writeln!(script, "{line}");
            }
            let state = if self.cut == Some(Cut::Cable) { "down" } else { "up" };
            let _ = writeln!(script, "ip -n {lab} link set {port} {state}");
        }
        script
    }
}

/// The rules of the lab's bridges that lose packets one way, for all hosts at once: applied as a whole, they replace the
/// ones before.
pub(crate) fn one_way_rules(conditions: &[(Condition, Vec<Cable>)]) -> String {
    let ports = |cut| {
        let names = conditions.iter().filter(move |(condition, _)| condition.cut == Some(cut));
        names.flat_map(|(_, cables)| cables.iter().map(|cable| cable.port.as_str()))
    };
    let mut rules = String::from("table bridge cut\ndelete table bridge cut\ntable bridge cut {\n");
    rules.push_str("  chain from_hosts {\n    type filter hook prerouting priority 0;\n");
    for port in ports(Cut::FromHost) {
        let _ = writeln!(rules, "    iifname \"{port}\" drop");
    }
    rules.push_str("  }\n  chain to_hosts {\n    type filter hook postrouting priority 0;\n");
    for port in ports(Cut::ToHost) {
        let _ = writeln!(rules, "    oifname \"{port}\" drop");
    }
    rules.push_str("  }\n}\n");
    rules
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cables() -> Vec<Cable> {
        vec![Cable { port: "h1".into(), bridge: "lab0", card: "host0", hardware: "02:00:00:00:00:01".into() }]
    }

    #[test]
    fn a_rate_is_read_in_bits() {
        assert_eq!("100mbit".parse(), Ok(Rate(100_000)));
        for wrong in ["100", "fast", "0mbit", "100MB", "mbit", "200gbit"] {
            assert!(wrong.parse::<Rate>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_mended_cable_is_up_and_has_no_limit() {
        let script = Condition::default().script("lab", "host", &cables());
        assert!(script.contains("ip -n lab link set h1 up"));
        assert!(script.contains("tc -n lab qdisc delete dev h1 root"));
    }

    #[test]
    fn a_limit_holds_each_way() {
        let condition = Condition { cut: None, rate: Some(Rate(100_000)) };
        let script = condition.script("lab", "host", &cables());
        let bucket = "root tbf rate 100000kbit burst 125000 latency 50ms";
        assert!(script.contains(&format!("tc -n lab qdisc replace dev h1 {bucket}")), "{script}");
        assert!(script.contains(&format!("tc -n host qdisc replace dev host0 {bucket}")), "{script}");
    }

    #[test]
    fn only_the_way_that_is_cut_is_dropped() {
        let cut = Condition { cut: Some(Cut::FromHost), rate: None };
        let rules = one_way_rules(&[(cut, cables())]);
        assert!(rules.contains("iifname \"h1\" drop") && !rules.contains("oifname"), "{rules}");
    }
}
