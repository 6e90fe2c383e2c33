//! What the help of each verb ends with: lines to type, and what the verb does beyond its one line.

pub(super) const TOP: &str = "\
A first cluster:
  armilla init root@10.0.0.11 root@10.0.0.12     writes site.yaml; read it, it explains itself
  armilla check -b armilla.bundle                 what stands in the way, on all hosts at once
  armilla apply -b armilla.bundle                 bare hosts to Kubernetes; again after any failure
  armilla kubeconfig > kubeconfig                 then: kubectl --kubeconfig kubeconfig get nodes

Exit codes:
  0  done                            5    invalid site, bundle or hosts
  1  failed                          6    done, with findings
  2  wrong usage                     7    not let in (login, sudo, host key)
  3  not found                       8    unreachable
  4  conflict (another run,          124  timed out
     another owner, a stale plan)    130  interrupted
  Of several problems with several hosts the highest code is told.

Environment:
  ARMILLA_STATE     the state folder, as --state (else armilla/ in XDG_STATE_HOME or ~/.local/state)
  ARMILLA_CONTEXT   the server to ask, as --context: one of those that `login` keeps
  ARMILLA_CACHE     where `bundle build` keeps what it built, else ~/.cache/armilla
  SSH_AUTH_SOCK     the SSH agent, where the site file says `agent: true` or names no way to log in
  KUBECONFIG        the file that `kubeconfig --merge` merges into
  LC_ALL, LANG      findings are told in Chinese where it begins with zh
  What the site file refers to as {env: NAME} is read from there too.";

pub(super) const INIT: &str = "\
Examples:
  armilla init root@10.0.0.11 root@10.0.0.12 root@10.0.0.13
  armilla init --name plant-7 -f plant-7.yaml ops@192.0.2.7:2222
  armilla init --from config-sample.yaml -f site.yaml      what another installer was told
  armilla init --from inventory.yaml --from config.yaml > site.yaml
  armilla init --schema > site.schema.json                 what editors check site files with
Every setting stands in the file, with its default. Nothing is connected to.
--from reads files of other installers and writes a draft: on standard error it lists every field
that the draft does not carry, with line and reason, and what the draft still lacks. No password
or key is copied; the draft refers to them. Exit code 6: something was listed; 5: no such file.";

pub(super) const CHECK: &str = "\
Examples:
  armilla check -b armilla.bundle --trust bundle.key.pub
  armilla check -o json | jq '.findings[] | select(.severity == \"refuse\")'
  armilla check --fix --dry-run                what checks can mend by themselves
  armilla check --waive memory@edge-2 --reason \"a small box with two pods\"
Looks at every host and shows all findings at once. Nothing on a host changes but for Armilla's
own program in /var/lib/armilla. Exit code 0: nothing found; 6: warnings; 5: something
would keep `apply` from starting.";

pub(super) const PLAN: &str = "\
Examples:
  armilla plan -b armilla.bundle
  armilla plan -b armilla.bundle -o json > plan.json
Looks at the hosts as `check` does, and changes nothing.";

pub(super) const APPLY: &str = "\
Examples:
  armilla apply -b armilla.bundle --trust bundle.key.pub
  armilla apply -y -o json > events.json       for programs; `run follow` shows it elsewhere
Each step first asks whether it is done already: what was cut off goes on, what is done is not
done again, what was changed by hand on a host is put right. After a failure mend what is named
and run the same line again. Workers that the site file gained join; take one out with
`reset --host` before it leaves the file.";

pub(super) const STATUS: &str = "\
Examples:
  armilla status
  armilla status -s plant-7.yaml --state /srv/armilla
While a run goes on it is shown too.";

pub(super) const KUBECONFIG: &str = "\
Examples:
  armilla kubeconfig > kubeconfig && kubectl --kubeconfig kubeconfig get nodes
  armilla kubeconfig --merge --switch
The file lets in whoever has it, as the cluster's administrator.";

pub(super) const RUN: &str = "\
Examples:
  armilla run ls
  armilla run show r-3        its steps, and what failed with the last lines that were said
  armilla run log r-3 --step h2/found     what the commands of those steps said on the host
  armilla run follow          a run that goes on, from another terminal; ends as `apply` would
  armilla run cancel r-3      what has started is let end, nothing more starts
  armilla run retry r-3 h2    a host that dropped out";

pub(super) const SITE: &str = "\
Examples:
  armilla site ls
  armilla site add site.yaml                 as `apply` does by itself
  armilla site show plant-7 > plant-7.yaml
  armilla site validate plant-7.yaml         all that is wrong with it, with lines
  armilla site draft put plant-7 half.yaml
A site is what its file says. `apply` brings the file along; these verbs are for looking, and for those
who prepare sites for others.";

pub(super) const HOST: &str = "\
Examples:
  armilla host ls -s plant-7
  armilla host scan                          keys to confirm, secrets to give, hosts that do not answer
  armilla host credential give 8f3a... --secret-stdin < id_ed25519
  armilla host shell h2                      as root; it is noted who opens it
Without -s the site is that of site.yaml here, or the only one that there is.";

pub(super) const CLUSTER: &str = "\
Examples:
  armilla cluster health
  armilla cluster nodes -o json
  armilla cluster pods -n kube-system
  armilla cluster logs -n kube-system coredns-7c6f8-x2x9v --follow
  armilla cluster exec -n shop web-0 -- ls -l /data
What Kubernetes says now, for whoever may look at the site; kubectl with `armilla kubeconfig` does the rest.
Exit code 6: it answers, and not all is well.";

pub(super) const SERVE: &str = "\
Examples:
  armilla serve                                  in the foreground; Ctrl-C ends it
  armilla serve --install                        as a service of systemd, with a user of its own
  armilla serve --listen 10.0.0.5:443 --name armilla.example --install
Prints its address, the fingerprint of its certificate authority and, until there is an administrator,
the code by which `armilla login --setup-code` makes one. The service keeps its state in
/var/lib/armilla-server and does not see /home and /root; bundles and keys that it is to read lie
elsewhere. Installing again brings a newer program; an edited unit is left alone.";

pub(super) const LOGIN: &str = "\
Examples:
  armilla login https://10.0.0.5:9443 --user anna
  armilla login https://10.0.0.5:9443 --setup-code 7KQ2-M0XA-9TRC     the first administrator
  armilla login https://10.0.0.5:9443 --ca-fingerprint AB:CD:... --password-stdin < password
Compare the fingerprint with what the server printed: from then on it is pinned.";

pub(super) const LOGOUT: &str = "\
Example:
  armilla logout";

pub(super) const WHOAMI: &str = "\
Example:
  armilla whoami";

pub(super) const USER: &str = "\
Examples:
  armilla user ls
  armilla user add anna --role operator
  armilla user set anna --disable
  armilla user ls --state /var/lib/armilla-server      as root on the server's machine
Each role may what those before it may: viewer, operator, admin. The last administrator stays.";

pub(super) const PASSWD: &str = "\
Examples:
  armilla passwd                                             one's own
  armilla passwd admin --state /var/lib/armilla-server       a lost one, as root on the server's machine";

pub(super) const TOKEN: &str = "\
Examples:
  armilla token create nightly --role viewer --expires-in-days 90 > token
  curl --cacert ca.pem -H \"Authorization: Bearer $(cat token)\" https://10.0.0.5:9443/api/v1/sites
  armilla token ls";

pub(super) const AUDIT: &str = "\
Examples:
  armilla audit ls --filter actor=anna
  armilla audit verify
Each entry has the digest of the one before: what was changed or taken out shows. Exit code 1: broken.";

pub(super) const SETTINGS: &str = "\
Examples:
  armilla settings get
  armilla settings set sessionHours=8 idleMinutes=30";

pub(super) const RESET: &str = "\
Examples:
  armilla reset --dry-run     what would go
  armilla reset               the whole cluster, with its volumes and all that ran on the hosts
  armilla reset --host h3     one worker: drained, cleaned; then take it out of the file
What was there before Armilla stays, or comes back. The bundle is not needed, unless a host has
another architecture than this machine and the hand that was put there is gone.";

pub(super) const IMAGE: &str = "\
Example:
  armilla image ls
Images of the site's bundles are kept by every node, whatever room the kubelet makes.";

pub(super) const INSTANCE: &str = "\
Examples:
  armilla instance backup -o /mnt/usb/armilla.backup
  armilla instance restore /mnt/usb/armilla.backup --key armilla.key --state /var/lib/armilla
  armilla instance protect --passphrase /root/passphrase
The backup does not hold the key that opens its secrets, unless a passphrase protects the key.
A protected key opens with ARMILLA_PASSPHRASE_FILE, which names a file whose first line is the
passphrase.";

pub(super) const SUPPORT: &str = "\
Example:
  armilla support collect
Works at every point of a failed installation, also while hosts are down. Passwords, keys and
tokens are taken out; what could not be had is listed in the archive.";

pub(super) const TAKE_OVER: &str = "\
Example:
  armilla take-over --key ~/.ssh/id_ed25519 root@10.0.0.11
Every host keeps a copy of the site, its plan and its record, without secrets. The state folder
from before is refused from then on.";

pub(super) const BUNDLE: &str = "\
Examples:
  armilla bundle keygen bundle.key
  armilla bundle build armilla.bundle --key bundle.key --programs dist      needs Go and internet
  armilla bundle verify armilla.bundle --trust bundle.key.pub
  armilla bundle split armilla.bundle --size 2G
  armilla bundle build shop.bundle --key shop.key --name shop --archive shop.tar --manifest shop.yaml
  armilla bundle import shop.bundle --trust shop.key.pub --apply
  armilla bundle add armilla.bundle --trust bundle.key.pub      to the server; goes on where it was cut off
  armilla bundle ls                                             what the server keeps";

pub(super) const COMPLETION: &str = "\
Example:
  armilla completion bash > /etc/bash_completion.d/armilla";
