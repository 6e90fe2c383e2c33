# A command ends with success and did nothing. The probe says so, and the step has failed.

plan one-host
lie a/found/certs
run
  | r-1 started
  | a/prepare/settings started
  | a/prepare/settings done
  | a/place/binaries started
  | a/place/binaries done
  | a/start/containerd started
  | a/start/containerd done
  | a/found/certs started
  | a/found/certs FAILED: failed to place certs: it was done, but it is missing
  | host a dropped out after a/found/certs
  | r-1 ended: failed
  | (3 steps were acted, exit code 1)
  | a/found/certs did not succeed: it failed
  | a/found/ready did not succeed: its host dropped out when a/found/certs failed
  | a/prove/ready did not succeed: its host dropped out when a/found/certs failed
