//! Runs of a server over a cluster that stands: nothing to do, a host taken out and brought back, a cancel, a host that loses its
//! power and is tried again, a second run that is refused.

use super::served::Served;
use crate::installation::{Installation, Ran, done};
use lab::Cut;
use serde_json::{Value, json};
use std::time::Instant;

/// A host is given up after so many seconds; a connection without a sign of life counts as lost after a minute.
const PATIENCE: u64 = 15;

/// A plan for what is intended; its id.
fn plan(server: &mut Served<'_>, wish: Value) -> String {
    let made = server.post(&format!("sites/{}/plans", server.name()), &wish);
    assert_eq!(made.status, 201, "{}", made.text);
    assert_eq!(made.body["stopping"], 0, "{}", made.text);
    made.body["id"].as_str().unwrap().to_owned()
}

/// Starts it; the run.
fn start(server: &mut Served<'_>, plan: &str) -> String {
    let asked = server.post("runs", &json!({"plan": plan, "patience": PATIENCE}));
    assert_eq!(asked.status, 202, "{}", asked.text);
    let request = asked.body["id"].as_str().unwrap().to_owned();
    server.run_of(&request)
}

fn runs(server: &mut Served<'_>, what: &str, wish: Value) -> String {
    let begun = Instant::now();
    let plan = plan(server, wish);
    let run = start(server, &plan);
    assert_eq!(server.outcome(&run), "healthy", "{what}");
    done(what, begun);
    run
}

/// Events of a run of this type.
fn events(server: &mut Served<'_>, run: &str, of: &str) -> Vec<Value> {
    let all = server.get(&format!("runs/{run}/events?limit=1000"));
    let items = all["items"].as_array().cloned().unwrap_or_default();
    items.into_iter().map(|record| record["event"].clone()).filter(|event| event["type"] == of).collect()
}

/// By the API and by the verb, which asks the server.
pub(crate) fn a_second_run_acts_on_nothing(site: &Installation, server: &mut Served<'_>) {
    let run = runs(server, "a second run through the server", json!({}));
    assert_eq!(events(server, &run, "stepDone"), Vec::<Value>::new());
    let met = events(server, &run, "stepMet").len();
    assert!(met > 50, "{met}");
    let again: Ran = site.armilla("apply", &[]).healthy("apply, asked of the server");
    assert_eq!(again.acts(), [""; 0]);
    assert_eq!(again.met().len(), met);
    // The verb named the same bundle by its path: the one that was sent stays where runs know it.
    let bundles = server.get("bundles");
    assert_eq!((&bundles["total"], &bundles["items"][0]["uploaded"]), (&json!(1), &json!(true)), "{bundles}");
    let planned = site.folder.armilla_on_site(&site.lab, "plan").output().unwrap();
    assert!(planned.status.success(), "{planned:?}");
}

/// h3 leaves; the run that brings it back is cancelled in its middle, which ends what had started and nothing else.
pub(crate) fn a_cancelled_run_stops_at_a_safe_point(server: &mut Served<'_>) {
    runs(server, "h3 taken out through the server", json!({"intent": "resetHosts", "hosts": ["h3"]}));
    let after = server.last_id();
    let plan = plan(server, json!({}));
    let run = start(server, &plan);
    server.wait_for("h3/place/", after, |message| message.starts("h3/place/"));
    // One run of a site at a time.
    let second = server.post("runs", &json!({"plan": plan}));
    assert_eq!(second.status, 409, "{}", second.text);
    assert!(second.text.contains(&run), "{}", second.text);
    let cancelled = server.post(&format!("runs/{run}/cancel"), &json!({}));
    assert_eq!(cancelled.status, 202, "{}", cancelled.text);
    assert_eq!(server.outcome(&run), "cancelled");
    let (started, ended) = (events(server, &run, "stepStarted").len(), ["stepDone", "stepMet", "stepFailed"]);
    let ended: usize = ended.iter().map(|of| events(server, &run, of).len()).sum();
    assert_eq!(started, ended, "what had started was let end");
    let twice = server.post(&format!("runs/{run}/cancel"), &json!({}));
    assert_eq!(twice.status, 409, "it has ended: {}", twice.text);
}

/// h3's power goes while it gets its images. The run ends degraded and names it; tried again, with power, all is healthy.
pub(crate) fn a_host_that_dropped_out_is_tried_again(site: &Installation, server: &mut Served<'_>) {
    let begun = Instant::now();
    let after = server.last_id();
    let plan = plan(server, json!({}));
    let run = start(server, &plan);
    server.wait_for("h3/import/", after, |message| message.starts("h3/import/"));
    // Pulled first: a host without power does not say goodbye on its open connections.
    site.lab.cut("h3", Cut::Cable).unwrap();
    site.lab.power_off(&["h3"]).unwrap();
    assert_eq!(server.outcome(&run), "degraded");
    let dropped = events(server, &run, "hostDropped");
    assert!(dropped.len() == 1 && dropped[0]["host"] == "h3", "{dropped:?}");
    let view = server.get(&format!("runs/{run}"));
    assert!(view["view"]["dropped"]["h3"].is_string(), "{}", view["view"]["dropped"]);
    done("a host without power, named after", begun);
    let wrong = server.post(&format!("runs/{run}/hosts/h2/retry"), &json!({}));
    assert_eq!(wrong.status, 409, "h2 did not drop out: {}", wrong.text);

    site.lab.mend("h3").unwrap();
    site.lab.power_on(&["h3"]).unwrap();
    let begun = Instant::now();
    let again = server.post(&format!("runs/{run}/hosts/h3/retry"), &json!({}));
    assert_eq!(again.status, 202, "{}", again.text);
    let request = again.body["request"].as_str().expect("the run had ended").to_owned();
    let run = server.run_of(&request);
    assert_eq!(server.outcome(&run), "healthy");
    assert!(!events(server, &run, "stepDone").is_empty());
    done("the host tried again", begun);
}

/// The whole cluster, by the verb that asks the server.
pub(crate) fn a_reset_takes_all_away(site: &Installation, server: &mut Served<'_>) {
    site.armilla("reset", &[]).healthy("reset, asked of the server");
    let name = server.name();
    assert_eq!(server.get(&format!("sites/{name}"))["founded"], false);
    let nodes = server.ask(&format!("\"$U/clusters/{name}/nodes\""));
    assert_eq!(nodes.status, 404, "there is no cluster any more: {}", nodes.text);
}
