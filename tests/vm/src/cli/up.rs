//! `lab up`: from words to a spec.

use crate::Trouble;
use crate::cli::UpArguments;
use lab::{LabName, LabSpec, Owner, Process};

pub(crate) fn spec(name: &LabName, arguments: &UpArguments) -> Result<LabSpec, Trouble> {
    let mut spec = LabSpec::new(name.as_str(), arguments.hosts)?;
    spec.isolated = arguments.isolated;
    spec.second_network = arguments.second_network;
    spec.owner = match arguments.owner {
        Some(pid) => Owner::Other(Process::with_pid(pid).ok_or(Trouble::NoOwner(pid))?),
        None => Owner::Nobody,
    };
    for setting in &arguments.disk_size {
        let (hosts, value) = spec.each_host_of(setting);
        let size = value.parse()?;
        hosts.into_iter().for_each(|host| host.disk_size = size);
    }
    for setting in &arguments.os_release {
        let (hosts, file) = spec.each_host_of(setting);
        let text = std::fs::read_to_string(file)
            .map_err(|source| Trouble::OsRelease { file: file.to_owned(), source })?;
        hosts.into_iter().for_each(|host| host.os_release = Some(text.clone()));
    }
    for setting in &arguments.sshd_set {
        let (hosts, line) = spec.each_host_of(setting);
        hosts.into_iter().for_each(|host| host.sshd.push(line.to_owned()));
    }
    Ok(spec)
}
