//! Tells systemd that the server is ready, alive and about to end.

use std::time::Duration;

use appliance_node::notify::{Notifier, watchdog_period};

/// What systemd asks of the server. Without systemd it asks nothing.
pub(crate) struct Heart {
    notifier: Notifier,
    period: Option<Duration>,
}

impl Heart {
    /// As the environment of this process says (`sd_notify(3)`, `sd_watchdog_enabled(3)`).
    pub(crate) fn of_environment() -> std::io::Result<Heart> {
        let variable = |name| std::env::var(name).ok();
        let notifier = Notifier::new(variable("NOTIFY_SOCKET").as_deref())?;
        let (usec, pid) = (variable("WATCHDOG_USEC"), variable("WATCHDOG_PID"));
        let period = watchdog_period(usec.as_deref(), pid.as_deref(), std::process::id());
        Ok(Heart { notifier, period })
    }

    /// Says that the server answers from now on.
    pub(crate) fn ready(&self, status: &str) {
        self.notifier.ready(status);
    }

    /// Feeds the watchdog for as long as it is polled, each time after `answers` said that the server still does. What
    /// hangs is not fed, and systemd starts it anew.
    pub(crate) async fn beat(&self, status: &str, answers: impl AsyncFn() -> bool) {
        let Some(period) = self.period else { return std::future::pending().await };
        loop {
            if tokio::time::timeout(period, answers()).await == Ok(true) {
                self.notifier.alive(status);
            } else {
                tracing::error!("the server does not answer itself");
            }
            tokio::time::sleep(period).await;
        }
    }

    /// Says that the server was told to end.
    pub(crate) fn stopping(&self) {
        self.notifier.stopping();
    }
}
