//! The wish to stop, in two steps: drain (finish what is in flight, start nothing), then abort.

use tokio::sync::watch;

/// How far the wish to stop has gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    Running,
    /// Start no new record; what is in flight may finish.
    Draining,
    /// Stop now.
    Aborting,
}

/// A shared, monotone `Phase`.
pub struct Shutdown {
    phase: watch::Sender<Phase>,
}

impl Shutdown {
    pub(super) fn new() -> Shutdown {
        Shutdown { phase: watch::channel(Phase::Running).0 }
    }

    pub fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// Moves to `phase`; never back.
    pub fn request(&self, phase: Phase) {
        self.phase.send_if_modified(|now| {
            let later = phase > *now;
            if later {
                *now = phase;
            }
            later
        });
    }

    /// Resolves once the phase is at least `phase`.
    pub async fn reached(&self, phase: Phase) {
        let mut seen = self.phase.subscribe();
        // The sender lives in self, so waiting cannot fail while we are borrowed.
        let _ = seen.wait_for(|now| *now >= phase).await;
    }
}
