//! Text of unknown origin as it may be shown: nothing in it drives a terminal or hides from a reader.

/// Model text made safe and honest: control characters (but newlines and tabs) as `\u{1b}`, so
/// that a reply cannot drive the terminal or hide text.
pub fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if hidden(c) {
            out.push_str(&format!("\\u{{{:x}}}", c as u32));
        } else {
            out.push(c);
        }
    }
    out
}

/// Characters that a reader cannot see but that change what he sees.
pub fn hidden(c: char) -> bool {
    (c.is_control() && c != '\n' && c != '\t')
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// One line, at most `width` characters, cut with an ellipsis.
pub fn line(text: &str, width: usize) -> String {
    let flat = visible(text).replace(['\n', '\t'], " ");
    if flat.chars().count() <= width {
        return flat;
    }
    let mut out: String = flat.chars().take(width.saturating_sub(1)).collect();
    out.push('…');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_and_direction_marks_are_shown() {
        assert_eq!(visible("a\x1b[31m\u{202e}b"), "a\\u{1b}[31m\\u{202e}b");
        assert_eq!(visible("two\nlines\tand tabs é 🎨"), "two\nlines\tand tabs é 🎨");
    }
}
