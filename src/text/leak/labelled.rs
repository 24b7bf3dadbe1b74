//! How good leak patterns are: sentences that people labelled, held against them.
//!
//! Patterns alone are measured. What they leave in doubt is the model's to say and counts as missed
//! here; how much of the missed a model would be shown is told apart.

use crate::text::leak::Patterns;

/// A sentence and whether people call it a leak.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labelled {
    pub leak: bool,
    pub text: String,
}

/// What patterns make of labelled sentences.
#[derive(Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Score {
    pub leaks: usize,
    pub innocent: usize,
    /// Leaks that no pattern found.
    pub missed: Vec<String>,
    /// How many of the missed are in doubt, so that a model reader is shown them.
    pub doubtful: usize,
    /// Innocent sentences that a pattern took for a leak, with that pattern.
    pub alarms: Vec<(String, String)>,
}

impl Score {
    /// Share of what was found that is a leak; 1 where nothing was found.
    pub fn precision(&self) -> f64 {
        let hits = self.leaks - self.missed.len();
        share(hits, hits + self.alarms.len())
    }

    /// Share of the leaks that was found; 1 where there is none.
    pub fn recall(&self) -> f64 {
        share(self.leaks - self.missed.len(), self.leaks)
    }

    /// Each sentence that was read wrong, then the figures.
    pub fn text(&self) -> String {
        let mut out: String = self.missed.iter().map(|text| format!("missed: {text}\n")).collect();
        for (text, pattern) in &self.alarms {
            out += &format!("alarm: {text} ({pattern})\n");
        }
        out + &format!(
            "{} leaks, {} innocent: precision {:.3}, recall {:.3} by patterns alone; {} of {} missed \
             are in doubt, for the model of leak_filter\n",
            self.leaks,
            self.innocent,
            self.precision(),
            self.recall(),
            self.doubtful,
            self.missed.len()
        )
    }
}

fn share(part: usize, all: usize) -> f64 {
    if all == 0 { 1.0 } else { part as f64 / all as f64 }
}

/// Labelled sentences: JSON lines `{"text": "…", "leak": true}`, or lines of `leak`, `hard` or `fine`, a tab and
/// the sentence; blank lines and lines that begin with `#` are passed over. The error names the line.
pub fn parse(text: &str) -> Result<Vec<Labelled>, String> {
    let lines = text.lines().enumerate().map(|(n, line)| (n + 1, line.trim()));
    let rows = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    rows.map(|(n, line)| {
        row(line).ok_or_else(|| {
            format!(
                "line {n}: neither {{\"text\": \"…\", \"leak\": true|false}} nor `leak`, `hard` or `fine`, a tab \
                 and a sentence"
            )
        })
    })
    .collect()
}

fn row(line: &str) -> Option<Labelled> {
    #[derive(serde::Deserialize)]
    struct Row {
        text: String,
        leak: bool,
    }
    if line.starts_with('{') {
        let row: Row = serde_json::from_str(line).ok()?;
        return Some(Labelled { leak: row.leak, text: row.text });
    }
    let (label, text) = line.split_once('\t')?;
    let leak = match label {
        "leak" => true,
        "hard" | "fine" => false,
        _ => return None,
    };
    Some(Labelled { leak, text: text.to_owned() })
}

impl Patterns {
    /// Holds labelled sentences against the patterns.
    pub fn score(&self, rows: &[Labelled]) -> Score {
        let mut score = Score::default();
        for row in rows {
            *(if row.leak { &mut score.leaks } else { &mut score.innocent }) += 1;
            match (self.phrase(&row.text), row.leak) {
                (None, true) => {
                    score.doubtful += usize::from(self.doubtful(&row.text).is_some());
                    score.missed.push(row.text.clone());
                }
                (Some(hit), false) => score.alarms.push((row.text.clone(), hit.pattern)),
                (Some(_), true) | (None, false) => {}
            }
        }
        score
    }
}

#[cfg(test)]
mod tests {
    use super::{Labelled, Score, parse};
    use crate::diag::SourceFile;
    use crate::text::leak::{BUILT_IN, Patterns};

    fn built_in() -> Patterns {
        let source = SourceFile { path: "leak_patterns.toml".into(), text: BUILT_IN.into() };
        Patterns::parse(&source.into()).expect("they compile")
    }

    fn holds(score: &Score, bar: f64) -> bool {
        score.precision() >= bar && score.recall() >= bar
    }

    #[test]
    fn precision_and_recall_on_every_labelled_set() {
        let patterns = built_in();
        let mut leaks = 0;
        for set in [
            include_str!("../../../tests/cases/leaks/first.tsv"),
            include_str!("../../../tests/cases/leaks/second.tsv"),
            include_str!("../../../tests/cases/leaks/third.tsv"),
            include_str!("../../../tests/cases/leaks/fourth.tsv"),
            include_str!("../../../tests/cases/leaks/fifth.tsv"),
            include_str!("../../../tests/cases/leaks/sixth.tsv"),
            include_str!("../../../tests/cases/leaks/seventh.tsv"),
            include_str!("../../../tests/cases/leaks/eighth.tsv"),
            include_str!("../../../tests/cases/leaks/ninth.tsv"),
            include_str!("../../../tests/cases/leaks/tenth.tsv"),
            include_str!("../../../tests/cases/leaks/eleventh.tsv"),
            include_str!("../../../tests/cases/leaks/twelfth.tsv"),
            include_str!("../../../tests/cases/leaks/thirteenth.tsv"),
            include_str!("../../../tests/cases/leaks/fourteenth.tsv"),
            include_str!("../../../tests/cases/leaks/fifteenth.tsv"),
            include_str!("../../../tests/cases/leaks/sixteenth.tsv"),
            include_str!("../../../tests/cases/leaks/seventeenth.tsv"),
            include_str!("../../../tests/cases/leaks/eighteenth.tsv"),
            include_str!("../../../tests/cases/leaks/nineteenth.tsv"),
            include_str!("../../../tests/cases/leaks/twentieth.tsv"),
            include_str!("../../../tests/cases/leaks/twentyfirst.tsv"),
            include_str!("../../../tests/cases/leaks/twentysecond.tsv"),
            include_str!("../../../tests/cases/leaks/twentythird.tsv"),
            include_str!("../../../tests/cases/leaks/twentyfourth.tsv"),
        ] {
            let rows = parse(set).expect("labelled sentences");
            let score = patterns.score(&rows);
            assert!(holds(&score, 0.98), "{score:#?}");
            leaks += score.leaks;
        }
        assert!(leaks > 1000, "{leaks}");
    }

    #[test]
    fn both_forms_are_read_and_a_bad_line_is_named() {
        let rows = parse(
            "# kept by hand\n\nleak\tThe reference shows two.\n{\"text\": \"Two.\", \"leak\": false}\n",
        );
        let row = |leak, text: &str| Labelled { leak, text: text.into() };
        assert_eq!(rows, Ok(vec![row(true, "The reference shows two."), row(false, "Two.")]));
        let wrong = parse("leak\tone\nmaybe\ttwo\n").unwrap_err();
        assert!(wrong.starts_with("line 2:"), "{wrong}");
        let rows = [row(true, "A red cat sits."), row(false, "The reference image shows two.")];
        let score = built_in().score(&rows);
        assert_eq!((score.missed.len(), score.alarms.len(), score.doubtful), (1, 1, 0));
        assert_eq!((score.precision(), score.recall()), (0.0, 0.0));
    }
}
