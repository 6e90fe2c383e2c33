# Somebody edits a file on a worker. The next run asks every step and acts one.

plan three-hosts
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
  | a/place/binaries done
  | a/start/containerd started
  | b/start/containerd done
  | b/import/images started
  | c/place/binaries done
  | c/start/containerd started
  | a/start/containerd done
  | a/import/images started
  | a/found/certs started
  | a/import/images done
  | b/import/images done
  | c/start/containerd done
  | c/import/images started
  | a/found/certs done
  | a/found/ready started
  | a/found/ready done
  | b/join/kubelet started
  | a/equip/network started
  | c/import/images done
  | c/join/kubelet started
  | c/join/kubelet done
  | a/equip/network done
  | a/prove/c started
  | a/prove/ready started
  | b/join/kubelet done
  | a/prove/b started
  | a/prove/ready done
  | a/prove/c done
  | a/prove/b done
  | r-1 ended: healthy
  | (20 steps were acted, exit code 0)

undo b/place/binaries
run
  | r-2 started
  | a/prepare/settings started
  | b/prepare/settings started
  | c/prepare/settings started
  | a/prepare/settings met
  | a/place/binaries started
  | b/prepare/settings met
  | b/place/binaries started
  | c/prepare/settings met
  | c/place/binaries started
  | a/place/binaries met
  | a/start/containerd started
  | c/place/binaries met
  | c/start/containerd started
  | a/start/containerd met
  | a/import/images started
  | a/found/certs started
  | b/place/binaries done
  | b/start/containerd started
  | a/import/images met
  | c/start/containerd met
  | c/import/images started
  | a/found/certs met
  | a/found/ready started
  | b/start/containerd met
  | b/import/images started
  | a/found/ready met
  | a/equip/network started
  | c/import/images met
  | c/join/kubelet started
  | c/join/kubelet met
  | b/import/images met
  | b/join/kubelet started
  | a/equip/network met
  | a/prove/c started
  | a/prove/ready started
  | b/join/kubelet met
  | a/prove/b started
  | a/prove/ready met
  | a/prove/c met
  | a/prove/b met
  | r-2 ended: healthy
  | (1 steps were acted, exit code 0)
