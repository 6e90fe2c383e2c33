use std::collections::BTreeSet;

use installer_model::event::{Event, Outcome, RunId};
use installer_model::plan::{Intent, PLAN_FORMAT, Plan, PlanId, StepId};
use proptest::prelude::*;

use super::*;
use crate::rules::{AdoptRefused, BeginRefused};

const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaA";

/// Tables, and a clock that the test sets.
#[derive(Default)]
struct Bench {
    tables: Memory,
    at: u64,
}

impl Bench {
    fn try_as(&mut self, actor: &Actor, command: Command) -> Result<Decided, Refused> {
        let decided = decide(&self.tables, self.at, actor, &command)?;
        self.tables.apply(&decided.changes);
        Ok(decided)
    }

    fn try_it(&mut self, command: impl Into<Command>) -> Result<Reply, Refused> {
        Ok(self.try_as(&Actor::Instance, command.into())?.reply)
    }

    /// A command that is carried out. Gives the revision, if the reply is one.
    fn must(&mut self, command: impl Into<Command>) -> u64 {
        match self.try_it(command).unwrap() {
            Reply::Revision(revision) | Reply::Made { revision, .. } => revision,
            Reply::Done | Reply::Begun { .. } | Reply::Appended(_) | Reply::Swept(_) => 0,
        }
    }

    fn row<R: Row>(&self, key: impl Into<Key>) -> Option<R> {
        let row = self.tables.get(R::TABLE, &key.into()).unwrap();
        row.map(|row| serde_json::from_slice(&row).unwrap())
    }

    fn rows<R: Row>(&self) -> Vec<R> {
        let rows = self.tables.range(R::TABLE, None, usize::MAX).unwrap();
        rows.into_iter().map(|(_, row)| serde_json::from_slice(&row).unwrap()).collect()
    }

    fn verified(&self) -> Result<u64, audit::Broken> {
        let mut verifier = audit::Verifier::default();
        self.rows::<AuditEntry>().iter().try_for_each(|entry| verifier.next(entry))?;
        verifier.end(&self.row(ONLY).unwrap_or_default())
    }
}

macro_rules! into_command {
    ($($command:ident => $variant:ident),*) => {$(
        impl From<$command> for Command {
            fn from(command: $command) -> Command {
                Command::$variant(command)
            }
        }
    )*};
}
into_command!(
    UserCommand => Users, SessionCommand => Sessions, TokenCommand => Tokens, SiteCommand => Sites,
    PlanCommand => Plans, RunCommand => Runs, RequestCommand => Requests, BundleCommand => Bundles,
    CredentialCommand => Credentials, UploadCommand => Uploads
);

fn add(name: &str, role: Role) -> UserCommand {
    UserCommand::Add { name: name.into(), role, password: PasswordHash(HASH.into()) }
}

fn session(user: &str, digit: char) -> Session {
    Session {
        digest: digit.to_string().repeat(64),
        user: user.into(),
        created_at: 0,
        seen_at: 0,
        expires_at: 1_000_000_000,
        idle_ms: 600_000,
        address: "192.0.2.7".into(),
        agent: "test".into(),
        revision: 0,
    }
}

fn log_in(user: &str, digit: char, password: u64) -> SessionCommand {
    SessionCommand::LogIn { session: session(user, digit), password: Some(password) }
}

fn plan(name: &str, parent: Option<&str>) -> Plan {
    Plan {
        format: PLAN_FORMAT,
        id: PlanId(name.into()),
        parent: parent.map(|id| PlanId(id.into())),
        site: "demo".into(),
        intent: Intent::Install,
        release: "1".into(),
        steps: Vec::new(),
        report: Vec::new(),
    }
}

fn adopt(name: &str, parent: Option<&str>, live: &[&str]) -> PlanCommand {
    PlanCommand::Adopt { plan: Box::new(plan(name, parent)), live: runs(live) }
}

fn keep(name: &str, parent: Option<&str>) -> PlanCommand {
    PlanCommand::Keep { plan: Box::new(plan(name, parent)) }
}

#[test]
fn a_plan_that_is_made_again_starts_from_what_is_now() {
    let mut bench = Bench::default();
    let first = bench.must(keep("install", None));
    assert_eq!(bench.must(keep("install", None)), first, "nothing is new");
    bench.must(adopt("install", None, &[]));
    let adopted = bench.row::<PlanRow>("install").unwrap();
    assert_eq!(bench.must(keep("install", Some("install"))), adopted.revision, "it is what the site follows");
    bench.must(keep("reset", Some("install")));
    bench.must(adopt("reset", Some("install"), &[]));
    bench.must(keep("install", Some("reset")));
    let kept: Plan = bench.row("install").unwrap();
    assert_eq!(kept.parent, Some(PlanId("reset".into())));
    bench.must(PlanCommand::Adopt { plan: Box::new(kept), live: runs(&[]) });
    assert_eq!(bench.row::<Target>("demo").unwrap().plan, PlanId("install".into()));
    // A text that was changed and changed back: the plan is of the text as it is now.
    let put = |text: &str| SiteCommand::Put {
        name: "demo".into(),
        text: text.into(),
        bundle: None,
        expected: Expected::Any,
    };
    let site = bench.must(put("text"));
    assert!(bench.must(keep("install", Some("install"))) > site);
    assert_eq!(bench.row::<PlanRow>("install").unwrap().parent, Some(PlanId("reset".into())));
}

fn begin(plan: &str, live: &[&str]) -> RunCommand {
    RunCommand::Begin { site: "demo".into(), plan: PlanId(plan.into()), live: runs(live) }
}

fn runs(names: &[&str]) -> BTreeSet<RunId> {
    names.iter().map(|name| RunId((*name).into())).collect()
}

fn put_site(text: &str, expected: Expected) -> SiteCommand {
    SiteCommand::Put { name: "demo".into(), text: text.into(), bundle: None, expected }
}

#[test]
fn the_first_administrator_shows_the_code_once() {
    let mut bench = Bench::default();
    let set_up = |digest: &str| UserCommand::SetUp {
        digest: digest.into(),
        name: "anna".into(),
        password: PasswordHash(HASH.into()),
    };
    assert!(matches!(bench.try_it(set_up("aa")), Err(Refused::Missing { .. })));
    bench.must(UserCommand::OfferSetup(SetupCode { digest: "aa".into(), expires_at: 100 }));
    assert!(matches!(bench.try_it(set_up("ab")), Err(Refused::Invalid { pointer: "/code", .. })));
    bench.at = 100;
    assert!(matches!(bench.try_it(set_up("aa")), Err(Refused::Expired { .. })));
    bench.at = 99;
    bench.must(set_up("aa"));
    assert_eq!(bench.row::<User>("anna").unwrap().role, Role::Admin);
    assert!(matches!(bench.try_it(set_up("aa")), Err(Refused::Exists { .. })));
    let again = UserCommand::OfferSetup(SetupCode { digest: "bb".into(), expires_at: 900 });
    assert!(matches!(bench.try_it(again), Err(Refused::Exists { .. })));
}

#[test]
fn somebody_can_always_decide_who_may_what() {
    let mut bench = Bench::default();
    bench.must(add("anna", Role::Admin));
    bench.must(add("ben", Role::Operator));
    let remove = |name: &str| UserCommand::Remove { name: name.into(), expected: Expected::Any };
    let disable =
        |name: &str| UserCommand::SetDisabled { name: name.into(), disabled: true, expected: Expected::Any };
    let role = |name: &str, role| UserCommand::SetRole { name: name.into(), role, expected: Expected::Any };
    let last = Err(Refused::LastAdministrator("anna".into()));
    assert_eq!(bench.try_it(remove("anna")), last);
    assert_eq!(bench.try_it(disable("anna")), last);
    assert_eq!(bench.try_it(role("anna", Role::Operator)), last);
    bench.must(role("ben", Role::Admin));
    bench.must(disable("ben"));
    assert_eq!(bench.try_it(remove("anna")), last, "one who is disabled decides nothing");
    bench.must(remove("ben"));
    assert!(bench.row::<Password>("ben").is_none());
}

#[test]
fn a_password_that_is_no_hash_is_refused() {
    let mut bench = Bench::default();
    let plain =
        UserCommand::Add { name: "anna".into(), role: Role::Admin, password: PasswordHash("hunter2".into()) };
    assert!(matches!(bench.try_it(plain), Err(Refused::Invalid { pointer: "/password", .. })));
    for name in ["", "-x", "a b", "a/b", "é", &"x".repeat(65)] {
        assert!(bench.try_it(add(name, Role::Viewer)).is_err(), "{name:?}");
    }
}

#[test]
fn a_changed_password_ends_the_other_sessions_and_a_login_under_the_old_one() {
    let mut bench = Bench::default();
    let old = bench.must(add("anna", Role::Admin));
    bench.must(log_in("anna", 'a', old));
    bench.must(log_in("anna", 'b', old));
    let change = UserCommand::SetPassword {
        name: "anna".into(),
        password: PasswordHash(HASH.into()),
        keep_session: Some("a".repeat(16)),
    };
    bench.must(change);
    assert!(bench.row::<Session>("a".repeat(16).as_str()).is_some());
    assert!(bench.row::<Session>("b".repeat(16).as_str()).is_none());
    assert!(matches!(bench.try_it(log_in("anna", 'c', old)), Err(Refused::Changed { .. })));
}

#[test]
fn wrong_guesses_make_the_next_wait_longer_and_hold_up_nobody_else() {
    let mut bench = Bench::default();
    let password = bench.must(add("anna", Role::Admin));
    bench.must(add("ben", Role::Viewer));
    let wrong = |address: &str| SessionCommand::Failed { user: "anna".into(), address: address.into() };
    let mut waits = Vec::new();
    for _ in 0..8 {
        bench.must(wrong("192.0.2.7"));
        let waiting = may_guess(&bench.tables, bench.at, Some("anna"), "192.0.2.7").err();
        waits.push(match waiting {
            Some(Refused::Wait { wait_ms, .. }) => wait_ms / 1000,
            _ => 0,
        });
    }
    assert_eq!(waits, [0, 0, 0, 0, 1, 2, 4, 8]);
    assert!(matches!(bench.try_it(log_in("anna", 'a', password)), Err(Refused::Wait { .. })));
    assert!(may_guess(&bench.tables, bench.at, Some("anna"), "198.51.100.1").is_ok(), "another address");
    assert!(may_guess(&bench.tables, bench.at, Some("ben"), "192.0.2.7").is_ok(), "another user");
    bench.at = 8000;
    bench.must(log_in("anna", 'a', password));
    assert!(bench.row::<Guesses>("pair anna@192.0.2.7").is_none(), "forgotten after the right one");
}

#[test]
fn nobody_can_lock_a_user_out_from_many_addresses() {
    let mut bench = Bench::default();
    bench.must(add("anna", Role::Admin));
    for address in 0..500 {
        let address = format!("2001:db8::{address}");
        bench.must(SessionCommand::Failed { user: "anna".into(), address });
    }
    match may_guess(&bench.tables, bench.at, Some("anna"), "192.0.2.7") {
        Err(Refused::Wait { wait_ms, .. }) => assert_eq!(wait_ms, 60_000),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_clock_that_was_set_back_locks_nobody_out() {
    let mut bench = Bench { at: 1_000_000_000, ..Bench::default() };
    bench.must(add("anna", Role::Admin));
    for _ in 0..12 {
        bench.must(SessionCommand::Failed { user: "anna".into(), address: "192.0.2.7".into() });
    }
    assert!(may_guess(&bench.tables, bench.at, Some("anna"), "192.0.2.7").is_err());
    assert!(may_guess(&bench.tables, 5, Some("anna"), "192.0.2.7").is_ok());
}

#[test]
fn the_audit_does_not_name_a_password_that_was_typed_as_a_user() {
    let mut bench = Bench::default();
    bench.must(SessionCommand::Failed { user: "hunter2".into(), address: "192.0.2.7".into() });
    let text = serde_json::to_string(&bench.rows::<AuditEntry>()).unwrap();
    assert!(text.contains("192.0.2.7") && !text.contains("hunter2"), "{text}");
}

#[test]
fn a_session_ends_by_time_and_by_idleness() {
    let mut bench = Bench::default();
    let password = bench.must(add("anna", Role::Admin));
    bench.must(log_in("anna", 'a', password));
    let seen = || SessionCommand::Seen { id: "a".repeat(16) };
    bench.at = 599_999;
    bench.must(seen());
    bench.at = 1_199_999;
    assert!(matches!(bench.try_it(seen()), Err(Refused::Expired { .. })));
    assert_eq!(bench.try_it(Command::Sweep), Ok(Reply::Swept(1)));
}

#[test]
fn a_clock_that_jumps_lengthens_no_session_and_keeps_the_order_of_the_audit() {
    let mut bench = Bench::default();
    bench.must(add("anna", Role::Admin));
    let password = bench.row::<Password>("anna").unwrap().revision;
    bench.must(log_in("anna", 'a', password));
    bench.at = 599_999;
    bench.must(SessionCommand::Seen { id: "a".repeat(16) });
    let session = bench.rows::<Session>().remove(0);
    let (idle, seen) = (session.idle_ms, session.seen_at);
    assert!(!session.is_over(seen) && !session.is_over(seen - idle / 2), "a clock is put right by a little");
    let late = Session { seen_at: 10 * idle, ..session.clone() };
    assert!(late.is_over(9 * idle) && late.is_over(0), "set back by more than a session may be idle");
    assert!(session.is_over(seen + idle) && session.is_over(u64::MAX));
    for at in [seen + (1 << 40), 0, seen] {
        bench.at = at;
        bench.must(UserCommand::SetDisabled {
            name: "anna".into(),
            disabled: false,
            expected: Expected::Any,
        });
    }
    let numbers: Vec<u64> = bench.rows::<AuditEntry>().iter().map(|entry| entry.said.number).collect();
    assert!(numbers.is_sorted(), "{numbers:?}");
    assert_eq!(bench.verified(), Ok(numbers.len() as u64));
}

const DAY: u64 = 24 * 60 * 60 * 1000;

fn upload(id: &str, expires_at: u64) -> UploadCommand {
    UploadCommand::Begin(Upload {
        id: id.into(),
        name: "x.bundle".into(),
        size: 10,
        received: 0,
        digest: None,
        by: String::new(),
        begun_at: 0,
        expires_at,
        revision: 0,
    })
}

fn once(key: &str, expires_at: u64, command: impl Into<Command>) -> Command {
    let (key, request) = (key.to_owned(), "a request".to_owned());
    Command::Once(Once { key, request, expires_at, command: Box::new(command.into()) })
}

#[test]
fn a_clock_that_jumps_ends_no_token_for_good_and_lengthens_none() {
    let mut bench = Bench { at: 100 * DAY, ..Bench::default() };
    bench.must(add("anna", Role::Admin));
    let token = Token {
        digest: "c".repeat(64),
        name: "ci".into(),
        user: "anna".into(),
        role: Role::Viewer,
        created_at: 0,
        expires_at: Some(101 * DAY),
        used_at: None,
        revision: 0,
    };
    bench.must(TokenCommand::Make(token));
    let used = || TokenCommand::Used { id: "c".repeat(16) };
    bench.must(used());
    // Ahead: it has ended, and is not forgotten by a sweep of that moment.
    bench.at = 107 * DAY;
    assert!(matches!(bench.try_it(used()), Err(Refused::Expired { .. })));
    assert_eq!(bench.try_it(Command::Sweep), Ok(Reply::Swept(0)));
    // Put right: it holds as before, and ends when it was to end.
    bench.at = 100 * DAY + 1;
    bench.must(used());
    bench.at = 0;
    bench.must(used());
    assert_eq!(bench.rows::<Token>()[0].expires_at, Some(101 * DAY));
    bench.at = 101 * DAY;
    assert!(matches!(bench.try_it(used()), Err(Refused::Expired { .. })));
}

#[test]
fn a_clock_that_jumps_keeps_no_upload_and_no_answer_for_ever() {
    let mut bench = Bench { at: 100 * DAY, ..Bench::default() };
    bench.must(upload("now", 101 * DAY));
    bench.try_it(once("now", 101 * DAY, add("anna", Role::Viewer))).unwrap();
    // While the clock is a year ahead, both are begun again, with another name.
    bench.at = 465 * DAY;
    bench.must(upload("ahead", 466 * DAY));
    bench.try_it(once("ahead", 466 * DAY, add("ben", Role::Viewer))).unwrap();
    // Put right. What was begun before is there, and is answered as it was.
    bench.at = 100 * DAY + 1;
    let again = bench.try_as(&Actor::Instance, once("now", 101 * DAY, add("anna", Role::Viewer))).unwrap();
    assert!(again.repeated);
    bench.must(UploadCommand::Received { id: "now".into(), received: 5, expires_at: 101 * DAY });
    assert_eq!(bench.try_it(Command::Sweep), Ok(Reply::Swept(2)), "what the wrong clock dated");
    assert_eq!(bench.rows::<Upload>().len(), 1);
    assert_eq!(bench.rows::<Remembered>().len(), 1);
    let again = bench.try_as(&Actor::Instance, once("now", 101 * DAY, add("anna", Role::Viewer))).unwrap();
    assert!(again.repeated);
    // A clock that is set back a little takes nothing along.
    bench.at = 99 * DAY;
    assert_eq!(bench.try_it(Command::Sweep), Ok(Reply::Swept(0)));
}

#[test]
fn a_token_may_no_more_than_its_user() {
    let mut bench = Bench::default();
    bench.must(add("anna", Role::Admin));
    bench.must(add("ben", Role::Viewer));
    let token = |user: &str, role, expires_at| {
        TokenCommand::Make(Token {
            digest: "c".repeat(64),
            name: "ci".into(),
            user: user.into(),
            role,
            created_at: 0,
            expires_at,
            used_at: None,
            revision: 0,
        })
    };
    bench.at = 50;
    assert!(matches!(
        bench.try_it(token("ben", Role::Operator, None)),
        Err(Refused::Invalid { pointer: "/role", .. })
    ));
    assert!(bench.try_it(token("ben", Role::Viewer, Some(50))).is_err(), "it has expired already");
    bench.must(token("ben", Role::Viewer, Some(51)));
    bench.at = 51;
    let used = TokenCommand::Used { id: "c".repeat(16) };
    assert!(matches!(bench.try_it(used), Err(Refused::Expired { .. })));
    bench.must(UserCommand::Remove { name: "ben".into(), expected: Expected::Any });
    assert!(bench.rows::<Token>().is_empty());
}

#[test]
fn a_site_is_written_only_over_what_its_writer_has_seen() {
    let mut bench = Bench::default();
    let first = bench.must(put_site("one", Expected::Absent));
    assert!(matches!(bench.try_it(put_site("x", Expected::Absent)), Err(Refused::Exists { .. })));
    let second = bench.must(put_site("two", Expected::Revision(first)));
    let stale = bench.try_it(put_site("three", Expected::Revision(first)));
    let id = "demo".to_owned();
    assert_eq!(stale, Err(Refused::Changed { kind: "site", id, expected: first, found: second }));
    assert_eq!(bench.row::<SiteRow>("demo").unwrap().text, "two");
}

#[test]
fn a_site_with_a_cluster_is_not_forgotten_by_accident_and_its_bundle_stays() {
    let mut bench = Bench::default();
    let bundle = BundleRow {
        id: "sha256:aa".into(),
        path: "/srv/a.bundle".into(),
        release: "armilla".into(),
        version: "1".into(),
        architectures: vec!["amd64".into()],
        size: 1,
        signer: "SHA256:x".into(),
        uploaded: false,
        verified_at: None,
        added_at: 0,
        by: String::new(),
        revision: 0,
    };
    let remove_bundle = || BundleCommand::Remove { id: "sha256:aa".into(), expected: Expected::Any };
    bench.must(BundleCommand::Put { bundle, expected: Expected::Absent });
    bench.must(SiteCommand::Put {
        name: "demo".into(),
        text: String::new(),
        bundle: Some("sha256:aa".into()),
        expected: Expected::Absent,
    });
    assert!(matches!(bench.try_it(remove_bundle()), Err(Refused::InUse { .. })));
    bench.must(SiteCommand::Found { name: "demo".into(), site: serde_json::json!({}) });
    let remove = |abandon| SiteCommand::Remove { name: "demo".into(), expected: Expected::Any, abandon };
    assert!(matches!(bench.try_it(remove(false)), Err(Refused::InUse { .. })));
    bench.must(remove(true));
    bench.must(remove_bundle());
}

#[test]
fn two_runs_on_one_site_do_not_start() {
    let mut bench = Bench::default();
    bench.must(adopt("one", None, &[]));
    bench.must(begin("one", &[]));
    let running = bench.try_it(begin("one", &["r-1"]));
    assert!(matches!(running, Err(Refused::Begin(BeginRefused::Running { .. }))));
    let under = bench.try_it(adopt("two", Some("one"), &["r-1"]));
    assert!(matches!(under, Err(Refused::Adopt(AdoptRefused::Running { .. }))));
    let ask = |id: &str, live: &[&str]| RequestCommand::Ask {
        id: id.into(),
        site: "demo".into(),
        asked: Asked::Start { plan: PlanId("one".into()), options: serde_json::Value::Null },
        live: runs(live),
    };
    assert!(matches!(bench.try_it(ask("q1", &["r-1"])), Err(Refused::Begin(_))));
    bench.must(ask("q1", &[]));
    assert!(matches!(bench.try_it(ask("q2", &[])), Err(Refused::InUse { .. })), "one waits already");
    bench.must(RequestCommand::Answer { id: "q1".into(), state: RequestState::Taken { run: None } });
    bench.must(ask("q2", &[]));
}

#[test]
fn an_ended_run_takes_no_event_and_no_cancel() {
    let mut bench = Bench::default();
    bench.must(adopt("one", None, &[]));
    bench.must(begin("one", &[]));
    let run = RunId("r-1".into());
    let append = |events| RunCommand::Append { run: RunId("r-1".into()), events };
    let started = || Event::StepStarted { step: StepId("a/b/c".into()), attempt: 1 };
    let ended = || Event::RunEnded { outcome: Outcome::Healthy };
    let before = bench.tables.clone();
    let late = bench.try_it(append(vec![ended(), started()]));
    assert_eq!(late, Err(Refused::Ended(run.clone())));
    assert_eq!(bench.tables, before, "all or none");
    let cancel = |id: &str| RequestCommand::Ask {
        id: id.into(),
        site: "demo".into(),
        asked: Asked::Cancel { run: RunId("r-1".into()) },
        live: BTreeSet::new(),
    };
    let first = bench.must(cancel("q1"));
    assert_eq!(bench.must(cancel("q2")), first, "asked once");
    bench.must(append(vec![started(), ended()]));
    assert_eq!(bench.try_it(cancel("q3")), Err(Refused::Ended(run)));
    assert_eq!(bench.row::<RunRow>(1).unwrap().outcome, Some(Outcome::Healthy));
}

#[test]
fn a_repeated_command_is_answered_as_the_first_time_and_done_once() {
    let mut bench = Bench::default();
    let anna = Actor::Local { name: "anna".into() };
    let once = |request: &str, text: &str| {
        Command::Once(Once {
            key: "k".into(),
            request: request.into(),
            expires_at: 100,
            command: Box::new(Command::Sites(put_site(text, Expected::Any))),
        })
    };
    let first = bench.try_as(&anna, once("aa", "one")).unwrap();
    let second = bench.try_as(&anna, once("aa", "one")).unwrap();
    assert_eq!((second.reply, second.repeated, second.changes.len()), (first.reply, true, 0));
    assert_eq!(bench.try_as(&anna, once("bb", "two")), Err(Refused::KeyReused("k".into())));
    let ben = Actor::Local { name: "ben".into() };
    assert!(!bench.try_as(&ben, once("bb", "two")).unwrap().repeated, "another's key is another key");
    bench.at = 100;
    assert!(!bench.try_as(&anna, once("bb", "three")).unwrap().repeated, "forgotten");
}

#[test]
fn an_audit_that_was_changed_anywhere_names_the_entry() {
    let mut bench = Bench::default();
    for number in 0..9 {
        bench.must(put_site(&number.to_string(), Expected::Any));
    }
    assert_eq!(bench.verified(), Ok(9));
    let whole = bench.tables.clone();
    let put = |bench: &mut Bench, number: u64, entry: &AuditEntry| {
        let value = serde_json::to_vec(entry).unwrap();
        bench.tables.apply(&[Change::Put { table: Table::Audit, key: number.into(), value }]);
    };
    let mut entry: AuditEntry = bench.row(4).unwrap();
    entry.said.actor = "nobody".into();
    put(&mut bench, 4, &entry);
    assert!(matches!(bench.verified(), Err(audit::Broken::Changed { number: 4, .. })));
    let gone = |number: u64| Change::Remove { table: Table::Audit, key: number.into() };
    bench.tables = whole.clone();
    bench.tables.apply(&[gone(6)]);
    assert_eq!(bench.verified(), Err(audit::Broken::Missing { wanted: 6, found: 7 }));
    bench.tables = whole.clone();
    bench.tables.apply(&[gone(9), gone(8)]);
    assert_eq!(bench.verified(), Err(audit::Broken::Cut { first_missing: 8, last: 9 }));
    bench.tables = whole;
    let mut entry: AuditEntry = bench.row(9).unwrap();
    entry.said.number = 10;
    put(&mut bench, 10, &entry);
    assert!(matches!(bench.verified(), Err(audit::Broken::Changed { number: 10, .. })));
}

/// `printf` of 32 zero bytes and the words below, into `sha256sum`: what another program would compute.
#[test]
fn the_chain_is_what_its_page_says() {
    let mut bench = Bench { at: 7, ..Bench::default() };
    bench.must(put_site("one", Expected::Any));
    let entry: AuditEntry = bench.row(1).unwrap();
    let words = r#"{"action":"site.add","actor":"instance","at":7,"detail":{},"id":"demo","index":2,"number":1,"via":""}"#;
    assert_eq!(serde_json::to_string(&entry.said).unwrap(), words);
    assert_eq!(entry.hash, "a3f147087f13400868d9bdf10c6b1af6bff5da42487100743611b28cc6cba3a5");
}

/// One of many commands, drawn by small numbers so that they meet.
fn any_command() -> impl Strategy<Value = Command> {
    let name = || (0..3_u8).prop_map(|number| format!("u{number}"));
    let role = || prop_oneof![Just(Role::Viewer), Just(Role::Operator), Just(Role::Admin)];
    let expected =
        || prop_oneof![Just(Expected::Any), Just(Expected::Absent), (0..20_u64).prop_map(Expected::Revision)];
    let plan_names = || (0..3_u8).prop_map(|number| format!("p{number}"));
    let user =
        prop_oneof![
            (name(), role()).prop_map(|(name, role)| add(&name, role)),
            (name(), role(), expected()).prop_map(|(name, role, expected)| UserCommand::SetRole {
                name,
                role,
                expected
            }),
            (name(), any::<bool>(), expected())
                .prop_map(|(name, disabled, expected)| UserCommand::SetDisabled { name, disabled, expected }),
            (name(), expected()).prop_map(|(name, expected)| UserCommand::Remove { name, expected }),
        ];
    let session = prop_oneof![
        (name(), 0..4_u32, 0..30_u64).prop_map(|(name, digit, password)| {
            log_in(&name, char::from_digit(digit, 10).expect("a digit"), password)
        }),
        name().prop_map(|user| SessionCommand::Failed { user, address: "192.0.2.7".into() }),
        (0..4_u32).prop_map(|digit| SessionCommand::LogOut { id: digit.to_string().repeat(16) }),
    ];
    let plans = (plan_names(), proptest::option::of(plan_names()))
        .prop_map(|(name, parent)| adopt(&name, parent.as_deref(), &[]));
    let runs = prop_oneof![
        plan_names().prop_map(|plan| begin(&plan, &[])),
        (1..4_u8, any::<bool>()).prop_map(|(run, end)| {
            let event = if end {
                Event::RunEnded { outcome: Outcome::Healthy }
            } else {
                Event::StepStarted { step: StepId("a/b/c".into()), attempt: 1 }
            };
            RunCommand::Append { run: RunId(format!("r-{run}")), events: vec![event] }
        }),
    ];
    prop_oneof![
        3 => user.prop_map(Command::Users),
        3 => session.prop_map(Command::Sessions),
        2 => ("[a-c]{1,3}", expected()).prop_map(|(text, expected)| put_site(&text, expected).into()),
        2 => plans.prop_map(Command::Plans),
        3 => runs.prop_map(Command::Runs),
        1 => Just(Command::Sweep),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// What replication rests on; and what holds after any commands whatever.
    #[test]
    fn the_same_commands_in_the_same_order_give_the_same_tables(
        commands in proptest::collection::vec((any_command(), 0..100_000_u64), 1..60)
    ) {
        let (mut one, mut other) = (Bench::default(), Bench::default());
        let mut somebody_decided = false;
        for (command, passed) in &commands {
            one.at += passed;
            other.at += passed;
            let before = one.tables.clone();
            let first = one.try_as(&Actor::Instance, command.clone());
            // As a command comes from a log: written and read again.
            let text = serde_json::to_string(command).unwrap();
            let second = other.try_as(&Actor::Instance, serde_json::from_str(&text).unwrap());
            prop_assert_eq!(&first, &second);
            if first.is_err() {
                prop_assert_eq!(&one.tables, &before, "a refusal changes nothing");
            }
            let users = one.rows::<User>();
            let decides = users.iter().any(|user| user.role == Role::Admin && !user.disabled);
            prop_assert!(decides || !somebody_decided, "nobody decides any more: {:?}", users);
            somebody_decided |= decides;
        }
        prop_assert_eq!(&one.tables, &other.tables);
        prop_assert!(one.verified().is_ok());
        let indices: BTreeSet<Key> = [Table::Feed, Table::Events]
            .into_iter()
            .flat_map(|table| one.tables.range(table, None, usize::MAX).unwrap())
            .map(|(key, _)| key)
            .collect();
        let last = last_index(&one.tables).unwrap();
        prop_assert_eq!(indices, (1..=last).map(Key::Number).collect(), "one sequence without a gap");
        let open = one.rows::<RunRow>().into_iter().filter(|row| row.outcome.is_none()).count();
        prop_assert!(open <= 1, "two runs of one site are open");
    }
}
