//! Numbers about this process in Prometheus' text format, version 0.0.4.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::app::App;

/// Counts since the start.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    /// Answers by the first digit of their status, 1 to 5.
    answers: [AtomicU64; 5],
    /// Requests that are being answered.
    under_way: AtomicU64,
    /// Open event streams.
    watchers: AtomicU64,
}

/// A number that is one higher for as long as this lives.
pub(crate) struct Held<'a>(&'a AtomicU64);

impl<'a> Held<'a> {
    fn new(number: &'a AtomicU64) -> Held<'a> {
        number.fetch_add(1, Ordering::Relaxed);
        Held(number)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Metrics {
    pub(crate) fn answered(&self, status: u16) {
        if let Some(count) =
            usize::from(status / 100).checked_sub(1).and_then(|class| self.answers.get(class))
        {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn request(&self) -> Held<'_> {
        Held::new(&self.under_way)
    }

    /// One more event stream, for as long as the value lives.
    pub(crate) fn watching(metrics: &Arc<Metrics>) -> Watching {
        metrics.watchers.fetch_add(1, Ordering::Relaxed);
        Watching(metrics.clone())
    }
}

/// An open event stream.
pub(crate) struct Watching(Arc<Metrics>);

impl Drop for Watching {
    fn drop(&mut self) {
        self.0.watchers.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What `/metrics` says.
pub(crate) fn text(app: &App) -> String {
    let mut page = Page(String::new());
    let metrics = app.metrics();
    page.family("armilla_build_info", "gauge", "The version of armilla.");
    page.sample("armilla_build_info", &format!("{{version=\"{}\"}}", app.version()), 1);
    page.one("armilla_uptime_seconds", "gauge", "Since the start.", app.started().elapsed().as_secs());
    page.family("armilla_http_responses_total", "counter", "Answers by the class of their status.");
    for (class, count) in metrics.answers.iter().enumerate() {
        let label = format!("{{class=\"{}xx\"}}", class + 1);
        page.sample("armilla_http_responses_total", &label, count.load(Ordering::Relaxed));
    }
    let read = |number: &AtomicU64| number.load(Ordering::Relaxed);
    page.one(
        "armilla_http_requests_in_flight",
        "gauge",
        "Requests being answered.",
        read(&metrics.under_way),
    );
    page.one("armilla_watchers", "gauge", "Open event streams.", read(&metrics.watchers));
    let last = *app.store().changed().borrow();
    page.one("armilla_ledger_index", "gauge", "The last index that the ledger gave out.", last);
    if let Some(bytes) = app.room() {
        page.one("armilla_state_free_bytes", "gauge", "Room on the disk of the state folder.", bytes);
    }
    page.one("armilla_writable", "gauge", "0 while that disk is full.", app.is_writable().into());
    if let Some(bytes) = resident_bytes() {
        page.one("process_resident_memory_bytes", "gauge", "Resident memory in bytes.", bytes);
    }
    page.0
}

struct Page(String);

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}")
            .expect("invariant: a string takes all");
    }

    fn sample(&mut self, name: &str, labels: &str, value: u64) {
        writeln!(self.0, "{name}{labels} {value}").expect("invariant: a string takes all");
    }

    fn one(&mut self, name: &str, kind: &str, help: &str, value: u64) {
        self.family(name, kind, help);
        self.sample(name, "", value);
    }
}

/// From `/proc/self/statm`, `proc_pid_statm(5)`: the second number, in pages.
fn resident_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = text.split(' ').nth(1)?.parse().ok()?;
    Some(pages * u64::try_from(rustix::param::page_size()).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_counted_by_class_and_held_numbers_come_back() {
        let metrics = Metrics::default();
        for status in [200, 204, 404, 503, 0, 999] {
            metrics.answered(status);
        }
        let counts: Vec<u64> = metrics.answers.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        assert_eq!(counts, [0, 2, 0, 1, 1]);
        let held = metrics.request();
        assert_eq!(metrics.under_way.load(Ordering::Relaxed), 1);
        drop(held);
        assert_eq!(metrics.under_way.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_process_knows_its_memory() {
        assert!(resident_bytes().unwrap() > 100_000);
    }
}
