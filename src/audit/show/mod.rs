//! Audits as text for a terminal: aligned tables, bars, colours when they are wanted.
//!
//! A figure and its bar stand on one line, and what a model said is shown with its control characters
//! made visible. `cli` prints it; HTML is made by `page` and `view`.

mod audit;
mod diff;
mod fit;
mod grid;
mod inline;
mod judges;
mod labels;
mod life;
mod outcome;
mod stage;

use crate::record::Disposition;

pub use crate::text::shown::{hidden, line, visible};
pub use audit::audit_text;
pub use diff::diff_text;
pub use fit::fit;
pub use grid::{Grid, Side};
pub use inline::Inline;
pub use judges::judges_text;
pub use labels::{calibration_text, people_text};
pub use life::{LifeLook, life_text};
pub use outcome::outcome_text;
pub use stage::stage_text;

/// How to write: colours, and how wide the terminal is.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    pub colour: bool,
    pub width: usize,
}

impl Look {
    pub const PLAIN: Look = Look { colour: false, width: 100 };

    fn code(self, code: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    pub fn bold(self, text: &str) -> String {
        self.code("1", text)
    }

    pub fn dim(self, text: &str) -> String {
        self.code("2", text)
    }

    pub fn red(self, text: &str) -> String {
        self.code("31", text)
    }

    pub fn yellow(self, text: &str) -> String {
        self.code("33", text)
    }

    pub fn green(self, text: &str) -> String {
        self.code("32", text)
    }

    pub fn cyan(self, text: &str) -> String {
        self.code("36", text)
    }
}

/// `12,345`.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Dollars, with as many digits as are worth reading.
pub fn money(usd: f64) -> String {
    match usd.abs() {
        0.0 => "$0".to_owned(),
        x if x < 0.01 => format!("${usd:.5}"),
        x if x < 100.0 => format!("${usd:.2}"),
        _ => format!("${}", count(usd.round() as u64)),
    }
}

/// A bar of `share` (0..=1) of `width` cells, in eighths of a cell.
pub fn bar(share: f64, width: usize) -> String {
    const PARTS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = (share.clamp(0.0, 1.0) * width as f64 * 8.0).round() as usize;
    let mut out = "█".repeat(eighths / 8);
    out.push_str(PARTS[eighths % 8]);
    let used = eighths / 8 + usize::from(!eighths.is_multiple_of(8));
    out.push_str(&" ".repeat(width.saturating_sub(used)));
    out
}

/// How a record left a stage: `passed`, `passed unsatisfied`, `dropped leak`. The usual port is
/// called as the disposition is, and said once.
pub fn way(disposition: Disposition, port: &str, reason: &str) -> String {
    let said = disposition.as_str();
    let parts = [said, if port == said { "" } else { port }, reason];
    let parts: Vec<String> =
        parts.iter().filter(|part| !part.is_empty()).map(|part| line(part, 60)).collect();
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(count(7), "7");
        assert_eq!(count(1234), "1,234");
        assert_eq!(count(1_234_567), "1,234,567");
    }

    #[test]
    fn a_bar_is_as_wide_as_asked() {
        for eighth in 0..=80 {
            assert_eq!(bar(f64::from(eighth) / 80.0, 10).chars().count(), 10);
        }
    }
}
