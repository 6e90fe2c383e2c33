//! What an operator gives wrong, and hosts that are not as they should be: each time one error that names everything, what
//! to do next, the documented exit code, and a host on which nothing changed.

use crate::installation::{Installation, SHARED_DISK, chain, done};
use lab::Host;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Instant;

/// What a host may hold after it was looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Left {
    Nothing,
    /// `check` and `apply` put their own program there before they look.
    OurProgram,
}

/// The whole of one command line's trouble.
struct Case<'a> {
    what: &'a str,
    /// Lines of the site file below `hosts:`, one host each; the first one is the control plane.
    hosts: Vec<String>,
    /// Lines of the site file beside them.
    site: String,
    bundle: Option<&'a Path>,
    env: Vec<(&'a str, String)>,
    code: i32,
    /// Each must be in what it says.
    says: Vec<String>,
    /// Hosts that are held against how they were before.
    hosts_left: Vec<(&'a Host, Left)>,
}

#[test]
#[ignore = "needs root"]
fn bad_input_gives_one_clear_error_and_changes_nothing() {
    let begun = Instant::now();
    let site = Installation::begin("bad-input", 6, |spec| {
        spec.hosts[1].disk_size = "1500M".parse().unwrap();
        spec.hosts[5].sshd = ["Port 22", "Port 2222", "Banner /etc/issue"].map(String::from).into();
    });
    logins_that_fail(&site);
    what_is_no_ssh_server(&site);
    a_changed_host_key(&site);
    disks_that_cannot_be_written(&site);
    programs_that_do_not_fit(&site);
    encrypted_keys_and_empty_agents(&site);
    several_bad_hosts_are_named_at_once(&site);
    odd_hosts_are_no_bad_hosts(&site);
    done("bad input", begun);
}

fn logins_that_fail(site: &Installation) {
    let (h1, h2) = (site.host("h1"), site.host("h2"));
    says(
        site,
        Case {
            hosts: vec!["address: 10.77.0.250".into(), format!("address: {}, port: 2200", h2.address())],
            code: 8,
            says: [
                "h1: failed to reach 10.77.0.250:22",
                "h2: failed to reach 10.77.0.12:2200",
                "SSH port open",
            ]
            .map(String::from)
            .into(),
            ..Case::of("unreachable hosts", site)
        },
    );
    says(
        site,
        Case {
            site: "ssh: {user: root, password: {env: LOGIN}}".into(),
            env: vec![("LOGIN", "wrong".into())],
            code: 7,
            says: ["log in to 10.77.0.11 as root: the password was not accepted", "h2: ", "ssh.password"]
                .map(String::from)
                .into(),
            hosts_left: vec![(h1, Left::Nothing), (h2, Left::Nothing)],
            ..Case::of("a wrong password", site)
        },
    );
    let sudo =
        |more: &str| format!("ssh: {{user: site, keyFile: {}}}\n{more}", site.lab.record().key.display());
    says(
        site,
        Case {
            site: sudo("sudo: {password: {env: SUDO}}"),
            env: vec![("SUDO", "wrong".into())],
            code: 7,
            says: ["become root on 10.77.0.11: the sudo password of site is wrong", "sudo.password"]
                .map(String::from)
                .into(),
            hosts_left: vec![(h1, Left::Nothing), (h2, Left::Nothing)],
            ..Case::of("a wrong sudo password", site)
        },
    );
    h1.shell("mv /usr/bin/sudo /usr/bin/sudo.gone").unwrap();
    says(
        site,
        Case {
            site: sudo(""),
            code: 7,
            says: [
                "become root on 10.77.0.11: there is no sudo",
                "h2: failed to become root on 10.77.0.12: sudo asks for a password and none was given",
            ]
            .map(String::from)
            .into(),
            hosts_left: vec![(h1, Left::Nothing), (h2, Left::Nothing)],
            ..Case::of("no sudo, no sudo password", site)
        },
    );
    h1.shell("mv /usr/bin/sudo.gone /usr/bin/sudo; usermod -s /usr/sbin/nologin site").unwrap();
    h2.shell("chage -d 0 site").unwrap();
    says(
        site,
        Case {
            site: sudo(""),
            code: 7,
            says: [
                "run commands on 10.77.0.11 as site",
                "not available",
                "Password change required",
                "POSIX shell",
            ]
            .map(String::from)
            .into(),
            hosts_left: vec![(h1, Left::Nothing), (h2, Left::Nothing)],
            ..Case::of("a login shell that runs nothing", site)
        },
    );
    h1.shell("usermod -s /bin/bash site").unwrap();
    h2.shell("chage -d 2020-01-01 site").unwrap();
}

/// Servers on the runner's own address in the lab: one that closes at once, a web server, one that greets as mail does.
fn what_is_no_ssh_server(site: &Installation) {
    let answers: [&[u8]; 3] = [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"220 mail.example ESMTP\r\n"];
    let listeners = site
        .lab
        .inside(|| answers.map(|answer| (std::net::TcpListener::bind("10.77.0.2:0").unwrap(), answer)))
        .unwrap();
    let port = |listener: &std::net::TcpListener| listener.local_addr().unwrap().port();
    let hosts = listeners.iter().enumerate().map(|(n, (listener, _))| {
        format!("address: 10.77.0.2, port: {}, clusterAddress: 10.77.0.{}", port(listener), 101 + n)
    });
    let hosts: Vec<String> = hosts.collect();
    for (listener, answer) in listeners {
        // Ends with the test.
        std::thread::spawn(move || serve(&listener, answer));
    }
    says(
        site,
        Case {
            hosts,
            code: 8,
            says: [
                "h1: failed to greet the SSH server at 10.77.0.2:",
                "it closes the connection without a greeting",
                "it is no SSH server, it says \"HTTP/1.1 400 Bad Request\"",
                "it is no SSH server, it says \"220 mail.example ESMTP\"",
                "is the port the one that sshd listens on?",
            ]
            .map(String::from)
            .into(),
            ..Case::of("servers that are no sshd", site)
        },
    );
}

fn serve(listener: &std::net::TcpListener, answer: &[u8]) {
    while let Ok((mut stream, _)) = listener.accept() {
        if !answer.is_empty() {
            let _ = stream.read(&mut [0; 256]);
            let _ = stream.write_all(answer);
        }
    }
}

fn a_changed_host_key(site: &Installation) {
    let host = site.host("h3");
    let line = format!("address: {}", host.address());
    let seen = run(site, "check", &Case { hosts: vec![line.clone()], ..Case::of("first contact", site) });
    assert!(matches!(seen.status.code(), Some(0 | 6)), "{}", text(&seen));
    let key = "/etc/ssh/ssh_host_ed25519_key";
    host.shell(&format!("rm {key}*; ssh-keygen -q -t ed25519 -N '' -f {key}; systemctl restart ssh"))
        .unwrap();
    let new = host.shell(&format!("ssh-keygen -lf {key}.pub")).unwrap();
    let new = new.split_whitespace().nth(1).unwrap();
    says(
        site,
        Case {
            hosts: vec![line],
            code: 7,
            says: vec![
                format!("trust {}: its host key was {} and is now {new}", host.address(), host.fingerprint()),
                "into the site file as hostKey".into(),
            ],
            hosts_left: vec![(host, Left::OurProgram)],
            ..Case::of("a changed host key", site)
        },
    );
    let accepted = format!("address: {}, hostKey: '{new}'", host.address());
    let seen =
        run(site, "check", &Case { hosts: vec![accepted], ..Case::of("the new key in the site file", site) });
    assert!(matches!(seen.status.code(), Some(0 | 6)), "{}", text(&seen));
}

fn disks_that_cannot_be_written(site: &Installation) {
    let (h1, h2, h4) = (site.host("h1"), site.host("h2"), site.host("h4"));
    let line = |host: &Host| format!("address: {}", host.address());
    says(
        site,
        Case {
            hosts: vec![line(h2)],
            code: 5,
            says: [
                "Disk space (disk-space)",
                "GiB for",
                "1 finding stands in the way",
                "nothing was changed",
            ]
            .map(String::from)
            .into(),
            hosts_left: vec![(h2, Left::OurProgram)],
            ..Case::of("a disk that is too small", site)
        },
    );
    h2.shell("rm -r /var/lib/armilla; dd if=/dev/zero of=/fill bs=1M 2>/dev/null; dd if=/dev/zero of=/fill2 bs=1k 2>/dev/null; true").unwrap();
    // Another file system than the runner's own: the whole of /var, as after a disk error.
    h4.shell("mount --rbind /var /var && mount -o remount,ro,bind /var").unwrap();
    says(
        site,
        Case {
            hosts: vec![line(h1), line(h2), line(h4)],
            code: 5,
            says: [
                "h2: failed to write /var/lib/armilla",
                "on 10.77.0.12: no space left",
                "free some space",
                "h3: failed to write /var/lib/armilla on 10.77.0.14: the file system is read-only",
                "dmesg",
            ]
            .map(String::from)
            .into(),
            hosts_left: vec![(h2, Left::Nothing), (h4, Left::Nothing)],
            ..Case::of("a full disk and a read-only /var", site)
        },
    );
    h2.shell("rm /fill /fill2").unwrap();
    h4.shell("umount -R /var").unwrap();
}

fn programs_that_do_not_fit(site: &Installation) {
    let h1 = site.host("h1");
    let line = || vec![format!("address: {}", h1.address())];
    h1.shell("printf '#!/bin/sh\\necho riscv64\\n' > /usr/local/bin/uname; chmod 755 /usr/local/bin/uname")
        .unwrap();
    says(
        site,
        Case {
            hosts: line(),
            code: 5,
            says: ["it is riscv64, and there is no program for that (only for amd64)", "--arch"]
                .map(String::from)
                .into(),
            hosts_left: vec![(h1, Left::OurProgram)],
            ..Case::of("an architecture that the bundle does not have", site)
        },
    );
    h1.shell("rm /usr/local/bin/uname").unwrap();
    // One that lacks what some site may need is not even built; one of somebody's own catalogue may lack all of it.
    let (refused, _) = bundle_without(site, "coredns");
    assert_eq!(refused.status.code(), Some(1), "{}", text(&refused));
    assert!(text(&refused).contains("registry.k8s.io/coredns/coredns"), "{}", text(&refused));
    let (built, lacking) = bundle_without(site, "kubernetes");
    assert!(built.status.success(), "{}", text(&built));
    says(
        site,
        Case {
            hosts: line(),
            bundle: Some(&lacking),
            code: 5,
            says: ["no component kubernetes in the bundle", "nothing was changed"].map(String::from).into(),
            hosts_left: vec![(h1, Left::OurProgram)],
            ..Case::of("a bundle that lacks a component", site)
        },
    );
    says(
        site,
        Case {
            hosts: line(),
            site: format!("{}\nkubernetes: {{version: 1.30.0}}", key_login(site)),
            code: 5,
            says: ["1.30.0", "wanted", "nothing was changed"].map(String::from).into(),
            hosts_left: vec![(h1, Left::OurProgram)],
            ..Case::of("a bundle that does not fit the site", site)
        },
    );
}

/// A bundle of the whole catalogue but for one component, sealed with the same key.
fn bundle_without(site: &Installation, component: &str) -> (Output, PathBuf) {
    let folder = site.folder.path().join(format!("without-{component}"));
    std::fs::create_dir_all(&folder).unwrap();
    let whole = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../bundles/catalog");
    for entry in std::fs::read_dir(whole).unwrap() {
        let from = entry.unwrap().path();
        if from.file_stem().is_some_and(|stem| stem != component) {
            std::fs::copy(&from, folder.join(from.file_name().unwrap())).unwrap();
        }
    }
    let bundle = folder.with_extension("bundle");
    let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dist");
    let mut build = Command::new(site.folder.program());
    build.args(["bundle", "build"]).arg(&bundle).arg("--key").arg(site.folder.key());
    build.arg("--catalog").arg(folder).arg("--programs").arg(programs);
    (build.output().unwrap(), bundle)
}

fn encrypted_keys_and_empty_agents(site: &Installation) {
    let host = site.host("h3");
    let line = || vec![format!("address: {}", host.address())];
    let (key, socket) = (site.folder.path().join("locked"), site.folder.path().join("agent"));
    std::fs::copy(&site.lab.record().key, &key).unwrap();
    let keygen =
        Command::new("ssh-keygen").args(["-q", "-p", "-P", "", "-N", "open sesame", "-f"]).arg(&key).status();
    assert!(keygen.unwrap().success());
    let with = |more: &str| format!("ssh: {{user: root, keyFile: {}{more}}}", key.display());
    let wants = |what, login: String, env: Vec<(&'static str, String)>, words: &[&str]| {
        says(
            site,
            Case {
                hosts: line(),
                site: login,
                env,
                code: 7,
                says: words.iter().map(ToString::to_string).collect(),
                hosts_left: vec![(host, Left::OurProgram)],
                ..Case::of(what, site)
            },
        );
    };
    // The case before gave this host another key; a new state folder knows none.
    std::fs::remove_dir_all(state(site)).unwrap();
    wants(
        "an encrypted key and no passphrase",
        with(""),
        vec![],
        &["it is encrypted and no passphrase was given", "ssh.passphrase"],
    );
    let from_env = with(", passphrase: {env: PHRASE}");
    wants(
        "a wrong passphrase",
        from_env.clone(),
        vec![("PHRASE", "open barley".into())],
        &["its passphrase is another", "ssh-keygen -yf"],
    );
    wants(
        "a passphrase that is not there",
        from_env.clone(),
        vec![],
        &["environment variable PHRASE is not set"],
    );
    let agent = Agent::start(&socket);
    let asks_agent = "ssh: {user: root, agent: true}".to_owned();
    wants(
        "an agent without keys",
        asks_agent,
        vec![("SSH_AUTH_SOCK", socket.display().to_string())],
        &["the SSH agent holds no key"],
    );
    drop(agent);

    let right = Case {
        hosts: line(),
        site: from_env,
        env: vec![("PHRASE", "open sesame".into())],
        ..Case::of("right", site)
    };
    let seen = run(site, "check", &right);
    assert!(matches!(seen.status.code(), Some(0 | 6)), "{}", text(&seen));
    asked_at_a_terminal(
        site,
        &Case { hosts: line(), site: with(", passphrase: {prompt: true}"), ..Case::of("prompt", site) },
    );
}

/// Types the passphrase at a terminal of its own, as a person does.
fn asked_at_a_terminal(site: &Installation, case: &Case<'_>) {
    let command = command(site, "check", case);
    let words: Vec<String> = std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| format!("'{}'", word.to_string_lossy()))
        .collect();
    let mut terminal = Command::new("script");
    terminal.args(["--quiet", "--return", "--command", &words.join(" "), "/dev/null"]);
    let mut terminal = terminal.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    // What is typed before the question is asked is shown, as at every terminal.
    let mut asked = Vec::new();
    while !asked.ends_with(b"passphrase of ") {
        let mut byte = [0];
        terminal.stdout.as_mut().unwrap().read_exact(&mut byte).unwrap();
        asked.extend(byte);
    }
    std::thread::sleep(std::time::Duration::from_millis(300));
    terminal.stdin.as_mut().unwrap().write_all(b"open sesame\n").unwrap();
    let said = terminal.wait_with_output().unwrap();
    assert!(matches!(said.status.code(), Some(0 | 6)), "{}", text(&said));
    assert!(!text(&said).contains("sesame"), "{}", text(&said));
}

struct Agent(Child);

impl Agent {
    fn start(socket: &Path) -> Agent {
        let agent =
            Command::new("ssh-agent").arg("-D").arg("-a").arg(socket).stdout(Stdio::null()).spawn().unwrap();
        while !socket.exists() {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        Agent(agent)
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// One look names them all, what the host lacks that did let us in among them.
fn several_bad_hosts_are_named_at_once(site: &Installation) {
    let (h1, h2, h4) = (site.host("h1"), site.host("h2"), site.host("h4"));
    let wrong = "SHA256:uNiVztksCsDhcc0u9e8BrrJXVUDF3S4wuaOyKrJKbFk";
    h4.shell("mount --rbind /var /var && mount -o remount,ro,bind /var").unwrap();
    says(
        site,
        Case {
            hosts: vec![
                format!("address: {}, hostKey: '{wrong}'", h1.address()),
                format!("address: {}", h2.address()),
                "address: 10.77.0.250".into(),
                format!("address: {}", h4.address()),
                format!("address: {}, user: nobody-here", site.host("h5").address()),
            ],
            code: 8,
            says: [
                "error: 4 problems",
                "h1: failed to trust",
                "h2: Disk space",
                "h3: failed to reach",
                "h4: failed to write",
                "h5: failed to log in",
            ]
            .map(String::from)
            .into(),
            hosts_left: vec![(h1, Left::OurProgram), (h2, Left::OurProgram), (h4, Left::Nothing)],
            ..Case::of("five bad hosts", site)
        },
    );
    h4.shell("umount -R /var").unwrap();
}

/// Banners, a motd, a shell that talks, umask 077, a /tmp from which nothing runs, another port, no home, a PATH without
/// sbin, a terminal in Chinese: all of them are looked at like any other host.
fn odd_hosts_are_no_bad_hosts(site: &Installation) {
    let (h5, h6) = (site.host("h5"), site.host("h6"));
    h6.shell(
        "mount -t tmpfs -o noexec tmpfs /tmp; echo WELCOME > /etc/motd; \
         sed -i '1i echo hello; echo noise >&2; umask 077; export PATH=/usr/local/bin:/usr/bin:/bin' /root/.bashrc",
    )
    .unwrap();
    h5.shell("mv /home/site /home/gone; sed -i s/secure_path/nothing_of_path/ /etc/sudoers; visudo -c -q || sed -i /nothing_of_path/d /etc/sudoers").unwrap();
    let password = site.lab.record().site_password.clone();
    let case = Case {
        hosts: vec![
            format!("address: {}, port: 2222", h6.address()),
            format!(
                "address: {}, user: site, ssh: {{password: {{env: LOGIN}}}}, sudo: {{password: {{env: LOGIN}}}}",
                h5.address()
            ),
        ],
        env: vec![("LOGIN", password), ("LANG", "zh_CN.UTF-8".into())],
        ..Case::of("odd hosts", site)
    };
    let seen = run(site, "check", &case);
    assert!(matches!(seen.status.code(), Some(0 | 6)), "{}", text(&seen));
    assert!(text(&seen).contains("连接跟踪") || text(&seen).contains("cgroup 版本"), "{}", text(&seen));
    let owner = h6.shell("stat -c '%a %U' /var/lib/armilla /var/lib/armilla/bin").unwrap();
    assert!(owner.lines().all(|line| line.ends_with("root")), "{owner}");
    println!("odd hosts: exit {:?}", seen.status.code());
}

impl<'a> Case<'a> {
    /// Two hosts, logged in to with the lab's key.
    fn of(what: &'a str, site: &'a Installation) -> Case<'a> {
        let hosts = ["h1", "h2"].map(|name| format!("address: {}", site.host(name).address()));
        Case {
            what,
            hosts: hosts.into(),
            site: key_login(site),
            bundle: None,
            env: Vec::new(),
            code: 0,
            says: Vec::new(),
            hosts_left: Vec::new(),
        }
    }
}

fn key_login(site: &Installation) -> String {
    format!("ssh: {{user: root, keyFile: {}}}", site.lab.record().key.display())
}

fn state(site: &Installation) -> PathBuf {
    site.folder.path().join("bad-state")
}

fn command(site: &Installation, verb: &str, case: &Case<'_>) -> Command {
    let mut text =
        format!("apiVersion: armilla/v1\nkind: Site\nmetadata: {{name: bad}}\n{}\nhosts:\n", case.site);
    for (position, host) in case.hosts.iter().enumerate() {
        let roles = if position == 0 { "[control-plane, worker]" } else { "[worker]" };
        text.push_str(&format!("- {{name: h{}, roles: {roles}, {host}}}\n", position + 1));
    }
    text.push_str(SHARED_DISK);
    let file = site.folder.path().join("bad.yaml");
    std::fs::write(&file, text).unwrap();
    let mut command = site.lab.command([site.folder.program()]);
    command.arg(verb).arg("-s").arg(file).arg("--state").arg(state(site)).arg("-y");
    let whole = site.folder.bundle();
    command.arg("-b").arg(case.bundle.unwrap_or(&whole)).arg("--trust").arg(site.folder.trust());
    command.env_remove("SSH_AUTH_SOCK").env("LANG", "C.UTF-8").env_remove("LC_ALL").stdin(Stdio::null());
    command.envs(case.env.iter().map(|(name, value)| (name, value)));
    command
}

fn run(site: &Installation, verb: &str, case: &Case<'_>) -> Output {
    command(site, verb, case).output().unwrap()
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stderr), String::from_utf8_lossy(&output.stdout))
}

/// Applies, and holds the outcome against the case.
fn says(site: &Installation, case: Case<'_>) {
    let begun = Instant::now();
    let before: Vec<Vec<String>> = case.hosts_left.iter().map(|(host, left)| picture(host, *left)).collect();
    let output = run(site, "apply", &case);
    let (said, what) = (text(&output), case.what);
    assert_eq!(output.status.code(), Some(case.code), "{what}: {said}");
    let errors = said.lines().filter(|line| line.starts_with("error: ")).count();
    assert_eq!(errors, 1, "{what}: {said}");
    assert!(said.lines().any(|line| line.trim_start().starts_with("hint: ")), "{what}: {said}");
    for words in &case.says {
        assert!(said.contains(words), "{what}: does not say {words:?}: {said}");
    }
    assert!(
        !said.contains("Session(") && !said.contains("Some("),
        "{what}: speaks of its own insides: {said}"
    );
    for ((host, left), before) in case.hosts_left.iter().zip(before) {
        let after = picture(host, *left);
        let only = |these: &[String], those: &[String]| -> Vec<String> {
            these.iter().filter(|line| !those.contains(line)).cloned().collect()
        };
        let (gone, new) = (only(&before, &after), only(&after, &before));
        assert!(gone.is_empty() && new.is_empty(), "{what}: {}: {gone:#?} became {new:#?}", host.name());
    }
    done(what, begun);
}

/// Every file with its mode, size and time, every directory with its mode, every mount: but for what a login itself
/// leaves, and for our own program where it may be. A directory's time is left out: the latency test writes a file and
/// takes it away again.
fn picture(host: &Host, left: Left) -> Vec<String> {
    let ours = if left == Left::OurProgram { "-o -path /var/lib/armilla" } else { "" };
    let line = format!(
        "find / \\( -path /proc -o -path /sys -o -path /dev -o -path /run -o -path /tmp -o -path /var/tmp \
         -o -path /var/log -o -path /var/lib/systemd -o -path /home/site/.cache {ours} \\) -prune \
         -o -type d -printf '%p %y %m\\n' -o -printf '%p %y %m %s %T@\\n' | sort; \
         awk '{{print $4, $5, $6}}' /proc/self/mountinfo | grep -v ' /run/credentials/' | sort; \
         ls /run/systemd/transient 2>/dev/null; true"
    );
    let listed = host.shell(&line).unwrap_or_else(|error| panic!("{}", chain(&error)));
    listed.lines().map(str::to_owned).collect()
}
