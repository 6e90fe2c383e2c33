//! What handlers take out of requests. Each answers with a problem where axum would with bare text.

mod body;
mod condition;
mod field;
mod kept;
mod list;
mod mutation;
mod parameters;

pub(crate) use self::body::Patience;
pub(crate) use self::condition::etag;
pub(crate) use self::field::Field;
pub(crate) use self::kept::{Glanced, Kept};
pub(crate) use self::list::{List, ListParams, Listed};
pub(crate) use self::mutation::{Changing, Mutation};
pub(crate) use self::parameters::{Path, Query};
