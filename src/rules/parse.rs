//! `data/judge_rules.toml`: `[[rule]]` tables with `id` and `text`.

use crate::diag::{Diagnostic, SourceFile};
use crate::record::{Atom, AtomKind, Spec};
use crate::rules::quote::Quotes;
use std::sync::{Arc, OnceLock};

/// One rule, as the judge reads it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Rule {
    pub id: String,
    pub text: String,
    /// What a request must ask about for the rule to apply; empty: the rule always does.
    #[serde(skip)]
    pub applies: Vec<AtomKind>,
    /// It asks what no entry of a checklist asks, so that a no to one of these does not explain a no to it.
    #[serde(skip)]
    pub own: bool,
}

impl Rule {
    /// Whether the rule is asked of every picture.
    pub fn always(&self) -> bool {
        self.applies.is_empty()
    }
}

/// A checked list of rules: ids are distinct, texts not empty.
#[derive(Debug, Default)]
pub struct Rules {
    pub rules: Vec<Rule>,
    /// Made when it is first asked for.
    quotes: OnceLock<Quotes>,
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
    #[serde(default)]
    applies: RawApplies,
    #[serde(default)]
    own: bool,
}

/// `applies = "always"`, or the kinds of checklist entries one of which must be there.
#[derive(serde::Deserialize)]
#[serde(untagged)]
enum RawApplies {
    Word(String),
    Kinds(Vec<String>),
}

impl Default for RawApplies {
    fn default() -> RawApplies {
        RawApplies::Word("always".to_owned())
    }
}

impl RawApplies {
    /// Err names what cannot be meant.
    fn kinds(self) -> Result<Vec<AtomKind>, String> {
        match self {
            RawApplies::Word(word) if word == "always" => Ok(Vec::new()),
            RawApplies::Word(word) => Err(word),
            RawApplies::Kinds(words) if words.is_empty() => Err("[]".to_owned()),
            RawApplies::Kinds(words) => words.into_iter().map(kind).collect(),
        }
    }
}

fn kind(word: String) -> Result<AtomKind, String> {
    serde_json::from_value(serde_json::Value::String(word.clone())).map_err(|_| word)
}

/// What was made of the rules is not taken along: a copy may be put in another order.
impl Clone for Rules {
    fn clone(&self) -> Rules {
        Rules::of(self.rules.clone())
    }
}

impl Rules {
    pub fn of(rules: Vec<Rule>) -> Rules {
        Rules { rules, quotes: OnceLock::new() }
    }

    /// Codes `R01` (syntax), `R02` (a rule that cannot be used).
    pub fn parse(source: &Arc<SourceFile>) -> Result<Rules, Vec<Diagnostic>> {
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
            let RawRule { id, text, applies, own } = raw.into_inner();
            let applies = applies.kinds();
            let fault = if rules.iter().any(|r| same_id(&r.id, &id)) {
                Some(format!("rule `{id}` is there twice"))
            } else if id.is_empty() || text.trim().is_empty() {
                Some("rule has an empty `id` or `text`".to_owned())
            } else {
                let told =
                    |word| format!("rule `{id}` applies to `{word}`, which is nothing known");
                applies.as_ref().err().map(told)
            };
            match (fault, applies) {
                (None, Ok(applies)) => {
                    rules.push(Rule { id, text: text.trim().to_owned(), applies, own });
                }
                (title, applies) => {
                    let title = title.unwrap_or_default();
                    let d = Diagnostic::error("R02", title).at(source, range, "");
                    let note = "`applies` is `\"always\"` or a list of kinds of checklist entries \
                                (object, count, color, …)";
                    errors.push(if applies.is_err() { d.note(note) } else { d });
                }
            }
        }
        if rules.is_empty() && errors.is_empty() {
            errors.push(Diagnostic::error("R02", "rules file holds no `[[rule]]`").at(
                source,
                0..0,
                "",
            ));
        }
        if errors.is_empty() { Ok(Rules::of(rules)) } else { Err(errors) }
    }

    /// The rules that apply to a request, which its checklist and its spec (where one is known) tell:
    /// a rule about a number is no rule where none is asked for.
    pub fn applying(&self, atoms: &[Atom], spec: Option<&Spec>) -> Rules {
        let asked = |kind: &AtomKind| {
            atoms.iter().any(|atom| atom.kind == *kind) || spec.is_some_and(|s| specifies(s, *kind))
        };
        let applies = |rule: &&Rule| rule.always() || rule.applies.iter().any(asked);
        Rules::of(self.rules.iter().filter(applies).cloned().collect())
    }

    /// The id of a rule that `text` quotes: its id as a word (when it holds a digit or `_`), or any
    /// run of six of its words. Training texts must not do so.
    pub fn quoted_in(&self, text: &str) -> Option<&str> {
        let quotes = self.quotes.get_or_init(|| Quotes::of(&self.rules));
        quotes.find(text).map(|rule| self.rules[rule].id.as_str())
    }
}

/// Judges write ids in their own manner, so two that differ by that alone cannot be told apart.
fn same_id(a: &str, b: &str) -> bool {
    crate::rules::reading::id(a) == crate::rules::reading::id(b)
}

/// Whether a spec asks for something of that kind.
fn specifies(spec: &Spec, kind: AtomKind) -> bool {
    let any = |of: fn(&crate::record::SpecObject) -> bool| spec.include.iter().any(of);
    match kind {
        AtomKind::Object | AtomKind::Count => !spec.include.is_empty(),
        AtomKind::Color => any(|o| o.color.is_some()),
        AtomKind::Attribute => any(|o| o.material.is_some()),
        AtomKind::Region => any(|o| o.region.is_some()),
        AtomKind::Size => any(|o| o.size.is_some()),
        AtomKind::Relation => !spec.relations.is_empty(),
        AtomKind::Text => spec.text.is_some(),
        AtomKind::Negation => !spec.exclude.is_empty(),
        AtomKind::Style | AtomKind::Knowledge | AtomKind::Realism => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_applies_where_it_is_asked_about() {
        let text = r#"
            [[rule]]
            id = "whole"
            text = "The picture is whole."
            [[rule]]
            id = "spelt"
            text = "Lettering is spelt as asked."
            applies = ["text"]
        "#;
        let source = Arc::new(SourceFile { path: "r".into(), text: text.into() });
        let rules = Rules::parse(&source).expect("rules");
        let ids = |atoms: &[Atom], spec: Option<&Spec>| -> Vec<String> {
            rules.applying(atoms, spec).rules.into_iter().map(|r| r.id).collect()
        };
        assert_eq!(ids(&[], None), ["whole"]);
        let spec = Spec { text: Some("OPEN".into()), ..Spec::default() };
        assert_eq!(ids(&[], Some(&spec)), ["whole", "spelt"]);
        let bad = text.replace("[\"text\"]", "\"sometimes\"");
        assert!(Rules::parse(&Arc::new(SourceFile { path: "r".into(), text: bad })).is_err());
    }
}
