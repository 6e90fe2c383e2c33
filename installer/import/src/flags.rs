//! Flags of the kubelet and the API server, in the ways that files write them.

use std::collections::BTreeMap;

use installer_model::names::FlagName;
use installer_model::site::PortRange;
use installer_model::site_file::{decided_of_api_server, decided_of_kubelet};

use crate::field::Field;
use crate::outcome::Why;
use crate::site_draft::SiteDraft;

/// One of the two components whose flags a site may give.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Component {
    Kubelet,
    ApiServer,
}

/// Takes one flag over, from a field that holds its value or all of `--name=value`.
pub(crate) fn flag(component: Component, name: &str, value: &str, field: &Field<'_>, draft: &mut SiteDraft) {
    if matches!((component, name), (Component::ApiServer, "service-node-port-range")) {
        if let Some((first, last)) = value
            .split_once('-')
            .and_then(|(first, last)| Some((first.trim().parse().ok()?, last.trim().parse().ok()?)))
        {
            draft.node_ports = Some(PortRange { first, last });
        } else {
            field.note(Why::Invalid, "is not a range of ports");
        }
        return;
    }
    let (decided, args): (_, &mut BTreeMap<FlagName, String>) = match component {
        Component::Kubelet => (decided_of_kubelet(name), &mut draft.kubelet_args),
        Component::ApiServer => (decided_of_api_server(name), &mut draft.api_server_args),
    };
    if let Some(instead) = decided {
        return field.note(Why::NoPlace, format!("--{name} is decided by Armilla: {instead}"));
    }
    if value.contains(char::is_control) {
        return field.note(Why::Invalid, "holds a line break or another control character");
    }
    match name.parse::<FlagName>() {
        Ok(name) => match args.get(&name) {
            Some(other) if other != value => {
                field.note(
                    Why::NoPlace,
                    format!("--{name} is given twice with different values; the first counts"),
                );
            }
            _ => drop(args.insert(name, value.to_owned())),
        },
        Err(_) => field.note(Why::Invalid, "is not a flag"),
    }
}

/// A list of `--name=value` or `name=value`.
pub(crate) fn flag_list(component: Component, list: &Field<'_>, draft: &mut SiteDraft) {
    for item in list.items() {
        let Some(text) = item.text() else { continue };
        let (name, value) =
            text.trim_start_matches('-').split_once('=').unwrap_or((text.trim_start_matches('-'), "true"));
        flag(component, name, value, &item, draft);
    }
}

/// A map of flags, or kubeadm's newer list of `{name, value}`.
pub(crate) fn flag_map(component: Component, map: &Field<'_>, draft: &mut SiteDraft) {
    for (name, value, field) in flags_of(map) {
        flag(component, name, value, &field, draft);
    }
}

/// The flags of a map or such a list, each with the field that its value stands in.
pub(crate) fn flags_of<'d>(map: &Field<'d>) -> Vec<(&'d str, &'d str, Field<'d>)> {
    let entries = map.entries().into_iter().filter_map(|(name, field)| Some((name, field.text()?, field)));
    let items = map.items().into_iter().filter_map(|item| {
        let field = item.at("value");
        let name = item.at("name").text()?;
        Some((name, if field.is_there() { field.text()? } else { "" }, field))
    });
    entries.chain(items).collect()
}
