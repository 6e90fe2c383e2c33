//! What handlers take out of requests. Each answers with a problem where axum would with bare text.

mod body;
mod condition;
mod list;
mod mutation;
mod parameters;

pub(crate) use self::condition::etag;
pub(crate) use self::list::{Field, List, ListParams, Listed};
pub(crate) use self::mutation::{Changing, Mutation};
pub(crate) use self::parameters::{Path, Query};
