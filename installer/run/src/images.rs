//! What containerd holds on a host, for who asks without a plan.

use installer_model::event::Failure;
use installer_ssh::Hand;
use installer_wire::Command;
use serde::{Deserialize, Serialize};

use crate::host_port::{failure, of_hand};
use crate::steps::images::{CTR, parse_list};

/// An image that a host holds, under the name by which pods ask for it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct HeldImage {
    pub reference: String,
    pub digest: String,
}

/// All of them. The names that containerd and Armilla keep for themselves are left out.
pub async fn held(hand: &Hand) -> Result<Vec<HeldImage>, Failure> {
    let mut command = Command::new([&CTR[..], &["images", "list"]].concat());
    command.max_output = 8 << 20;
    let output = hand.command(command, b"").await.map_err(|error| of_hand(&error))?;
    if !output.ok() {
        return Err(failure("list the images that containerd holds", &output.stderr_text()));
    }
    let own = |name: &str| name.starts_with("sha256:") || name.starts_with("armilla.local/kept:");
    let listed = parse_list(&output.stdout_text()).into_iter().filter(|(name, _)| !own(name));
    Ok(listed.map(|(reference, (digest, _))| HeldImage { reference, digest }).collect())
}
