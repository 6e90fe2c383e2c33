//! Wakes a thread that sleeps in `poll(2)`.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::task::{Wake, Waker};

use rustix::event::{EventfdFlags, eventfd};

/// An eventfd that becomes readable when anybody wakes it: a future's waker for a loop that polls descriptors.
pub struct Doorbell {
    event: OwnedFd,
}

impl Doorbell {
    pub fn new() -> std::io::Result<Arc<Doorbell>> {
        let event = eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?;
        Ok(Arc::new(Doorbell { event }))
    }

    pub fn ring(&self) {
        // A full counter is as good as a written one.
        let _ = rustix::io::write(&self.event, &1u64.to_ne_bytes());
    }

    /// Makes it quiet again; to be called before looking at what it rang for.
    pub fn silence(&self) {
        let _ = rustix::io::read(&self.event, &mut [0; 8]);
    }

    pub fn waker(self: &Arc<Self>) -> Waker {
        Waker::from(Arc::clone(self))
    }
}

impl Wake for Doorbell {
    fn wake(self: Arc<Self>) {
        self.ring();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ring();
    }
}

impl AsFd for Doorbell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.event.as_fd()
    }
}
