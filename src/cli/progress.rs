//! What a person sees while a run works: tables on a terminal, plain lines elsewhere, nothing with
//! `--quiet`. `table` makes the text.
//!
//! Whatever else has to be said while a table stands goes through `Screen::say`, so that neither
//! overwrites the other.

mod table;

use crate::call::Stack;
use crate::cli::progress::table::{Pace, Room, Snapshot, role_words, settled};
use crate::env::Env;
use crate::run::Progress;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

const REDRAW: Duration = Duration::from_millis(200);
const PLAIN_EVERY: Duration = Duration::from_secs(5);

/// Where progress and talk go. Cheap to clone.
#[derive(Clone)]
pub enum Screen {
    Quiet,
    Lines,
    Table(ProgressBar),
}

impl Screen {
    /// A table only on a terminal that can move its cursor and that no log scrolls.
    pub fn new(quiet: bool, logging: bool) -> Screen {
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        if quiet {
            Screen::Quiet
        } else if std::io::stderr().is_terminal() && !dumb && !logging {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            if let Ok(style) = ProgressStyle::with_template("{msg}") {
                bar.set_style(style);
            }
            Screen::Table(bar)
        } else {
            Screen::Lines
        }
    }

    /// Tells something that stays, also with `--quiet`.
    pub fn say(&self, text: &str) {
        match self {
            Screen::Table(bar) => bar.suspend(|| eprintln!("{text}")),
            Screen::Quiet | Screen::Lines => eprintln!("{text}"),
        }
    }

    /// Shows progress until `finished`.
    pub async fn draw(
        &self,
        env: &Env,
        progress: Arc<Progress>,
        stack: Stack,
        finished: watch::Receiver<bool>,
    ) {
        let mut view = View {
            env: env.clone(),
            progress,
            stack,
            started: env.now(),
            settling: Pace::default(),
            calls: BTreeMap::new(),
        };
        match self {
            Screen::Quiet => {}
            Screen::Lines => view.lines(finished).await,
            Screen::Table(bar) => view.table(bar, finished).await,
        }
    }
}

struct View {
    env: Env,
    progress: Arc<Progress>,
    stack: Stack,
    started: Instant,
    settling: Pace,
    /// By role.
    calls: BTreeMap<String, Pace>,
}

impl View {
    async fn table(&mut self, bar: &ProgressBar, mut finished: watch::Receiver<bool>) {
        while !*finished.borrow() {
            let size = terminal_size::terminal_size_of(std::io::stderr());
            let room = size.map_or(Room { width: 80, height: 24 }, |(width, height)| Room {
                width: usize::from(width.0),
                height: usize::from(height.0),
            });
            bar.set_message(self.snapshot().table(room));
            bar.tick();
            tokio::select! {
                () = self.env.sleep(REDRAW) => {}
                _ = finished.changed() => {}
            }
        }
        bar.finish_and_clear();
    }

    async fn lines(&mut self, mut finished: watch::Receiver<bool>) {
        // Rates are counted from here.
        self.snapshot();
        loop {
            tokio::select! {
                () = self.env.sleep(PLAIN_EVERY) => {}
                _ = finished.changed() => {}
            }
            if *finished.borrow() {
                return;
            }
            let now = self.snapshot();
            eprintln!("{}", now.totals().join("; "));
            for (role, rate) in now.roles.iter().zip(&now.rates) {
                if role.in_flight > 0 {
                    eprintln!("  {}", role_words(role, *rate));
                }
            }
        }
    }

    fn snapshot(&mut self) -> Snapshot {
        let elapsed = self.env.now().duration_since(self.started).as_secs_f64();
        let (stages, roles) = (self.progress.now(), self.stack.live());
        self.settling.note(elapsed, settled(&stages));
        let mut rates = Vec::new();
        for role in &roles {
            let pace = self.calls.entry(role.role.clone()).or_default();
            pace.note(elapsed, role.done);
            rates.push(pace.rate());
        }
        Snapshot {
            stages,
            roles,
            rates,
            elapsed,
            in_flight: self.progress.in_flight.load(Ordering::Relaxed),
            expected: self.progress.expected(),
            settling: self.settling.rate(),
        }
    }
}
