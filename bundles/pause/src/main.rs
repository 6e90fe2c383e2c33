//! `pause`: holds a pod's namespaces open. Reaps what is orphaned into the pod, ends on SIGTERM or SIGINT.
//!
//! `kubeadm upgrade` runs it once with `-v` and waits for it to end with 0.

use std::process::ExitCode;

fn main() -> ExitCode {
    if std::env::args().skip(1).any(|argument| argument.eq_ignore_ascii_case("-v")) {
        return match say(concat!("pause ", env!("CARGO_PKG_VERSION"), "\n")) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        };
    }
    let signals = Signals::block();
    loop {
        match signals.wait() {
            libc::SIGCHLD => reap(),
            libc::SIGTERM | libc::SIGINT => return ExitCode::SUCCESS,
            _ => {}
        }
    }
}

fn say(text: &str) -> std::io::Result<()> {
    std::io::Write::write_all(&mut std::io::stdout(), text.as_bytes())
}

/// The signals that this program waits for.
///
/// They are blocked and fetched rather than handled: process 1 of a namespace gets no signal that it neither
/// handles nor blocks, and a handler could do less than this loop.
struct Signals(libc::sigset_t);

impl Signals {
    fn block() -> Signals {
        let mut set = std::mem::MaybeUninit::uninit();
        #[expect(
            unsafe_code,
            reason = "the standard library has no signals; the set is ours and outlives each call"
        )]
        // SAFETY: sigemptyset writes the whole set before it is read; no other thread runs.
        unsafe {
            libc::sigemptyset(set.as_mut_ptr());
            for signal in [libc::SIGCHLD, libc::SIGTERM, libc::SIGINT] {
                libc::sigaddset(set.as_mut_ptr(), signal);
            }
            libc::sigprocmask(libc::SIG_BLOCK, set.as_ptr(), std::ptr::null_mut());
            Signals(set.assume_init())
        }
    }

    fn wait(&self) -> libc::c_int {
        let mut signal = 0;
        #[expect(
            unsafe_code,
            reason = "the standard library has no signals; both pointers are to live values"
        )]
        // SAFETY: the set was made by `block`; sigwait writes one int.
        unsafe {
            libc::sigwait(&raw const self.0, &raw mut signal);
        }
        signal
    }
}

/// Takes the exit status of every child that has one: one SIGCHLD may stand for several.
fn reap() {
    #[expect(
        unsafe_code,
        reason = "the standard library waits for its own children only; these were adopted"
    )]
    // SAFETY: a null status is allowed.
    while unsafe { libc::waitpid(-1, std::ptr::null_mut(), libc::WNOHANG) } > 0 {}
}
