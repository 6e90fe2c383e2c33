//! Memory that holds passwords and keys is for this process alone.

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// No core of this process or of what it starts is written, to a file or into a pipe, and nobody else without root reads
/// its memory: `core(5)`, `PR_SET_DUMPABLE(2const)`. The limit alone would not do: a pipe in `core_pattern` gets the core
/// whatever the limit is. A kernel that refuses either is no reason not to work.
pub(crate) fn keep_memory_private() {
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}
