//! Qwen2's pre-tokenizer: text cut into the pieces that are tokenised apart.

/// The pattern of the tokenizer files that this code is for.
pub const PATTERN: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// The pieces of `text`, in order; together they are `text`.
pub fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (piece, after) = rest.split_at(first(rest)?);
        rest = after;
        Some(piece)
    })
}

/// `\p{L}`: letters, which are the alphabetic characters less marks, letter-like numbers and
/// enclosed letters.
fn letter(c: char) -> bool {
    let enclosed = matches!(c, '\u{24b6}'..='\u{24e9}' | '\u{1f130}'..='\u{1f189}');
    c.is_alphabetic()
        && !c.is_numeric()
        && !enclosed
        && !unicode_normalization::char::is_combining_mark(c)
}

/// The length in bytes of the first piece; None at the end.
fn first(text: &str) -> Option<usize> {
    let mut chars = text.chars();
    let c = chars.next()?;
    let next = chars.next();
    let run = |from: usize, of: fn(char) -> bool| {
        text[from..].find(|c| !of(c)).map_or(text.len(), |n| from + n)
    };
    if c == '\''
        && let Some(length) = contraction(&text[1..])
    {
        return Some(1 + length);
    }
    if letter(c) {
        return Some(run(0, letter));
    }
    if c.is_numeric() {
        return Some(c.len_utf8());
    }
    if !matches!(c, '\r' | '\n') && next.is_some_and(letter) {
        return Some(run(c.len_utf8(), letter));
    }
    let symbol = |c: char| !c.is_whitespace() && !letter(c) && !c.is_numeric();
    let start = usize::from(c == ' ' && next.is_some_and(symbol));
    if start == 1 || symbol(c) {
        let end = run(start, |c| !c.is_whitespace() && !letter(c) && !c.is_numeric());
        return Some(run(end, |c| matches!(c, '\r' | '\n')));
    }
    Some(blank(text, run(0, char::is_whitespace)))
}

/// `text` begins with white space up to `end`.
fn blank(text: &str, end: usize) -> usize {
    let space = &text[..end];
    if let Some(newline) = space.rfind(['\r', '\n']) {
        return newline + 1;
    }
    // The last one goes with the word behind it.
    let last = space.chars().next_back().map_or(0, char::len_utf8);
    if end == text.len() || end == last { end } else { end - last }
}

/// The length of `s`, `re` and so on behind an apostrophe, in any case.
fn contraction(rest: &str) -> Option<usize> {
    let starts = |suffix: &&str| {
        rest.get(..suffix.len()).is_some_and(|head| head.eq_ignore_ascii_case(suffix))
    };
    ["s", "t", "re", "ve", "m", "ll", "d"].iter().find(|s| starts(s)).map(|s| s.len())
}

#[cfg(test)]
mod tests {
    use super::pieces;

    #[test]
    fn text_is_cut_as_the_pattern_says() {
        let cut = |text: &'static str| pieces(text).collect::<Vec<_>>();
        assert_eq!(
            cut("I'll take  12 red-ish"),
            ["I", "'ll", " take", " ", " ", "1", "2", " red", "-ish"]
        );
        assert_eq!(cut("a\n\n  b\t\"x\"\r\n"), ["a", "\n\n", " ", " b", "\t", "\"x", "\"\r\n"]);
        assert_eq!(cut("  "), ["  "]);
        assert_eq!(cut(" <|x"), [" <|", "x"]);
    }
}
