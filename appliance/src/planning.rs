//! From the operator's files to findings and what a plan is made from: reads, asks what has to be asked, and says what is
//! being done.
#![expect(clippy::print_stderr, reason = "tells the operator what is being done")]

use appliance_control::asks::UnknownHostKey;
use appliance_control::site_file::{self, hosts_in_words};
use appliance_control::{Asked, ControlError, Instance, Opened, Ready, bundle, logins};

use crate::cli::{CliError, SiteArgs};
use crate::findings;
use crate::wiring::{self, Secrets, confirm};

/// Reads the files, connects to all hosts, surveys them and judges.
pub(crate) async fn ready(args: &SiteArgs, asked: Asked) -> Result<Ready, CliError> {
    asked.refuse_wrong()?;
    let instance = wiring::instance(&args.state, asked.purpose().verb())?;
    let opened = open(args, &asked, &instance)?;
    instance.know(asked.site().name.as_str(), &site_file::text(&args.site)?)?;
    for (name, path) in &opened.addons.gone {
        eprintln!(
            "note: bundle {name} is not at {}: a host that lacks something of it cannot be given it; `armilla bundle \
             import FILE` says where it is now",
            path.display()
        );
    }
    eprintln!("Looking at {} ...", hosts_in_words(asked.site()));
    let secrets = Secrets::default();
    loop {
        match opened.look(&secrets).await {
            Ok(ready) => {
                show_trusted(args.yes, &ready.trusted);
                return Ok(ready);
            }
            Err(error) if vouched(args.yes, &error.asks.host_keys, &instance)? => {}
            Err(error) => return Err(told(error)),
        }
    }
}

/// A bundle's key that nobody vouched for is asked about, one after the other.
fn open(args: &SiteArgs, asked: &Asked, instance: &Instance) -> Result<Opened, CliError> {
    loop {
        let error = match asked.open(instance) {
            Ok(opened) => return Ok(opened),
            Err(error) => error,
        };
        let Some(key) = &error.asks.bundle_key else { return Err(error.into()) };
        let question = format!(
            "{} is sealed by {}, seen for the first time. Trust it from now on?",
            key.path.display(),
            key.fingerprint
        );
        if !confirm(args.yes, &question) {
            return Err(error.into());
        }
        bundle::trust_key(&instance.store, key)?;
    }
}

fn question(key: &UnknownHostKey) -> String {
    let UnknownHostKey { place, fingerprint } = key;
    format!("{place} shows host key {fingerprint}, seen for the first time. Trust it from now on?")
}

/// Those that `--yes` trusted without asking are told all the same.
fn show_trusted(yes: bool, keys: &[UnknownHostKey]) {
    for key in keys.iter().filter(|_| yes) {
        confirm(true, &question(key));
    }
}

/// Whether keys were refused, and all of them are vouched for now: another look may succeed.
pub(crate) fn vouched(yes: bool, keys: &[UnknownHostKey], instance: &Instance) -> Result<bool, CliError> {
    if yes {
        show_trusted(yes, keys);
        return Ok(false);
    }
    for key in keys {
        if !confirm(false, &question(key)) {
            return Ok(false);
        }
        logins::trust(&instance.store, key)?;
    }
    Ok(!keys.is_empty())
}

/// What else stands in the way is shown before the error that ends the command.
fn told(error: ControlError) -> CliError {
    if !error.findings.is_empty() {
        eprint!("{}", findings::text(&error.findings, findings::language()));
    }
    error.into()
}
