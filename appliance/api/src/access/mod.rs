//! Who may what: who calls, what a route needs, and the one place where the two meet.
//!
//! ```text
//!  request ──▶ identify ──▶ Caller in the request ──▶ each route's own `Needs::admit` ──▶ handler
//!              cookie, bearer or peer                  401, 403 or on
//! ```
//!
//! A route cannot be registered without its [`Needs`] (see `routes::Routes`).

mod csrf;
mod denials;
mod identify;
mod password;
mod secret;
mod setup;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use appliance_store::ledger::Role;

pub(crate) use self::csrf::{is_of_this_origin, refuse_other_origins};
pub(crate) use self::denials::Denials;
pub use self::identify::{Known, Peer};
pub(crate) use self::identify::{SESSION_COOKIE, STILL_IN, Seen, identify, is_still_in, while_in};
pub(crate) use self::password::{PasswordFault, Passwords};
pub(crate) use self::secret::{Hidden, Secret};
pub(crate) use self::setup::{code_digest, draw_code};
use crate::problem::{Kind, Problem};

/// What a route asks of its caller. Each of the last three takes those after it, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Needs {
    /// Everybody may: no login.
    Nobody,
    /// Reads, and changes what is the caller's own.
    Viewer,
    /// Changes sites and runs.
    Operator,
    /// Changes users, settings and trust.
    Admin,
}

impl Needs {
    /// As the OpenAPI file says it.
    pub fn as_str(self) -> &'static str {
        match self {
            Needs::Nobody => "nobody",
            Needs::Viewer => "viewer",
            Needs::Operator => "operator",
            Needs::Admin => "admin",
        }
    }

    /// Whether this caller may.
    fn check(self, caller: &Caller) -> Result<(), Problem> {
        let role = match (self, caller) {
            (Needs::Nobody, _) => return Ok(()),
            (_, Caller::Nobody { why }) => {
                return Err(why.problem());
            }
            (_, Caller::Known(known)) => known.role,
        };
        let enough = match self {
            Needs::Nobody | Needs::Viewer => true,
            Needs::Operator => matches!(role, Role::Operator | Role::Admin),
            Needs::Admin => matches!(role, Role::Admin),
        };
        if enough {
            return Ok(());
        }
        let detail = format!("This needs the role {}, and the caller is {role}.", self.as_str());
        Err(Problem::new(Kind::Forbidden, detail).hint("an administrator may change the role"))
    }

    /// The layer of one route.
    pub(crate) async fn admit(self, request: Request, next: Next) -> Response {
        let caller = request.extensions().get::<Caller>();
        let checked = match caller {
            Some(caller) => self.check(caller),
            // A request that came past `identify` is nobody's.
            None => self.check(&Caller::Nobody { why: NoLogin::None }),
        };
        match checked {
            Ok(()) => next.run(request).await,
            Err(problem) => problem.into_response(),
        }
    }
}

/// Why a caller is nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoLogin {
    /// Nothing was sent that names anybody.
    None,
    /// The session or token is unknown, ended or of a user who is gone.
    Ended,
}

impl NoLogin {
    fn problem(self) -> Problem {
        let detail = match self {
            NoLogin::None => "Nobody is logged in.",
            NoLogin::Ended => "The session or token has ended, or there is no such one.",
        };
        Problem::new(Kind::LoginNeeded, detail)
            .hint("log in by POST /api/v1/sessions, or send an API token as `Authorization: Bearer`")
    }
}

/// Who sends a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    Nobody { why: NoLogin },
    Known(Known),
}
