//! What an instance of some age has: written before the server starts.

use std::path::Path;

use appliance_store::ledger::{
    Actor, CheckCommand, Command, Expected, PasswordHash, Role, SiteCommand, Token, TokenCommand, UserCommand,
};
use appliance_store::{Holder, Store};
use installer_model::event::{Event, Failure, Outcome};
use installer_model::plan::{Intent, PLAN_FORMAT, Plan, PlanId, StepId};
use sha2::{Digest, Sha256};

/// Events of each run beside its beginning and end; every fourth says what went wrong, in the words of a program.
const EVENTS: usize = 120;
/// Bytes of what is known of a host from its check.
const FACTS: usize = 3000;

/// How much.
pub(crate) struct Much {
    pub(crate) users: usize,
    pub(crate) runs: usize,
    /// Hosts of one large site.
    pub(crate) large: usize,
    /// Sites of a hundred hosts each.
    pub(crate) sites: usize,
}

/// Gives the text of an administrator's token.
pub(crate) fn seed(state: &Path, much: &Much) -> String {
    let store = Store::open(state, &Holder::this_process("bench", 0)).unwrap();
    let submit = |command| store.submit(&Actor::Instance, &command).map(drop).unwrap();
    let Much { users, runs, large, sites } = *much;
    site(&store, "large", large);
    (0..sites).for_each(|number| site(&store, &format!("s{number:03}"), 100));
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
        let step = |at: usize| {
            let step = StepId(format!("h{at}/place"));
            if !at.is_multiple_of(4) {
                return Event::StepStarted { step, attempt: 1 };
            }
            let evidence = vec!["error: the words of a program that failed, as it said them".to_owned(); 12];
            let failure = Failure { what: "run it".into(), evidence, hint: None, exit_code: 1 };
            Event::StepFailed { step, attempt: 1, failure, output: None }
        };
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

/// A site with a check that reached every host.
fn site(store: &Store, name: &str, hosts: usize) {
    use std::fmt::Write;
    // Room for 16,384 nodes.
    let network = "network: {podCIDR: 10.128.0.0/10}";
    let mut text =
        format!("apiVersion: armilla/v1\nkind: Site\nmetadata: {{name: {name}}}\n{network}\nhosts:\n");
    let mut known = serde_json::Map::new();
    for number in 0..hosts {
        let (high, low) = (number / 250, number % 250 + 1);
        let role = if number == 0 { "control-plane" } else { "worker" };
        writeln!(text, "- {{name: h{number}, address: 10.9.{high}.{low}, roles: [{role}]}}").unwrap();
        let facts = serde_json::json!({ "machine": "x86_64", "rest": "f".repeat(FACTS) });
        known.insert(format!("h{number}"), serde_json::json!({ "facts": facts, "ours": number % 2 == 0 }));
    }
    let check = serde_json::json!({ "findings": [], "survey": { "hosts": known, "links": [] }, "at": 1 });
    let put = SiteCommand::Put { name: name.to_owned(), text, bundle: None, expected: Expected::Absent };
    for command in [Command::Sites(put), Command::Checks(CheckCommand::Put { site: name.to_owned(), check })]
    {
        store.submit(&Actor::Instance, &command).unwrap();
    }
}
