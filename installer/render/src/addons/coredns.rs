//! CoreDNS as kubeadm's own add-on sets it up, but for the forwarding: a closed room has nobody to forward to.

#[derive(Debug, Clone)]
pub struct CoreDns<'a> {
    pub image: &'a str,
    pub dns_address: &'a str,
    pub dns_domain: &'a str,
    pub forward: Forward<'a>,
    pub replicas: u32,
}

/// Who answers for names outside the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Forward<'a> {
    /// Nobody: CoreDNS ends with "no valid upstream addresses found" when it is told to ask an empty list.
    Nobody,
    /// The name servers of the host that the pod runs on.
    Host,
    Upstreams(&'a [String]),
}

/// The `loop` plugin is left out: it asks the upstreams a question at every start, and the survey already knows
/// whether a name server is a loopback address, which is the loop that it looks for.
pub fn manifest(c: &CoreDns<'_>) -> String {
    let forward = match &c.forward {
        Forward::Nobody => String::new(),
        Forward::Host => {
            "\n        forward . /etc/resolv.conf {\n           max_concurrent 1000\n        }".to_owned()
        }
        Forward::Upstreams(upstreams) => {
            format!(
                "\n        forward . {} {{\n           max_concurrent 1000\n        }}",
                upstreams.join(" ")
            )
        }
    };
    let CoreDns { image, dns_address, dns_domain, replicas, .. } = c;
    format!(
        r#"apiVersion: v1
kind: ServiceAccount
metadata:
  name: coredns
  namespace: kube-system
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: system:coredns
rules:
- apiGroups: [""]
  resources: ["endpoints", "services", "pods", "namespaces"]
  verbs: ["list", "watch"]
- apiGroups: ["discovery.k8s.io"]
  resources: ["endpointslices"]
  verbs: ["list", "watch"]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: system:coredns
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: system:coredns
subjects:
- kind: ServiceAccount
  name: coredns
  namespace: kube-system
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: coredns
  namespace: kube-system
data:
  Corefile: |
    .:53 {{
        errors
        health {{
           lameduck 5s
        }}
        ready
        kubernetes {dns_domain} in-addr.arpa ip6.arpa {{
           pods insecure
           fallthrough in-addr.arpa ip6.arpa
           ttl 30
        }}
        prometheus :9153{forward}
        cache 30 {{
           disable success {dns_domain}
           disable denial {dns_domain}
        }}
        reload
        loadbalance
    }}
---
apiVersion: v1
kind: Service
metadata:
  name: kube-dns
  namespace: kube-system
  labels:
    k8s-app: kube-dns
    kubernetes.io/cluster-service: "true"
    kubernetes.io/name: CoreDNS
  annotations:
    prometheus.io/port: "9153"
    prometheus.io/scrape: "true"
spec:
  clusterIP: {dns_address}
  ports:
  - name: dns
    port: 53
    protocol: UDP
    targetPort: 53
  - name: dns-tcp
    port: 53
    protocol: TCP
    targetPort: 53
  - name: metrics
    port: 9153
    protocol: TCP
    targetPort: 9153
  selector:
    k8s-app: kube-dns
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: coredns
  namespace: kube-system
  labels:
    k8s-app: kube-dns
spec:
  replicas: {replicas}
  strategy:
    type: RollingUpdate
    rollingUpdate:
      maxUnavailable: 1
  selector:
    matchLabels:
      k8s-app: kube-dns
  template:
    metadata:
      labels:
        k8s-app: kube-dns
    spec:
      priorityClassName: system-cluster-critical
      serviceAccountName: coredns
      affinity:
        podAntiAffinity:
          preferredDuringSchedulingIgnoredDuringExecution:
          - weight: 100
            podAffinityTerm:
              labelSelector:
                matchExpressions:
                - key: k8s-app
                  operator: In
                  values: ["kube-dns"]
              topologyKey: kubernetes.io/hostname
      tolerations:
      - key: CriticalAddonsOnly
        operator: Exists
      - key: node-role.kubernetes.io/control-plane
        effect: NoSchedule
      nodeSelector:
        kubernetes.io/os: linux
      dnsPolicy: Default
      containers:
      - name: coredns
        image: {image}
        imagePullPolicy: IfNotPresent
        args: ["-conf", "/etc/coredns/Corefile"]
        resources:
          limits:
            memory: 170Mi
          requests:
            cpu: 100m
            memory: 70Mi
        volumeMounts:
        - name: config-volume
          mountPath: /etc/coredns
          readOnly: true
        ports:
        - containerPort: 53
          name: dns
          protocol: UDP
        - containerPort: 53
          name: dns-tcp
          protocol: TCP
        - containerPort: 9153
          name: metrics
          protocol: TCP
        livenessProbe:
          httpGet:
            path: /health
            port: 8080
            scheme: HTTP
          initialDelaySeconds: 60
          timeoutSeconds: 5
          failureThreshold: 5
        readinessProbe:
          httpGet:
            path: /ready
            port: 8181
            scheme: HTTP
          periodSeconds: 3
        securityContext:
          allowPrivilegeEscalation: false
          capabilities:
            add: ["NET_BIND_SERVICE"]
            drop: ["ALL"]
          readOnlyRootFilesystem: true
      volumes:
      - name: config-volume
        configMap:
          name: coredns
          items:
          - key: Corefile
            path: Corefile
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn corefile(forward: Forward<'_>) -> String {
        manifest(&CoreDns {
            image: "registry.k8s.io/coredns/coredns:v1",
            dns_address: "10.96.0.10",
            dns_domain: "cluster.local",
            forward,
            replicas: 2,
        })
    }

    #[test]
    fn a_closed_room_gets_no_forward_block() {
        assert!(!corefile(Forward::Nobody).contains("forward"));
        assert!(corefile(Forward::Host).contains("forward . /etc/resolv.conf {"));
        let upstreams = ["10.0.0.53".to_owned(), "10.0.1.53".to_owned()];
        assert!(corefile(Forward::Upstreams(&upstreams)).contains("forward . 10.0.0.53 10.0.1.53 {"));
    }
}
