//! What the server promises, on real hosts with real Kubernetes: an installation by HTTP alone that outlives the server.

use crate::installation::{Installation, done};
use crate::residue::Before;
use crate::service;
use std::time::Instant;

#[path = "server/full_disk.rs"]
mod full_disk;
#[path = "server/join_tokens.rs"]
mod join_tokens;
#[path = "server/looks.rs"]
mod looks;
#[path = "server/misuse.rs"]
mod misuse;
#[path = "server/readme.rs"]
mod readme;
#[path = "server/runs.rs"]
mod runs;
#[path = "server/served.rs"]
mod served;
#[path = "server/shell.rs"]
mod shell;
#[path = "server/stream.rs"]
mod stream;
#[path = "server/terminal.rs"]
mod terminal;
#[path = "server/ways.rs"]
mod ways;

pub(crate) use served::Served;
pub(crate) use shell::Shell;

/// The phases in which the server is killed.
const KILLS: [&str; 3] = ["/place/", "/found/", "/join/join"];

#[test]
#[ignore = "needs root"]
fn a_cluster_lives_its_life_with_a_server() {
    let site = Installation::begin("server", 3, |_| {});
    let before = Before::of(&site);
    let mut server = installed(&site, &KILLS);
    site.prove("proofs of a cluster that a server made");
    server.nothing_was_lost();
    looks::all(&site, &mut server);
    runs::a_second_run_acts_on_nothing(&site, &mut server);
    runs::a_cancelled_run_stops_at_a_safe_point(&mut server);
    runs::a_host_that_dropped_out_is_tried_again(&site, &mut server);
    site.prove("proofs after all runs of the server");
    ways::say_the_same(&site, &mut server);
    runs::a_reset_takes_all_away(&site, &mut server);
    server.nothing_was_lost();
    drop(server);
    before.assert_again(&site, &["h1", "h2", "h3"], "a reset by the server");
}

#[test]
#[ignore = "needs root"]
fn two_sites_outlive_what_is_done_to_their_server() {
    let site = Installation::begin("server-misused", 2, |_| {});
    let disk = full_disk::SmallDisk::under(&site);
    let mut server = Served::begin(&site);
    server.follow_everything();
    let bundle = misuse::take_in_a_bundle(&site, &mut server);
    for (name, host) in [("left", "h1"), ("right", "h2")] {
        misuse::add_site(&site, &mut server, name, host, &bundle.1);
        misuse::a_host_that_vanished(&site, &mut server, name, host);
        misuse::trust_host(&mut server, name);
    }
    let runs = misuse::two_sites_where_one_may_run(&mut server, ["left", "right"]);
    full_disk::runs_are_held_while_it_is_full(&mut server, &disk, &runs);
    misuse::a_bundle_that_is_replaced(&mut server, bundle, &runs);
    for name in ["left", "right"] {
        let nodes = server.get(&format!("clusters/{name}/nodes"));
        assert!(nodes["items"].as_array().is_some_and(|nodes| nodes.len() == 1), "{nodes}");
        assert_eq!(nodes["items"][0]["ready"], true, "{nodes}");
    }
    server.nothing_was_lost();
}

#[test]
#[ignore = "needs root"]
fn an_install_outlives_a_service_in_its_sandbox() {
    let site = Installation::begin("server-service", 1, |_| {});
    service::an_install_outlives_the_service(&site);
    site.prove("proofs of a cluster that a service made on its own host");
}

/// The README from its first line to its last, with the server killed at the first start of a step of each of these phases.
pub(crate) fn installed<'a>(site: &'a Installation, kills: &[&str]) -> Served<'a> {
    let mut server = Served::begin(site);
    server.send_bundle();
    let begun = Instant::now();
    let run = server.start_run();
    server.follow();
    kills.iter().for_each(|step| server.kill_at(step));
    assert_eq!(server.outcome(&run), "healthy");
    done("an installation by curl alone", begun);
    join_tokens::none_is_told(site, &mut server);
    server
}
