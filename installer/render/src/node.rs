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

/// `armilla-route.service`: the kernel looks for a route to a Service address before kube-proxy's rules apply. In a
/// closed room there is none; elsewhere it is the default route, and early packets would leave the cluster.
pub fn route_unit(service_cidr: &str, interface: &str) -> String {
    format!(
        "[Unit]
Description=Route for Service addresses (Armilla)
After=network-online.target
Wants=network-online.target
Before=kubelet.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'exec ip route replace {service_cidr} dev {interface}'
ExecStop=-/bin/sh -c 'exec ip route del {service_cidr} dev {interface}'

[Install]
WantedBy=multi-user.target
"
    )
}
