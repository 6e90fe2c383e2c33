//! Two who install at once, and the machine that installs is lost: one is refused with who and since when, and from a
//! host's copy another state folder goes on while the one from before is refused, with the add-ons that the site has.

use crate::addon;
use crate::installation::{Installation, excuse_the_disk};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const COPY: &str = "/var/lib/armilla/site.copy";

/// Another machine's folder: site file and state are its own, bundle and key are copies of the first one's.
struct Elsewhere<'a> {
    site: &'a Installation,
    path: PathBuf,
}

struct Said {
    code: Option<i32>,
    text: String,
}

impl<'a> Elsewhere<'a> {
    fn new(site: &'a Installation, name: &str) -> Elsewhere<'a> {
        let path = site.folder.path().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Elsewhere { site, path }
    }

    fn site_file(&self) -> PathBuf {
        self.path.join("site.yaml")
    }

    /// Adds a host of the lab to the site file that was written here.
    fn add_worker(&self, name: &str) {
        let (address, key) = (self.site.host(name).address(), self.site.lab.record().key.display());
        let line = format!("hosts:\n  - {{name: {name}, address: {address}, ssh: {{keyFile: {key}}}}}\n");
        let text = std::fs::read_to_string(self.site_file()).unwrap();
        assert!(text.contains("\nhosts:\n  - "), "{text}");
        std::fs::write(self.site_file(), text.replacen("hosts:\n", &line, 1)).unwrap();
    }

    /// The application's bundle is imported, and its file goes with the machine.
    fn keeps_an_application(&self) {
        std::fs::copy(addon::build(self.site), self.shop()).unwrap();
        self.import(&["--apply"]).with("import", 0, &["Bring bundle shop to 4 hosts"]);
        std::fs::remove_file(self.shop()).unwrap();
    }

    fn command(&self, verb: &str) -> Command {
        let mut command = self.site.lab.command([self.site.folder.program()]);
        command.arg(verb).arg("-s").arg(self.site_file()).arg("--state").arg(self.path.join("state"));
        command.stdin(Stdio::null());
        command
    }

    fn with_bundle(&self, verb: &str) -> Said {
        let folder = &self.site.folder;
        let mut command = self.command(verb);
        command.arg("-b").arg(folder.bundle()).arg("--trust").arg(folder.trust()).arg("-y");
        said(&mut command)
    }

    /// `armilla bundle import` of the application's bundle, from this folder.
    fn import(&self, words: &[&str]) -> Said {
        let folder = &self.site.folder;
        let mut command = self.site.lab.command([self.site.folder.program()]);
        command.args(["bundle", "import"]).arg(self.shop()).args(words);
        command.arg("-s").arg(self.site_file()).arg("--state").arg(self.path.join("state"));
        command.arg("-b").arg(folder.bundle()).arg("--trust").arg(folder.trust()).arg("-y");
        said(command.stdin(Stdio::null()))
    }

    /// Where the application's bundle lies in this folder.
    fn shop(&self) -> PathBuf {
        self.path.join("shop.bundle")
    }

    /// `armilla take-over root@HOST …`, confirmed with this name.
    fn take_over(&self, hosts: &[&str], confirm: &str) -> Said {
        let mut command = self.command("take-over");
        for host in hosts {
            command.arg(format!("root@{}", self.site.host(host).address()));
        }
        command.arg("--key").arg(&self.site.lab.record().key).args(["-y", "--confirm", confirm]);
        said(&mut command)
    }
}

fn said(command: &mut Command) -> Said {
    let output = command.output().unwrap();
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Said { code: output.status.code(), text }
}

impl Said {
    /// It must have ended with this code and said all of this.
    fn with(self, what: &str, code: i32, words: &[&str]) -> Said {
        assert_eq!(self.code, Some(code), "{what}: {}", self.text);
        for word in words {
            assert!(self.text.contains(word), "{what}: {word:?} is not in\n{}", self.text);
        }
        println!("{what}: exit {code}");
        self
    }
}

/// Applies, and kills that one process when a step with this in its id starts.
fn leave_half_finished(site: &Installation, step: &str) {
    let mut apply = site.start("apply", &[]);
    let begun = Instant::now();
    while !apply
        .events()
        .iter()
        .any(|record| record["event"]["step"].as_str().is_some_and(|id| id.contains(step)))
    {
        assert!(apply.child.try_wait().unwrap().is_none(), "apply ended by itself: {}", apply.said());
        assert!(begun.elapsed() < Duration::from_secs(300), "{step} never started: {}", apply.said());
        std::thread::sleep(Duration::from_millis(20));
    }
    // The hosts' copies follow the events within seconds.
    std::thread::sleep(Duration::from_secs(4));
    apply.child.kill().unwrap();
    apply.wait();
}

fn machine() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap().trim().to_owned()
}

#[test]
#[ignore = "needs root"]
fn two_at_once_and_a_lost_laptop() {
    let site = Installation::begin("take-over", 4, |_| {});
    let hosts: Vec<&lab::Host> = site.lab.hosts().iter().take(3).collect();
    site.folder.write_site(&site.lab, "take-over", &hosts).unwrap();
    excuse_the_disk(&site.folder);
    let elsewhere = Elsewhere::new(&site, "elsewhere");
    two_at_once(&site);

    leave_half_finished(&site, "/found/");
    let taken = elsewhere.take_over(&["h1"], "nonsense").with("a wrong name", 1, &["nothing was changed"]);
    assert!(taken.text.contains("LEFT OPEN"), "{}", taken.text);
    // h2's copy is damaged, h3 is down.
    let damage = format!("printf X | dd of={COPY} bs=1 seek=200 conv=notrunc status=none");
    site.host("h2").shell(&damage).unwrap();
    site.lab.power_off(&["h3"]).unwrap();
    let words = ["TAKING OVER site take-over", "COPY NOT USED: it is damaged", "NOT REACHED", "newest copy"];
    elsewhere.take_over(&["h2"], "take-over").with("only a damaged copy", 3, &["is damaged"]);
    elsewhere.take_over(&["h2", "h1"], "take-over").with("take-over", 0, &words);
    site.lab.power_on(&["h3"]).unwrap();

    let who = format!("of root on {}", machine());
    let refused = site.armilla("apply", &[]);
    let text = refused.text();
    assert_eq!(refused.status, Some(4), "{text}");
    for words in ["it was taken over from this state folder", "`armilla take-over`", &who] {
        assert!(text.contains(words), "{text}");
    }
    elsewhere.with_bundle("apply").with("apply goes on", 0, &["The site is as its file says."]);
    elsewhere.with_bundle("apply").with("apply again", 0, &["Nothing to do"]);
    elsewhere.add_worker("h4");
    elsewhere.with_bundle("apply").with("apply with one more worker", 0, &["The site is as its file says."]);
    site.prove("proofs after the take-over and with one more worker");
    said(&mut elsewhere.command("status")).with("status", 0, &["h1", "h2", "h3"]);
    let old = said(&mut site.folder.armilla(&site.lab, "status"));
    old.with("status of the old folder", 4, &["it was taken over from this state folder"]);

    elsewhere.keeps_an_application();
    the_newest_copy_wins(&site, &elsewhere);
}

/// The second is refused from the same state folder and from another one, while the first goes on.
fn two_at_once(site: &Installation) {
    let other = Elsewhere::new(site, "other");
    std::fs::copy(site.folder.site(), other.site_file()).unwrap();
    let mut first = site.start("apply", &[]);
    let begun = Instant::now();
    while first.events().len() < 20 {
        assert!(first.child.try_wait().unwrap().is_none(), "apply ended by itself: {}", first.said());
        assert!(begun.elapsed() < Duration::from_secs(120), "nothing began: {}", first.said());
        std::thread::sleep(Duration::from_millis(20));
    }
    let (pid, machine) = (first.child.id(), machine());
    let same = site.armilla("apply", &[]);
    let text = same.text();
    let who = format!("`armilla apply` of root on {machine} (process {pid}, ");
    assert_eq!(same.status, Some(4), "{text}");
    assert!(text.contains(&who) && text.contains(" UTC) has it open"), "{text}");
    let state = site.folder.state().display().to_string();
    other.with_bundle("apply").with(
        "apply from a second state folder",
        4,
        &["h1: it belongs to ledger", &format!("{who}state folder {state}, since "), "UTC)"],
    );
    support_while_an_apply_goes_on(site);
    assert!(first.child.try_wait().unwrap().is_none(), "the first goes on");
    first.child.kill().unwrap();
    first.wait();
}

/// The run's events come through the socket of the process that has the store open.
fn support_while_an_apply_goes_on(site: &Installation) {
    let archive = site.folder.path().join("support.tar.gz");
    let mut collect = site.lab.command([site.folder.program()]);
    collect
        .args(["support", "collect", "-s"])
        .arg(site.folder.site())
        .arg("--state")
        .arg(site.folder.state());
    let begun = Instant::now();
    let said = said(collect.arg("--out").arg(&archive).stdin(Stdio::null()));
    said.with("support collect while an apply goes on", 0, &["3/3 ", "files, "]);
    println!("support collect while an apply goes on: {:.1} s", begun.elapsed().as_secs_f64());
    let list = Command::new("tar").arg("-tzf").arg(&archive).output().unwrap();
    let list = String::from_utf8_lossy(&list.stdout).into_owned();
    for file in ["state/r-1/events.jsonl", "state/check.json", "state/plan.json", "hosts/h3/facts.json"] {
        assert!(list.contains(file), "{file} is not in\n{list}");
    }
}

/// A copy of before on one host, the newest on another; a worker leaves and the site goes.
fn the_newest_copy_wins(site: &Installation, elsewhere: &Elsewhere<'_>) {
    let host = site.host("h2");
    host.shell(&format!("cp -p {COPY} /root/old.copy")).unwrap();
    let before = Elsewhere::new(site, "before");
    let copied =
        Command::new("cp").arg("-a").arg(elsewhere.path.join(".")).arg(&before.path).status().unwrap();
    assert!(copied.success());
    elsewhere.with_bundle("apply").with("one more run", 0, &["Nothing to do"]);
    let older = ["which is newer than term 1 run", "; the last one here was `armilla apply` of root on "];
    before.with_bundle("apply").with("a state folder that was copied before", 4, &older);
    host.shell(&format!("cp -p /root/old.copy {COPY}")).unwrap();
    let third = Elsewhere::new(site, "third");
    third.take_over(&["h2"], "take-over").with(
        "taken from an older copy",
        0,
        &["older copy, of", "newest copy", "add-on       shop", "armilla bundle import FILE"],
    );
    elsewhere.with_bundle("apply").with(
        "the second folder is refused",
        4,
        &["it was taken over from this state folder"],
    );
    let gone = format!("note: bundle shop is not at {}", elsewhere.shop().display());
    third.with_bundle("apply").with("apply from the third folder", 0, &["Nothing to do", &gone]);
    the_applications_file_is_named_anew(site, &third);
    copy_is_private_and_without_secrets(site);
    third.with_bundle("reset").with("reset from the third folder", 0, &["Every host is as it was."]);
    for host in site.lab.hosts() {
        assert_eq!(host.shell("ls /var/lib/armilla 2>/dev/null; true").unwrap(), "", "{}", host.name());
    }
}

/// A host has lost the application's image: it cannot be had from nowhere, and can once its file is named.
fn the_applications_file_is_named_anew(site: &Installation, third: &Elsewhere<'_>) {
    let host = site.host("h4");
    let images = "ctr -n k8s.io images";
    host.shell(&format!("{images} list -q | grep -e /shop/ -e /kept: | xargs {images} rm --sync")).unwrap();
    third.with_bundle("apply").with("apply without the file", 1, &["no bundle that is here has it"]);
    std::fs::copy(site.folder.path().join("front.bundle"), third.shop()).unwrap();
    third.import(&[]).with("the file is named", 0, &["The site is as its file says."]);
    host.shell(&format!("{images} list -q | grep /shop/")).unwrap();
    let again = third.with_bundle("apply").with("apply again", 0, &["Nothing to do"]);
    assert!(!again.text.contains("note: bundle shop"), "{}", again.text);
}

fn copy_is_private_and_without_secrets(site: &Installation) {
    for host in site.lab.hosts() {
        assert_eq!(host.shell(&format!("stat -c '%a %U' {COPY}")).unwrap().trim(), "600 root");
        let bytes =
            std::fs::metadata(host.root().join(Path::new(COPY).strip_prefix("/").unwrap())).unwrap().len();
        println!("copy on {}: {bytes} bytes", host.name());
        assert!(bytes < 512 << 10, "{bytes}");
    }
}
