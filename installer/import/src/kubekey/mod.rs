//! KubeKey: one `Cluster` document up to version 3, an `Inventory` and a `Config` since version 4.

mod names;
pub(crate) mod v3;
mod v3_rules;

use crate::common::called;
use crate::outcome::Why;
use crate::site_draft::{HostDraft, SiteDraft};
use crate::source::Field;

/// What KubeKey logs in with when the file names no key and no password.
const DEFAULT_KEY: &str = "~/.ssh/id_rsa";

const KEY_COPY: &str =
    "a private key is not copied: save it to a file that only you can read, and name that in ssh.keyFile";

/// Where the parts of a login stand.
struct LoginFields<'d> {
    user: Field<'d>,
    port: Field<'d>,
    password: Field<'d>,
    key: Field<'d>,
    key_path: Field<'d>,
}

/// Fills in how a host is logged in to. KubeKey uses one password for SSH and for sudo.
fn login(fields: &LoginFields<'_>, index: usize, host: &mut HostDraft, draft: &mut SiteDraft) {
    host.login.user = fields.user.parse();
    host.login.port = fields.port.port().filter(|port| *port != 22);
    host.login.key_file = fields.key_path.text().map(str::to_owned);
    let root = fields.user.peek().is_none_or(|user| user == "root");
    let instead = "a password is not copied: the draft refers to an environment variable";
    if let Some(password) = fields.password.secret(instead) {
        let name =
            draft.secrets.name("SSH_PASSWORD", password, format!("password of {}", called(host, index)));
        host.sudo_password = (!root).then(|| name.clone());
        host.login.password = Some(name);
    }
    if fields.key.secret(KEY_COPY).is_some() && host.login.key_file.is_none() {
        host.remarks.push(
            "Its private key stood in the imported file: save it, and name it in ssh.keyFile.".to_owned(),
        );
    } else if host.login.password.is_none() && host.login.key_file.is_none() {
        host.login.key_file = Some(DEFAULT_KEY.to_owned());
        host.login.key_is_default = true;
    }
}

/// Labels that a node may have.
fn labels(map: &Field<'_>, host: &mut HostDraft) {
    for (key, field) in map.entries() {
        match key.parse() {
            Ok(key) => {
                let value = if field.is_there() { field.parse() } else { "".parse().ok() };
                host.labels.extend(value.map(|value| (key, value)));
            }
            Err(_) => field.refuse(Why::Invalid, "is not the key of a label"),
        }
    }
}
