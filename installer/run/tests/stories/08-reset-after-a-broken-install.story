# An installation that failed can be reset: another plan of the site takes the place of the first.

plan three-hosts
fail b/join/kubelet because node b is not Ready after 60 s
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
  | b/join/kubelet FAILED: failed to run kubelet.service: node b is not Ready after 60 s
  | host b dropped out after b/join/kubelet
  | a/equip/network done
  | a/prove/c started
  | a/prove/ready started
  | a/prove/ready done
  | a/prove/c done
  | r-1 ended: degraded
  | (18 steps were acted, exit code 1)
  | b/join/kubelet did not succeed: it failed
  | a/prove/b did not succeed: comes after b/join/kubelet, which failed

plan reset
run
  | r-2 started
  | a/leave/b started
  | a/leave/b done
  | b/clean/pods started
  | a/clean/pods started
  | a/clean/pods done
  | a/clean/paths started
  | a/clean/paths done
  | b/clean/pods done
  | b/clean/paths started
  | b/clean/paths done
  | r-2 ended: healthy
  | (5 steps were acted, exit code 0)
