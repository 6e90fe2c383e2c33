//! What the node service of a host reads: its configuration and the list of images that the host holds.
//!
//! Both are files that the installer writes whole and the node service only reads
//! (`/etc/armilla/node.json`, `/var/lib/armilla/images.json`). Neither names the host it lies on, so that the same
//! bytes serve every host of a site and one digest says whether a host has them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use bundles_format::Digest;
use serde::{Deserialize, Serialize};

/// Where every kubeconfig and kubelet of a host finds the API server: the balancer of its own node service.
pub const BALANCER_ADDRESS: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), BALANCER_PORT);
/// Where containerd finds the images that the host holds.
pub const MIRROR_ADDRESS: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), MIRROR_PORT);
pub const BALANCER_PORT: u16 = 7443;
pub const MIRROR_PORT: u16 = 7444;

/// The version of both files' shapes that this build reads and writes.
pub const NODE_FORMAT: u32 = 1;

/// `/etc/armilla/node.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct NodeConfig {
    pub format: u32,
    pub balancer: BalancerConfig,
    pub mirror: MirrorConfig,
}

/// A TCP balancer in front of the API servers. It does not end TLS: what passes is as opaque as on a wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct BalancerConfig {
    /// On loopback. A change needs a restart of the unit.
    pub listen: SocketAddr,
    /// The API servers by cluster address, port 6443. May change while the service runs.
    pub backends: Vec<SocketAddr>,
}

/// A read-only OCI registry over what containerd holds already.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct MirrorConfig {
    /// On loopback. A change needs a restart of the unit.
    pub listen: SocketAddr,
    /// containerd's `root`, such as `/var/lib/containerd`.
    pub containerd_root: PathBuf,
    /// The file that holds the [`ImageMap`].
    pub images: PathBuf,
}

/// `/var/lib/armilla/images.json`: which images the installer has put on the host, by full name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageMap {
    pub format: u32,
    /// By full name with a tag, such as `registry.k8s.io/pause:3.10` or `docker.io/library/busybox:1.37`.
    pub images: BTreeMap<String, ImageEntry>,
}

/// The manifest (or index) that a name stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ImageEntry {
    pub digest: Digest,
    pub media_type: String,
    /// Bytes of the manifest, not of the image.
    pub size: u64,
}

/// Why one of the two files cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum NodeFileError {
    #[error("not the JSON that was expected")]
    Json(#[source] serde_json::Error),
    #[error("format is {0}, this build reads {NODE_FORMAT}")]
    Format(u32),
    #[error("{path} is {address}: only a loopback address may be listened on")]
    NotLoopback { path: &'static str, address: SocketAddr },
    #[error("balancer.listen and mirror.listen are both {0}")]
    SameListen(SocketAddr),
    #[error("balancer.backends is empty")]
    NoBackends,
    #[error("balancer.backends names {0} twice")]
    TwiceTheSame(SocketAddr),
    #[error("balancer.backends names {0}, which is where the balancer itself listens")]
    Loop(SocketAddr),
}

impl NodeConfig {
    /// The configuration of every host of a site, with the usual ports and places.
    pub fn new(backends: Vec<SocketAddr>) -> NodeConfig {
        NodeConfig {
            format: NODE_FORMAT,
            balancer: BalancerConfig { listen: BALANCER_ADDRESS, backends },
            mirror: MirrorConfig {
                listen: MIRROR_ADDRESS,
                containerd_root: PathBuf::from("/var/lib/containerd"),
                images: PathBuf::from("/var/lib/armilla/images.json"),
            },
        }
    }

    pub fn from_json(text: &str) -> Result<NodeConfig, NodeFileError> {
        let config: NodeConfig = serde_json::from_str(text).map_err(NodeFileError::Json)?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), NodeFileError> {
        if self.format != NODE_FORMAT {
            return Err(NodeFileError::Format(self.format));
        }
        let listens = [("balancer.listen", self.balancer.listen), ("mirror.listen", self.mirror.listen)];
        if let Some((path, address)) = listens.into_iter().find(|(_, address)| !address.ip().is_loopback()) {
            return Err(NodeFileError::NotLoopback { path, address });
        }
        // Port 0 asks the kernel for a free one, twice over.
        if self.balancer.listen == self.mirror.listen && self.balancer.listen.port() != 0 {
            return Err(NodeFileError::SameListen(self.balancer.listen));
        }
        if self.balancer.backends.is_empty() {
            return Err(NodeFileError::NoBackends);
        }
        let mut seen = BTreeSet::new();
        if let Some(twice) = self.balancer.backends.iter().find(|address| !seen.insert(**address)) {
            return Err(NodeFileError::TwiceTheSame(*twice));
        }
        if seen.contains(&self.balancer.listen) {
            return Err(NodeFileError::Loop(self.balancer.listen));
        }
        Ok(())
    }
}

impl ImageMap {
    pub fn new(images: BTreeMap<String, ImageEntry>) -> ImageMap {
        ImageMap { format: NODE_FORMAT, images }
    }

    pub fn from_json(text: &str) -> Result<ImageMap, NodeFileError> {
        let map: ImageMap = serde_json::from_str(text).map_err(NodeFileError::Json)?;
        if map.format != NODE_FORMAT {
            return Err(NodeFileError::Format(map.format));
        }
        Ok(map)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(backends: &[&str]) -> NodeConfig {
        NodeConfig::new(backends.iter().map(|address| address.parse().unwrap()).collect())
    }

    fn refusal(config: &NodeConfig) -> String {
        NodeConfig::from_json(&serde_json::to_string(config).unwrap()).unwrap_err().to_string()
    }

    #[test]
    fn a_configuration_is_read_as_it_is_written() {
        let config = config(&["10.0.0.1:6443", "[fd00::2]:6443"]);
        let text = serde_json::to_string(&config).unwrap();
        assert_eq!(
            text,
            r#"{"format":1,"balancer":{"listen":"127.0.0.1:7443","backends":["10.0.0.1:6443","[fd00::2]:6443"]},"mirror":{"listen":"127.0.0.1:7444","containerdRoot":"/var/lib/containerd","images":"/var/lib/armilla/images.json"}}"#
        );
        assert_eq!(NodeConfig::from_json(&text).unwrap(), config);
    }

    #[test]
    fn a_balancer_without_backends_or_with_itself_as_one_is_refused() {
        assert_eq!(refusal(&config(&[])), "balancer.backends is empty");
        assert_eq!(
            refusal(&config(&["10.0.0.1:6443", "10.0.0.1:6443"])),
            "balancer.backends names 10.0.0.1:6443 twice"
        );
        assert_eq!(
            refusal(&config(&["127.0.0.1:7443"])),
            "balancer.backends names 127.0.0.1:7443, which is where the balancer itself listens"
        );
    }

    #[test]
    fn nothing_but_loopback_is_listened_on() {
        let mut open = config(&["10.0.0.1:6443"]);
        open.mirror.listen = "0.0.0.0:7444".parse().unwrap();
        assert_eq!(
            refusal(&open),
            "mirror.listen is 0.0.0.0:7444: only a loopback address may be listened on"
        );
        let mut both = config(&["10.0.0.1:6443"]);
        both.mirror.listen = both.balancer.listen;
        assert_eq!(refusal(&both), "balancer.listen and mirror.listen are both 127.0.0.1:7443");
    }

    #[test]
    fn files_of_tomorrow_are_refused() {
        let mut later = config(&["10.0.0.1:6443"]);
        later.format = 2;
        assert_eq!(refusal(&later), "format is 2, this build reads 1");
        assert!(ImageMap::from_json(r#"{"format":2,"images":{}}"#).is_err());
    }

    #[test]
    fn an_image_map_keeps_names_digests_and_media_types() {
        let text = format!(
            r#"{{"format":1,"images":{{"registry.k8s.io/pause:3.10":{{"digest":"sha256:{}","mediaType":"application/vnd.oci.image.manifest.v1+json","size":527}}}}}}"#,
            "0a".repeat(32)
        );
        let map = ImageMap::from_json(&text).unwrap();
        assert_eq!(map.images["registry.k8s.io/pause:3.10"].size, 527);
        assert_eq!(serde_json::to_string(&map).unwrap(), text);
    }
}
