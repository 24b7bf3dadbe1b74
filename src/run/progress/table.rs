//! The text of a run's progress: a table of stages, a table of roles, two lines of totals.
//!
//! The text is a function of the counters and of the room there is. What does not fit is left out by
//! importance, never wrapped, so that a narrow window shows less and not garbage.

use crate::call::RoleLive;
use crate::run::progress::StageNow;

/// What there is to show.
pub struct Snapshot {
    pub stages: Vec<StageNow>,
    pub roles: Vec<RoleLive>,
    /// Calls a second of each role of `roles`, of late.
    pub rates: Vec<f64>,
    pub elapsed: f64,
    pub in_flight: u64,
    /// Records that the sources bring; None while a source is still being read.
    pub expected: Option<u64>,
    /// Records settled a second, of late.
    pub settling: f64,
}

/// Columns and lines of the terminal.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    pub width: usize,
    pub height: usize,
}

/// The longest bar, cells.
const BAR: usize = 24;

impl Snapshot {
    /// Records that have come as far as they can: dropped, failed, or at the pipeline's end.
    pub fn settled(&self) -> u64 {
        settled(&self.stages)
    }

    /// Everything that fits into `room`.
    pub fn table(&self, room: Room) -> String {
        let roles: Vec<usize> = (0..self.roles.len())
            .filter(|&i| self.roles[i].done + self.roles[i].in_flight > 0)
            .collect();
        // Two headers and two lines of totals, and one line for the cursor.
        let free = room.height.saturating_sub(5 + roles.len());
        let (stages, hidden) = self.worth_showing(free);
        let mut lines = Vec::new();
        if !stages.is_empty() {
            let name = stages.iter().map(|s| s.stage.len()).max().unwrap_or(0).max(5);
            lines.push(stage_header(name, room.width));
            lines.extend(stages.iter().map(|s| stage_line(s, name, room.width)));
        }
        if !roles.is_empty() {
            lines.push(ROLE_HEADER.to_owned());
            lines.extend(roles.iter().map(|&i| role_line(&self.roles[i], self.rates[i])));
        }
        let [records, mut calls] = self.totals();
        if hidden > 0 {
            calls = format!("{hidden} stages not shown; {calls}");
        }
        lines.extend([records, calls]);
        let skip = lines.len().saturating_sub(room.height.saturating_sub(1).max(1));
        let cut = |line: &String| line.chars().take(room.width).collect::<String>();
        lines.iter().skip(skip).map(cut).collect::<Vec<_>>().join("\n")
    }

    /// The stages that fit into `lines`, those with most to say first, in the pipeline's order; and
    /// how many do not.
    fn worth_showing(&self, lines: usize) -> (Vec<&StageNow>, usize) {
        let mut order: Vec<usize> = (0..self.stages.len()).collect();
        order.sort_by_key(|&i| {
            let s = &self.stages[i];
            (s.inside == 0, s.done, s.passed + s.dropped + s.failed == 0, i)
        });
        order.truncate(lines);
        order.sort_unstable();
        let shown: Vec<&StageNow> = order.into_iter().map(|i| &self.stages[i]).collect();
        let hidden = self.stages.len() - shown.len();
        (shown, hidden)
    }

    /// Time and records; calls and money.
    pub fn totals(&self) -> [String; 2] {
        let settled = self.settled();
        let of = self.expected.map_or(String::new(), |n| format!(" of {n}"));
        let left = match self.expected {
            Some(n) if n > settled && self.settling > 0.0 => {
                format!(", about {} left", span((n - settled) as f64 / self.settling))
            }
            _ => String::new(),
        };
        let calls: u64 = self.roles.iter().map(|r| r.done).sum();
        let errors: u64 = self.roles.iter().map(|r| r.errors).sum();
        let cost: f64 = self.roles.iter().map(|r| r.cost.usd()).sum();
        let spent: f64 = self.stages.iter().map(|s| s.cost.usd()).sum();
        let each = match kept(&self.stages) {
            0 => String::new(),
            kept => format!(", ${:.4} for each of {kept} kept", spent / kept as f64),
        };
        let rate: f64 = self.rates.iter().sum();
        [
            format!(
                "{} elapsed{left}: {settled}{of} records settled, {} in flight",
                span(self.elapsed),
                self.in_flight
            ),
            format!("{calls} calls ({rate:.1}/s), {errors} errors, ${cost:.4}{each}"),
        ]
    }
}

/// See `Snapshot::settled`.
pub fn settled(stages: &[StageNow]) -> u64 {
    let gone: u64 = stages.iter().filter(|s| !s.aside).map(|s| s.dropped + s.failed).sum();
    let waiting: u64 = stages.iter().filter(|s| s.last).map(|s| s.inside).sum();
    let sealed: u64 = stages.iter().filter(|s| s.end).map(|s| s.passed).sum();
    gone + waiting + sealed
}

/// Records that wait at the barriers that end the pipeline, or have passed them.
fn kept(stages: &[StageNow]) -> u64 {
    stages.iter().filter(|s| s.last).map(|s| s.inside + s.passed).max().unwrap_or(0)
}

/// The bar's width; 0 where there is no room for one that says anything.
fn bar_width(name: usize, width: usize) -> usize {
    let free = width.saturating_sub(name + 2 + 5 * 8 + 10 + 2).min(BAR);
    if free < 6 { 0 } else { free }
}

fn stage_header(name: usize, width: usize) -> String {
    format!(
        "{:name$} {:gap$} {:>7} {:>7} {:>7} {:>7} {:>7} {:>9}",
        "stage",
        "",
        "in",
        "passed",
        "dropped",
        "failed",
        "inside",
        "cost",
        gap = bar_width(name, width)
    )
}

fn stage_line(now: &StageNow, name: usize, width: usize) -> String {
    let entered = now.passed + now.dropped + now.failed + now.inside;
    let cells = bar_width(name, width);
    let filled = (now.passed as usize * cells).checked_div(entered as usize).unwrap_or(0);
    let bar = "█".repeat(filled) + &"░".repeat(cells - filled);
    format!(
        "{:name$} {bar} {entered:>7} {:>7} {:>7} {:>7} {:>7} {:>9}{}",
        now.stage,
        now.passed,
        now.dropped,
        now.failed,
        now.inside,
        format!("${:.2}", now.cost.usd()),
        if now.done { " ✓" } else { "" }
    )
}

const ROLE_HEADER: &str =
    "role         in flight  waiting     done       /s   errors  retries       cost";

/// One role, under `ROLE_HEADER`.
fn role_line(role: &RoleLive, rate: f64) -> String {
    format!(
        "{:12} {:>9} {:>8} {:>8} {:>8.1} {:>8} {:>8} {:>10}",
        role.role,
        role.in_flight,
        role.queued,
        role.done,
        rate,
        role.errors,
        role.retries,
        format!("${:.4}", role.cost.usd()),
    )
}

/// One role, for a line that stands alone.
pub fn role_words(role: &RoleLive, rate: f64) -> String {
    format!(
        "{}: {} in flight, {} waiting, {} done ({rate:.1}/s), {} errors, {} retries, ${:.4}",
        role.role,
        role.in_flight,
        role.queued,
        role.done,
        role.errors,
        role.retries,
        role.cost.usd(),
    )
}

/// `7s`, `3m05s`, `2h07m`, `3d04h`.
fn span(seconds: f64) -> String {
    let s = seconds as u64;
    match (s / 86_400, s / 3600 % 24, s / 60 % 60, s % 60) {
        (0, 0, 0, s) => format!("{s}s"),
        (0, 0, m, s) => format!("{m}m{s:02}s"),
        (0, h, m, _) => format!("{h}h{m:02}m"),
        (d, h, _, _) => format!("{d}d{h:02}h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Usage;
    use crate::record::NanoUsd;
    use proptest::prelude::*;

    fn stage(name: &str, counts: [u64; 4], done: bool) -> StageNow {
        let [passed, dropped, failed, inside] = counts;
        StageNow {
            cost: NanoUsd(0),
            stage: name.into(),
            inside,
            passed,
            dropped,
            failed,
            done,
            last: false,
            end: false,
            aside: false,
        }
    }

    fn snapshot(stages: usize) -> Snapshot {
        let role = RoleLive {
            role: "teacher".into(),
            in_flight: 3,
            queued: 1,
            done: 12,
            errors: 0,
            retries: 2,
            overloads: 0,
            cost: NanoUsd::from_usd(0.5),
            usage: Usage::default(),
            limit: 8,
            urls: vec![],
            latency: vec![],
            latency_sum_ms: 0,
        };
        Snapshot {
            stages: (0..stages)
                .map(|n| stage(&format!("stage_number_{n}"), [n as u64 * 100_000, 3, 1, 2], n < 3))
                .collect(),
            roles: vec![role],
            rates: vec![1.5],
            elapsed: 65.0,
            in_flight: 9,
            expected: Some(1_000_000),
            settling: 2.0,
        }
    }

    proptest! {
        #[test]
        fn nothing_is_wider_or_longer_than_the_terminal(
            stages in 0usize..30, width in 1usize..200, height in 2usize..60,
        ) {
            let text = snapshot(stages).table(Room { width, height });
            prop_assert!(text.lines().count() < height, "{text}");
            prop_assert!(text.lines().all(|l| l.chars().count() <= width), "{text}");
        }
    }

    #[test]
    fn at_eighty_columns_no_number_is_cut_off() {
        let text = snapshot(16).table(Room { width: 80, height: 40 });
        let last = text.lines().nth(16).expect("sixteen stages");
        assert!(last.starts_with("stage_number_15") && last.contains(" 1500006 "), "{text}");
        assert!(text.lines().all(|l| l.chars().count() <= 80), "{text}");
        assert!(text.contains("$0.5000") && text.contains("left"), "{text}");
    }

    #[test]
    fn finished_stages_make_room_first() {
        let text = snapshot(16).table(Room { width: 80, height: 19 });
        assert!(!text.contains("stage_number_0 ") && text.contains("stage_number_15"), "{text}");
        assert!(text.contains("stages not shown"), "{text}");
    }
}
