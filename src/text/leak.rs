//! Does a model's turn speak of the hint image, of the rules, or carry markup? The lexical layer of
//! the leak filter (practice.md, section 5).
//!
//! Not here: leaks of content, which a model must judge (`stage`).
//! The one idea: phrases, never single words: `the reference image` is a leak, `a cultural
//! reference` is not. Patterns are data (`data/leak_patterns.toml`): words on normal forms, `a|b`
//! for choices, a trailing `?` for what may be missing. CJK patterns match as substrings.

use crate::text::{normalise, words};
use std::sync::OnceLock;

/// Patterns of one language and purpose.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    /// What its hits are called: `hint_image`, `rules`, …
    name: String,
    /// For people; not used.
    #[serde(rename = "language")]
    _language: String,
    patterns: Vec<String>,
}

#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    group: Vec<Group>,
    /// Texts that hold a pattern's words in an innocent sense; matched first and skipped.
    innocent: Vec<String>,
    /// Substrings of the raw text, lower case.
    markup: Vec<String>,
}

/// A leak that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeakHit {
    /// `hint_image: the|this reference image`, or `markup: <image>`.
    pub pattern: String,
    /// The words that matched, at most 80 characters.
    pub quote: String,
}

impl LeakHit {
    /// Stray markup rather than a phrase.
    pub fn is_markup(&self) -> bool {
        self.pattern.starts_with("markup")
    }
}

struct Compiled {
    groups: Vec<(String, String, Vec<Item>)>,
    innocent: Vec<Vec<Item>>,
    markup: Vec<String>,
}

/// One place of a pattern: permitted words, and whether it may be missing.
struct Item {
    choices: Vec<String>,
    optional: bool,
}

const DATA: &str = include_str!("../../data/leak_patterns.toml");

fn compiled() -> &'static Compiled {
    static PATTERNS: OnceLock<Compiled> = OnceLock::new();
    PATTERNS.get_or_init(|| compile(DATA).unwrap_or_else(|_| Compiled::none()))
}

impl Compiled {
    /// Cannot be reached: a test parses the embedded file.
    fn none() -> Compiled {
        Compiled { groups: Vec::new(), innocent: Vec::new(), markup: Vec::new() }
    }
}

fn compile(data: &str) -> Result<Compiled, toml::de::Error> {
    let file: File = toml::from_str(data)?;
    let groups = file
        .group
        .iter()
        .flat_map(|group| group.patterns.iter().map(|p| (group.name.clone(), p.clone(), items(p))));
    Ok(Compiled {
        groups: groups.collect(),
        innocent: file.innocent.iter().map(|p| items(p)).collect(),
        markup: file.markup,
    })
}

fn items(pattern: &str) -> Vec<Item> {
    let mut out = Vec::new();
    for place in pattern.split_whitespace() {
        let (place, optional) = match place.strip_suffix('?') {
            Some(inner) => (inner, true),
            None => (place, false),
        };
        let mut choices: Vec<String> = place.split('|').map(normalise).collect();
        // A CJK pattern is one word per character, like the text it meets.
        if choices.len() == 1 && words(&choices[0]).count() > 1 {
            let parts: Vec<String> = words(&choices[0]).map(str::to_owned).collect();
            out.extend(parts.into_iter().map(|w| Item { choices: vec![w], optional: false }));
        } else {
            choices.retain(|c| !c.is_empty());
            out.push(Item { choices, optional });
        }
    }
    out
}

/// The first leak of `text`: phrases first, then markup.
pub fn find(text: &str) -> Option<LeakHit> {
    phrase(text).or_else(|| markup(text))
}

/// Talk of the hint image or of the judge's rules.
pub fn phrase(text: &str) -> Option<LeakHit> {
    let normal = normalise(text);
    let words: Vec<&str> = words(&normal).collect();
    let patterns = compiled();
    let mut at = 0;
    while at < words.len() {
        let rest = &words[at..];
        if let Some(n) = patterns.innocent.iter().filter_map(|p| matches(p, rest)).max() {
            at += n.max(1);
            continue;
        }
        for (group, pattern, items) in &patterns.groups {
            if let Some(n) = matches(items, rest) {
                let quote = rest[..n].join(" ").chars().take(80).collect();
                return Some(LeakHit { pattern: format!("{group}: {pattern}"), quote });
            }
        }
        at += 1;
    }
    None
}

/// Control tokens, and beside them roles, template syntax and our templates' sections, in what
/// should be plain text.
pub fn markup(text: &str) -> Option<LeakHit> {
    if let Some(token) = crate::markup::find(text) {
        return Some(LeakHit { pattern: format!("markup: {token}"), quote: token.to_owned() });
    }
    let lower = text.to_lowercase();
    for token in &compiled().markup {
        let found = match token.strip_prefix('^') {
            Some(role) => lower.lines().any(|line| line.trim_start().starts_with(role)),
            None => lower.contains(token.as_str()),
        };
        if found {
            let shown = token.trim_start_matches('^');
            return Some(LeakHit { pattern: format!("markup: {shown}"), quote: shown.to_owned() });
        }
    }
    None
}

/// How many words of `text` the pattern takes from its start.
fn matches(items: &[Item], text: &[&str]) -> Option<usize> {
    let Some((item, rest)) = items.split_first() else { return Some(0) };
    if let Some((word, after)) = text.split_first()
        && item.choices.iter().any(|c| c == word)
        && let Some(n) = matches(rest, after)
    {
        return Some(n + 1);
    }
    if item.optional { matches(rest, text) } else { None }
}

#[cfg(test)]
mod tests {
    use super::{DATA, compile, find, markup, phrase};

    #[test]
    fn the_embedded_patterns_compile() {
        let compiled = compile(DATA).unwrap();
        assert!(compiled.groups.len() > 40 && !compiled.markup.is_empty());
        for (group, pattern, items) in &compiled.groups {
            assert!(items.iter().any(|i| !i.optional), "{group}: {pattern} matches anything");
            assert!(items.iter().all(|i| !i.choices.is_empty()), "{group}: {pattern}");
        }
    }

    #[test]
    fn each_case_of_the_labelled_set_is_ruled_as_labelled() {
        let cases = include_str!("../../tests/cases/pool/leaks.txt");
        for line in cases.lines().filter(|l| !l.trim().is_empty() && !l.starts_with('#')) {
            let (label, text) = line.split_once('\t').unwrap();
            assert_eq!(
                phrase(text).is_some(),
                label == "leak",
                "{label}: {text}: {:?}",
                phrase(text)
            );
        }
    }

    #[test]
    fn markup_is_found_in_raw_text() {
        for text in ["<image>", "x </think> y", "ok <|im_end|>", "Assistant: done", "a\n user: b"] {
            assert!(markup(text).is_some(), "{text}");
        }
        for text in ["3 < 4 and 5 > 2", "the user wants a judge", "an assistant: robot <3"] {
            assert_eq!(find(text), None, "{text}");
        }
    }
}
