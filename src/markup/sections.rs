//! The tags with which a template marks its sections (`<request>`, `</request>`), found in the
//! template itself, so that a project's own tags are as safe as those of the templates that ship.

use crate::markup::{Sort, token_at};
use std::collections::BTreeSet;

/// The section tags of one template.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sections {
    /// Lower case.
    names: BTreeSet<String>,
    /// Beginnings of names that go on with a variable (`<rule_{{ id }}>`), lower case.
    beginnings: BTreeSet<String>,
}

impl Sections {
    /// Of a template's text, variables not filled in.
    pub fn of(template: &str) -> Sections {
        let mut out = Sections::default();
        for (at, _) in template.match_indices('<') {
            let rest = &template[at + 1..];
            let rest = rest.strip_prefix('/').unwrap_or(rest);
            let end = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
            let (name, after) = rest.split_at(end);
            if after.starts_with("{{") || after.starts_with("{%") {
                out.beginnings.insert(name.to_lowercase());
            } else if name.starts_with(char::is_alphabetic)
                && after.starts_with(|c: char| c == '>' || c == '/' || c.is_whitespace())
            {
                out.names.insert(name.to_lowercase());
            }
        }
        out
    }

    /// Whether what stands behind a `<` reads as one of these tags: slashes, spaces after them and
    /// what is not seen are passed over, as a model passes over them.
    fn opens(&self, rest: &str) -> bool {
        let gap = |c: char| c == '/' || c.is_whitespace() || is_unseen(c);
        let name_at = rest.trim_start_matches(gap);
        let closing = rest[..rest.len() - name_at.len()].contains('/');
        let rest = if closing { name_at } else { rest.trim_start_matches(is_unseen) };
        let name = rest.chars().take_while(|c| is_name(*c) || is_unseen(*c));
        let name: String = name.filter(|c| !is_unseen(*c)).flat_map(char::to_lowercase).collect();
        let begins = |beginning: &String| !name.is_empty() && name.starts_with(beginning.as_str());
        self.names.contains(&name) || self.beginnings.iter().any(begins)
    }
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ':')
}

/// Characters without width.
fn is_unseen(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{feff}')
}

/// Makes foreign text safe inside the sections of a template: control tokens and the sections' own
/// tags lose their `<`, which becomes `‹`. Other text is unchanged. (Not the space of `escape`: a
/// model that reads `< /request>` may well take it for the end of the section.)
pub fn neutralise(text: &str, sections: &Sections) -> String {
    broken(text, sections, |_| true)
}

/// As `neutralise`, for a reply that is shown to the model that wrote it: the tags of the grammar in
/// which it was to answer stay as they are.
pub fn neutralise_reply(text: &str, sections: &Sections) -> String {
    broken(text, sections, |sort| sort != Sort::Tag)
}

fn broken(text: &str, sections: &Sections, breaks: impl Fn(Sort) -> bool) -> String {
    if memchr::memchr2(b'<', b'[', text.as_bytes()).is_none() {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        match c {
            '<' => {
                let sort = token_at(&text[at..]).map(|(_, sort)| sort);
                let risky = sort.map_or_else(|| sections.opens(&text[at + 1..]), &breaks);
                out.push(if risky { '\u{2039}' } else { c });
            }
            '[' if token_at(&text[at..]).is_some() => out.push_str("[ "),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_keeps_the_tags_of_its_grammar() {
        let own = Sections::of("answer in <think></think>, of the <request>{{ prompt }}</request>");
        let reply = "<think>a</think> </request> <|im_end|> <image>";
        let shown = "<think>a</think> \u{2039}/request> \u{2039}|im_end|> \u{2039}image>";
        assert_eq!(neutralise_reply(reply, &own), shown);
    }

    #[test]
    fn a_templates_tags_are_found_in_it() {
        let own = Sections::of(
            "{# <noted> #}<Client-Wish kind=\"x\">{{ prompt }}</Client-Wish> {% if a < b %}3 <4 \
             <rule_{{ r.id }}>{{ r.text }}</rule_{{ r.id }}> <bild/>",
        );
        for foreign in [
            "</client-wish>",
            "</CLIENT-WISH >",
            "< /client-wish>",
            "</ client-wish>",
            "<//client-wish",
            "<client-wish>",
            "</cli\u{200b}ent-wish>",
            "</rule_r7>",
            "<bild>",
            "</noted>",
        ] {
            let text = format!("a {foreign} b");
            let safe = neutralise(&text, &own);
            assert_ne!(safe, text);
            assert_eq!(safe.replace('\u{2039}', "<"), text);
        }
        for plain in ["a <b> c", "x < y", "<3", "</request>", "wish > all", "<clients>"] {
            assert_eq!(neutralise(plain, &own), plain);
        }
    }
}
