//! What an instance of some age has: written before the server starts.

use std::path::Path;

use appliance_store::ledger::{Actor, Command, PasswordHash, Role, Token, TokenCommand, UserCommand};
use appliance_store::{Holder, Store};
use installer_model::event::{Event, Outcome};
use installer_model::plan::{Intent, PLAN_FORMAT, Plan, PlanId, StepId};
use sha2::{Digest, Sha256};

/// Events of each run beside its beginning and end.
const EVENTS: usize = 40;

/// Gives the text of an administrator's token.
pub(crate) fn seed(state: &Path, users: usize, runs: usize) -> String {
    let store = Store::open(state, &Holder::this_process("bench", 0)).unwrap();
    let submit = |command| store.submit(&Actor::Instance, &command).map(drop).unwrap();
    for number in 0..users {
        let role = [Role::Viewer, Role::Operator, Role::Admin][number % 3];
        // Nobody logs in with it: it is no hash of anything.
        let password = PasswordHash("$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA".to_owned());
        submit(Command::Users(UserCommand::Add { name: format!("user{number:05}"), role, password }));
    }
    let mut parent = None;
    for number in 0..runs {
        let plan = Plan {
            format: PLAN_FORMAT,
            id: PlanId(format!("p-{number}")),
            parent: parent.take(),
            site: "demo".into(),
            intent: Intent::Install,
            release: "1".into(),
            steps: Vec::new(),
            report: Vec::new(),
        };
        let adopted = store.adopt(&plan).unwrap();
        parent = Some(plan.id);
        let begun = store.begin(&adopted, number as u64).unwrap();
        let step = |at: usize| Event::StepStarted { step: StepId(format!("h{at}/place")), attempt: 1 };
        let mut events: Vec<Event> = (0..EVENTS).map(step).collect();
        events.push(Event::RunEnded { outcome: Outcome::Healthy });
        store.append(&begun.run, number as u64, events).unwrap();
    }
    let bytes = [7; 32];
    let token = Token {
        digest: hex::encode(Sha256::digest(bytes)),
        name: "bench".into(),
        user: "user00002".into(),
        role: Role::Admin,
        created_at: 0,
        expires_at: None,
        used_at: None,
        revision: 0,
    };
    submit(Command::Tokens(TokenCommand::Make(token)));
    use base64::Engine;
    format!("armilla_{}", base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes))
}
