//! A host with its own kernel, clock and cgroup v2, emulated and therefore slow: its clock is judged, a missing module
//! is named, and with patience it becomes a cluster of one.

use crate::installation::{Installation, SHARED_DISK, chain, done};
use lab::{Machine, MachineSpec};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// How many times as long as usual everything may take there.
const SLOWNESS: u8 = 10;
const READY_WITHIN: Duration = Duration::from_secs(3600);

#[test]
#[ignore = "needs root and qemu-system-x86"]
fn an_emulated_host_is_judged_by_its_own_clock_and_kernel_and_becomes_a_cluster() {
    let site = Installation::begin("emulated", 1, |_| {});
    let begun = Instant::now();
    let spec = MachineSpec { clock_offset: 600, ..MachineSpec::default() };
    let machine = Machine::start(&site.lab, &spec, &|what| println!("{what}"))
        .unwrap_or_else(|error| panic!("{}", chain(&error)));
    done("an emulated machine answers ssh", begun);
    let kernel = machine.shell("uname -r; stat -f -c %T /sys/fs/cgroup; nproc").unwrap();
    println!("kernel, cgroup, processors: {}", kernel.replace('\n', " "));
    assert!(kernel.contains("cgroup2fs"), "{kernel}");
    write_site(&site, &machine);

    the_clock_is_ten_minutes_off(&site, &machine);
    a_module_is_missing(&site, &machine);
    it_becomes_a_cluster(&site, &machine);
}

fn write_site(site: &Installation, machine: &Machine) {
    let text = format!(
        "apiVersion: armilla/v1\nkind: Site\nmetadata: {{name: emulated}}\nslowness: {SLOWNESS}\n\
         ssh: {{user: root, keyFile: {}}}\nhosts:\n- {{name: {}, address: {}, roles: [control-plane, worker]}}\n{SHARED_DISK}",
        site.lab.record().key.display(),
        machine.name(),
        machine.address()
    );
    std::fs::write(site.folder.site(), text).unwrap();
}

fn armilla(site: &Installation, verb: &str, words: &[&str]) -> (Output, String) {
    let mut command: Command = site.folder.armilla_on_site(&site.lab, verb);
    let output = command.arg("-y").args(words).stdin(Stdio::null()).output().unwrap();
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stderr), String::from_utf8_lossy(&output.stdout));
    (output, said)
}

fn the_clock_is_ten_minutes_off(site: &Installation, machine: &Machine) {
    let begun = Instant::now();
    let (output, said) = armilla(site, "check", &[]);
    assert_eq!(output.status.code(), Some(5), "{said}");
    let clock =
        said.lines().find(|line| line.starts_with("refuse") && line.contains("lock")).unwrap_or_default();
    println!("{clock}");
    assert!(clock.contains("q1"), "{said}");
    done("check with a clock that is ten minutes off", begun);
    machine.shell(&format!("date --utc --set=@{}", now())).unwrap();
}

fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

fn a_module_is_missing(site: &Installation, machine: &Machine) {
    let begun = Instant::now();
    let file = machine.shell("modinfo -n vxlan").unwrap();
    let file = file.trim();
    machine.shell(&format!("rmmod vxlan 2>/dev/null; mv {file} /root/vxlan && depmod")).unwrap();
    let (output, said) = armilla(site, "check", &[]);
    assert_eq!(output.status.code(), Some(5), "{said}");
    assert!(said.contains("vxlan"), "{said}");
    assert!(
        !said.lines().any(|line| line.starts_with("refuse") && line.contains("lock")),
        "the clock is right: {said}"
    );
    println!("{}", said.lines().filter(|line| line.contains("vxlan")).collect::<Vec<_>>().join("\n"));
    done("check with a module missing", begun);
    machine.shell(&format!("mv /root/vxlan {file} && depmod")).unwrap();
}

fn it_becomes_a_cluster(site: &Installation, machine: &Machine) {
    let begun = Instant::now();
    let (output, said) = armilla(site, "apply", &[]);
    std::fs::write(site.folder.path().join("apply.log"), &said).unwrap();
    assert!(output.status.success(), "{said}");
    let took = begun.elapsed();
    let nodes =
        machine.shell("kubectl --kubeconfig /etc/kubernetes/admin.conf get nodes --no-headers").unwrap();
    println!("{}", nodes.trim());
    assert!(nodes.contains(" Ready "), "{nodes}");
    assert!(took < READY_WITHIN, "it took {} s", took.as_secs());
    done("apply on an emulated machine", begun);
    let begun = Instant::now();
    let (output, said) = armilla(site, "apply", &[]);
    assert!(output.status.success() && said.contains("Nothing to do"), "{said}");
    done("a second apply on an emulated machine", begun);
}
