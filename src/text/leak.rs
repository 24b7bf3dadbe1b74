//! Does a model's turn speak of the hint image, of the rules, or carry markup? The lexical layer of
//! the leak filter (practice.md, section 5); leaks of content are for a model to judge.
//!
//! Phrases, never single words: `the reference image` is a leak, `a cultural reference` is not.
//! Patterns are data of the project (`data/leak_patterns.toml`, which says how they are written). A
//! sentence is a leak, clean, or *doubtful*: it holds a word that leaks are made of in a phrase that no
//! pattern decides.

pub mod labelled;
mod phrases;

use crate::diag::{Diagnostic, SourceFile};
use crate::text::leak::phrases::{GENITIVE, Lexicon, Phrases, Possible, QUOTE, START, Word, items};
use crate::text::{normalise_onto, words};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

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
    #[serde(default)]
    innocent: Vec<String>,
    /// What no pattern decides, and a model should look at.
    #[serde(default)]
    doubtful: Vec<String>,
    /// Substrings of the raw text, lower case.
    #[serde(default)]
    markup: Vec<String>,
    /// Named choices, for `@name`.
    #[serde(default)]
    class: BTreeMap<String, String>,
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

/// Compiled patterns.
#[derive(Debug)]
pub struct Patterns {
    /// Group and pattern of each of `leaks`, as the file writes them.
    names: Vec<(String, String)>,
    lexicon: Lexicon,
    leaks: Phrases,
    innocent: Phrases,
    doubtful: Phrases,
    markup: Vec<String>,
}

/// What one sentence is.
enum Ruling {
    Leak(LeakHit),
    Doubtful,
    Clean,
}

/// The patterns that a project starts with.
pub const BUILT_IN: &str = include_str!("../../data/leak_patterns.toml");
/// Talk of tips, format and maker, in the same form.
pub const TALK: &str = include_str!("../../data/talk_patterns.toml");

impl Patterns {
    /// Codes `K01` (syntax) and `K02` (a pattern that cannot be meant).
    pub fn parse(source: &Arc<SourceFile>) -> Result<Patterns, Vec<Diagnostic>> {
        let file: File = toml::from_str(&source.text).map_err(|e| {
            let range = e.span().unwrap_or(0..0);
            let title = format!("leak patterns: {}", e.message());
            vec![Diagnostic::error("K01", title).at(source, range, "")]
        })?;
        let mut errors = Vec::new();
        let mut read = |pattern: &String| {
            items(pattern, &file.class).unwrap_or_else(|what| {
                let at = source.text.find(pattern.as_str()).unwrap_or(0);
                let title = format!("leak pattern `{pattern}`: {what}");
                let range = at..(at + pattern.len()).min(source.text.len());
                errors.push(Diagnostic::error("K02", title).at(source, range, ""));
                Vec::new()
            })
        };
        let (mut names, mut leaks) = (Vec::new(), Vec::new());
        for group in &file.group {
            for pattern in &group.patterns {
                names.push((group.name.clone(), pattern.clone()));
                leaks.push(read(pattern));
            }
        }
        let innocent = file.innocent.iter().map(&mut read).collect();
        let doubtful = file.doubtful.iter().map(&mut read).collect();
        if errors.is_empty() {
            let mut lexicon = Lexicon::default();
            let mut numbered = |patterns| Phrases::of(patterns, &mut lexicon);
            let (leaks, innocent, doubtful) =
                (numbered(leaks), numbered(innocent), numbered(doubtful));
            Ok(Patterns { names, lexicon, leaks, innocent, doubtful, markup: file.markup })
        } else {
            Err(errors)
        }
    }

    /// `parse`, once for one text while somebody holds it: several stages of a pipeline name one file.
    pub fn shared(source: &Arc<SourceFile>) -> Result<Arc<Patterns>, Vec<Diagnostic>> {
        static PARSED: Mutex<Vec<(Arc<SourceFile>, Weak<Patterns>)>> = Mutex::new(Vec::new());
        let mut parsed = PARSED.lock();
        parsed.retain(|(_, held)| held.strong_count() > 0);
        let same = parsed.iter().find(|(of, _)| of.text == source.text);
        if let Some(patterns) = same.and_then(|(_, held)| held.upgrade()) {
            return Ok(patterns);
        }
        let patterns = Arc::new(Patterns::parse(source)?);
        parsed.push((Arc::clone(source), Arc::downgrade(&patterns)));
        Ok(patterns)
    }

    /// The first leak of `text`: phrases first, then markup.
    pub fn find(&self, text: &str) -> Option<LeakHit> {
        self.find_or_doubt(text).0
    }

    /// `find`, and where it finds nothing whether `text` holds a sentence that no pattern decides.
    pub fn find_or_doubt(&self, text: &str) -> (Option<LeakHit>, bool) {
        let mut doubt = false;
        for sentence in sentences(text) {
            match self.rule(sentence) {
                Ruling::Leak(hit) => return (Some(hit), false),
                Ruling::Doubtful => doubt = true,
                Ruling::Clean => {}
            }
        }
        let markup = self.markup(text);
        let doubt = doubt && markup.is_none();
        (markup, doubt)
    }

    /// Talk of the hint image or of the judge's rules.
    pub fn phrase(&self, text: &str) -> Option<LeakHit> {
        sentences(text).find_map(|sentence| match self.rule(sentence) {
            Ruling::Leak(hit) => Some(hit),
            Ruling::Doubtful | Ruling::Clean => None,
        })
    }

    /// The first sentence of `text` that no pattern decides.
    pub fn doubtful<'a>(&self, text: &'a str) -> Option<&'a str> {
        sentences(text).find(|sentence| matches!(self.rule(sentence), Ruling::Doubtful))
    }

    /// `text` without the sentences that hold a phrase, and how many those were.
    pub fn cut(&self, text: &str) -> (String, usize) {
        let (mut kept, mut cut) = (String::with_capacity(text.len()), 0);
        let mut rest = text;
        while !rest.is_empty() {
            let end = rest
                .char_indices()
                .find(|(at, c)| {
                    let after = rest[at + c.len_utf8()..].chars().next();
                    *c == '\n'
                        || matches!(c, '.' | '!' | '?') && after.is_none_or(char::is_whitespace)
                })
                .map_or(rest.len(), |(at, c)| at + c.len_utf8());
            let (sentence, after) = rest.split_at(end);
            match self.phrase(sentence) {
                Some(_) => cut += 1,
                None => kept.push_str(sentence),
            }
            rest = after;
        }
        (kept.trim().to_owned(), cut)
    }

    fn rule(&self, sentence: &str) -> Ruling {
        let mut words = Vec::with_capacity(sentence.len() / 4);
        marked(sentence, |word| words.push(self.lexicon.number(word)));
        let (leaks, doubts) = (self.leaks.possible(&words), self.doubtful.possible(&words));
        match leaks.is_empty() && doubts.is_empty() {
            true => Ruling::Clean,
            false => self.held(sentence, &words, &[leaks, doubts]),
        }
    }

    /// `rule` of a sentence that may hold these leaks and doubts.
    fn held(&self, sentence: &str, words: &[Word], [leaks, doubts]: &[Possible; 2]) -> Ruling {
        let innocent = self.innocent.possible(words);
        let innocent = |words: &[Word]| {
            self.innocent.at(words, &innocent).map(|(_, taken)| taken).max().unwrap_or(0)
        };
        let mut ruling = Ruling::Clean;
        let mut at = 0;
        while at < words.len() {
            let rest = &words[at..];
            // How many words the longest innocent phrase takes from here on.
            let n = innocent(rest);
            if n > 0 {
                at += n;
                continue;
            }
            // “the second picture I” is no leak where “second picture I drew” is innocent.
            let mut beyond = None;
            for (number, n) in self.leaks.at(rest, leaks) {
                let end = *beyond.get_or_insert_with(|| 1 + innocent(&rest[1..]));
                if n == 1 || end <= n {
                    let (group, pattern) = &self.names[number];
                    let (pattern, quote) = (format!("{group}: {pattern}"), quote(sentence, at, n));
                    return Ruling::Leak(LeakHit { pattern, quote });
                }
            }
            if let Some(end) = beyond {
                at += end;
                continue;
            }
            if self.doubtful.at(rest, doubts).next().is_some() {
                ruling = Ruling::Doubtful;
            }
            at += 1;
        }
        ruling
    }

    /// Control tokens, and beside them roles, template syntax and our templates' sections, in what
    /// should be plain text.
    pub fn markup(&self, text: &str) -> Option<LeakHit> {
        if let Some(token) = crate::markup::find(text) {
            return Some(LeakHit { pattern: format!("markup: {token}"), quote: token.to_owned() });
        }
        let lower = text.to_lowercase();
        for token in &self.markup {
            let found = match token.strip_prefix('^') {
                Some(role) => lower.lines().any(|line| line.trim_start().starts_with(role)),
                None => lower.contains(token.as_str()),
            };
            if found {
                let shown = token.trim_start_matches('^');
                return Some(LeakHit {
                    pattern: format!("markup: {shown}"),
                    quote: shown.to_owned(),
                });
            }
        }
        None
    }
}

/// A pattern's words are looked for within one sentence.
fn sentences(text: &str) -> impl Iterator<Item = &str> {
    text.split(['.', '!', '?', '\n', '。', '！', '？']).filter(|s| !s.trim().is_empty())
}

/// Gives `word` the words of a sentence on normal form, with its start and where quotations open.
fn marked(sentence: &str, mut word: impl FnMut(&str)) {
    let mut normal = String::new();
    word(START);
    for token in sentence.split_whitespace() {
        if is_normal(token) {
            word(token);
            continue;
        }
        if token.starts_with(['"', '“', '”', '„', '«']) {
            word(QUOTE);
        }
        let bare = token.trim_matches(['.', ',', ';', ':', '!', '?', '(', ')', '"']);
        if is_normal(bare) {
            word(bare);
        } else if let Some(both) = contracted(token) {
            both.iter().for_each(|one| word(one));
        } else {
            normal.clear();
            normalise_onto(token, &mut normal);
            words(&normal).for_each(&mut word);
        }
        if token.ends_with("'s") || token.ends_with(GENITIVE) {
            word(GENITIVE);
        }
    }
}

/// Whether a token without marks around it is one word on normal form already, as most are.
fn is_normal(token: &str) -> bool {
    !token.is_empty() && token.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}

/// `n` of these words from the `at`-th on, at most 80 characters.
fn quote(sentence: &str, at: usize, n: usize) -> String {
    let mut all = Vec::new();
    marked(sentence, |word| all.push(word.to_owned()));
    let quote = all[at..at + n].join(" ");
    quote.trim_start_matches(START).trim_start().chars().take(80).collect()
}

/// The two words of a contraction: patterns write `i am told` and `not mine`, models as often "I'm told", "isn't mine".
fn contracted(token: &str) -> Option<[String; 2]> {
    if !token.contains(['\'', '’']) {
        return None;
    }
    let bare = token.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase().replace('’', "'");
    if let Some(verb) = bare.strip_suffix("n't") {
        let verb = match verb {
            "ca" => "can",
            "wo" => "will",
            "sha" => "shall",
            other => other,
        };
        return Some([verb.to_owned(), "not".to_owned()]);
    }
    let (who, verb) = bare.split_once('\'')?;
    let verb = [("m", "am"), ("ve", "have"), ("re", "are")]
        .into_iter()
        .find(|(short, _)| *short == verb)?
        .1;
    ["i", "we", "you", "they"].contains(&who).then(|| [who.to_owned(), verb.to_owned()])
}

#[cfg(test)]
mod tests {
    use super::{BUILT_IN, Patterns};
    use crate::diag::SourceFile;
    use std::sync::Arc;

    fn read(text: &str) -> Result<Patterns, usize> {
        let source = SourceFile { path: "leak_patterns.toml".into(), text: text.into() };
        Patterns::parse(&Arc::new(source)).map_err(|errors| errors.len())
    }

    #[test]
    fn the_patterns_that_are_built_in_compile_and_bad_ones_are_told() {
        let patterns = read(BUILT_IN).expect("they compile");
        assert!(patterns.names.len() > 40 && !patterns.markup.is_empty());
        let group =
            |p: &str| format!("[[group]]\nname = \"x\"\nlanguage = \"y\"\npatterns = [\"{p}\"]\n");
        assert_eq!(read(&group("the|a? ...")).err(), Some(1), "it matches anything");
        assert_eq!(read(&group("the @none")).err(), Some(1), "no such class");
        assert!(read(&group("the hint")).is_ok());
    }

    #[test]
    fn talk_is_told_from_thinking_and_cut_by_sentence() {
        let patterns = read(super::TALK).expect("they compile");
        let cases = include_str!("../../tests/cases/talk.tsv");
        for row in cases.lines().filter(|l| !l.is_empty() && !l.starts_with('#')) {
            let (label, text) = row.split_once('\t').expect("two cells");
            assert_eq!(patterns.phrase(text).is_some(), label == "talk", "{text}");
        }
        let text = "Six less one is 5.5 less 0.5. Tip 5 says to be brief! Clocks tell the hour.";
        let kept = "Six less one is 5.5 less 0.5. Clocks tell the hour.";
        assert_eq!(patterns.cut(text), (kept.to_owned(), 1));
    }

    #[test]
    fn what_no_pattern_decides_is_left_to_the_model() {
        let patterns = read(BUILT_IN).expect("they compile");
        assert!(
            patterns.doubtful("A sample of cloth lies there. I know that it is red.").is_some()
        );
        assert_eq!(patterns.doubtful("The picture shows two red cats on a mat."), None);
    }

    #[test]
    fn markup_is_found_in_raw_text() {
        let patterns = read(BUILT_IN).expect("they compile");
        for text in ["<image>", "x </think> y", "ok <|im_end|>", "Assistant: done", "a\n user: b"] {
            assert!(patterns.markup(text).is_some(), "{text}");
        }
        for text in ["3 < 4 and 5 > 2", "the user wants a judge", "an assistant: robot <3"] {
            assert_eq!(patterns.find(text), None, "{text}");
        }
    }
}
