//! Ctrl-C and SIGTERM: the first lets calls come home, the second stops at once. Before the run has begun
//! there is nothing to wait for.
//!
//! What stopping means is said by `env` and `run`.

use crate::cli::progress::Screen;
use crate::cli::shared::{Format, print_json};
use crate::env::signals::Signals;
use crate::env::{Env, Phase};
use crate::record::{Ending, Report};
use std::time::Duration;
use tokio::sync::watch;

const GENTLE: &str = "stopping: no new call is made, those in flight may come home; \
                      once more stops at once";
const HARD: &str = "stopping at once: calls in flight are given up, what was journaled is kept";

/// Turns each signal into the next phase of stopping. After the first, calls in flight have `grace`;
/// without it, as long as they take. While there is no `screen` yet, the process ends.
pub async fn watch(
    env: Env,
    format: Format,
    grace: Option<Duration>,
    screen: watch::Receiver<Option<Screen>>,
) {
    let Some(mut signals) = Signals::open() else { return };
    let mut patience = grace;
    loop {
        match (env.shutdown().phase(), patience) {
            (Phase::Draining, Some(grace)) => tokio::select! {
                () = signals.next() => {}
                () = env.sleep(grace) => patience = None,
            },
            _ => signals.next().await,
        }
        let Some(screen) = screen.borrow().clone() else { unbegun(format) };
        match env.shutdown().phase() {
            Phase::Running => {
                screen.say(GENTLE);
                env.shutdown().request(Phase::Draining);
            }
            Phase::Draining => {
                screen.say(HARD);
                env.shutdown().request(Phase::Aborting);
            }
            // Somebody insists; nothing is left that a kill could damage.
            Phase::Aborting => std::process::exit(i32::from(Ending::Stopped.code())),
        }
    }
}

/// Ends the process: no call was made, and what stands in the RUN was whole before.
fn unbegun(format: Format) -> ! {
    let ended = Ending::Stopped;
    if format == Format::Json {
        // A reader that is gone hears it by the exit code.
        let _ = print_json(&Report { ended: Some(ended), ..Report::default() });
    }
    eprintln!("stopped before the run began: the same command goes on.");
    std::process::exit(i32::from(ended.code()))
}
