//! The server as a service of a host's own systemd: installed, killed, asked from elsewhere, changed by hand, taken away.

use crate::installation::{Installation, done};
use crate::server::Shell;
use lab::Host;
use std::time::{Duration, Instant};

/// systemd waits two seconds before it starts the server anew.
const BACK: Duration = Duration::from_secs(60);
const UNIT: &str = "/etc/systemd/system/armilla.service";

#[test]
#[ignore = "needs root"]
fn systemd_keeps_a_server() {
    let site = Installation::begin("service", 1, |_| {});
    let mut operator = Shell::begin(&site.lab, site.folder.path());
    let host = site.host("h1");
    let begun = Instant::now();
    begin(&site, &mut operator);
    let again = host.shell("armilla serve --install").unwrap();
    assert!(again.contains("nothing was changed"), "{again}");

    kill(host);
    let me = operator.tell("armilla whoami");
    assert!(me.contains("anna"), "a login outlives the service: {me}");
    let other = ["00"; 32].join(":");
    let url = format!("https://{}:9443", host.address());
    let login = format!("armilla login {url} --ca-fingerprint {other} --token-stdin </dev/null");
    let refused = operator.run(&login);
    assert_eq!(refused.code, 7, "another fingerprint: {}", refused.out);

    host.shell(&format!("cp {UNIT} /root/unit && echo '# mine' >>{UNIT}")).unwrap();
    let edited = host.shell("armilla serve --install 2>&1; echo \"code $?\"").unwrap();
    assert!(edited.contains("changed by hand") && edited.trim().ends_with("code 4"), "{edited}");
    host.shell(&format!("mv /root/unit {UNIT}; armilla serve --uninstall")).unwrap();
    assert!(operator.run("armilla whoami").code != 0, "nobody answers any more");
    let left = host
        .shell(&format!("ls {UNIT} /usr/local/sbin/armilla 2>/dev/null; ls /var/lib/armilla-server; true"))
        .unwrap();
    assert!(left.contains("armilla.redb") && !left.contains("/usr/local"), "its state stays: {left}");

    host.shell("/root/armilla serve --install").unwrap();
    assert!(operator.tell("armilla whoami").contains("anna"), "it is the server that it was");
    done("a service of systemd", begun);
}

/// In the sandbox of the unit, on a cluster host that it installs itself.
pub(crate) fn an_install_outlives_the_service(site: &Installation) {
    let mut operator = Shell::begin(&site.lab, site.folder.path());
    let host = site.host("h1");
    begin(site, &mut operator);
    let (log, bundle) = (site.folder.path().join("apply.log"), site.folder.bundle());
    let apply = format!(
        "armilla apply -y -s site.yaml -b {} --trust {} >{} 2>&1; echo \"code $?\" >>{}",
        bundle.display(),
        site.folder.trust().display(),
        log.display(),
        log.display()
    );
    operator.start(&apply);
    let said = || std::fs::read_to_string(&log).unwrap_or_default();
    for step in ["place", "import"] {
        await_that(&format!("a step of {step}"), || said().contains(&format!(" {step} ")));
        kill(host);
    }
    await_that("the end of apply", || said().contains("code "));
    assert!(said().contains("healthy") && said().trim_end().ends_with("code 0"), "{}", said());
}

/// Installs the service on h1, and makes the person at the shell its first administrator.
fn begin(site: &Installation, operator: &mut Shell) {
    let host = site.host("h1");
    std::fs::copy(site.folder.program(), host.root().join("root/armilla")).unwrap();
    let said = host.shell("/root/armilla serve --install").unwrap();
    assert!(said.contains("started armilla.service"), "{said}");
    let journal = host.shell("journalctl -u armilla -o cat --no-pager").unwrap();
    let told = |what: &str| {
        let line = journal.lines().rev().find_map(|line| line.strip_prefix(what));
        line.unwrap_or_else(|| panic!("no {what}: {journal}")).to_owned()
    };
    let (url, code) = (told("Armilla listens on "), told("setup code: "));
    let fingerprint = told("certificate authority: SHA-256 ");
    operator.tell(&format!(
        "echo 'a password of some length' | armilla login {url} --user anna --setup-code {code} \
         --ca-fingerprint {fingerprint} --password-stdin"
    ));
}

/// As the kernel does to what takes too much; returns when systemd has the server answer again.
fn kill(host: &Host) {
    let main = || host.shell("systemctl show -p MainPID --value armilla").unwrap().trim().to_owned();
    let before = main();
    host.shell(&format!("kill -9 {before}")).unwrap();
    await_that("the service is back", || {
        let active = host.shell("systemctl is-active armilla || true").unwrap();
        active.trim() == "active" && main() != before
    });
}

fn await_that(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    let limit = if what.starts_with("the end") { 5 * BACK } else { 2 * BACK };
    while !is_so() {
        assert!(begun.elapsed() < limit, "not within {} s: {what}", limit.as_secs());
        std::thread::sleep(Duration::from_millis(100));
    }
}
