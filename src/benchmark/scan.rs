//! What regular expressions do in the official scripts, by hand: labels with a number behind them,
//! and lines that are a number alone.

/// A label with what may stand between it and its number.
pub struct Label<'a> {
    pub name: &'a str,
    /// Whether case counts.
    pub exact: bool,
    /// Up to two `*` may follow the label.
    pub stars: bool,
    /// Colons that may stand there.
    pub colons: &'a [char],
}

impl Label<'_> {
    /// What follows each place where the label stands, white space and one colon skipped.
    pub fn rests<'t>(&self, text: &'t str) -> Vec<(usize, &'t str)> {
        let mut out = Vec::new();
        for (at, _) in text.char_indices() {
            let Some(after) = self.strip(&text[at..]) else { continue };
            let mut rest = after;
            if self.stars {
                for _ in 0..2 {
                    rest = rest.strip_prefix('*').unwrap_or(rest);
                }
            }
            rest = rest.trim_start();
            if let Some(past) = rest.strip_prefix(self.colons) {
                rest = past.trim_start();
            }
            out.push((at, rest));
        }
        out
    }

    fn strip<'t>(&self, text: &'t str) -> Option<&'t str> {
        let head = text.get(..self.name.len())?;
        let same =
            if self.exact { head == self.name } else { head.eq_ignore_ascii_case(self.name) };
        same.then(|| &text[self.name.len()..])
    }
}

/// Lines that hold one of `digits` and nothing else, in order.
pub fn bare(text: &str, digits: std::ops::RangeInclusive<u8>) -> Vec<f64> {
    let digit = |line: &str| match line.trim().as_bytes() {
        [one] if one.is_ascii_digit() && digits.contains(&(one - b'0')) => {
            Some(f64::from(one - b'0'))
        }
        _ => None,
    };
    text.lines().filter_map(digit).collect()
}

/// The number that a line gives for `label`, where it gives exactly one and all lines agree: markup
/// around the label is let through, `8.5` is 8.5 and `8/10` is 8.
pub fn labelled(text: &str, label: &str, range: std::ops::RangeInclusive<f64>) -> Option<f64> {
    let mut found = None;
    for line in text.lines() {
        let line = line.trim_start_matches(|c: char| !c.is_alphabetic());
        let Some(head) = line.get(..label.len()).filter(|h| h.eq_ignore_ascii_case(label)) else {
            continue;
        };
        let rest =
            line[head.len()..].trim_start_matches(['*', ' ', '\t', '_', ':', '：', '=', '-']);
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let value: f64 = rest[..end].trim_end_matches('.').parse().ok()?;
        let again = found.is_some_and(|before: f64| before != value);
        if !range.contains(&value) || again {
            return None;
        }
        found = Some(value);
    }
    found
}

/// The text without what a model thought aloud.
pub fn unthought(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("<think>") {
        out.push_str(before);
        let Some((_, past)) = after.split_once("</think>") else {
            // Never closed: the script's pattern does not match it, so it stays.
            out.push_str("<think>");
            out.push_str(after);
            rest = "";
            break;
        };
        rest = past.trim_start();
    }
    out.push_str(rest);
    let mut clean = String::with_capacity(out.len());
    let mut rest = out.as_str();
    while let Some((before, after)) = rest.split_once("</think>") {
        clean.push_str(before);
        rest = after.trim_start();
    }
    clean.push_str(rest);
    clean.trim().to_owned()
}
