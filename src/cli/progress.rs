//! What a person sees while a run works: bars per stage and per role on a terminal, plain lines
//! elsewhere, nothing with `--quiet`.

use crate::call::{RoleLive, Stack};
use crate::env::Env;
use crate::run::{Progress, StageNow};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

const REDRAW: Duration = Duration::from_millis(150);
const PLAIN_EVERY: Duration = Duration::from_secs(5);

/// Draws until `finished`. Returns at once with `quiet`.
pub async fn draw(
    env: &Env,
    progress: Arc<Progress>,
    stack: Stack,
    quiet: bool,
    finished: watch::Receiver<bool>,
) {
    if quiet {
        return;
    }
    let view = View { env: env.clone(), progress, stack, started: env.now() };
    if std::io::stderr().is_terminal() {
        view.bars(finished).await;
    } else {
        view.lines(finished).await;
    }
}

struct View {
    env: Env,
    progress: Arc<Progress>,
    stack: Stack,
    started: Instant,
}

impl View {
    async fn bars(&self, mut finished: watch::Receiver<bool>) {
        let multi = MultiProgress::new();
        let mut bars: BTreeMap<String, ProgressBar> = BTreeMap::new();
        let total = multi.add(ProgressBar::new_spinner());
        while !*finished.borrow() {
            for stage in self.progress.now() {
                let bar = bars
                    .entry(format!("0{}", stage.stage))
                    .or_insert_with(|| self.bar(&multi, &total));
                set_stage(bar, &stage);
            }
            for role in self.stack.live().iter().filter(|r| r.done + r.in_flight > 0) {
                let bar = bars
                    .entry(format!("1{}", role.role))
                    .or_insert_with(|| self.bar(&multi, &total));
                bar.set_message(self.role_line(role));
            }
            total.set_message(self.total_line());
            tokio::select! {
                () = self.env.sleep(REDRAW) => {}
                _ = finished.changed() => {}
            }
        }
        let _ = multi.clear();
    }

    fn bar(&self, multi: &MultiProgress, before: &ProgressBar) -> ProgressBar {
        let bar = multi.insert_before(before, ProgressBar::new(1));
        if let Ok(style) = ProgressStyle::with_template("{msg}") {
            bar.set_style(style);
        }
        bar
    }

    async fn lines(&self, mut finished: watch::Receiver<bool>) {
        loop {
            tokio::select! {
                () = self.env.sleep(PLAIN_EVERY) => {}
                _ = finished.changed() => {}
            }
            if *finished.borrow() {
                return;
            }
            eprintln!("{}", self.total_line());
            for role in self.stack.live().iter().filter(|r| r.in_flight > 0) {
                eprintln!("  {}", self.role_line(role));
            }
        }
    }

    fn seconds(&self) -> f64 {
        self.env.now().duration_since(self.started).as_secs_f64().max(0.001)
    }

    fn role_line(&self, role: &RoleLive) -> String {
        format!(
            "{:12} {:>5} in flight {:>5} waiting {:>8} done {:>7.1}/s {:>4} errors {:>4} retries  ${:.4}",
            role.role,
            role.in_flight,
            role.queued,
            role.done,
            role.done as f64 / self.seconds(),
            role.errors,
            role.retries,
            role.cost.usd(),
        )
    }

    /// Elapsed, records, calls, cost, and what is left at this pace where the pool's size is known.
    fn total_line(&self) -> String {
        let stages = self.progress.now();
        let roles = self.stack.live();
        let calls: u64 = roles.iter().map(|r| r.done).sum();
        let cost: f64 = roles.iter().map(|r| r.cost.usd()).sum();
        // A record is settled when it was dropped, failed, or waits at a barrier.
        let dropped: u64 = stages.iter().map(|s| s.dropped + s.failed).sum();
        let settled = dropped + stages.iter().filter(|s| s.barrier).map(|s| s.inside).sum::<u64>();
        let expected = self.progress.expected.load(Ordering::Relaxed);
        let seconds = self.seconds();
        let eta = match (expected, settled) {
            (0, _) | (_, 0) => String::new(),
            (expected, settled) if settled >= expected => String::new(),
            (expected, settled) => {
                let left = (expected - settled) as f64 * seconds / settled as f64;
                format!(", about {} left", span(left))
            }
        };
        // Kept is what waits at the barriers that end the pipeline, or has passed them.
        let last = stages.iter().rev().take_while(|s| s.barrier);
        let kept = last.map(|s| s.inside + s.passed).max().unwrap_or(0);
        let spent: f64 = stages.iter().map(|s| s.cost.usd()).sum();
        let each = match kept {
            0 => String::new(),
            kept => format!(" (${:.4} for each of {kept} kept)", spent / kept as f64),
        };
        format!(
            "{} elapsed: {} records in flight, {} settled, {calls} calls ({:.1}/s), ${cost:.4}{each}{eta}",
            span(seconds),
            self.progress.in_flight.load(Ordering::Relaxed),
            settled,
            calls as f64 / seconds,
        )
    }
}

fn set_stage(bar: &ProgressBar, now: &StageNow) {
    let entered = now.passed + now.dropped + now.failed + now.inside;
    let width = 24;
    let filled = (now.passed * width).checked_div(entered).unwrap_or(0) as usize;
    let mark = if now.done { "done" } else { "" };
    bar.set_message(format!(
        "{:16} {}{} {:>6} in {:>6} passed {:>6} dropped {:>4} failed {:>5} inside  ${:.4} {mark}",
        now.stage,
        "█".repeat(filled),
        "░".repeat(width as usize - filled),
        entered,
        now.passed,
        now.dropped,
        now.failed,
        now.inside,
        now.cost.usd(),
    ));
}

fn span(seconds: f64) -> String {
    let s = seconds as u64;
    match (s / 3600, s / 60 % 60, s % 60) {
        (0, 0, s) => format!("{s}s"),
        (0, m, s) => format!("{m}m{s:02}s"),
        (h, m, _) => format!("{h}h{m:02}m"),
    }
}
