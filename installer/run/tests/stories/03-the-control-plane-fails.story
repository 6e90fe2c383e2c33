# Without its control plane there is no cluster: the run halts. What is in flight on the workers is let end.

plan three-hosts
fail a/place/binaries because write /usr/local/bin/kubelet: read-only file system
run
  | r-1 started
  | a/prepare/settings started
  | b/prepare/settings started
  | c/prepare/settings started
  | a/prepare/settings done
  | a/place/binaries started
  | b/prepare/settings done
  | b/place/binaries started
  | b/place/binaries done
  | b/start/containerd started
  | a/place/binaries FAILED: failed to place binaries: write /usr/local/bin/kubelet: read-only file system
  | host a dropped out after a/place/binaries
  | c/prepare/settings done
  | b/start/containerd done
  | r-1 ended: failed
  | (5 steps were acted, exit code 1)
  | a/place/binaries did not succeed: it failed
  | c/place/binaries did not succeed: the run was halted: a/place/binaries failed, which the cluster cannot do without
  | a/start/containerd did not succeed: its host dropped out when a/place/binaries failed
  | c/start/containerd did not succeed: the run was halted: a/place/binaries failed, which the cluster cannot do without
  | a/import/images did not succeed: its host dropped out when a/place/binaries failed
  | b/import/images did not succeed: the run was halted: a/place/binaries failed, which the cluster cannot do without
  | c/import/images did not succeed: the run was halted: a/place/binaries failed, which the cluster cannot do without
  | a/found/certs did not succeed: its host dropped out when a/place/binaries failed
  | a/found/ready did not succeed: its host dropped out when a/place/binaries failed
  | b/join/kubelet did not succeed: comes after a/place/binaries, which failed
  | c/join/kubelet did not succeed: comes after a/place/binaries, which failed
  | a/equip/network did not succeed: its host dropped out when a/place/binaries failed
  | a/prove/b did not succeed: its host dropped out when a/place/binaries failed
  | a/prove/c did not succeed: its host dropped out when a/place/binaries failed
  | a/prove/ready did not succeed: its host dropped out when a/place/binaries failed
