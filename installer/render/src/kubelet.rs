//! The kubelet's unit. Its configuration is written by kubeadm.

use crate::paths::{BIN, KUBELET_ETC, KUBERNETES_ETC};

/// `kubelet.service` with what upstream's package puts into the drop-in `10-kubeadm.conf`.
///
/// Its temporary folder is the unit's: a kubelet that is killed while it tries out mounts leaves one behind.
pub fn unit() -> String {
    format!(
        "[Unit]
Description=kubelet: the Kubernetes node agent (Armilla)
After=network-online.target containerd.service armilla-node.service
Wants=network-online.target containerd.service armilla-node.service

[Service]
Environment=\"KUBELET_KUBECONFIG_ARGS=--bootstrap-kubeconfig={KUBERNETES_ETC}/bootstrap-kubelet.conf --kubeconfig={KUBERNETES_ETC}/kubelet.conf\"
Environment=\"KUBELET_CONFIG_ARGS=--config={KUBELET_ETC}/config.yaml\"
EnvironmentFile=-{KUBELET_ETC}/kubeadm-flags.env
RuntimeDirectory=armilla-kubelet
Environment=TMPDIR=/run/armilla-kubelet
ExecStart={BIN}/kubelet $KUBELET_KUBECONFIG_ARGS $KUBELET_CONFIG_ARGS $KUBELET_KUBEADM_ARGS
Restart=always
StartLimitInterval=0
RestartSec=2

[Install]
WantedBy=multi-user.target
"
    )
}
