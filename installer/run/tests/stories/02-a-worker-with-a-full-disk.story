# The disk of worker c is full. It drops out, the others go on, and the run ends degraded. With room made, the next
# run acts only what is missing.

plan three-hosts
fail c/place/binaries because write /usr/local/bin/kubelet: no space left on device
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
  | c/prepare/settings done
  | c/place/binaries started
  | c/place/binaries FAILED: failed to place binaries: write /usr/local/bin/kubelet: no space left on device
  | host c dropped out after c/place/binaries
  | a/place/binaries done
  | a/start/containerd started
  | b/start/containerd done
  | b/import/images started
  | a/start/containerd done
  | a/import/images started
  | a/found/certs started
  | a/import/images done
  | b/import/images done
  | a/found/certs done
  | a/found/ready started
  | a/found/ready done
  | b/join/kubelet started
  | a/equip/network started
  | a/equip/network done
  | a/prove/ready started
  | b/join/kubelet done
  | a/prove/b started
  | a/prove/ready done
  | a/prove/b done
  | r-1 ended: degraded
  | (15 steps were acted, exit code 1)
  | c/place/binaries did not succeed: it failed
  | c/start/containerd did not succeed: its host dropped out when c/place/binaries failed
  | c/import/images did not succeed: its host dropped out when c/place/binaries failed
  | c/join/kubelet did not succeed: its host dropped out when c/place/binaries failed
  | a/prove/c did not succeed: comes after c/place/binaries, which failed

mend
run
  | r-2 started
  | a/prepare/settings started
  | b/prepare/settings started
  | c/prepare/settings started
  | a/prepare/settings met
  | a/place/binaries started
  | b/prepare/settings met
  | b/place/binaries started
  | b/place/binaries met
  | b/start/containerd started
  | c/prepare/settings met
  | c/place/binaries started
  | a/place/binaries met
  | a/start/containerd started
  | b/start/containerd met
  | b/import/images started
  | a/start/containerd met
  | a/import/images started
  | a/found/certs started
  | a/import/images met
  | b/import/images met
  | a/found/certs met
  | a/found/ready started
  | a/found/ready met
  | b/join/kubelet started
  | a/equip/network started
  | a/equip/network met
  | a/prove/ready started
  | b/join/kubelet met
  | a/prove/b started
  | c/place/binaries done
  | c/start/containerd started
  | a/prove/ready met
  | a/prove/b met
  | c/start/containerd done
  | c/import/images started
  | c/import/images done
  | c/join/kubelet started
  | c/join/kubelet done
  | a/prove/c started
  | a/prove/c done
  | r-2 ended: healthy
  | (5 steps were acted, exit code 0)
