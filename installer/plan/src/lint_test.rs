use installer_model::plan::{Intent, Phase, PlanId};

use super::*;

fn step(id: &str, after: &[&str]) -> Step {
    Step {
        id: StepId(id.into()),
        phase: Phase::Place,
        wave: 0,
        host: "a".into(),
        action: Action::StopPods,
        after: after.iter().map(|id| StepId((*id).into())).collect(),
        quorum_critical: false,
    }
}

fn with_text(path: &str, text: &str) -> Step {
    let files = vec![FileSpec { path: path.into(), mode: 0o600, source: FileSource::Text(text.into()) }];
    Step {
        action: Action::Files { title: "files".into(), folders: Vec::new(), files },
        ..step("a/place/x", &[])
    }
}

fn faults(steps: Vec<Step>) -> Vec<String> {
    let plan = Plan {
        format: PLAN_FORMAT,
        id: PlanId("1".repeat(64)),
        parent: None,
        site: "demo".into(),
        intent: Intent::Install,
        release: "1".into(),
        steps,
        report: Vec::new(),
    };
    lint(&plan, &["a"]).iter().map(Fault::to_string).collect()
}

#[test]
fn a_sound_plan_has_no_faults() {
    let sound = vec![step("a/place/x", &[]), step("a/place/y-1.2", &["a/place/x"])];
    assert_eq!(faults(sound), Vec::<String>::new());
}

#[test]
fn ids_are_unique_and_say_host_phase_and_word() {
    let steps = vec![step("a/place/x", &[]), step("a/place/x", &[])];
    assert_eq!(faults(steps), ["a/place/x is there more than once"]);
    for bad in ["b/place/x", "a/found/x", "a/place/", "a/place/x/y", "a/place/X", "x"] {
        let found = faults(vec![step(bad, &[])]);
        assert_eq!(found, [format!("{bad} is not <host>/<phase>/<word> of its own host and phase")]);
    }
}

#[test]
fn a_host_that_the_site_does_not_have_is_named() {
    let steps = vec![Step { host: "z".into(), ..step("z/place/x", &[]) }];
    assert_eq!(faults(steps), ["z/place/x is on z, which is no host of the site"]);
}

#[test]
fn edges_lead_to_steps_once() {
    let steps = vec![step("a/place/x", &["a/place/gone"]), step("a/place/y", &["a/place/x", "a/place/x"])];
    let wanted = [
        "a/place/x comes after a/place/gone, which is not there",
        "a/place/y comes after a/place/x more than once",
    ];
    assert_eq!(faults(steps), wanted);
}

#[test]
fn a_cycle_is_shown_without_the_steps_that_only_hang_on_it() {
    let steps = vec![
        step("a/place/after", &["a/place/one"]),
        step("a/place/one", &["a/place/three"]),
        step("a/place/two", &["a/place/one", "a/place/free"]),
        step("a/place/three", &["a/place/two"]),
        step("a/place/free", &[]),
    ];
    let wanted = "steps wait for each other: a/place/two before a/place/three before a/place/one";
    assert_eq!(faults(steps), [wanted]);
    let itself = vec![step("a/place/x", &["a/place/x"])];
    assert_eq!(faults(itself), ["steps wait for each other: a/place/x"]);
}

#[test]
fn paths_are_absolute() {
    let found = faults(vec![with_text("etc/hosts", "")]);
    assert_eq!(found, [r#"a/place/x has the path "etc/hosts", which is not absolute"#]);
}

#[test]
fn what_looks_like_a_secret_is_refused_where_it_stands() {
    let secrets = [
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE", "a private key"),
        ("token: abcdef.0123456789abcdef\n", "a bootstrap token"),
        ("users:\n- client-key-data: LS0t", "a client key"),
        ("certificateKey: 0011", "a certificate key"),
        ("  password: hunter2", "a password"),
    ];
    for (text, kind) in secrets {
        let wanted = format!("a/place/x has what looks like {kind} in /etc/x");
        assert_eq!(faults(vec![with_text("/etc/x", text)]), [wanted]);
    }
}

#[test]
fn references_keys_and_names_are_not_secrets() {
    let fine = [
        "-----BEGIN CERTIFICATE-----\nMIIE",
        "image: docker.io/library/kubern.containerdisfine",
        "token: {{ token }}",
        "password: \"\"",
        "passwordFile: /etc/x",
    ];
    for text in fine {
        assert_eq!(faults(vec![with_text("/etc/x", text)]), Vec::<String>::new(), "{text}");
    }
}
