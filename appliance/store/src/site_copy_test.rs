use installer_model::event::{Event, Failure, Outcome, RunId};
use installer_model::plan::{Intent, PLAN_FORMAT, PlanId, StepId};
use tempfile::TempDir;

use super::*;
use crate::{Store, StoreError};

const SITE: &str = "apiVersion: armilla/v1\nkind: Site\nmetadata: {name: demo}\nhosts:\n  \
                    - {name: h1, address: 10.0.0.1, roles: [control-plane]}\n  - {name: h2, address: 10.0.0.2}\n";

fn site() -> Site {
    Site::parse(SITE).unwrap()
}

fn plan(name: &str, parent: Option<&str>) -> Plan {
    let (id, parent) = (PlanId(name.into()), parent.map(|id| PlanId(id.into())));
    let (steps, report) = (Vec::new(), Vec::new());
    let (site, intent, release) = ("demo".into(), Intent::Install, "1".into());
    Plan { format: PLAN_FORMAT, id, parent, site, intent, release, steps, report }
}

fn holder() -> Holder {
    Holder::this_process("apply", 1)
}

fn failed(step: &str) -> Event {
    let evidence = vec!["token abcdef".to_owned()];
    let failure = Failure { what: "run it".into(), evidence, hint: None, exit_code: 1 };
    Event::StepFailed { step: StepId(step.into()), attempt: 1, failure, output: None }
}

/// A store in which a run of the site was left open, and its copy.
fn left_open(dir: &TempDir) -> (Store, RunId, SiteCopy) {
    let store = Store::open(dir.path(), &holder()).unwrap();
    store.put_site("demo", &site()).unwrap();
    let adopted = store.adopt(&plan("one", None)).unwrap();
    let run = store.begin(&adopted, 10).unwrap().run.clone();
    store.append(&run, 11, vec![failed("h1/prepare/x")]).unwrap();
    store.put_addon("demo", "shop", &"what the shop holds").unwrap();
    store.put_addon("other", "shop", &"of another site").unwrap();
    let copy = store.copy_of(&site(), &holder(), 12).unwrap().unwrap();
    (store, run, copy)
}

#[test]
fn a_copy_comes_back_as_it_was_and_without_the_words_of_programs() {
    let dir = TempDir::new().unwrap();
    let (store, _, copy) = left_open(&dir);
    let bytes = copy.encode().unwrap();
    assert_eq!(SiteCopy::decode(&bytes).unwrap(), copy);
    assert_eq!(copy.ledger, store.ledger());
    assert!(copy.is_open());
    let unpacked = serde_json::to_string(&copy).unwrap();
    assert!(!unpacked.contains("token abcdef"), "{unpacked}");
}

#[test]
fn a_copy_with_any_byte_changed_or_missing_is_refused() {
    let (_, _, copy) = left_open(&TempDir::new().unwrap());
    let bytes = copy.encode().unwrap();
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 0x01;
        assert!(SiteCopy::decode(&changed).is_err(), "byte {at} changed");
        assert!(SiteCopy::decode(&bytes[..at]).is_err(), "cut at {at}");
    }
    assert!(matches!(SiteCopy::decode(&[&bytes[..], b"x"].concat()), Err(CopyError::CutOff { .. })));
    assert_eq!(SiteCopy::decode(b"armilla-site-copy 2 sha256:00 1\nx"), Err(CopyError::Newer(2)));
}

#[test]
fn a_copy_from_before_add_ons_has_none() {
    let (_, _, copy) = left_open(&TempDir::new().unwrap());
    let mut old = serde_json::to_value(&copy).unwrap();
    old.as_object_mut().unwrap().remove("addons").unwrap();
    assert_eq!(serde_json::from_value::<SiteCopy>(old).unwrap(), SiteCopy { addons: Vec::new(), ..copy });
}

#[test]
fn the_newest_copy_is_of_the_last_owner_then_of_the_last_event_then_of_the_last_clock() {
    let (store, run, first) = left_open(&TempDir::new().unwrap());
    store.append(&run, 11, vec![failed("h1/prepare/y")]).unwrap();
    let later = store.copy_of(&site(), &holder(), 5).unwrap().unwrap();
    let same = SiteCopy { written_at: 99, ..later.clone() };
    let taken = SiteCopy { taken_from: vec!["x".into()], events: Vec::new(), ..first.clone() };
    assert_eq!(newest([&first, &later]), Some(&later));
    assert_eq!(newest([&same, &later]), Some(&same));
    assert_eq!(newest([&taken, &same]), Some(&taken));
}

#[test]
fn a_new_store_goes_on_with_the_run_that_was_left_open() {
    let (old, run, copy) = left_open(&TempDir::new().unwrap());
    let dir = TempDir::new().unwrap();
    let new = Store::open(dir.path(), &holder()).unwrap();
    new.take_over(&copy).unwrap();
    assert_ne!(new.ledger(), old.ledger());
    assert_eq!(new.taken_from("demo").unwrap(), [old.ledger()]);
    assert_eq!(new.site::<Site>("demo").unwrap(), Some(site()));
    assert_eq!(new.addons("demo").unwrap(), [("shop".to_owned(), "what the shop holds".to_owned())]);
    assert_eq!(new.addons::<String>("other").unwrap(), []);
    let target = new.target("demo").unwrap().unwrap();
    assert_eq!(*target, plan("one", None));
    let begun = new.begin(&target, 20).unwrap();
    assert!(begun.resumed);
    assert_eq!(begun.run, run);
    new.append(&run, 21, vec![Event::RunEnded { outcome: Outcome::Healthy }]).unwrap();
    assert_eq!(new.records(&run, 0, 9).unwrap().len(), 4);
    assert!(matches!(new.take_over(&copy), Err(StoreError::Occupied { .. })));
}

#[test]
fn a_site_that_is_taken_over_twice_names_both_ledgers() {
    let (old, _, copy) = left_open(&TempDir::new().unwrap());
    let (one, two) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let second = Store::open(one.path(), &holder()).unwrap();
    second.take_over(&copy).unwrap();
    let third = Store::open(two.path(), &holder()).unwrap();
    third.take_over(&second.copy_of(&site(), &holder(), 30).unwrap().unwrap()).unwrap();
    assert_eq!(third.taken_from("demo").unwrap(), [second.ledger(), old.ledger()]);
}
