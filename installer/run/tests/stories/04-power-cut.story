# The machine that runs Armilla loses power in the middle. The next start goes on with the same run: steps that had
# begun are performed again with a new attempt, and those that had in fact been done are found met.

plan one-host
run, power goes after 7 touches
  | r-1 started
  | a/prepare/settings started
  | a/prepare/settings done
  | a/place/binaries started
  | (the power goes)

run
  | r-1 resumed
  | a/place/binaries started (attempt 2)
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
