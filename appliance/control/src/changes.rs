//! What a changed site file may not ask of a cluster that is there.

use std::collections::BTreeMap;

use installer_model::site::Site;

use crate::error::{ControlError, Kind, Problem};
use crate::ready::Ready;

impl Ready {
    /// What apply cannot do yet is refused by its path, before anything is touched.
    pub fn refuse_unsupported_changes(&self) -> Result<(), ControlError> {
        let before: Option<Site> = self
            .store
            .site(self.site.name.as_str())
            .map_err(|error| ControlError::store("read the site as it was: ", &error))?;
        let problems = match before {
            Some(before) => unsupported(&before, &self.site),
            None => self.hosts_of_other_sites()?,
        };
        if problems.is_empty() {
            return Ok(());
        }
        Err(ControlError::all(Kind::Refused, problems)
            .hint("put these back as they were, or reset the site and install it anew"))
    }

    /// A site that was never installed has no host that this ledger put into another site's cluster.
    fn hosts_of_other_sites(&self) -> Result<Vec<Problem>, ControlError> {
        let failed = |error| ControlError::store("read the other sites: ", &error);
        let mut problems = Vec::new();
        for name in self.store.site_names().map_err(failed)? {
            let Some(other) = self.store.site::<Site>(&name).map_err(failed)? else { continue };
            problems.extend(shared_hosts(&self.site, &other, &self.ours));
        }
        Ok(problems)
    }
}

/// Hosts that carry the cluster of another site.
fn shared_hosts(site: &Site, other: &Site, ours: &BTreeMap<String, bool>) -> Vec<Problem> {
    let claimed = site.hosts.iter().filter(|host| ours.get(host.name.as_str()) == Some(&true));
    claimed
        .filter(|host| other.hosts.iter().any(|theirs| theirs.cluster_address == host.cluster_address))
        .map(|host| {
            let name = &host.name;
            Problem::at(
                format!("hosts[{name}]"),
                format!("it belongs to site {}; was metadata.name that once?", other.name),
            )
        })
        .collect()
}

/// Changes between two site files that an existing cluster does not follow.
fn unsupported(before: &Site, now: &Site) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut fixed = |path: &str, was: String, is: String| {
        if was != is {
            problems.push(Problem::at(path, format!("was {was} when the cluster was made and is now {is}")));
        }
    };
    fixed("network.podCIDR", before.network.pod_cidr.to_string(), now.network.pod_cidr.to_string());
    fixed(
        "network.serviceCIDR",
        before.network.service_cidr.to_string(),
        now.network.service_cidr.to_string(),
    );
    fixed(
        "network.clusterDomain",
        before.network.cluster_domain.to_string(),
        now.network.cluster_domain.to_string(),
    );
    fixed("api.port", before.api.port.to_string(), now.api.port.to_string());
    fixed("dataRoot", before.data_root.to_string(), now.data_root.to_string());
    for host in &before.hosts {
        let name = &host.name;
        match now.host(name) {
            None => problems.push(Problem::at(
                "hosts",
                format!("{name} is gone from the file; take it out with `armilla reset --host {name}` first"),
            )),
            Some(same) if same.roles.control_plane != host.roles.control_plane => {
                problems.push(Problem::at(
                    format!("hosts[{name}].roles"),
                    "a host cannot become or cease to be a control plane yet",
                ));
            }
            Some(same) if same.cluster_address != host.cluster_address => problems.push(Problem::at(
                format!("hosts[{name}].clusterAddress"),
                format!("was {} when it joined and is now {}", host.cluster_address, same.cluster_address),
            )),
            Some(_) => {}
        }
    }
    problems
}
