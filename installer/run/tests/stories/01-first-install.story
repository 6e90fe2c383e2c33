# One host, from nothing to a cluster; then the same again, which finds nothing to do.

plan one-host
run
  | r-1 started
  | a/prepare/settings started
  | a/prepare/settings done
  | a/place/binaries started
  | a/place/binaries done
  | a/start/containerd started
  | a/start/containerd done
  | a/found/certs started
  | a/found/certs done
  | a/found/ready started
  | a/found/ready done
  | a/prove/ready started
  | a/prove/ready done
  | r-1 ended: healthy
  | (6 steps were acted, exit code 0)

run
  | r-2 started
  | a/prepare/settings started
  | a/prepare/settings met
  | a/place/binaries started
  | a/place/binaries met
  | a/start/containerd started
  | a/start/containerd met
  | a/found/certs started
  | a/found/certs met
  | a/found/ready started
  | a/found/ready met
  | a/prove/ready started
  | a/prove/ready met
  | r-2 ended: healthy
  | (0 steps were acted, exit code 0)
