//! The command line: one file per verb. Data goes to standard output; progress, questions and hints to standard error.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the command line is where armilla prints")]

mod apply;
mod asking;
mod audit;
mod bundle;
mod check;
mod cluster;
mod completion;
mod error;
mod examples;
mod host;
mod image;
mod init;
mod instance;
mod kubeconfig;
mod login;
mod of_site;
mod plan;
mod reset;
mod run;
mod serve;
mod settings;
mod site;
mod status;
mod support;
pub(crate) mod take_over;
mod terminal;
mod token;
mod user;

use std::path::PathBuf;
use std::process::ExitCode;

use appliance_control::{Asked, Purpose, site_file};
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};

pub(crate) use appliance_client::escaped;
pub(crate) use asking::list;
pub(crate) use error::CliError;
pub(crate) use installer_model::chain;

use crate::wiring;

/// From bare hosts to a working Kubernetes, without internet: one binary, one bundle, over SSH.
#[derive(Debug, Parser)]
#[command(name = "armilla", version, after_help = examples::TOP, propagate_version = true)]
#[command(arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
    /// How much to say on standard error
    #[arg(long, global = true, value_name = "LEVEL", default_value = "warn")]
    log_level: tracing_subscriber::filter::LevelFilter,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Write a commented site.yaml from host addresses
    #[command(after_help = examples::INIT)]
    Init(init::Init),
    /// Look at every host and say what is in the way, changing nothing
    #[command(after_help = examples::CHECK)]
    Check(check::Check),
    /// Show what apply would do
    #[command(after_help = examples::PLAN)]
    Plan(plan::PlanArgs),
    /// Make the site what its file says; safe to repeat
    #[command(after_help = examples::APPLY)]
    Apply(apply::Apply),
    /// Show the site: its last run and its nodes
    #[command(after_help = examples::STATUS)]
    Status(status::Status),
    /// Print or merge the cluster's kubeconfig
    #[command(after_help = examples::KUBECONFIG)]
    Kubeconfig(kubeconfig::Kubeconfig),
    /// Look at runs
    #[command(subcommand, after_help = examples::RUN)]
    Run(run::Run),
    /// Keep sites: their files, drafts and waivers
    #[command(subcommand, after_help = examples::SITE)]
    Site(site::SiteCommand),
    /// Look at the hosts of a site, at what lets us in, and open a shell on them
    #[command(subcommand, after_help = examples::HOST)]
    Host(host::HostCommand),
    /// Look into a site's running cluster
    #[command(subcommand, after_help = examples::CLUSTER)]
    Cluster(cluster::ClusterCommand),
    /// Keep sites as a server with a login, an API and runs that outlive their callers
    #[command(after_help = examples::SERVE)]
    Serve(serve::Serve),
    /// Log in to a server, which the verbs ask from then on
    #[command(after_help = examples::LOGIN)]
    Login(login::Login),
    /// Revoke a login and forget its server
    #[command(after_help = examples::LOGOUT)]
    Logout(login::Logout),
    /// Say who the server takes you for
    #[command(after_help = examples::WHOAMI)]
    Whoami(login::Whoami),
    /// Keep users of a server
    #[command(subcommand, after_help = examples::USER)]
    User(user::UserCommand),
    /// Set a password, as root on the server's machine also a lost one
    #[command(after_help = examples::PASSWD)]
    Passwd(user::Passwd),
    /// Keep API tokens
    #[command(subcommand, after_help = examples::TOKEN)]
    Token(token::TokenCommand),
    /// Read who did what
    #[command(subcommand, after_help = examples::AUDIT)]
    Audit(audit::AuditCommand),
    /// Read and change how a server is set
    #[command(subcommand, after_help = examples::SETTINGS)]
    Settings(settings::SettingsCommand),
    /// Back up what a state folder holds, and restore it
    #[command(subcommand, after_help = examples::INSTANCE)]
    Instance(instance::InstanceCommand),
    /// Take hosts out of the cluster and put them back as they were
    #[command(after_help = examples::RESET)]
    Reset(reset::Reset),
    /// Take a site over from its hosts when the machine or folder it was installed from is lost
    #[command(after_help = examples::TAKE_OVER)]
    TakeOver(take_over::TakeOver),
    /// Show the images that nodes hold
    #[command(subcommand, after_help = examples::IMAGE)]
    Image(image::ImageCommand),
    /// Build, show and verify bundles; bring one to a site
    #[command(subcommand, after_help = examples::BUNDLE)]
    Bundle(bundle::BundleCommand),
    /// Collect what somebody needs who helps
    #[command(subcommand, after_help = examples::SUPPORT)]
    Support(support::Support),
    /// Print a completion script for a shell
    #[command(after_help = examples::COMPLETION)]
    Completion(completion::Completion),
}

impl Verb {
    /// Whether it goes on when nobody reads along: it does something to hosts, or serves others.
    fn runs(&self) -> bool {
        matches!(
            self,
            Verb::Apply(_)
                | Verb::Reset(_)
                | Verb::Serve(_)
                | Verb::TakeOver(_)
                | Verb::Bundle(bundle::BundleCommand::Import(_))
        )
    }
}

/// Which site, with what, kept where.
#[derive(Debug, Clone, Args)]
pub(crate) struct SiteArgs {
    /// The site file
    #[arg(short = 's', long, value_name = "FILE", default_value = "site.yaml")]
    pub(crate) site: PathBuf,
    /// The bundle, or a folder with its parts, unless the site file names one
    #[arg(short = 'b', long, value_name = "FILE")]
    pub(crate) bundle: Option<PathBuf>,
    /// A public key that may have sealed the bundle; may be given again
    #[arg(long, value_name = "FILE")]
    pub(crate) trust: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) state: StateArgs,
    /// Have this server do it, one of those that `armilla login` keeps
    #[arg(long, value_name = "NAME", env = "ARMILLA_CONTEXT")]
    pub(crate) context: Option<String>,
    /// Take this host from the state folder that it belongs to; may be given again
    #[arg(long, value_name = "HOST")]
    pub(crate) take_over: Vec<String>,
    /// Give a host up that has not answered for this long; until then it is tried again
    #[arg(long, value_name = "SECONDS", default_value_t = 180)]
    pub(crate) patience: u64,
    /// Answer every question with yes, the question for unknown host keys and bundle keys among them
    #[arg(short = 'y', long)]
    pub(crate) yes: bool,
}

impl SiteArgs {
    /// Which server is asked, if one is.
    pub(crate) fn server(&self) -> wiring::ServerArgs {
        wiring::ServerArgs { state: self.state.clone(), context: self.context.clone() }
    }

    /// The site that the file describes, wanted for something.
    pub(crate) fn asked(&self, purpose: Purpose) -> Result<Asked, CliError> {
        Ok(Asked::new(site_file::read(&self.site)?, wiring::options(self), purpose))
    }
}

#[derive(Debug, Clone, Args)]
pub(crate) struct StateArgs {
    /// Where armilla keeps plans, runs and pinned keys [default: ~/.local/state/armilla]
    #[arg(long, value_name = "FOLDER", env = "ARMILLA_STATE")]
    pub(crate) state: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Output {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
}

pub(crate) fn main() -> ExitCode {
    let cli = Cli::parse();
    if !cli.verb.runs() {
        end_with_the_reader();
    }
    tracing_subscriber::fmt().with_max_level(cli.log_level).with_writer(std::io::stderr).init();
    let done = match cli.verb {
        Verb::Init(args) => init::run(&args),
        Verb::Check(args) => wait(check::run(&args)),
        Verb::Plan(args) => wait(plan::run(&args)),
        Verb::Apply(args) => wait(apply::run(&args)),
        Verb::Status(args) => wait(status::run(&args)),
        Verb::Kubeconfig(args) => wait(kubeconfig::run(&args)),
        Verb::Run(args) => wait(run::run(&args)),
        Verb::Site(command) => wait(site::run(&command)),
        Verb::Host(command) => wait(host::run(&command)),
        Verb::Cluster(command) => wait(cluster::run(&command)),
        Verb::Serve(args) => wait(serve::run(&args)),
        Verb::Login(args) => wait(login::login(&args)),
        Verb::Logout(args) => wait(login::logout(&args)),
        Verb::Whoami(args) => wait(login::whoami(&args)),
        Verb::User(command) => wait(user::run(&command)),
        Verb::Passwd(args) => wait(user::passwd(&args)),
        Verb::Token(command) => wait(token::run(&command)),
        Verb::Audit(command) => wait(audit::run(&command)),
        Verb::Settings(command) => wait(settings::run(&command)),
        Verb::Instance(command) => wait(instance::run(&command)),
        Verb::Reset(args) => wait(reset::run(&args)),
        Verb::TakeOver(args) => wait(take_over::run(&args)),
        Verb::Image(command) => wait(image::run(&command)),
        Verb::Bundle(command) => bundle::run(command),
        Verb::Support(command) => wait(support::run(&command)),
        Verb::Completion(args) => completion::run(&args, &mut Cli::command()),
    };
    match done {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprint!("{error}");
            ExitCode::from(error.code)
        }
    }
}

/// `armilla run ls | head` ends quietly when `head` has seen enough, as other programs do. A run goes on: what it does to
/// hosts does not hang on somebody reading along.
#[expect(unsafe_code, reason = "the standard library has no other way to undo its ignoring of SIGPIPE")]
fn end_with_the_reader() {
    // SAFETY: no thread was started yet, and the default action runs no code of ours.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
}

fn wait(verb: impl Future<Output = Result<u8, CliError>>) -> Result<u8, CliError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_all()
        .build()
        .map_err(|error| CliError::new(1, format!("start: {error}")))?;
    let done = runtime.block_on(verb);
    // A thread that still waits on a dead connection does not keep the command from ending.
    runtime.shutdown_background();
    done
}
