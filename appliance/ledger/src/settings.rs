//! How the instance is set.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::command::Reply;
use crate::deciding::{Deciding, ONLY};
use crate::feed::Topic;
use crate::refused::{Expected, Refused};
use crate::table::{Row, Table};
use crate::users::Role;

/// Every setting. Secrets are not among them: the identity provider's lies in [`Table::Secrets`] as `oidc`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Settings {
    /// How long a session lasts, however busy.
    pub session_hours: u32,
    /// How long a session lasts without a request.
    pub idle_minutes: u32,
    /// Runs at once; more wait.
    pub runs_at_once: u32,
    /// `https://HOST:PORT` by which browsers and other machines reach the instance, where it is not what they typed.
    pub public_url: Option<String>,
    pub oidc: Option<Oidc>,
    pub revision: u64,
}

/// An identity provider that speaks OpenID Connect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Oidc {
    /// Such as `https://id.example.com/realms/ops`.
    pub issuer: String,
    pub client_id: String,
    /// Claim whose value is the user's name here.
    pub name_claim: String,
    /// Claim that lists groups.
    pub groups_claim: String,
    /// Group → role. Who is in none of them does not get in.
    pub roles: BTreeMap<String, Role>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            session_hours: 12,
            idle_minutes: 60,
            runs_at_once: 4,
            public_url: None,
            oidc: None,
            revision: 0,
        }
    }
}

impl Row for Settings {
    const TABLE: Table = Table::Settings;
    const KIND: &'static str = "settings";
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SettingsCommand {
    Put { settings: Settings, expected: Expected },
}

pub(crate) fn decide(deciding: &mut Deciding<'_>, command: &SettingsCommand) -> Result<Reply, Refused> {
    let SettingsCommand::Put { settings, expected } = command;
    let before: Settings = deciding.find(ONLY)?.unwrap_or_default();
    expected.check(Settings::KIND, "", Some(before.revision))?;
    judge(settings)?;
    let revision = deciding.changed(Topic::Settings, "");
    deciding.put(ONLY, &Settings { revision, ..settings.clone() });
    deciding.say("settings.put", "", &differences(&before, settings));
    Ok(Reply::Revision(revision))
}

fn judge(settings: &Settings) -> Result<(), Refused> {
    let within = |pointer, value: u32, most: u32| {
        if (1..=most).contains(&value) {
            return Ok(());
        }
        Err(Refused::Invalid { pointer, detail: format!("a number from 1 to {most} is wanted") })
    };
    within("/sessionHours", settings.session_hours, 30 * 24)?;
    within("/idleMinutes", settings.idle_minutes, 30 * 24 * 60)?;
    within("/runsAtOnce", settings.runs_at_once, 64)?;
    let is_url = |url: &str| url.strip_prefix("https://").is_some_and(|rest| !rest.is_empty());
    if settings.public_url.as_deref().is_some_and(|url| !is_url(url)) {
        let detail = "an address that begins with https:// is wanted".to_owned();
        return Err(Refused::Invalid { pointer: "/publicUrl", detail });
    }
    let Some(oidc) = &settings.oidc else { return Ok(()) };
    // A provider on loopback is reached without TLS by whoever tries one out.
    if !is_url(&oidc.issuer) && !oidc.issuer.starts_with("http://127.0.0.1:") {
        let detail = "an address that begins with https:// is wanted".to_owned();
        return Err(Refused::Invalid { pointer: "/oidc/issuer", detail });
    }
    if oidc.client_id.is_empty() {
        let detail = "the id of this instance at the provider is wanted".to_owned();
        return Err(Refused::Invalid { pointer: "/oidc/clientId", detail });
    }
    Ok(())
}

/// What the audit says: `NAME` and `NAME.was` of each setting that is other than before. No setting is a secret.
fn differences(before: &Settings, after: &Settings) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    let mut differ = |[name, old]: [&'static str; 2], was: String, is: String| {
        if was != is {
            found.extend([(name, is), (old, was)]);
        }
    };
    differ(
        ["sessionHours", "sessionHours.was"],
        before.session_hours.to_string(),
        after.session_hours.to_string(),
    );
    differ(
        ["idleMinutes", "idleMinutes.was"],
        before.idle_minutes.to_string(),
        after.idle_minutes.to_string(),
    );
    differ(["runsAtOnce", "runsAtOnce.was"], before.runs_at_once.to_string(), after.runs_at_once.to_string());
    let url = |settings: &Settings| settings.public_url.clone().unwrap_or_default();
    differ(["publicUrl", "publicUrl.was"], url(before), url(after));
    let issuer = |settings: &Settings| {
        settings
            .oidc
            .as_ref()
            .map(|oidc| format!("{} as {}", oidc.issuer, oidc.client_id))
            .unwrap_or_default()
    };
    differ(["oidc", "oidc.was"], issuer(before), issuer(after));
    let roles = |settings: &Settings| {
        let roles = settings.oidc.iter().flat_map(|oidc| &oidc.roles);
        roles.map(|(group, role)| format!("{group}={role}")).collect::<Vec<_>>().join(" ")
    };
    differ(["oidcRoles", "oidcRoles.was"], roles(before), roles(after));
    found
}
