//! Forgetting what has expired.

use crate::command::Reply;
use crate::deciding::Deciding;
use crate::feed::Topic;
use crate::guessing;
use crate::once::Remembered;
use crate::refused::Refused;
use crate::requests::{Request, RequestState};
use crate::sessions::{self, Session};
use crate::table::{Key, Table};
use crate::tokens::{self, Token};
use crate::uploads::Upload;

/// Answered requests are shown for so long.
const REQUESTS_KEPT_MS: u64 = 30 * 24 * 60 * 60 * 1000;
/// Expired tokens stay in the list for so long, so that people see why a program no longer gets in.
const TOKENS_KEPT_MS: u64 = 7 * 24 * 60 * 60 * 1000;

pub(crate) fn decide(deciding: &mut Deciding<'_>) -> Result<Reply, Refused> {
    let at = deciding.at;
    let (mut sessions, mut tokens, mut uploads, mut requests) = (0_u64, 0_u64, 0_u64, 0_u64);
    for (_, session) in deciding.all::<Session>()?.into_iter().filter(|(_, session)| session.is_over(at)) {
        sessions::end(deciding, session.id());
        sessions += 1;
    }
    let over = |token: &Token| token.expires_at.is_some_and(|end| at >= end.saturating_add(TOKENS_KEPT_MS));
    for (_, token) in deciding.all::<Token>()?.into_iter().filter(|(_, token)| over(token)) {
        tokens::revoke(deciding, token.id());
        tokens += 1;
    }
    for (_, upload) in deciding.all::<Upload>()?.into_iter().filter(|(_, upload)| upload.is_over(at)) {
        deciding.remove(Table::Uploads, upload.id.as_str());
        deciding.removed(Topic::Uploads, &upload.id);
        uploads += 1;
    }
    let old = |request: &Request| {
        request.state != RequestState::Waiting && at >= request.at.saturating_add(REQUESTS_KEPT_MS)
    };
    for (_, request) in deciding.all::<Request>()?.into_iter().filter(|(_, request)| old(request)) {
        deciding.remove(Table::Requests, request.id.as_str());
        deciding.removed(Topic::Requests, &request.id);
        requests += 1;
    }
    // Nobody sees these, and the audit says nothing of them.
    let expired = |(_, answer): &(Key, Remembered)| answer.is_over(at);
    let answers: Vec<Key> =
        deciding.all::<Remembered>()?.into_iter().filter(expired).map(|(key, _)| key).collect();
    let keys = answers.into_iter().map(|key| (Table::Once, key));
    let keys = keys.chain(guessing::stale(deciding)?.into_iter().map(|key| (Table::Guesses, key)));
    let keys: Vec<_> = keys.collect();
    let unseen = keys.len() as u64;
    keys.into_iter().for_each(|(table, key)| deciding.remove(table, key));
    let seen = [("sessions", sessions), ("tokens", tokens), ("uploads", uploads), ("requests", requests)];
    let said: Vec<(&str, String)> = seen
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(name, count)| (name, count.to_string()))
        .collect();
    if !said.is_empty() {
        deciding.say("instance.sweep", "", &said);
    }
    Ok(Reply::Swept(sessions + tokens + uploads + requests + unseen))
}
