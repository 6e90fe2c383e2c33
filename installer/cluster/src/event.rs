//! What Kubernetes noted of its objects.

use k8s_openapi::api::core::v1 as core;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::cluster::Cluster;
use crate::error::ClusterError;
use crate::page::{Page, Query};

/// An event of Kubernetes; not one of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ClusterEvent)]
pub struct Event {
    pub namespace: String,
    /// Whether it is a `Warning`.
    pub warning: bool,
    /// One word, such as `BackOff`.
    pub reason: String,
    pub message: String,
    /// What it is about: kind and name.
    pub object: crate::pod::Owner,
    /// How often it was seen.
    pub count: u32,
    /// RFC 3339.
    pub first: Option<String>,
    pub last: Option<String>,
    /// Who noted it, such as `kubelet`.
    pub source: String,
}

impl Cluster {
    /// A page of the events, the newest of the page first. Kubernetes keeps them for an hour and orders its pages by name.
    pub async fn events(&self, query: &Query) -> Result<Page<Event>, ClusterError> {
        let mut page = self.page("list the events", query).await?.map(Event::of);
        page.items.sort_by(|a, b| b.last.cmp(&a.last));
        Ok(page)
    }
}

impl Event {
    pub(crate) fn of(event: core::Event) -> Event {
        let noted = event.event_time.map(|time| time.0);
        let first = event.first_timestamp.map(|time| time.0).or(noted);
        let series = event.series.as_ref();
        let last = series.and_then(|series| series.last_observed_time.as_ref()).map(|time| time.0);
        let last = last.or(event.last_timestamp.map(|time| time.0)).or(noted);
        let count = series.and_then(|series| series.count).or(event.count).unwrap_or(1);
        let source = event.source.and_then(|source| source.component).or(event.reporting_component);
        Event {
            namespace: event.metadata.namespace.unwrap_or_default(),
            warning: event.type_.as_deref() == Some("Warning"),
            reason: event.reason.unwrap_or_default(),
            message: event.message.unwrap_or_default(),
            object: crate::pod::Owner {
                kind: event.involved_object.kind.unwrap_or_default(),
                name: event.involved_object.name.unwrap_or_default(),
            },
            count: u32::try_from(count).unwrap_or(1),
            first: first.map(|time| time.to_string()),
            last: last.map(|time| time.to_string()),
            source: source.unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answers;

    #[test]
    fn events_tell_who_noted_what_when() {
        for event in answers::items::<core::Event>(answers::EVENTS) {
            let told = Event::of(event);
            assert!(told.first.is_some() && told.last.is_some() && told.count == 1, "{told:?}");
            assert!(!told.source.is_empty() && !told.object.kind.is_empty(), "{told:?}");
            assert!(!told.warning);
        }
    }

    #[test]
    fn events_of_the_newer_interface_have_a_time_of_their_own() {
        let mut event: core::Event = answers::items(answers::EVENTS).remove(0);
        (event.first_timestamp, event.last_timestamp, event.count, event.source) = (None, None, None, None);
        let noted = serde_json::json!("2026-11-21T08:00:00.000000Z");
        event.event_time = serde_json::from_value(noted).unwrap();
        let told = Event::of(event);
        assert_eq!(
            (told.first.as_deref(), told.last.clone()),
            (Some("2026-11-21T08:00:00Z"), told.first.clone())
        );
        assert_eq!((told.source.as_str(), told.count), ("node-controller", 1));
    }

    #[test]
    fn a_series_tells_how_often_and_when_last() {
        let mut event: core::Event = answers::items(answers::EVENTS).remove(0);
        event.type_ = Some("Warning".to_owned());
        event.series = serde_json::from_value(serde_json::json!(
            {"count": 12, "lastObservedTime": "2026-11-21T09:00:00.000000Z"}
        ))
        .unwrap();
        let told = Event::of(event);
        assert_eq!((told.count, told.warning), (12, true));
        assert_eq!(told.last.as_deref(), Some("2026-11-21T09:00:00Z"));
    }
}
