//! The display of a run on a terminal: one line for the run, one per host, redrawn a few times a second.
//!
//! ```text
//!  ━━━━━━━━━━━━━━━━━━━━╌╌╌╌╌╌╌╌╌╌  31/74 steps   1 min 12 s
//!  cp   found    kubeadm init: etcd
//!  w1   import   import 4 images  123.4/310.0 MiB  84.1 MiB/s  3 s left
//!  w2   place    dropped out: w2/place/runc failed
//! ```
//!
//! What is shown is decided in [`Screen`], from what it was told and the time; [`Live`] only draws it. Ends and
//! failures go above the redrawn lines and stay.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use installer_model::event::{Event, Record};
use installer_model::plan::{Plan, StepId};
use installer_model::view::{StepState, View, WaivedView};
use installer_run::{Observer, Progress};

use appliance_control::words::waived_line;

/// Between two drawings.
const PERIOD: Duration = Duration::from_millis(200);
/// A rate is taken over the samples of this long: long enough to be calm, short enough to follow a link.
const WINDOW_MS: u64 = 5_000;
/// Hosts shown at a time: with more, those at work come first and the rest is counted.
const HOSTS_SHOWN: usize = 16;
const BAR_WIDTH: usize = 30;

/// Of the terminal, in characters.
#[derive(Debug, Clone, Copy)]
struct Size {
    columns: usize,
    rows: usize,
}

/// Everything the display knows.
#[derive(Debug, Default)]
struct Screen {
    hosts: Vec<Host>,
    /// Index into `hosts` and label of each step.
    steps: BTreeMap<StepId, (usize, String, &'static str)>,
    total: usize,
    done: usize,
    began_at: u64,
    notice: Option<String>,
}

#[derive(Debug, Default)]
struct Host {
    name: String,
    total: usize,
    done: usize,
    dropped_by: Option<StepId>,
    /// Steps in flight, in order of their start.
    at_work: Vec<AtWork>,
}

#[derive(Debug)]
struct AtWork {
    step: StepId,
    since: u64,
    bytes_done: u64,
    bytes_total: Option<u64>,
    note: Option<String>,
    /// (time, bytes) of the last seconds.
    samples: VecDeque<(u64, u64)>,
}

impl Screen {
    fn new(plan: &Plan, view: &View, now: u64) -> Screen {
        let mut screen = Screen { total: plan.steps.len(), began_at: now, ..Screen::default() };
        for name in plan.hosts() {
            screen.hosts.push(Host { name: name.to_owned(), ..Host::default() });
        }
        for step in &plan.steps {
            let at = screen.hosts.iter().position(|host| host.name == step.host);
            let at = at.expect("invariant: the hosts of a plan are those of its steps");
            screen.hosts[at].total += 1;
            screen.steps.insert(step.id.clone(), (at, step.action.label(), step.phase.as_str()));
            if view.steps.get(&step.id).is_some_and(|step| step.state.succeeded()) {
                screen.hosts[at].done += 1;
                screen.done += 1;
            }
        }
        for (id, step) in &view.steps {
            if let StepState::Failed(_) = step.state {
                screen.drop_host(id);
            }
        }
        screen
    }

    fn drop_host(&mut self, step: &StepId) {
        if let Some((host, ..)) = self.steps.get(step) {
            self.hosts[*host].dropped_by = Some(step.clone());
        }
    }

    /// Takes an event in; the line that stays, if it is one that people go back to.
    fn record(&mut self, record: &Record, now: u64) -> Option<String> {
        match &record.event {
            Event::RunStarted { plan } => Some(format!("run {} of plan {}", record.run, plan.short())),
            Event::FindingWaived { .. } => WaivedView::of(&record.event).as_ref().map(waived_line),
            Event::RunResumed => Some(format!("run {} goes on", record.run)),
            Event::StepStarted { step, .. } => {
                self.start(step, now);
                None
            }
            Event::StepMet { step, .. } | Event::StepDone { step, .. } => {
                self.end(step, true);
                None
            }
            Event::StepFailed { step, failure, .. } => {
                self.end(step, false);
                let mut lines = vec![format!("{step} FAILED: failed to {}", failure.what)];
                lines.extend(failure.evidence.iter().map(|line| format!("    | {line}")));
                lines.extend(failure.hint.iter().map(|hint| format!("    hint: {hint}")));
                Some(lines.join("\n"))
            }
            Event::HostDropped { host, step } => {
                self.drop_host(step);
                Some(format!("host {host} does nothing more in this run: {step} failed"))
            }
            Event::HostRetried { host, .. } => {
                if let Some(host) = self.hosts.iter_mut().find(|known| known.name == *host) {
                    host.dropped_by = None;
                }
                Some(format!("host {host} is tried again"))
            }
            Event::RunCancelled => {
                self.notice = Some("cancelled: what has started is let end".to_owned());
                None
            }
            Event::RunEnded { outcome } => Some(format!("run {} ended: {outcome}", record.run)),
            Event::Unknown => None,
        }
    }

    fn start(&mut self, step: &StepId, now: u64) {
        if let Some((host, ..)) = self.steps.get(step) {
            self.hosts[*host].at_work.push(AtWork {
                step: step.clone(),
                since: now,
                bytes_done: 0,
                bytes_total: None,
                note: None,
                samples: VecDeque::new(),
            });
        }
    }

    fn end(&mut self, step: &StepId, succeeded: bool) {
        let Some((host, ..)) = self.steps.get(step) else { return };
        let host = &mut self.hosts[*host];
        host.at_work.retain(|work| work.step != *step);
        if succeeded {
            host.done += 1;
            self.done += 1;
        }
    }

    fn progress(&mut self, progress: &Progress, now: u64) {
        let Some((host, ..)) = self.steps.get(&progress.step) else { return };
        let mut works = self.hosts[*host].at_work.iter_mut();
        if let Some(work) = works.find(|work| work.step == progress.step) {
            work.bytes_done = progress.bytes_done;
            work.bytes_total = progress.bytes_total;
            work.note.clone_from(&progress.note);
            work.samples.push_back((now, progress.bytes_done));
            while work.samples.front().is_some_and(|(at, _)| at + WINDOW_MS < now) {
                work.samples.pop_front();
            }
        }
    }

    /// The lines to draw, which leave a row of the terminal free.
    fn lines(&self, now: u64, size: Size) -> Vec<String> {
        let filled = (BAR_WIDTH * self.done).checked_div(self.total).unwrap_or(BAR_WIDTH);
        let bar = "━".repeat(filled) + &"╌".repeat(BAR_WIDTH - filled);
        let took = match now.saturating_sub(self.began_at) / 1000 {
            took @ 0..60 => format!("{took} s"),
            took => format!("{} min {} s", took / 60, took % 60),
        };
        let mut lines = vec![format!("{bar}  {}/{} steps  {took}", self.done, self.total)];
        lines.extend(self.notice.clone());
        let mut order: Vec<&Host> = self.hosts.iter().collect();
        // One row each for the count of the others and for the cursor.
        let room = size.rows.saturating_sub(lines.len() + 2).min(HOSTS_SHOWN);
        if order.len() > room {
            order.sort_by_key(|host| (host.at_work.is_empty(), host.dropped_by.is_none()));
        }
        let name_width = order.iter().map(|host| host.name.chars().count()).max().unwrap_or(0);
        let shown = order.iter().take(room);
        lines.extend(shown.map(|host| format!("{:<name_width$}  {}", host.name, self.doing(host, now))));
        if order.len() > room {
            lines.push(format!("and {} more hosts", order.len() - room));
        }
        lines.into_iter().map(|line| line.chars().take(size.columns).collect()).collect()
    }

    fn doing(&self, host: &Host, now: u64) -> String {
        if let Some(step) = &host.dropped_by
            && host.at_work.is_empty()
        {
            return format!("dropped out: {step} failed");
        }
        if host.at_work.is_empty() {
            return if host.done == host.total { "ready".to_owned() } else { "waits".to_owned() };
        }
        let works: Vec<String> = host.at_work.iter().map(|work| self.work(work, now)).collect();
        works.join("; ")
    }

    fn work(&self, work: &AtWork, now: u64) -> String {
        let (_, label, phase) = &self.steps[&work.step];
        let mut text = format!("{phase:<8} {label}");
        match work.bytes_total {
            Some(total) if total > 0 => text += &format!("  {}/{}", mib(work.bytes_done), mib_unit(total)),
            Some(_) | None if work.bytes_done > 0 => text += &format!("  {}", mib_unit(work.bytes_done)),
            Some(_) | None => {}
        }
        if let Some(rate) = work.rate() {
            text += &format!("  {}/s", mib_unit(rate));
            if let Some(total) = work.bytes_total {
                text += &format!("  {} s left", total.saturating_sub(work.bytes_done).div_ceil(rate));
            }
        }
        if let Some(note) = &work.note {
            text += &format!("  {note}");
        }
        let took = now.saturating_sub(work.since) / 1000;
        // A step of a moment needs no clock; a long one shows that it lives.
        if took >= 5 {
            text += &format!("  ({took} s)");
        }
        text
    }
}

impl AtWork {
    /// Bytes per second over the window; `None` before there is something to tell.
    fn rate(&self) -> Option<u64> {
        let ((from, first), (to, last)) = (self.samples.front()?, self.samples.back()?);
        let took = to.saturating_sub(*from);
        let rate = (last.saturating_sub(*first) * 1000).checked_div(took)?;
        (took >= 500 && rate > 0).then_some(rate)
    }
}

/// A tenth of a MiB is as fine as anybody reads.
fn mib(bytes: u64) -> String {
    let tenths = bytes.saturating_mul(10) >> 20;
    format!("{}.{}", tenths / 10, tenths % 10)
}

fn mib_unit(bytes: u64) -> String {
    format!("{} MiB", mib(bytes))
}

/// Draws a run on the terminal of standard error.
pub(crate) struct Live {
    shared: Arc<Shared>,
    drawing: Option<std::thread::JoinHandle<()>>,
}

struct Shared {
    start: Instant,
    screen: Mutex<Screen>,
    multi: MultiProgress,
    ended: std::sync::atomic::AtomicBool,
}

impl Live {
    /// `None` when standard error is no terminal, or one too small to draw on.
    pub(crate) fn new() -> Option<Live> {
        terminal()?;
        let target = ProgressDrawTarget::stderr();
        let shared = Arc::new(Shared {
            start: Instant::now(),
            screen: Mutex::default(),
            multi: MultiProgress::with_draw_target(target),
            ended: false.into(),
        });
        let drawing = std::thread::spawn({
            let shared = shared.clone();
            move || shared.draw()
        });
        Some(Live { shared, drawing: Some(drawing) })
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.shared.ended.store(true, std::sync::atomic::Ordering::Release);
        if let Some(drawing) = self.drawing.take() {
            drawing.thread().unpark();
            let _ = drawing.join();
        }
    }
}

impl Shared {
    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn screen(&self) -> std::sync::MutexGuard<'_, Screen> {
        self.screen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn draw(&self) {
        let style = ProgressStyle::with_template("{msg}").expect("invariant: the template is one field");
        let mut bars: Vec<ProgressBar> = Vec::new();
        while !self.ended.load(std::sync::atomic::Ordering::Acquire) {
            let lines = {
                let screen = self.screen();
                match terminal() {
                    Some(size) if screen.total > 0 => screen.lines(self.now(), size),
                    Some(_) | None => Vec::new(),
                }
            };
            while bars.len() < lines.len() {
                bars.push(self.multi.add(ProgressBar::new_spinner().with_style(style.clone())));
            }
            for bar in bars.drain(lines.len()..) {
                self.multi.remove(&bar);
            }
            bars.iter().zip(lines).for_each(|(bar, line)| bar.set_message(line));
            bars.iter().for_each(ProgressBar::tick);
            std::thread::park_timeout(PERIOD);
        }
        let _ = self.multi.clear();
    }
}

/// Of standard error, if it is a terminal that says how large it is. One column is left free: a full line wraps on
/// some terminals.
fn terminal() -> Option<Size> {
    let size = rustix::termios::tcgetwinsize(std::io::stderr()).ok()?;
    let size = Size { columns: usize::from(size.ws_col).checked_sub(1)?, rows: size.ws_row.into() };
    (size.columns >= 20 && size.rows >= 6).then_some(size)
}

impl Observer for Live {
    fn began(&self, plan: &Plan, view: &View) {
        *self.shared.screen() = Screen::new(plan, view, self.shared.now());
    }

    fn record(&self, record: &Record) {
        let line = self.shared.screen().record(record, self.shared.now());
        if let Some(line) = line {
            // An error means that the terminal is gone; the run goes on without it.
            let _ = self.shared.multi.println(line);
        }
    }

    fn progress(&self, progress: &Progress) {
        self.shared.screen().progress(progress, self.shared.now());
    }
}

#[cfg(test)]
#[path = "live_test.rs"]
mod tests;
