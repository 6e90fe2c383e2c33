//! What the command line and the server do alike: read a site, look at its hosts, judge, plan, run. Nothing here prints or
//! asks: answers are values, and what somebody has to decide comes back as data ([`asks`]).

pub mod addons;
pub mod asked;
pub mod asks;
pub mod bundle;
pub mod bundles;
mod changes;
pub mod clusters;
pub mod control;
pub mod error;
pub mod findings;
pub mod fixing;
pub mod given;
pub mod hands;
pub mod here;
pub mod hosts;
pub mod instance;
pub mod kubeconfig;
pub mod logins;
mod look;
pub mod options;
pub mod owner;
pub mod performing;
pub mod ready;
pub mod restoring;
pub mod secrets;
pub mod site_file;
pub mod supporting;
pub mod terminal;
pub mod waiving;
pub mod wish;
pub mod words;

pub use asked::{Asked, Checked, Opened};
pub use clusters::Clusters;
pub use control::Control;
pub use error::{ControlError, Kind, Problem};
pub use hosts::{Hosts, Looked, SshHosts};
pub use instance::Instance;
pub use options::{Options, Purpose, Trusting};
pub use ready::Ready;
pub use secrets::{SecretError, SecretSource};
pub use terminal::Terminal;
pub use wish::Wish;
