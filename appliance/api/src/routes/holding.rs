//! What keeps runs from going on, for those who follow a stream: at its beginning all that is held, then what changed.
//!
//! It is the state of the engines now and lies in no ledger: a message has no id. None is missed for good by who reads slowly or was
//! cut off, since each stream tells the difference between what it told last and what is so.

use std::collections::BTreeMap;

use appliance_control::Control;
use appliance_control::control::Held;
use bytes::{Bytes, BytesMut};
use serde::Serialize;
use tokio::sync::watch;

use super::runs::HeldBody;
use crate::app::App;
use crate::feed::framed;

/// One stream's knowledge of what is held.
pub(super) struct Holding {
    control: Control,
    changed: watch::Receiver<u64>,
    /// By request.
    told: BTreeMap<String, Held>,
}

#[derive(Serialize)]
struct News<'a> {
    request: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<&'a str>,
    /// `null`: it goes on, or was given up.
    held: Option<HeldBody>,
}

impl Holding {
    /// `None` where nothing performs runs.
    pub(super) fn of(app: &App) -> Option<Holding> {
        let control = app.control().ok()?.clone();
        Some(Holding { changed: control.changed(), control, told: BTreeMap::new() })
    }

    /// What is otherwise than it was told last; `None` when nothing is.
    pub(super) fn news(&mut self) -> Option<Bytes> {
        self.changed.mark_unchanged();
        let held = self.control.held().into_iter();
        let now: BTreeMap<String, Held> = held.map(|held| (held.request.clone(), held)).collect();
        let news = differences(&self.told, &now);
        self.told = now;
        (!news.is_empty()).then(|| news.freeze())
    }

    /// Waits until there may be news.
    pub(super) async fn changed(&mut self) {
        if self.changed.changed().await.is_err() {
            // Nothing is performed any more.
            std::future::pending::<()>().await;
        }
    }
}

fn differences(told: &BTreeMap<String, Held>, now: &BTreeMap<String, Held>) -> BytesMut {
    let message = |held: &Held, still: bool| {
        let run = held.run.as_ref().map(|run| run.0.as_str());
        let body = still.then(|| HeldBody::from(held.clone()));
        framed(None, "held", &News { request: &held.request, run, held: body })
    };
    let let_go =
        told.iter().filter(|(request, _)| !now.contains_key(*request)).map(|(_, held)| message(held, false));
    let fresh = now
        .iter()
        .filter(|(request, held)| told.get(*request) != Some(held))
        .map(|(_, held)| message(held, true));
    let mut news = BytesMut::new();
    let_go.chain(fresh).for_each(|message| news.extend_from_slice(&message));
    news
}

#[cfg(test)]
mod tests {
    use appliance_control::{Kind, Problem};
    use installer_model::event::RunId;

    use super::*;

    #[test]
    fn what_is_held_and_let_go_is_told_once() {
        let held = |request: &str, why: &str| Held {
            request: request.to_owned(),
            run: Some(RunId("r-1".to_owned())),
            kind: Kind::Failed,
            problems: vec![Problem::from(why.to_owned())],
            hint: None,
            secrets: Vec::new(),
        };
        let of = |held: &[Held]| held.iter().map(|held| (held.request.clone(), held.clone())).collect();
        let (none, one) = (BTreeMap::new(), of(&[held("a", "read the bundle")]));
        let text = |told, now| String::from_utf8(differences(told, now).to_vec()).unwrap();
        let told = text(&none, &one);
        assert_eq!(
            told,
            "event: held\ndata: {\"request\":\"a\",\"run\":\"r-1\",\"held\":{\"problems\":[{\"pointer\":\"\",\"detail\":\"read the \
             bundle\"}],\"secrets\":[]}}\n\n"
        );
        assert_eq!(text(&one, &one), "");
        let other = of(&[held("a", "reach h1"), held("b", "reach h2")]);
        assert_eq!(
            text(&one, &other).matches("event: held").count(),
            2,
            "for another reason, and another one"
        );
        assert_eq!(
            text(&one, &none),
            "event: held\ndata: {\"request\":\"a\",\"run\":\"r-1\",\"held\":null}\n\n"
        );
    }
}
