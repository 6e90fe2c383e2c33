//! Name servers, as pods would be given them.

use std::net::IpAddr;

use super::Root;

const PLAIN: &str = "/etc/resolv.conf";
/// What systemd-resolved's stub itself asks.
const BEHIND_THE_STUB: &str = "/run/systemd/resolve/resolv.conf";

/// The file that pods should be given and what it names.
pub(super) fn effective(root: &Root) -> Option<(String, Vec<IpAddr>)> {
    let servers = |path: &str| root.text(path).map(|text| (path.to_owned(), parse(&text)));
    let plain = servers(PLAIN)?;
    let only_a_stub = !plain.1.is_empty() && plain.1.iter().all(IpAddr::is_loopback);
    let behind = only_a_stub.then(|| servers(BEHIND_THE_STUB)).flatten();
    Some(behind.unwrap_or(plain))
}

/// resolv.conf(5). An address may carry a zone (`fe80::1%eth0`).
fn parse(text: &str) -> Vec<IpAddr> {
    let words = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let address = |words: Vec<&str>| match words.as_slice() {
        ["nameserver", address, ..] => address.split('%').next()?.parse().ok(),
        _ => None,
    };
    words.filter_map(address).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_other_words_name_no_servers() {
        let text = "# nameserver 1.1.1.1\nsearch example.com\nnameserver 10.0.0.2\nnameserver\tfe80::1%eth0\nnameserver nonsense\n";
        let wanted: [IpAddr; 2] = ["10.0.0.2".parse().unwrap(), "fe80::1".parse().unwrap()];
        assert_eq!(parse(text), wanted);
    }
}
