//! Taking a site over from the copies that its hosts keep.
//!
//! ```text
//!  hosts named ──▶ their copies ──▶ the newest names all hosts ──▶ their copies ──▶ … until no host is new
//!                                                                       │
//!          confirmed with the site's name ◀── who, when, what happens ◀─┘ the newest valid one
//!                     │
//!          kept in the new store ──▶ hosts claimed ──▶ their copies written
//! ```
//!
//! What is kept first is what hosts are claimed from: cut off in between, `apply` claims the rest.
#![expect(clippy::print_stderr, reason = "tells the operator what is being done")]

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::Path;
use std::sync::Arc;

use appliance_control::hands::hand_binaries;
use appliance_control::here::home;
use appliance_control::logins::{HostKeys, targets};
use appliance_control::owner::owner;
use appliance_control::{Instance, site_file};
use appliance_store::{COPY_LIMIT, CopyError, SiteCopy, Store, newest};
use futures_util::future::join_all;
use installer_model::Utc;
use installer_model::site::Site;
use installer_model::site_file::Login;
use installer_render::paths::{ARMILLA_ROOT, SITE_COPY};
use installer_run::SiteWorld;
use installer_run::copies::CopySource;
use installer_ssh::{Auth, Hand, HandError, Sudo, Target};
use installer_wire::{FailureKind, FenceRecord, UnitState};

use crate::cli::take_over::TakeOver;
use crate::cli::{CliError, chain};
use crate::planning::vouched;
use crate::wiring::{self, Secrets};

/// How often the newest copy may name hosts that no copy before it named.
const ROUNDS: usize = 4;

/// What a host holds of its site.
struct Held {
    fence: Option<FenceRecord>,
    copy: Found,
    /// Commands of a step that still run there.
    running: Vec<String>,
}

enum Found {
    Copy(Box<SiteCopy>),
    None,
    Bad(CopyError),
}

/// The hosts of the site as they were seen: what they hold, or why they could not be asked.
type Seen = BTreeMap<String, Result<Held, HandError>>;

pub(crate) async fn take_over(args: &TakeOver) -> Result<(), CliError> {
    let instance = wiring::instance(&args.state, "take-over")?;
    let (state, store) = (&instance.state, &instance.store);
    if store.last_run().map_err(|error| CliError::from_error(1, "", &error))? > 0 {
        return Err(CliError::new(
            4,
            format!("take a site over into {}: that state folder has runs of its own", state.display()),
        )
        .hint("name a new one with --state FOLDER; was the site taken over already? then `armilla apply` goes on"));
    }
    let named = of_named_hosts(args, &instance).await?;
    let mut copy = newest_of(named.values())?;
    let secrets = Secrets::default();
    let (mut site, mut world, mut seen);
    let mut rounds = 0;
    loop {
        trust_pinned(store, &copy)?;
        site = site_of(args, &copy)?;
        eprintln!("Looking at {} hosts ...", site.hosts.len());
        (world, seen) = loop {
            let keys = HostKeys::kept(store, args.yes);
            let world = Arc::new(world_of(args, &site, &instance, &secrets, &keys)?);
            let seen = look_at(&world).await;
            if !vouched(args.yes, &keys.seen(), &instance)? {
                break (world, seen);
            }
        };
        let better = newest_of(named.values().chain(seen.values()))?;
        let settled = names(&better.site) == names(&copy.site);
        copy = better;
        rounds += 1;
        if settled || rounds == ROUNDS {
            break;
        }
    }
    refuse_others(&seen, &copy)?;
    eprint!("{}", announcement(&copy, &seen, store.ledger()));
    confirm(args, copy.site.name.as_str())?;
    write_site_file(&args.site, &site)?;
    store.take_over(&copy).map_err(|error| CliError::from_error(4, "", &error))?;
    claim(&instance, &world, &site, &seen).await?;
    say_what_comes_next(args, &site, &copy, &seen);
    Ok(())
}

fn names(site: &Site) -> Vec<&str> {
    site.hosts.iter().map(|host| host.name.as_str()).collect()
}

/// The copy comes from a host that we trust, and says which keys its owner had seen: nobody is asked about those again.
fn trust_pinned(store: &Store, copy: &SiteCopy) -> Result<(), CliError> {
    let failed = |error| CliError::from_error(1, "keep the keys of the hosts: ", &error);
    for (address, key) in &copy.host_keys {
        if store.host_key(address).map_err(failed)?.is_none() {
            store.pin_host_key(address, key).map_err(failed)?;
        }
    }
    Ok(())
}

/// The hosts that the operator named.
async fn of_named_hosts(args: &TakeOver, instance: &Instance) -> Result<Seen, CliError> {
    let mut password = None;
    let seen = loop {
        let keys = HostKeys::kept(&instance.store, args.yes);
        let mut targets = BTreeMap::new();
        for login in &args.from {
            let target = target(args, login, &keys, &mut password)?;
            drop(targets.insert(format!("{}:{}", target.address, target.port), target));
        }
        let seen = look_at_targets(targets, instance).await?;
        if !vouched(args.yes, &keys.seen(), instance)? {
            break seen;
        }
    };
    if seen.values().any(Result::is_ok) {
        return Ok(seen);
    }
    let code = seen.values().filter_map(|held| held.as_ref().err()).map(HandError::exit_code).max();
    let problems = seen.iter().filter_map(|(name, held)| {
        held.as_ref().err().map(|error| format!("{name}: failed to {}\nhint: {}", chain(error), error.hint()))
    });
    Err(CliError::all(u8::try_from(code.unwrap_or(1)).unwrap_or(1), problems.collect())
        .hint("name another host of the site"))
}

async fn look_at_targets(targets: BTreeMap<String, Target>, instance: &Instance) -> Result<Seen, CliError> {
    let binaries = hand_binaries(None, &instance.state)?;
    let asked = targets.into_iter().map(|(name, target)| {
        let binaries = &binaries;
        async move {
            let held = match Hand::start(&target, binaries, ARMILLA_ROOT).await {
                Ok(hand) => held(&hand).await,
                Err(error) => Err(error),
            };
            (name, held)
        }
    });
    Ok(join_all(asked).await.into_iter().collect())
}

fn target(
    args: &TakeOver,
    login: &Login,
    keys: &HostKeys,
    password: &mut Option<installer_model::secret::Secret>,
) -> Result<Target, CliError> {
    let user = login.user.as_ref().map_or("root", |user| user.as_str());
    let mut ways = Vec::new();
    if let Some(file) = &args.key {
        ways.push(Auth::Key { file: home(file), passphrase: None });
    } else if std::env::var_os("SSH_AUTH_SOCK").is_some() {
        ways.push(Auth::Agent);
    }
    if args.ask_password {
        if password.is_none() {
            let typed = rpassword::prompt_password(format!("password of {user}: "));
            let typed = typed.map_err(|error| CliError::new(7, format!("ask for the password: {error}")))?;
            *password = Some(installer_model::secret::Secret::new(typed));
        }
        ways.extend(password.clone().map(Auth::Password));
    }
    if ways.is_empty() {
        return Err(CliError::new(2, "log in: there is no key, no agent and no password")
            .hint("add --key FILE or --ask-password, or start an agent"));
    }
    let auth = if ways.len() == 1 { ways.remove(0) } else { Auth::Each(ways) };
    let (address, port) = (login.address.to_string(), login.port.unwrap_or(22));
    let policy = keys.policy(&address, port, None).map_err(|problem| CliError::new(7, problem))?;
    let mut target = Target::new(&address, user, auth, policy);
    target.port = port;
    target.sudo = match (user, password) {
        ("root", _) => Sudo::None,
        (_, Some(password)) => Sudo::Password(password.clone()),
        (_, None) => Sudo::NoPassword,
    };
    Ok(target)
}

async fn look_at(world: &SiteWorld) -> Seen {
    let hands = world.connect().await.into_iter();
    let asked = hands.map(|(name, hand)| async move {
        let held = match hand {
            Ok(hand) => held(&hand).await,
            Err(error) => Err(error),
        };
        (name, held)
    });
    join_all(asked).await.into_iter().collect()
}

async fn held(hand: &Hand) -> Result<Held, HandError> {
    let fence = owner(hand).await?;
    let copy = match hand.read(SITE_COPY, COPY_LIMIT as u64 + 256).await {
        Ok(bytes) => match SiteCopy::decode(&bytes) {
            Ok(copy) => Found::Copy(Box::new(copy)),
            Err(error) => Found::Bad(error),
        },
        Err(error) if error.failure().is_some_and(|failure| failure.kind == FailureKind::Missing) => {
            Found::None
        }
        Err(error) => return Err(error),
    };
    let units = hand.units().await?.into_iter();
    let running = units.filter(|unit| unit.state == UnitState::Running).map(|unit| unit.argv.join(" "));
    Ok(Held { fence, copy, running: running.collect() })
}

/// The newest of the valid copies. Without one, what was found instead is told host by host.
fn newest_of<'a>(
    seen: impl Iterator<Item = &'a Result<Held, HandError>> + Clone,
) -> Result<SiteCopy, CliError> {
    let copies = seen.clone().filter_map(|held| match held {
        Ok(Held { copy: Found::Copy(copy), .. }) => Some(&**copy),
        Ok(_) | Err(_) => None,
    });
    newest(copies).cloned().ok_or_else(|| {
        let bad = seen.filter_map(|held| match held {
            Ok(Held { copy: Found::Bad(error), .. }) => Some(format!("; the copy {error}")),
            Ok(_) | Err(_) => None,
        });
        CliError::new(
            3,
            format!("find a copy of a site on the hosts that were named{}", bad.collect::<String>()),
        )
        .hint("name another host of the site: every host that `apply` has reached keeps a copy")
    })
}

/// The site with the logins of this machine: those of a site file that is there, else those of the copy with the key that
/// was named.
fn site_of(args: &TakeOver, copy: &SiteCopy) -> Result<Site, CliError> {
    let mut site = copy.site.clone();
    if args.site.exists() {
        site = site_file::read(&args.site)?;
        if site.name != copy.site.name {
            return Err(CliError::new(
                5,
                format!(
                    "take over site {}: {} is of site {}",
                    copy.site.name,
                    args.site.display(),
                    site.name
                ),
            )
            .hint("name another file with -s FILE: it is written if it is not there"));
        }
    }
    if let Some(key) = &args.key {
        let key = std::path::absolute(home(key))
            .map_err(|error| CliError::new(3, format!("find {}: {error}", key.display())))?;
        for host in &mut site.hosts {
            let hops = host.jump.iter_mut().map(|hop| &mut hop.ssh);
            for ssh in hops.chain([&mut host.ssh]) {
                (ssh.key_file, ssh.passphrase) = (Some(key.clone()), None);
            }
        }
    }
    Ok(site)
}

fn world_of(
    args: &TakeOver,
    site: &Site,
    instance: &Instance,
    secrets: &Secrets,
    keys: &HostKeys,
) -> Result<SiteWorld, CliError> {
    let targets = targets(site, secrets, keys).map_err(|error| {
        error.hint(format!(
            "the logins of the site refer to what this machine has not: add --key FILE, or say them in {} and run again",
            args.site.display()
        ))
    })?;
    let binaries = hand_binaries(None, &instance.state)?;
    let control_plane = site.control_planes().next().expect("a valid site has a control plane");
    let names: Vec<String> = targets.keys().cloned().collect();
    let world = SiteWorld::new(targets, binaries, None, control_plane.name.to_string());
    Ok(world.with_take_over(names).with_claimant(instance.claimant()))
}

/// A host that belongs to neither the copy's ledger nor to one before it is somebody else's.
fn refuse_others(seen: &Seen, copy: &SiteCopy) -> Result<(), CliError> {
    let others = seen.iter().filter_map(|(name, held)| {
        let fence = held.as_ref().ok()?.fence.as_ref()?;
        let of_site = fence.ledger == copy.ledger || copy.taken_from.contains(&fence.ledger);
        (!of_site).then(|| {
            format!(
                "{name}: it belongs to ledger {}, and the newest copy of the site is of ledger {}{}",
                fence.ledger,
                copy.ledger,
                fence.by.as_ref().map_or(String::new(), |by| format!("; the last one there was {by}"))
            )
        })
    });
    let others: Vec<String> = others.collect();
    if others.is_empty() {
        return Ok(());
    }
    Err(CliError::all(4, others).hint("name a host whose copy is of the ledger that holds them now"))
}

/// What is about to happen, for people who should stop and read.
fn announcement(copy: &SiteCopy, seen: &Seen, ledger: &str) -> String {
    let mut text = format!(
        "\nTAKING OVER site {}\n\n  belongs to   ledger {}\n  last used by `armilla {}` of {} on {} (process {}), state folder {}\n  last copy    {}, on {}\n",
        copy.site.name,
        copy.ledger,
        copy.by.command,
        copy.by.user,
        copy.by.host,
        copy.by.pid,
        copy.folder,
        Utc(copy.written_at),
        copy_holders(copy, seen).join(", ")
    );
    text.push_str(&match &copy.run {
        None => "  last run     none yet\n".to_owned(),
        Some(row) => match row.outcome {
            Some(outcome) => {
                format!("  last run     {}: {outcome}, ended {}\n", row.run, Utc(row.ended_at.unwrap_or(0)))
            }
            None => format!(
                "  last run     {}: LEFT OPEN since {}; it goes on from here with the next `armilla apply`\n",
                row.run,
                Utc(row.started_at)
            ),
        },
    });
    for (name, _) in &copy.addons {
        text.push_str(&format!("  add-on       {name}\n"));
    }
    text.push_str("\nhosts\n");
    for (name, held) in seen {
        text.push_str(&format!("  {name:<16} {}\n", line(held, copy)));
        for argv in held.iter().flat_map(|held| &held.running) {
            text.push_str(&format!("  {:<16} STILL RUNNING: {argv}\n", ""));
        }
    }
    text.push_str(&format!(
        "\nFrom now on the hosts belong to ledger {ledger}, this state folder. The state folder from before is refused by every \
         host:\nif an `armilla` still runs from it, its next step on any host fails. Secrets are not in the copy; they are \
         asked for again.\n\n"
    ));
    text
}

fn copy_holders<'a>(copy: &SiteCopy, seen: &'a Seen) -> Vec<&'a str> {
    let same = |held: &&Result<Held, HandError>| matches!(held, Ok(Held { copy: Found::Copy(other), .. }) if **other == *copy);
    let names: Vec<&str> =
        seen.iter().filter(|(_, held)| same(held)).map(|(name, _)| name.as_str()).collect();
    if names.is_empty() { vec!["the host that was named"] } else { names }
}

fn line(held: &Result<Held, HandError>, newest: &SiteCopy) -> String {
    match held {
        Err(error) => format!("NOT REACHED, taken with the next `armilla apply`: failed to {}", chain(error)),
        Ok(Held { copy: Found::None, .. }) => "no copy yet".to_owned(),
        Ok(Held { copy: Found::Bad(error), .. }) => format!("COPY NOT USED: it {error}"),
        Ok(Held { copy: Found::Copy(copy), .. }) if **copy == *newest => "newest copy".to_owned(),
        Ok(Held { copy: Found::Copy(copy), .. }) => format!("older copy, of {}", Utc(copy.written_at)),
    }
}

#[expect(clippy::print_stderr, reason = "questions go to the terminal")]
fn confirm(args: &TakeOver, site: &str) -> Result<(), CliError> {
    let typed = match &args.confirm {
        Some(word) => word.clone(),
        None if std::io::stdin().is_terminal() => {
            eprint!("Type the name of the site to take it over: ");
            let mut line = String::new();
            std::io::stdin()
                .read_line(&mut line)
                .map_err(|error| CliError::new(1, format!("read the answer: {error}")))?;
            line.trim().to_owned()
        }
        None => String::new(),
    };
    if typed == site {
        return Ok(());
    }
    Err(CliError::new(1, format!("take site {site} over without its name typed: nothing was changed"))
        .hint(format!("type {site} when asked, or add --confirm {site}")))
}

fn write_site_file(path: &Path, site: &Site) -> Result<(), CliError> {
    if path.exists() {
        return Ok(());
    }
    let text = format!(
        "# Written by `armilla take-over` from the copy that the hosts keep; every key is written out.\n{}",
        installer_render::yaml::document(&site.to_file())
    );
    appliance_control::kubeconfig::write_private(path, &text)
        .map_err(|error| CliError::new(1, format!("write {}: {error}", path.display())))
}

async fn claim(
    instance: &Instance,
    world: &Arc<SiteWorld>,
    site: &Site,
    seen: &Seen,
) -> Result<(), CliError> {
    let store = &instance.store;
    let reached: Vec<&str> =
        seen.iter().filter(|(_, held)| held.is_ok()).map(|(name, _)| name.as_str()).collect();
    let last = store.last_run().map_err(|error| CliError::from_error(1, "", &error))?;
    world.claim_each(&reached, store.ledger(), last).await.map_err(|(host, error)| {
        CliError::from_error(1, &format!("claim {host}: "), &error)
            .hint("the site is in this state folder now: `armilla apply` claims the rest")
    })?;
    let source = CopySource {
        store: Arc::clone(store),
        world: Arc::clone(world),
        site: site.clone(),
        by: instance.holder.clone(),
        hosts: reached.iter().map(|&name| name.to_owned()).collect(),
    };
    for (host, wrote) in source.write().await {
        if let Err(error) = wrote {
            eprintln!("{host}: its copy was not written: {}", chain(&error));
        }
    }
    Ok(())
}

fn say_what_comes_next(args: &TakeOver, site: &Site, copy: &SiteCopy, seen: &Seen) {
    let state = args.state.state.as_ref().map(|folder| format!(" --state {}", folder.display()));
    let with = format!("-s {}{}", args.site.display(), state.unwrap_or_default());
    let left: Vec<&str> =
        seen.iter().filter(|(_, held)| held.is_err()).map(|(name, _)| name.as_str()).collect();
    eprintln!("Site {} is this state folder's now.", site.name);
    if !left.is_empty() {
        eprintln!("Not reached, and still to be taken by `armilla apply`: {}.", left.join(", "));
    }
    let next = if copy.is_open() { "The run that was left open goes on with" } else { "Go on with" };
    eprintln!("\n{next}:\n  armilla apply {with} -b BUNDLE\n  armilla status {with}");
    if !copy.addons.is_empty() {
        let names: Vec<&str> = copy.addons.iter().map(|(name, _)| name.as_str()).collect();
        eprintln!(
            "\nWhat the add-ons hold is known ({}); a host that lacks something of one needs its file, which is named by:\n  \
             armilla bundle import FILE {with}",
            names.join(", ")
        );
    }
}
