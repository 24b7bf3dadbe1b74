//! What a person sees while a run works: tables on a terminal, plain lines elsewhere, nothing with
//! `--quiet`. `run` makes the text.
//!
//! Whatever else has to be said while a table stands goes through `Screen::say`, so that neither
//! overwrites the other.

use crate::env::Env;
use crate::run::{Room, Watch, role_words};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::time::Duration;
use tokio::sync::watch::Receiver;

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

    /// Shows what `watch` sees until it is `over`.
    pub async fn draw(&self, env: &Env, mut watch: Watch, over: Receiver<bool>) {
        match self {
            Screen::Quiet => {}
            Screen::Lines => lines(&mut watch, env, over).await,
            Screen::Table(bar) => table(&mut watch, bar, env, over).await,
        }
    }
}

async fn table(watch: &mut Watch, bar: &ProgressBar, env: &Env, mut over: Receiver<bool>) {
    while !*over.borrow() {
        let size = terminal_size::terminal_size_of(std::io::stderr());
        let room = size.map_or(Room { width: 80, height: 24 }, |(width, height)| Room {
            width: usize::from(width.0),
            height: usize::from(height.0),
        });
        bar.set_message(watch.look().table(room));
        bar.tick();
        tokio::select! {
            () = env.sleep(REDRAW) => {}
            _ = over.changed() => {}
        }
    }
    bar.finish_and_clear();
}

async fn lines(watch: &mut Watch, env: &Env, mut over: Receiver<bool>) {
    // Rates are counted from here.
    watch.look();
    loop {
        tokio::select! {
            () = env.sleep(PLAIN_EVERY) => {}
            _ = over.changed() => {}
        }
        if *over.borrow() {
            return;
        }
        let now = watch.look();
        eprintln!("{}", now.totals().join("; "));
        for (role, rate) in now.roles.iter().zip(&now.rates) {
            if role.in_flight > 0 {
                eprintln!("  {}", role_words(role, *rate));
            }
        }
    }
}
