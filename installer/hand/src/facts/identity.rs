//! What tells a machine from its clones.

use installer_model::survey::Identity;

use super::Root;

pub(super) fn read(root: &Root) -> Identity {
    let keys = root.names("/etc/ssh").into_iter();
    let keys = keys.filter(|name| name.starts_with("ssh_host_") && name.ends_with("_key.pub"));
    let key = |name: String| {
        let line = root.line(&format!("/etc/ssh/{name}"))?;
        let mut words = line.split_whitespace();
        Some(format!("{} {}", words.next()?, words.next()?))
    };
    Identity {
        product_uuid: root.line("/sys/class/dmi/id/product_uuid").map(|uuid| uuid.to_lowercase()),
        ssh_host_keys: keys.filter_map(key).collect(),
    }
}
