//! The small words of a site: names, addresses, networks. Each is checked once, where it is read.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why a word is not what it should be; fit to follow a path such as `hosts[1].name:`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NameError(pub String);

/// A newtype over `String` that only its check can make.
macro_rules! checked_text {
    ($(#[$doc:meta])* $name:ident, $check:path) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<$name, NameError> {
                $check(text).map_err(NameError)?;
                Ok($name(text.to_owned()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;

            fn try_from(text: String) -> Result<$name, NameError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

checked_text! {
    /// The name of a site, and so of its cluster: an RFC 1123 label, and no word that the API has in the place of one.
    SiteName, site_name
}
checked_text! {
    /// The name of a host, which becomes the name of its Kubernetes node: an RFC 1123 subdomain
    /// (<https://kubernetes.io/docs/concepts/overview/working-with-objects/names/>).
    HostName, rfc1123_subdomain
}
checked_text! {
    /// A DNS name: an RFC 1123 subdomain whose last label is not a number (that would be a mistyped address).
    DnsName, dns_name
}
checked_text! {
    /// `host` or `host:port` of an image registry.
    RegistryHost, registry_host
}
checked_text! {
    /// The key of a Kubernetes label or taint: `name` or `prefix/name`.
    LabelKey, label_key
}
checked_text! {
    /// The value of a Kubernetes label or taint; may be empty.
    LabelValue, label_value
}
checked_text! {
    /// A login name on a host.
    UserName, user_name
}
checked_text! {
    /// The fingerprint of an SSH host key as `ssh-keygen -l` prints it: `SHA256:` and 43 base64 characters.
    HostKeyFingerprint, host_key_fingerprint
}
checked_text! {
    /// An absolute path on a host, without `..`, without a trailing slash, of characters that need no
    /// quoting in a unit file or a shell.
    HostPath, host_path
}
checked_text! {
    /// The name of a command line flag, without its dashes.
    FlagName, flag_name
}
checked_text! {
    /// A version `MAJOR.MINOR.PATCH`, without a leading `v`.
    KubernetesVersion, kubernetes_version
}

fn is_lower_alnum(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit()
}

/// Words that stand in `/api/v1/sites/…` where a site's name does. A test of the API holds them against its routes.
const WORDS_OF_ROUTES: [&str; 2] = ["import", "validate"];

fn site_name(text: &str) -> Result<(), String> {
    rfc1123_label(text)?;
    match WORDS_OF_ROUTES.contains(&text) {
        true => Err(format!("{text:?} means something else in the API: give the site another name")),
        false => Ok(()),
    }
}

fn rfc1123_label(text: &str) -> Result<(), String> {
    let inner = |c| is_lower_alnum(c) || c == '-';
    let ends = text.starts_with(is_lower_alnum) && text.ends_with(is_lower_alnum);
    if text.len() <= 63 && ends && text.chars().all(inner) {
        return Ok(());
    }
    Err(format!(
        "{text:?} is not a valid name (RFC 1123: up to 63 lower-case letters, digits and -, a letter or digit at both ends)"
    ))
}

fn rfc1123_subdomain(text: &str) -> Result<(), String> {
    if text.len() <= 253 && text.split('.').all(|label| rfc1123_label(label).is_ok()) {
        return Ok(());
    }
    Err(format!(
        "{text:?} is not a valid name (RFC 1123: lower-case letters, digits, - and ., a letter or digit at both ends)"
    ))
}

fn dns_name(text: &str) -> Result<(), String> {
    rfc1123_subdomain(text).map_err(|_| format!("{text:?} is not a DNS name"))?;
    let last = text.rsplit('.').next().unwrap_or(text);
    if last.chars().all(|c| c.is_ascii_digit()) {
        return Err(format!("{text:?} is not an IP address"));
    }
    Ok(())
}

fn registry_host(text: &str) -> Result<(), String> {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (text, None),
    };
    let host_ok = host.parse::<Ipv4Addr>().is_ok() || dns_name(host).is_ok();
    let port_ok = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
    if host_ok && port_ok {
        return Ok(());
    }
    Err(format!("{text:?} is not a registry (host or host:port, without a scheme or a path)"))
}

/// The name part of a label key, or a label value that is not empty:
/// <https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set>.
fn qualified(text: &str) -> bool {
    let alnum = |c: char| c.is_ascii_alphanumeric();
    let inner = |c: char| alnum(c) || matches!(c, '-' | '_' | '.');
    text.len() <= 63 && text.starts_with(alnum) && text.ends_with(alnum) && text.chars().all(inner)
}

fn label_key(text: &str) -> Result<(), String> {
    let (prefix, name) = match text.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, text),
    };
    if prefix.is_none_or(|prefix| rfc1123_subdomain(prefix).is_ok()) && qualified(name) {
        return Ok(());
    }
    Err(format!(
        "{text:?} is not a label key (name or prefix/name; up to 63 letters, digits, -, _ and ., a letter or digit at both ends)"
    ))
}

fn label_value(text: &str) -> Result<(), String> {
    if text.is_empty() || qualified(text) {
        return Ok(());
    }
    Err(format!(
        "{text:?} is not a label value (up to 63 letters, digits, -, _ and ., a letter or digit at both ends)"
    ))
}

fn user_name(text: &str) -> Result<(), String> {
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '@' | '\\' | '$');
    let starts = text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    if text.len() <= 256 && starts && text.chars().all(inner) {
        return Ok(());
    }
    Err(format!("{text:?} is not a user name"))
}

fn host_key_fingerprint(text: &str) -> Result<(), String> {
    let base64 = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/');
    let whole = |c: char| "AEIMQUYcgkosw048".contains(c);
    match text.strip_prefix("SHA256:") {
        // 32 bytes leave two bits of the last character unused, and those are 0.
        Some(hash) if hash.len() == 43 && hash.chars().all(base64) && hash.ends_with(whole) => Ok(()),
        _ => Err(format!(
            "{text:?} is not a host key fingerprint (SHA256: and 43 characters, as `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` prints)"
        )),
    }
}

fn host_path(text: &str) -> Result<(), String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_' | '.' | '+' | '@');
    let parts_ok = |rest: &str| rest.split('/').all(|part| !matches!(part, "" | "." | ".."));
    match text.strip_prefix('/') {
        Some(rest) if !rest.is_empty() && text.chars().all(plain) && parts_ok(rest) => Ok(()),
        _ => Err(format!(
            "{text:?} is not a directory on a host (absolute, such as /var/lib; letters, digits, - _ . + @; no .. and no trailing /)"
        )),
    }
}

fn flag_name(text: &str) -> Result<(), String> {
    if text.starts_with('-') {
        return Err(format!(
            "{text:?} is not a flag name: write it without dashes, {:?}",
            text.trim_start_matches('-')
        ));
    }
    if !text.is_empty() && text.chars().all(|c| is_lower_alnum(c) || c == '-') {
        return Ok(());
    }
    Err(format!("{text:?} is not a flag name (lower-case letters, digits and -)"))
}

fn kubernetes_version(text: &str) -> Result<(), String> {
    let number = |part: &str| part == "0" || (part.parse::<u16>().is_ok() && !part.starts_with(['0', '+']));
    let parts: Vec<&str> = text.split('.').collect();
    if parts.len() == 3 && parts.into_iter().all(number) {
        return Ok(());
    }
    Err(match text.strip_prefix('v') {
        Some(rest) if kubernetes_version(rest).is_ok() => format!("{text:?}: write it without the v, {rest}"),
        _ => format!("{text:?} is not a version (MAJOR.MINOR.PATCH, such as 1.37.1)"),
    })
}

/// Where SSH reaches a host: an address or a DNS name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum HostAddress {
    Ip(IpAddr),
    Name(DnsName),
}

impl HostAddress {
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            HostAddress::Ip(ip) => Some(*ip),
            HostAddress::Name(_) => None,
        }
    }
}

impl FromStr for HostAddress {
    type Err = NameError;

    fn from_str(text: &str) -> Result<HostAddress, NameError> {
        if let Ok(ip) = text.parse() {
            return Ok(HostAddress::Ip(ip));
        }
        let looks_like_a_name = text.contains(|c: char| c.is_ascii_alphabetic()) && !text.contains(':');
        match text.parse() {
            Ok(name) if looks_like_a_name => Ok(HostAddress::Name(name)),
            _ if looks_like_a_name => {
                Err(NameError(format!("{text:?} is not an IP address and not a DNS name")))
            }
            _ => Err(NameError(format!("{text:?} is not an IP address"))),
        }
    }
}

impl TryFrom<String> for HostAddress {
    type Error = NameError;

    fn try_from(text: String) -> Result<HostAddress, NameError> {
        text.parse()
    }
}

impl From<HostAddress> for String {
    fn from(address: HostAddress) -> String {
        address.to_string()
    }
}

impl fmt::Display for HostAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HostAddress::Ip(ip) => ip.fmt(f),
            HostAddress::Name(name) => name.fmt(f),
        }
    }
}

/// A network `address/prefix` whose host bits are zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Cidr {
    address: IpAddr,
    prefix: u8,
}

/// The bits of an address, left-aligned in 128, so that both families share their arithmetic.
fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(u32::from(v4)) << 96,
        IpAddr::V6(v6) => u128::from(v6),
    }
}

fn mask(prefix: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0)
}

impl Cidr {
    /// The network of `prefix` bits that `address` lies in. `None` when the prefix is longer than the address.
    pub fn containing(address: IpAddr, prefix: u8) -> Option<Cidr> {
        let width = if address.is_ipv4() { 32 } else { 128 };
        if prefix > width {
            return None;
        }
        let kept = bits(address) & mask(prefix);
        Some(Cidr { address: from_bits(kept, address.is_ipv4()), prefix })
    }

    pub fn address(&self) -> IpAddr {
        self.address
    }

    pub fn prefix(&self) -> u8 {
        self.prefix
    }

    pub fn is_ipv4(&self) -> bool {
        self.address.is_ipv4()
    }

    /// `0.0.0.0/0` or `::/0`.
    pub fn is_default(&self) -> bool {
        self.prefix == 0
    }

    pub fn contains(&self, address: IpAddr) -> bool {
        self.is_ipv4() == address.is_ipv4() && bits(address) & mask(self.prefix) == bits(self.address)
    }

    pub fn overlaps(&self, other: &Cidr) -> bool {
        if self.prefix <= other.prefix { self.contains(other.address) } else { other.contains(self.address) }
    }

    /// The `n`th address, such as the 10th of the Service network, which is the cluster's DNS.
    pub fn nth(&self, n: u32) -> Option<IpAddr> {
        let step = u128::from(n) << if self.is_ipv4() { 96 } else { 0 };
        let address = from_bits(bits(self.address).checked_add(step)?, self.is_ipv4());
        self.contains(address).then_some(address)
    }
}

fn from_bits(bits: u128, v4: bool) -> IpAddr {
    if v4 {
        let high = u32::try_from(bits >> 96).expect("a u128 shifted right by 96 has 32 bits");
        IpAddr::V4(Ipv4Addr::from(high))
    } else {
        IpAddr::V6(Ipv6Addr::from(bits))
    }
}

impl FromStr for Cidr {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Cidr, NameError> {
        let bad = || NameError(format!("{text:?} is not a network (address/prefix, such as 10.244.0.0/16)"));
        let (address, prefix) = text.split_once('/').ok_or_else(bad)?;
        if prefix.starts_with('+') {
            return Err(bad());
        }
        let address: IpAddr = address.parse().map_err(|_| bad())?;
        let cidr = Cidr::containing(address, prefix.parse().map_err(|_| bad())?).ok_or_else(bad)?;
        if cidr.address != address {
            return Err(NameError(format!("{text:?} has host bits set: did you mean {cidr}?")));
        }
        Ok(cidr)
    }
}

impl TryFrom<String> for Cidr {
    type Error = NameError;

    fn try_from(text: String) -> Result<Cidr, NameError> {
        text.parse()
    }
}

impl From<Cidr> for String {
    fn from(cidr: Cidr) -> String {
        cidr.to_string()
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

#[cfg(test)]
#[path = "names_test.rs"]
mod tests;
