//! How long each component took last time on this machine: the time left.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::time::Duration;

use bundles_format::Arch;

use crate::catalog::ComponentSpec;

/// Seconds by `component/architecture`; the catalogue's cost where none was measured.
#[derive(Debug, Default)]
pub(crate) struct Durations {
    seconds: BTreeMap<String, f64>,
    /// What is in the cache, and so takes no time worth speaking of.
    quick: BTreeSet<String>,
    jobs: usize,
    processors: usize,
}

impl Durations {
    /// Nothing measured yet is no error, nor is a file that cannot be read: it holds estimates.
    pub(crate) fn read(path: &Path, jobs: usize) -> Durations {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let seconds = serde_json::from_str(&text).unwrap_or_default();
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Durations { seconds, quick: BTreeSet::new(), jobs, processors }
    }

    pub(crate) fn write(&self, path: &Path) -> io::Result<()> {
        std::fs::write(path, serde_json::to_vec_pretty(&self.seconds)?)
    }

    pub(crate) fn of(&self, component: &ComponentSpec, arch: Arch) -> Duration {
        let name = format!("{}/{arch}", component.name);
        if self.quick.contains(&name) {
            return Duration::ZERO;
        }
        let measured = self.seconds.get(&name).copied();
        // Builds at the same time share the processors.
        let share = self.processors.div_ceil(self.jobs.max(1)) as f64;
        Duration::from_secs_f64(measured.unwrap_or(f64::from(component.cost) / share).max(0.0))
    }

    pub(crate) fn quick(&mut self, component: &ComponentSpec, arch: Arch) {
        self.quick.insert(format!("{}/{arch}", component.name));
    }

    pub(crate) fn note(&mut self, component: &ComponentSpec, arch: Arch, took: Duration) {
        self.seconds.insert(format!("{}/{arch}", component.name), took.as_secs_f64());
    }

    /// Until all of these are done, each with the time that it has had: no sooner than the longest, no sooner than
    /// the sum shared between the jobs.
    pub(crate) fn left<'a>(
        &self,
        open: impl Iterator<Item = (&'a ComponentSpec, Arch, Duration)>,
    ) -> Duration {
        let each: Vec<Duration> =
            open.map(|(component, arch, had)| self.of(component, arch).saturating_sub(had)).collect();
        let longest = each.iter().max().copied().unwrap_or_default();
        longest.max(each.iter().sum::<Duration>() / u32::try_from(self.jobs.max(1)).unwrap_or(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;

    #[test]
    fn the_time_left_is_bound_by_the_longest_and_by_the_sum() {
        let text = |name: &str, cost: u32| {
            let text = format!("name: {name}\nversion: '1'\nlicense: MIT\ncost: {cost}\nsources: {{}}\n");
            (format!("{name}.yaml"), text)
        };
        let catalog = Catalog::parse([text("long", 100), text("a", 10), text("b", 10)]).unwrap();
        let all = || catalog.components.iter().map(|component| (component, Arch::Amd64, Duration::ZERO));
        let mut durations = Durations { processors: 2, jobs: 2, ..Durations::default() };
        assert_eq!(durations.left(all()), Duration::from_secs(100));
        let long = catalog.components.iter().find(|component| component.name == "long").unwrap();
        durations.note(long, Arch::Amd64, Duration::from_secs(4));
        assert_eq!(durations.left(all()), Duration::from_secs(12));
        durations.quick(long, Arch::Amd64);
        assert_eq!(durations.left(all()), Duration::from_secs(10));
        let had = all().map(|(component, arch, _)| (component, arch, Duration::from_secs(6)));
        assert_eq!(durations.left(had), Duration::from_secs(4), "what is at work has less to do");
    }
}
