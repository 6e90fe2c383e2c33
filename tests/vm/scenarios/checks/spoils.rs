//! The faults, each with what mends it. Mended in the opposite order, so that a fault may build on an earlier one.

/// One fault of one host.
pub(crate) struct Spoil {
    /// Of the check that must find it.
    pub(crate) id: &'static str,
    pub(crate) host: &'static str,
    /// Where it must be found: the host, or empty for the site as a whole.
    pub(crate) found_on: &'static str,
    /// A part of what was seen.
    pub(crate) observed: &'static str,
    /// Shell lines, as root on the host.
    pub(crate) spoil: &'static str,
    pub(crate) mend: &'static str,
}

const fn on(
    host: &'static str,
    id: &'static str,
    observed: &'static str,
    spoil: &'static str,
    mend: &'static str,
) -> Spoil {
    Spoil { id, host, found_on: host, observed, spoil, mend }
}

/// A finding of the site, whichever host it comes from.
const fn site(
    host: &'static str,
    id: &'static str,
    observed: &'static str,
    spoil: &'static str,
    mend: &'static str,
) -> Spoil {
    Spoil { id, host, found_on: "", observed, spoil, mend }
}

/// A program of that name, which sleeps: what an agent is called is all that a check sees of it.
macro_rules! agent {
    ($host:literal, $id:literal, $name:literal) => {
        on(
            $host,
            $id,
            $name,
            concat!(
                "cp /bin/sleep /root/",
                $name,
                "; systemd-run -q --unit=spoil-",
                $name,
                " /root/",
                $name,
                " 3600"
            ),
            concat!("systemctl stop spoil-", $name, "; rm /root/", $name),
        )
    };
}

/// A unit that starts with the host.
macro_rules! enabled {
    ($host:literal, $id:literal, $target:literal, $unit:literal, $more:literal, $less:literal) => {
        on(
            $host,
            $id,
            $unit,
            concat!(
                "d=/etc/systemd/system/",
                $target,
                ".wants; mkdir -p $d; ln -s /nowhere $d/",
                $unit,
                "; ",
                $more
            ),
            concat!("rm /etc/systemd/system/", $target, ".wants/", $unit, "; ", $less),
        )
    };
}

#[rustfmt::skip]
pub(crate) const SPOILS: &[Spoil] = &[
    // Other clusters
    on("h2", "leftovers", "/etc/kubernetes", "mkdir /etc/kubernetes; echo x > /etc/kubernetes/kubelet.conf", "rm -r /etc/kubernetes"),
    on("h2", "leftovers-k3s", "/etc/rancher/k3s", "mkdir -p /etc/rancher/k3s; echo x > /etc/rancher/k3s/config.yaml", "rm -r /etc/rancher"),
    on("h3", "leftovers-rke2", "/etc/rancher/rke2", "mkdir -p /etc/rancher/rke2; echo x > /etc/rancher/rke2/config.yaml", "rm -r /etc/rancher"),
    on("h2", "leftovers-k0s", "/var/lib/k0s", "mkdir /var/lib/k0s; echo x > /var/lib/k0s/token", "rm -r /var/lib/k0s"),
    agent!("h2", "leftovers-microk8s", "kubelite"),
    on("h2", "leftovers-etcd", "/var/lib/etcd", "mkdir -p /var/lib/etcd/member/snap; echo x > /var/lib/etcd/member/snap/db", "rm -r /var/lib/etcd/member"),
    on("h2", "leftovers-network", "link cni0", "ip link add cni0 type bridge", "ip link del cni0"),
    on("h2", "leftovers-mounts", "/run/netns/cni-1", "mkdir -p /run/netns; touch /run/netns/cni-1; mount --bind /proc/1/ns/net /run/netns/cni-1", "umount /run/netns/cni-1; rm /run/netns/cni-1"),
    agent!("h3", "container-runtime", "dockerd"),
    on("h1", "packet-rules", "KUBE-SERVICES", "printf '#!/bin/sh\\necho \"*filter\"\\necho \":FORWARD DROP [0:0]\"\\necho \":KUBE-SERVICES - [0:0]\"\\n' > /usr/local/sbin/iptables-save; chmod 755 /usr/local/sbin/iptables-save", "rm /usr/local/sbin/iptables-save"),
    on("h1", "forward-policy", "FORWARD DROP", "true", "true"),
    // Agents and services
    agent!("h2", "firewall", "firewalld"),
    agent!("h2", "packet-filter-agents", "lfd"),
    agent!("h2", "endpoint-security", "falcon-sensor"),
    agent!("h2", "exec-control", "fapolicyd"),
    agent!("h2", "config-management", "puppet"),
    agent!("h3", "time-services-agree", "chronyd"),
    on("h3", "time-services-agree", "ntpd", "cp /bin/sleep /root/ntpd; systemd-run -q --unit=spoil-ntpd /root/ntpd 3600", "systemctl stop spoil-ntpd; rm /root/ntpd"),
    on("h2", "nftables-service", "flush ruleset", "d=/etc/systemd/system/sysinit.target.wants; mkdir -p $d; ln -s /nowhere $d/nftables.service; echo 'flush ruleset' > /etc/nftables.conf", "rm /etc/systemd/system/sysinit.target.wants/nftables.service /etc/nftables.conf"),
    enabled!("h2", "automatic-updates", "multi-user.target", "unattended-upgrades.service", "true", "true"),
    enabled!("h2", "nm-cloud-setup", "timers.target", "nm-cloud-setup.timer", "true", "true"),
    on("h2", "unit-drop-ins", "kubelet.service.d/10-kubeadm.conf", "d=/etc/systemd/system/kubelet.service.d; mkdir $d; printf '[Service]\\nExecStart=\\nExecStart=/usr/bin/kubelet\\n' > $d/10-kubeadm.conf", "rm -r /etc/systemd/system/kubelet.service.d"),
    on("h2", "other-programs", "/usr/bin/kubelet", "cp /bin/true /usr/bin/kubelet", "rm /usr/bin/kubelet"),
    on("h2", "sshd-dns", "UseDNS yes", "mkdir -p /etc/ssh/sshd_config.d; echo 'UseDNS yes' > /etc/ssh/sshd_config.d/00-spoil.conf", "rm /etc/ssh/sshd_config.d/00-spoil.conf"),
    on("h2", "systemd-state", "degraded: spoil-fails.service", "systemd-run -q --unit=spoil-fails /bin/false; sleep 0.3", "systemctl reset-failed spoil-fails"),
    // The next boot
    on("h2", "restart-wanted", "/run/reboot-required", "touch /run/reboot-required", "rm /run/reboot-required"),
    on("h2", "shutdown-ordered", "poweroff", "mkdir -p /run/systemd/shutdown; printf 'USEC=1\\nMODE=poweroff\\n' > /run/systemd/shutdown/scheduled", "rm /run/systemd/shutdown/scheduled"),
    on("h2", "kernel-updated", "modules of 9.9.9", "mkdir -p /lib/modules/9.9.9; touch /lib/modules/9.9.9/modules.dep", "rm -r /lib/modules/9.9.9"),
    on("h2", "swap-at-boot", "/swap.img", "touch /etc/fstab; cp /etc/fstab /root/fstab; echo '/swap.img none swap sw 0 0' >> /etc/fstab", "cp /root/fstab /etc/fstab; rm /root/fstab"),
    on("h2", "sysctl-files", "net.ipv4.ip_forward=0 in /etc/sysctl.d/99-hardening.conf", "mkdir -p /etc/sysctl.d; echo 'net.ipv4.ip_forward = 0' > /etc/sysctl.d/99-hardening.conf", "rm /etc/sysctl.d/99-hardening.conf"),
    // Clones, names, time
    on("h2", "machine-id-unique", "as on h1", "cp /etc/machine-id /root/machine-id; echo 11112222333344445555666677778888 > /etc/machine-id", "cp /root/machine-id /etc/machine-id; rm /root/machine-id"),
    Spoil { found_on: "h2", ..on("h1", "machine-id-unique", "as on h1", "cp /etc/machine-id /root/machine-id; echo 11112222333344445555666677778888 > /etc/machine-id", "cp /root/machine-id /etc/machine-id; rm /root/machine-id") },
    on("h3", "machine-id", "none", "cp /etc/machine-id /root/machine-id; : > /etc/machine-id", "cp /root/machine-id /etc/machine-id; rm /root/machine-id"),
    on("h2", "hostname-unique", "h1, as on h1", "hostname h1", "hostname h2"),
    on("h3", "hostname-valid", "Web_3", "echo Web_3 > /proc/sys/kernel/hostname", "hostname h3"),
    on("h2", "ssh-host-key-unique", "as on h1", "echo 'ssh-aaa clone x' > /etc/ssh/ssh_host_aaa_key.pub", "rm /etc/ssh/ssh_host_aaa_key.pub"),
    Spoil { found_on: "h2", ..on("h1", "ssh-host-key-unique", "as on h1", "echo 'ssh-aaa clone x' > /etc/ssh/ssh_host_aaa_key.pub", "rm /etc/ssh/ssh_host_aaa_key.pub") },
    site("h2", "time-zone", "h2 Asia/Shanghai", "cp -P /etc/localtime /root/localtime 2>/dev/null; ln -sfn /usr/share/zoneinfo/Asia/Shanghai /etc/localtime", "rm /etc/localtime; mv /root/localtime /etc/localtime 2>/dev/null || true"),
    site("h1", "time-zone", "h1 Etc/UTC", "cp -P /etc/localtime /root/localtime 2>/dev/null; ln -sfn /usr/share/zoneinfo/Etc/UTC /etc/localtime", "rm /etc/localtime; mv /root/localtime /etc/localtime 2>/dev/null || true"),
    on("h2", "rtc-local-time", "LOCAL", "printf '0 0 0\\n0\\nLOCAL\\n' > /etc/adjtime", "rm /etc/adjtime"),
    on("h3", "os", "Arch Linux", "cp -P /etc/os-release /root/os-release; rm /etc/os-release; printf 'ID=arch\\nPRETTY_NAME=\"Arch Linux\"\\n' > /etc/os-release", "rm /etc/os-release; mv /root/os-release /etc/os-release"),
    on("h1", "dns-loop", "10.96.0.10", "cp /etc/resolv.conf /root/resolv.conf; echo 'nameserver 10.96.0.10' >> /etc/resolv.conf", "cp /root/resolv.conf /etc/resolv.conf; rm /root/resolv.conf"),
    on("h1", "name-servers-many", "4 in /etc/resolv.conf", "printf 'nameserver 192.0.2.54\\nnameserver 192.0.2.55\\n' >> /etc/resolv.conf", "true"),
    on("h1", "search-domains", "30 of ", "echo search $(seq -f a%g.example.com 30) >> /etc/resolv.conf", "true"),
    on("h2", "name-servers", "none", "cp /etc/resolv.conf /root/resolv.conf; echo 'nameserver 127.0.0.53' > /etc/resolv.conf", "cp /root/resolv.conf /etc/resolv.conf; rm /root/resolv.conf"),
    on("h3", "resolv-conf", "cannot be read", "mv /etc/resolv.conf /root/resolv.conf", "mv /root/resolv.conf /etc/resolv.conf"),
    on("h2", "hosts-file", "192.0.2.7 h1", "touch /etc/hosts; cp /etc/hosts /root/hosts; echo '192.0.2.7 h1' >> /etc/hosts", "cp /root/hosts /etc/hosts; rm /root/hosts"),
    on("h3", "localhost", "not in /etc/hosts", "touch /etc/hosts; cp /etc/hosts /root/hosts; echo '192.0.2.7 x' > /etc/hosts", "cp /root/hosts /etc/hosts; rm /root/hosts"),
    on("h1", "hostname-loopback", "127.0.1.1 h1", "touch /etc/hosts; cp /etc/hosts /root/hosts; sed -i '1i 127.0.1.1 h1' /etc/hosts", "cp /root/hosts /etc/hosts; rm /root/hosts"),
    on("h2", "proxy", "HTTP_PROXY in /etc/systemd/system.conf.d/proxy.conf", "mkdir -p /etc/systemd/system.conf.d; printf '[Manager]\\nDefaultEnvironment=\"HTTP_PROXY=http://u:canary-word@192.0.2.9:3128\"\\n' > /etc/systemd/system.conf.d/proxy.conf", "rm /etc/systemd/system.conf.d/proxy.conf"),
    // The network
    on("h2", "ports", "10250/tcp is held by systemd-socket", "systemd-run -q --unit=spoil-port systemd-socket-activate --accept -l 10250 /bin/cat; sleep 0.3", "systemctl stop spoil-port"),
    on("h2", "mtu-small", "1300 of host0", "ip link set host0 mtu 1300", "ip link set host0 mtu 1500"),
    site("h2", "mtu", "h2 1300", "true", "true"),
    on("h3", "same-subnet", "on host0 and spoil0", "ip link add spoil0 type veth peer name spoil1; ip addr add 10.77.0.99/24 dev spoil0 noprefixroute; ip link set spoil0 up; ip link set spoil1 up", "ip link del spoil0"),
    on("h3", "rp-filter", "1 with several interfaces", "sysctl -qw net.ipv4.conf.all.rp_filter=1", "sysctl -qw net.ipv4.conf.all.rp_filter=0"),
    on("h2", "ipv6-disabled", "disabled", "sysctl -qw net.ipv6.conf.all.disable_ipv6=1", "sysctl -qw net.ipv6.conf.all.disable_ipv6=0"),
    on("h2", "local-ports", "takes in", "sysctl -qw net.ipv4.ip_local_port_range='1024 65535'", "sysctl -qw net.ipv4.ip_local_port_range='32768 60999'"),
    on("h2", "default-route-many", "host0 via 10.77.0.1, host0 via 10.77.0.254", "ip route append default via 10.77.0.254 dev host0", "ip route del default via 10.77.0.254"),
    on("h3", "default-route", "none", "ip route del default", "ip route add default via 10.77.0.1"),
    on("h3", "network-overlap", "route 10.100.0.0/16 (host0)", "ip route add 10.100.0.0/16 dev host0", "ip route del 10.100.0.0/16 dev host0"),
    on("h2", "dhcp-address", "from DHCP", "mkdir -p /run/systemd/netif/leases; echo \"ADDRESS=$(hostname -I | cut -d' ' -f1)\" > /run/systemd/netif/leases/9", "rm /run/systemd/netif/leases/9"),
    // Disks
    on("h3", "disk-space", "free on", "free=$(df --output=avail -BM / | tail -1 | tr -dc 0-9); fallocate -l $((free - 1024))M /root/fill", "rm /root/fill"),
    on("h2", "noexec", "noexec: /opt/cni/bin", "mkdir -p /opt/cni/bin; mount -t tmpfs -o noexec tmpfs /opt/cni/bin", "umount /opt/cni/bin"),
    on("h3", "read-only", "read-only: /opt/cni/bin", "mkdir -p /opt/cni/bin; mount -t tmpfs -o ro tmpfs /opt/cni/bin", "umount /opt/cni/bin"),
    on("h1", "etcd-filesystem", "tmpfs under /var/lib/etcd", "mount -t tmpfs tmpfs /var/lib/etcd", "umount /var/lib/etcd"),
    on("h2", "runtime-filesystem", "tmpfs under /var/lib/containerd", "mount -t tmpfs tmpfs /var/lib/containerd", "umount /var/lib/containerd"),
    on("h2", "kubelet-filesystem", "tmpfs under /var/lib/kubelet", "mount -t tmpfs tmpfs /var/lib/kubelet", "umount /var/lib/kubelet"),
    on("h3", "volume-options", "nodev,nosuid on /var/lib/kubelet", "mount -o remount,bind,nosuid,nodev /var/lib/kubelet", "mount -o remount,bind,suid,dev /var/lib/kubelet"),
    on("h2", "log-space", "free on /var/log", "mount -t tmpfs -o size=50M tmpfs /var/log", "umount /var/log"),
    on("h3", "mount-propagation", "private", "mount --make-private /", "mount --make-shared /"),
    on("h3", "cgroup-writable", "/sys/fs/cgroup/cpuset", "mount -o remount,ro,bind /sys/fs/cgroup/cpuset", "mount -o remount,rw,bind /sys/fs/cgroup/cpuset"),
    on("h3", "commands", "missing: losetup", "mv /usr/sbin/losetup /usr/sbin/losetup.away", "mv /usr/sbin/losetup.away /usr/sbin/losetup"),
];
