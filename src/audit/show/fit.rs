//! Text that fits a terminal: lines are broken between words, and go on under where they began.

/// `text` with no line wider than `width`, but for words that are. Colours take no room.
pub fn fit(text: &str, width: usize) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let (line, end) = line.strip_suffix('\n').map_or((line, ""), |line| (line, "\n"));
        if room(line) <= width {
            out.push_str(line);
        } else {
            fold(line, width, &mut out);
        }
        out.push_str(end);
    }
    out
}

fn fold(line: &str, width: usize, out: &mut String) {
    let indent = line.chars().take_while(|c| *c == ' ').count();
    let under = " ".repeat((indent + 2).min(width / 2));
    let mut column = 0;
    let mut fresh = true;
    // A gap of several spaces (a table's) is kept with the word behind it.
    for piece in pieces(&line[indent..]) {
        let (gap, word) = piece;
        let need = room(word);
        if fresh && column == 0 {
            out.push_str(&" ".repeat(indent));
            column = indent;
        } else if column + gap + need > width {
            out.push('\n');
            out.push_str(&under);
            column = under.len();
        } else {
            out.push_str(&" ".repeat(gap));
            column += gap;
        }
        fresh = false;
        out.push_str(word);
        column += need;
    }
}

/// Words, each with the spaces before it.
fn pieces(line: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut gap = 0;
    line.split(' ').filter_map(move |word| {
        if word.is_empty() {
            gap += 1;
            return None;
        }
        Some((std::mem::replace(&mut gap, 1), word))
    })
}

/// Columns that it takes, without colour codes.
fn room(text: &str) -> usize {
    let mut columns = 0;
    let mut code = false;
    for c in text.chars() {
        match c {
            '\u{1b}' => code = true,
            'm' if code => code = false,
            _ if code => {}
            _ => columns += 1,
        }
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_break_between_words_and_go_on_under_themselves() {
        let text = "  one two three four\nfive\n";
        assert_eq!(fit(text, 12), "  one two\n    three\n    four\nfive\n");
        assert_eq!(fit("a\u{1b}[1mb\u{1b}[0m c", 4), "a\u{1b}[1mb\u{1b}[0m c");
        assert_eq!(fit("unbreakable-word", 4), "unbreakable-word");
    }

    proptest! {
        #[test]
        fn no_word_is_lost_broken_or_moved(text in "[a-z \n]{0,200}", width in 8usize..60) {
            let fitted = fit(&text, width);
            let words = |text: &str| -> Vec<String> {
                text.split_whitespace().map(str::to_owned).collect()
            };
            prop_assert_eq!(words(&fitted), words(&text));
            for line in fitted.lines() {
                let lone = line.split_whitespace().count() <= 1;
                let blank = line.trim().is_empty();
                prop_assert!(line.len() <= width || lone || blank, "{line:?}");
            }
        }
    }
}
