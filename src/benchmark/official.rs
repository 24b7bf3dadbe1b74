//! The official judges' own words, out of a checkout of their scripts: nothing of them is kept here.
//!
//! The scripts hold two literals: what the system says, behind `SYSTEM_PROMPT =` or the first
//! `"text":`, and what the user says, behind the next `"text":`, with `{…}` for what is filled in.

/// A script's two texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wording {
    pub system: String,
    /// Pieces of the user's turn.
    user: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// The last name in the braces: `note` of `{prompt_data['note']}`.
    Slot(String),
}

/// The texts of a script; Err says what was looked for.
pub fn wording(script: &str) -> Result<Wording, String> {
    let fixed = script.find("SYSTEM_PROMPT =").map(|at| at + "SYSTEM_PROMPT =".len());
    let mut rest = script;
    let system = match fixed {
        Some(at) => {
            let (system, after) =
                literal(&script[at..]).ok_or("no text behind `SYSTEM_PROMPT =`")?;
            rest = after;
            system.0
        }
        None => next_text(&mut rest).ok_or("no system text behind `\"text\":`")?.0,
    };
    let (user, formatted) = next_text(&mut rest).ok_or("no user text behind `\"text\":`")?;
    let user = if formatted { slots(&user)? } else { vec![Piece::Text(user)] };
    Ok(Wording { system, user })
}

impl Wording {
    /// The user's text with `values` by name; Err names what is missing.
    pub fn fill(&self, values: &[(&'static str, String)]) -> Result<String, String> {
        let mut out = String::new();
        for piece in &self.user {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Slot(name) => {
                    let value = values.iter().find(|(known, _)| known == name);
                    out.push_str(&value.ok_or_else(|| format!("the script fills in `{name}`"))?.1);
                }
            }
        }
        Ok(out)
    }
}

/// The literal behind the next `"text":` that has one, and whether it is an f-string.
fn next_text(rest: &mut &str) -> Option<(String, bool)> {
    loop {
        let (_, after) = rest.split_once("\"text\":")?;
        *rest = after;
        if let Some((found, past)) = literal(after) {
            *rest = past;
            return Some(found);
        }
    }
}

/// A Python string literal at the start of `text`, unescaped, and what follows it.
fn literal(text: &str) -> Option<((String, bool), &str)> {
    let text = text.trim_start();
    let formatted = text.starts_with('f');
    let text = text.strip_prefix('f').unwrap_or(text);
    let quote = ["\"\"\"", "'''", "\"", "'"].into_iter().find(|q| text.starts_with(q))?;
    let body = &text[quote.len()..];
    let mut out = String::new();
    let mut at = 0;
    while let Some(c) = body[at..].chars().next() {
        if body[at..].starts_with(quote) {
            return Some(((out, formatted), &body[at + quote.len()..]));
        }
        at += c.len_utf8();
        if c != '\\' {
            out.push(c);
            continue;
        }
        let escaped = body[at..].chars().next()?;
        at += escaped.len_utf8();
        match escaped {
            'n' => out.push('\n'),
            't' => out.push('\t'),
            '\n' => {}
            '\\' | '\'' | '"' => out.push(escaped),
            other => out.extend(['\\', other]),
        }
    }
    None
}

/// `{name}` and `{x['name']}` as slots; doubled braces are braces.
fn slots(text: &str) -> Result<Vec<Piece>, String> {
    let mut out = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        plain.push_str(&rest[..at]);
        let brace = &rest[at..at + 1];
        rest = &rest[at + 1..];
        if let Some(past) = rest.strip_prefix(brace) {
            plain.push_str(brace);
            rest = past;
            continue;
        }
        let (inner, past) = rest.split_once('}').ok_or("a `{` that is never closed")?;
        let name = inner.trim_end_matches([']', '\'', '"']);
        let name = name.rsplit(['[', '\'', '"', '.']).next().unwrap_or(name).trim();
        out.push(Piece::Text(std::mem::take(&mut plain)));
        out.push(Piece::Slot(name.to_owned()));
        rest = past;
    }
    plain.push_str(rest);
    out.push(Piece::Text(plain));
    Ok(out)
}
