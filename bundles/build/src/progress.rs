//! What a build says while it runs. The command line draws it; this library prints nothing.

use std::time::Duration;

use bundles_format::Arch;

/// One thing that happened or moved. Cheap; may be dropped by whoever listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// How many component builds there are; `left` from last time's durations.
    Planned {
        units: usize,
        left: Duration,
    },
    Started {
        component: String,
        arch: Arch,
    },
    /// What the component is at: a package that was compiled, an image that is packed.
    At {
        component: String,
        arch: Arch,
        what: String,
    },
    Finished {
        component: String,
        arch: Arch,
        cached: bool,
        took: Duration,
        done: usize,
        units: usize,
        left: Duration,
    },
    /// The file itself.
    Writing {
        done: u64,
        total: u64,
    },
}
