# The operator presses Ctrl-C once: what is in flight ends, nothing new starts. Later `apply` does the rest.

plan one-host
run, cancelled after 4 events
  | r-1 started
  | a/prepare/settings started
  | a/prepare/settings done
  | a/place/binaries started
  | r-1 cancelled
  | a/place/binaries done
  | r-1 ended: cancelled
  | (2 steps were acted, exit code 130)
  | a/start/containerd did not succeed: the run was halted: an operator cancelled it
  | a/found/certs did not succeed: the run was halted: an operator cancelled it
  | a/found/ready did not succeed: the run was halted: an operator cancelled it
  | a/prove/ready did not succeed: the run was halted: an operator cancelled it

run
  | r-2 started
  | a/prepare/settings started
  | a/prepare/settings met
  | a/place/binaries started
  | a/place/binaries met
  | a/start/containerd started
  | a/start/containerd done
  | a/found/certs started
  | a/found/certs done
  | a/found/ready started
  | a/found/ready done
  | a/prove/ready started
  | a/prove/ready done
  | r-2 ended: healthy
  | (4 steps were acted, exit code 0)
