//! What a reset has to do on hosts on which nothing was ever installed: repairs are taken back, and the hand that asked them
//! takes its program along. Where something was installed, steps of the plan do it.

use std::path::Path;

use installer_model::plan::Intent;
use installer_render::paths::ARMILLA_ROOT;
use installer_run::SiteWorld;
use installer_ssh::HandError;
use serde::{Deserialize, Serialize};

use crate::error::{ControlError, Kind, Problem};
use crate::owner::FENCE;
use crate::ready::Ready;

/// Hosts that hold nothing of this ledger's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Left {
    pub strangers: Vec<String>,
    /// Those of them that a reset is about and on which something was repaired.
    pub repaired: Vec<String>,
}

/// Whether a reset is about this host.
pub fn is_asked(intent: &Intent, host: &str) -> bool {
    match intent {
        Intent::ResetHosts(names) => names.iter().any(|asked| asked == host),
        Intent::Reset | Intent::Install => true,
    }
}

impl Ready {
    /// What a reset leaves to be done beside its plan.
    pub async fn left(&self, intent: &Intent) -> Result<Left, ControlError> {
        let strangers: Vec<String> = self.strangers().into_iter().map(str::to_owned).collect();
        let repaired = repaired(&self.world, &strangers, intent).await?;
        Ok(Left { strangers, repaired })
    }
}

/// Those of the strangers that are asked for, on which something was repaired, and which nobody else holds.
pub async fn repaired(
    world: &SiteWorld,
    strangers: &[String],
    intent: &Intent,
) -> Result<Vec<String>, ControlError> {
    let mut found = Vec::new();
    for name in strangers.iter().filter(|name| is_asked(intent, name)) {
        let looked = async {
            let hand = world.hand(name).await?;
            // Of a host that somebody else holds, the repairs are theirs.
            let held = hand.stat(FENCE, false).await?.is_some();
            Ok(!held && hand.stat(installer_run::REPAIRS, false).await?.is_some())
        };
        if looked.await.map_err(|error| of_hand(name, &error))? {
            found.push(name.clone());
        }
    }
    Ok(found)
}

/// As the step of a plan does where something was installed. Tells what changed, host by host.
pub async fn take_back(
    world: &SiteWorld,
    repaired: &[String],
) -> Result<Vec<(String, String)>, ControlError> {
    let mut told = Vec::new();
    for name in repaired {
        let undone = async { world.hand(name).await?.undo_repairs().await };
        let changes = undone.await.map_err(|error| of_hand(name, &error))?;
        told.extend(changes.into_iter().map(|change| (name.clone(), change.to_string())));
    }
    Ok(told)
}

/// The hand that asked a host brought its program with it. Where nothing else of ours is, it takes that along again.
pub async fn sweep(world: &SiteWorld, strangers: &[String], state: &Path) -> Result<(), ControlError> {
    // A state folder that lies there on this very machine is no hand's.
    if std::path::absolute(state).is_ok_and(|state| state.starts_with(ARMILLA_ROOT)) {
        return Ok(());
    }
    for name in strangers {
        let swept = async {
            let hand = world.hand(name).await?;
            let ours = [FENCE, installer_run::BEFORE, installer_run::REPAIRS];
            for path in ours {
                if hand.stat(path, false).await?.is_some() {
                    return Ok(());
                }
            }
            hand.remove(&[ARMILLA_ROOT]).await
        };
        swept.await.map_err(|error: HandError| of_hand(name, &error))?;
    }
    Ok(())
}

fn of_hand(name: &str, error: &HandError) -> ControlError {
    ControlError::all(Kind::of_hand(error), vec![Problem::of_hand(name, error)])
}
