//! `data/judges.toml`: what is known of each judge, and what is assumed of one that nothing is known
//! of. `coldstart judges` writes such a file from a pilot run; a run reads it as it reads its rules, so
//! that what its judges were taken for is in its manifest.

use crate::diag::{Diagnostic, SourceFile};
use crate::record::AtomKind;
use crate::rules::evidence::Worth;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The kind under which rules stand; atoms stand under their own.
pub const RULE: &str = "rule";
/// Counts of two to four things, and of more. One thing is mostly drawn as asked, eight are mostly not:
/// taken for one kind, every first look at eight would rest on what is known of one.
pub const FEW: &str = "count_few";
pub const MANY: &str = "count_many";

/// The kind that stands for another that has no line of its own.
fn wider(kind: &str) -> Option<&'static str> {
    matches!(kind, FEW | MANY).then_some("count")
}

/// The file, read.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct Worths {
    #[serde(default)]
    pub assumed: Assumed,
    /// Kind of question -> share that holds before any look.
    #[serde(default)]
    pub holds: BTreeMap<String, f64>,
    /// The same at one stage, by its name: what is drawn of a hard prompt holds less often than what is
    /// drawn after advice.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub holds_at: BTreeMap<String, BTreeMap<String, f64>>,
    #[serde(default, rename = "judge")]
    pub judges: Vec<Known>,
}

/// What is taken for true of a judge or a kind that nothing is known of. Too high an error costs
/// looks; too low a one costs purity.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assumed {
    pub error: f64,
    pub repeat: f64,
    /// Share of atoms that hold.
    pub holds: f64,
    /// Share of rules that hold.
    pub rule_holds: f64,
}

impl Default for Assumed {
    fn default() -> Assumed {
        Assumed { error: 0.2, repeat: 0.1, holds: 0.8, rule_holds: 0.95 }
    }
}

/// One judge on one kind of question.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Known {
    pub model: String,
    /// A kind of question; absent: every kind that has no line of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    pub sensitivity: f64,
    pub specificity: f64,
    pub repeat: f64,
    /// How it is known, for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub from: String,
}

impl Worths {
    /// Code `R03`.
    ///
    /// # Errors
    /// Syntax, an unknown field or kind, or a share that is none.
    pub fn parse(source: &Arc<SourceFile>) -> Result<Worths, Vec<Diagnostic>> {
        let told = |title: String, range| {
            let note = "shares are numbers from 0 to 1; kinds are `rule` and those of the checklist \
                        (`object`, `count`, `color`, …)";
            vec![Diagnostic::error("R03", title).at(source, range, "").note(note)]
        };
        let worths: Worths = toml::from_str(&source.text)
            .map_err(|e| told(format!("judges file: {}", e.message()), e.span().unwrap_or(0..0)))?;
        match worths.fault() {
            Some(what) => Err(told(format!("judges file: {what}"), 0..0)),
            None => Ok(worths),
        }
    }

    fn fault(&self) -> Option<String> {
        let share = |what: &str, share: f64| {
            let is = (0.0..=1.0).contains(&share);
            (!is).then(|| format!("{what} is {share}"))
        };
        let kind = |name: &str| {
            let known = [RULE, FEW, MANY].contains(&name)
                || serde_json::from_value::<AtomKind>(serde_json::json!(name)).is_ok();
            (!known).then(|| format!("`{name}` is no kind of question"))
        };
        let Assumed { error, repeat, holds, rule_holds } = self.assumed;
        let mut faults = vec![
            share("`error`", error),
            share("`repeat`", repeat),
            share("`holds`", holds),
            share("`rule_holds`", rule_holds),
        ];
        let holds = self.holds.iter().chain(self.holds_at.values().flatten());
        faults.extend(holds.flat_map(|(k, p)| [kind(k), share(k, *p)]));
        for known in &self.judges {
            faults.push(known.kind.as_deref().and_then(kind));
            faults.push(share("`sensitivity`", known.sensitivity));
            faults.push(share("`specificity`", known.specificity));
            faults.push(share("`repeat`", known.repeat));
        }
        faults.into_iter().flatten().next()
    }

    /// What `model` is worth on questions of `kind`.
    pub fn of(&self, model: &str, kind: &str) -> Worth {
        let ours = || self.judges.iter().filter(|k| k.model == model);
        let line = |kind: Option<&str>| ours().find(|k| k.kind.as_deref() == kind);
        let of_wider = || wider(kind).and_then(|kind| line(Some(kind)));
        match line(Some(kind)).or_else(of_wider).or_else(|| line(None)) {
            Some(Known { sensitivity, specificity, repeat, .. }) => {
                Worth { sensitivity: *sensitivity, specificity: *specificity, repeat: *repeat }
            }
            None => Worth::even(self.assumed.error, self.assumed.repeat),
        }
    }

    /// The share of questions of `kind` that hold at `stage`, before any look.
    pub fn holds(&self, stage: &str, kind: &str) -> f64 {
        let assumed = if kind == RULE { self.assumed.rule_holds } else { self.assumed.holds };
        let at = self.holds_at.get(stage).and_then(|at| at.get(kind));
        let known = at.or_else(|| self.holds.get(kind)).or_else(|| self.holds.get(wider(kind)?));
        known.copied().unwrap_or(assumed).clamp(0.01, 0.999)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Worths, Vec<Diagnostic>> {
        Worths::parse(&Arc::new(SourceFile { path: "judges.toml".into(), text: text.into() }))
    }

    #[test]
    fn the_narrower_line_is_believed_and_nonsense_is_refused() {
        let worths = parse(
            "[[judge]]\nmodel = \"m\"\nsensitivity = 0.9\nspecificity = 0.8\nrepeat = 0.2\n\
             [[judge]]\nmodel = \"m\"\nkind = \"count\"\nsensitivity = 0.7\nspecificity = 0.6\n\
             repeat = 0.5\n[holds]\ncount = 0.6\n",
        )
        .expect("reads");
        assert_eq!(worths.of("m", "count").sensitivity, 0.7);
        assert_eq!(worths.of("m", "color").sensitivity, 0.9);
        assert_eq!(worths.of("n", "color"), Worth::even(0.2, 0.1));
        assert_eq!((worths.holds("s", "count"), worths.holds("s", "color")), (0.6, 0.8));
        // Counts of many go by what is known of counts, until something is known of them.
        assert_eq!((worths.of("m", MANY).sensitivity, worths.holds("s", MANY)), (0.7, 0.6));
        let many = parse("[holds]\ncount = 0.9\ncount_many = 0.5\n").expect("reads");
        assert_eq!((many.holds("s", MANY), many.holds("s", FEW)), (0.5, 0.9));
        let at = parse("[holds]\ncount = 0.9\n[holds_at.first]\ncount = 0.3\n").expect("reads");
        assert_eq!((at.holds("first", "count"), at.holds("last", "count")), (0.3, 0.9));
        assert!(parse("[holds]\nmood = 0.5\n").is_err());
        assert!(parse("[holds_at.first]\nmood = 0.5\n").is_err());
        assert!(parse("[holds]\ncount = 80\n").is_err());
        assert!(parse("[assumed]\nerror = 0.1\n").is_err());
    }

    #[test]
    fn the_file_that_is_built_in_can_be_read() {
        assert!(parse(include_str!("../../data/judges.toml")).is_ok());
    }
}
