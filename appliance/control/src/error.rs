//! Why something was not done, for every kind of caller: the command line makes an exit code and lines of it, the server a
//! problem document.

use std::error::Error;
use std::fmt;

use appliance_store::is_of_full_disk;
use installer_model::chain;
use installer_model::finding::Finding;
use installer_model::site_file::SiteErrors;
use installer_ssh::HandError;

use crate::asks::Asks;
use crate::secrets::SecretError;

/// What kind of trouble it is. Of several, the highest is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Something went wrong that nobody could have known before.
    Failed,
    /// The disk of the state folder is full: nothing is written until there is room.
    Full,
    /// What was asked for makes no sense.
    Usage,
    NotFound,
    /// Somebody else holds it, or it changed meanwhile.
    Conflict,
    /// It was understood and will not be done as it is.
    Refused,
    /// A host or a secret keeps us out.
    NotLetIn,
    Unreachable,
    /// It was left on request.
    Interrupted,
}

impl Kind {
    /// The exit code of a command, as `armilla --help` documents it.
    pub fn exit_code(self) -> u8 {
        match self {
            Kind::Failed | Kind::Full => 1,
            Kind::Usage => 2,
            Kind::NotFound => 3,
            Kind::Conflict => 4,
            Kind::Refused => 5,
            Kind::NotLetIn => 7,
            Kind::Unreachable => 8,
            Kind::Interrupted => 130,
        }
    }

    pub fn of_hand(error: &HandError) -> Kind {
        match error.exit_code() {
            2 => Kind::Usage,
            3 => Kind::NotFound,
            4 => Kind::Conflict,
            5 => Kind::Refused,
            7 => Kind::NotLetIn,
            8 => Kind::Unreachable,
            _ => Kind::Failed,
        }
    }
}

/// How a place is called that is the site file as a whole.
pub const SITE_FILE: &str = "site file";

/// What a problem is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum About {
    /// The request as a whole, or what the text names itself.
    All,
    /// A host by its name.
    Host(String),
    /// A place in the site file, such as `hosts[1].address`.
    Path(String),
}

/// What keeps a host away: each of them but the last is mended in another way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// Nothing answers, or no SSH server.
    Unreachable,
    /// User, key or password do not let us in, or not become root.
    Login,
    /// Another key than the one that was trusted.
    KeyChanged {
        /// Where it answers: the name that its key is kept under.
        place: String,
        fingerprint: String,
    },
    /// Its key was never seen before: it is asked about.
    KeyUnknown,
    /// Nobody gave a secret that lets us in: it is asked for.
    SecretMissing,
    Other,
}

impl Obstacle {
    fn of(error: &HandError) -> Obstacle {
        match error {
            HandError::HostKeyChanged { address, new, .. } => {
                Obstacle::KeyChanged { place: address.clone(), fingerprint: new.to_string() }
            }
            HandError::Unreachable { .. } | HandError::NotGreeted { .. } | HandError::Lost { .. } => {
                Obstacle::Unreachable
            }
            HandError::AuthFailed { .. }
            | HandError::KeyUnusable { .. }
            | HandError::NoShell { .. }
            | HandError::WrongSudoPassword { .. }
            | HandError::SudoRefused { .. } => Obstacle::Login,
            HandError::HostKeyUnknown { .. } => Obstacle::KeyUnknown,
            HandError::WrongArch { .. }
            | HandError::ReadOnly { .. }
            | HandError::NoSpace { .. }
            | HandError::NotPlaced { .. }
            | HandError::ChannelRefused { .. }
            | HandError::Protocol { .. }
            | HandError::Failed { .. }
            | HandError::Here(_) => Obstacle::Other,
        }
    }
}

/// One problem, complete in itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub about: About,
    /// Without what it is about.
    pub text: String,
    pub hint: Option<String>,
    pub obstacle: Obstacle,
}

impl Problem {
    pub fn of_host(host: &str, text: impl Into<String>) -> Problem {
        Problem {
            about: About::Host(host.to_owned()),
            text: text.into(),
            hint: None,
            obstacle: Obstacle::Other,
        }
    }

    pub fn at(path: impl Into<String>, text: impl Into<String>) -> Problem {
        Problem { about: About::Path(path.into()), text: text.into(), hint: None, obstacle: Obstacle::Other }
    }

    /// A host that could not be spoken to, or said no.
    pub fn of_hand(host: &str, error: &HandError) -> Problem {
        let problem = Problem::of_host(host, format!("failed to {}", chain(error))).hint(error.hint());
        Problem { obstacle: Obstacle::of(error), ..problem }
    }

    /// A host whose secrets cannot all be had.
    pub fn of_secret(host: &str, error: &SecretError) -> Problem {
        let obstacle = match error {
            SecretError::Missing(_) => Obstacle::SecretMissing,
            SecretError::Unusable(_) => Obstacle::Login,
        };
        Problem { obstacle, ..Problem::of_host(host, error.to_string()) }
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Problem {
        self.hint = Some(hint.into());
        self
    }
}

impl From<String> for Problem {
    fn from(text: String) -> Problem {
        Problem { about: About::All, text, hint: None, obstacle: Obstacle::Other }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.about {
            About::All => {}
            About::Host(name) => write!(f, "{name}: ")?,
            About::Path(path) => write!(f, "{path}: ")?,
        }
        f.write_str(&self.text)?;
        match &self.hint {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

/// Everything that stands in the way, at once; there is at least one problem.
#[derive(Debug)]
pub struct ControlError {
    pub kind: Kind,
    pub problems: Vec<Problem>,
    /// What to do about all of it.
    pub hint: Option<String>,
    /// What somebody may answer, after which the same may succeed.
    pub asks: Box<Asks>,
    /// What was found and stands in the way as well: mended together, one look less.
    pub findings: Vec<Finding>,
}

impl ControlError {
    /// `problem` completes "failed to".
    pub fn new(kind: Kind, problem: impl Into<String>) -> ControlError {
        ControlError::all(kind, vec![Problem::from(problem.into())])
    }

    /// Several problems at once. The list is not empty.
    pub fn all(kind: Kind, problems: Vec<Problem>) -> ControlError {
        ControlError { kind, problems, hint: None, asks: Box::default(), findings: Vec::new() }
    }

    /// An error with all that lies behind it.
    pub fn of(kind: Kind, what: &str, error: &dyn Error) -> ControlError {
        ControlError::new(kind, format!("{what}{}", chain(error)))
    }

    /// The store did not do what every caller may expect of it.
    pub fn store(what: &str, error: &(dyn Error + 'static)) -> ControlError {
        let kind = if is_of_full_disk(error) { Kind::Full } else { Kind::Failed };
        ControlError::of(kind, what, error)
    }

    /// One host's trouble, where the first one ends all.
    pub fn of_hand(what: &str, error: &HandError) -> ControlError {
        ControlError::of(Kind::of_hand(error), what, error).hint(error.hint())
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> ControlError {
        self.hint = Some(hint.into());
        self
    }
}

impl From<SiteErrors> for ControlError {
    fn from(errors: SiteErrors) -> ControlError {
        let problem = |error: installer_model::site_file::SiteError| {
            let path = if error.place.path.is_empty() { SITE_FILE } else { &error.place.path };
            match error.place.position {
                Some(at) => Problem::at(path, format!("line {}: {}", at.line, error.message)),
                None => Problem::at(path, error.message),
            }
        };
        ControlError::all(Kind::Refused, errors.0.into_iter().map(problem).collect())
    }
}

impl Error for ControlError {}

impl fmt::Display for ControlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.problems.iter().enumerate() {
            let gap = if at == 0 { "" } else { "\n" };
            write!(f, "{gap}{problem}")?;
        }
        match &self.hint {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}
