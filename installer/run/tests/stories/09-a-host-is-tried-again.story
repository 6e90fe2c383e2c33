# The disk of worker c is full, and it drops out. While the others go on, somebody makes room and has c tried again: it takes
# part from where it failed, and what came after it goes on too. The same run ends healthy.

plan three-hosts
fail c/place/binaries because write /usr/local/bin/kubelet: no space left on device
run, c mended and retried after 20 events
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
  | host c tried again
  | c/place/binaries started (attempt 2)
  | a/import/images done
  | b/import/images done
  | c/place/binaries done
  | c/start/containerd started
  | a/found/certs done
  | a/found/ready started
  | c/start/containerd done
  | c/import/images started
  | a/found/ready done
  | b/join/kubelet started
  | a/equip/network started
  | a/equip/network done
  | a/prove/ready started
  | b/join/kubelet done
  | a/prove/b started
  | c/import/images done
  | c/join/kubelet started
  | c/join/kubelet done
  | a/prove/c started
  | a/prove/ready done
  | a/prove/b done
  | a/prove/c done
  | r-1 ended: healthy
  | (20 steps were acted, exit code 0)
