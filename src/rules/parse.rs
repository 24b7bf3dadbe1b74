//! `data/judge_rules.toml`: `[[rule]]` tables with `id` and `text`.

use crate::diag::{Diagnostic, Source};
use std::sync::Arc;

/// One rule, as the judge reads it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Rule {
    pub id: String,
    pub text: String,
}

/// A checked list of rules: ids are distinct, texts not empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rules {
    pub rules: Vec<Rule>,
}

#[derive(serde::Deserialize)]
struct RawFile {
    #[serde(default)]
    rule: Vec<toml::Spanned<RawRule>>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRule {
    id: String,
    text: String,
    /// `always` is the only value today; kept so that files can say it.
    #[serde(default)]
    applies: Option<String>,
}

impl Rules {
    /// Codes `R01` (syntax), `R02` (a rule that cannot be used).
    pub fn parse(source: &Arc<Source>) -> Result<Rules, Vec<Diagnostic>> {
        let raw: RawFile = toml::from_str(&source.text).map_err(|e| {
            let range = e.span().unwrap_or(0..0);
            vec![
                Diagnostic::error("R01", format!("rules file: {}", e.message()))
                    .at(source, range, ""),
            ]
        })?;
        let mut rules: Vec<Rule> = Vec::new();
        let mut errors = Vec::new();
        for raw in raw.rule {
            let range = raw.span();
            let RawRule { id, text, applies } = raw.into_inner();
            let fault = if rules.iter().any(|r| r.id == id) {
                Some(format!("rule `{id}` is there twice"))
            } else if id.is_empty() || text.trim().is_empty() {
                Some("rule has an empty `id` or `text`".to_owned())
            } else if applies.as_deref().is_some_and(|a| a != "always") {
                Some(format!("rule `{id}` has an `applies` other than `always`"))
            } else {
                None
            };
            match fault {
                Some(title) => errors.push(Diagnostic::error("R02", title).at(source, range, "")),
                None => rules.push(Rule { id, text: text.trim().to_owned() }),
            }
        }
        if rules.is_empty() && errors.is_empty() {
            errors.push(Diagnostic::error("R02", "rules file holds no `[[rule]]`").at(
                source,
                0..0,
                "",
            ));
        }
        if errors.is_empty() { Ok(Rules { rules }) } else { Err(errors) }
    }

    /// The id of a rule that `text` quotes: its id as a word (when it holds a digit or `_`), or any
    /// run of six of its words. Training texts must not do so.
    pub fn quoted_in(&self, text: &str) -> Option<&str> {
        let words = words(text);
        self.rules
            .iter()
            .find(|rule| {
                let id = rule.id.to_lowercase();
                let telling = id.contains(|c: char| c == '_' || c.is_ascii_digit());
                (telling && words.contains(&id)) || shares_run(&words, &self::words(&rule.text), 6)
            })
            .map(|rule| rule.id.as_str())
    }
}

fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|w| !w.is_empty())
        .map(str::to_lowercase)
        .collect()
}

fn shares_run(a: &[String], b: &[String], run: usize) -> bool {
    a.len() >= run && b.len() >= run && b.windows(run).any(|w| a.windows(run).any(|v| v == w))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoting_a_rule_is_noticed() {
        let rules = Rules {
            rules: vec![Rule {
                id: "r1".into(),
                text: "Count every instance before you compare the number asked for.".into(),
            }],
        };
        assert_eq!(rules.quoted_in("By R1 this fails."), Some("r1"));
        assert_eq!(
            rules.quoted_in("one must count every instance before you compare them"),
            Some("r1")
        );
        assert_eq!(rules.quoted_in("I count three cats where two were asked for."), None);
    }
}
