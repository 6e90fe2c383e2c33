//! The node service's units.

use crate::paths::{ARMILLA_ETC, BIN};

/// `armilla-node.service`: API balancer and image mirror on loopback.
pub fn unit() -> String {
    format!(
        "[Unit]
Description=Armilla node service: API server balancer and image mirror on loopback
After=network.target
Before=kubelet.service

[Service]
Type=notify
ExecStart={BIN}/armilla node --config {ARMILLA_ETC}/node.json
ExecReload=/bin/kill -HUP $MAINPID
Restart=always
RestartSec=1
WatchdogSec=30
LimitCORE=0
LimitNOFILE=8192
NoNewPrivileges=yes
ProtectHome=read-only
PrivateTmp=yes

[Install]
WantedBy=multi-user.target
"
    )
}

/// The least wanted of routes: whatever says more about an address, or says it at all, wins.
const LAST_METRIC: u32 = u32::MAX;

/// `armilla-route.service`: the kernel looks for a route to a Service address before kube-proxy's rules apply. In a
/// closed room there is none; elsewhere it is the default route, and early packets would leave the cluster. The same is
/// true of pods' addresses until flannel has made its routes and the first pod its bridge: those are answered with
/// "unreachable" meanwhile. flannel's and the bridge's own routes are of a node's part of the range, so of a longer
/// prefix, in every backend; where the range has one part only, they are the same prefix with a better metric.
pub fn route_unit(service_cidr: &str, pod_cidr: &str, interface: &str) -> String {
    let services = format!("{service_cidr} dev {interface}");
    let pods = format!("unreachable {pod_cidr} metric {LAST_METRIC}");
    format!(
        "[Unit]
Description=Routes for Service and pod addresses (Armilla)
After=network-online.target
Wants=network-online.target
Before=kubelet.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'exec ip route replace {services}'
ExecStart=/bin/sh -c 'exec ip route replace {pods}'
ExecStopPost=-/bin/sh -c 'exec ip route del {services}'
ExecStopPost=-/bin/sh -c 'exec ip route del {pods}'

[Install]
WantedBy=multi-user.target
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_routes_come_with_the_unit_and_go_with_it() {
        let unit = route_unit("10.96.0.0/12", "10.244.0.0/16", "eth0");
        for route in ["10.96.0.0/12 dev eth0", "unreachable 10.244.0.0/16 metric 4294967295"] {
            assert!(
                unit.contains(&format!("ExecStart=/bin/sh -c 'exec ip route replace {route}'\n")),
                "{unit}"
            );
            assert!(
                unit.contains(&format!("ExecStopPost=-/bin/sh -c 'exec ip route del {route}'\n")),
                "{unit}"
            );
        }
    }
}
