//! Lines that differ between two versions of a stage file or template.

use serde::Serialize;
use std::collections::BTreeMap;

/// One text that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TextDiff {
    pub path: String,
    /// Changed lines in order, each with `-`, `+` or (a line of context) a space before it.
    pub lines: Vec<String>,
}

/// Texts that differ, by path; one that is only on one side is all `+` or all `-`.
pub fn text_diffs(a: &BTreeMap<String, String>, b: &BTreeMap<String, String>) -> Vec<TextDiff> {
    let mut paths: Vec<&String> = a.keys().chain(b.keys()).collect();
    paths.sort();
    paths.dedup();
    let get = |of: &BTreeMap<String, String>, path| of.get(path).cloned().unwrap_or_default();
    paths
        .into_iter()
        .filter(|path| a.get(*path) != b.get(*path))
        .map(|path| TextDiff { path: path.clone(), lines: lines(&get(a, path), &get(b, path)) })
        .collect()
}

/// Longest common subsequence after the common head and tail are set aside; a middle of more than
/// this many lines on either side is given as all-out, all-in.
const MOST: usize = 2000;

/// The differing lines, each run with up to one line of context around.
fn lines(a: &str, b: &str) -> Vec<String> {
    let (a, b): (Vec<&str>, Vec<&str>) = (a.lines().collect(), b.lines().collect());
    let head = a.iter().zip(&b).take_while(|(x, y)| x == y).count();
    let tail =
        a[head..].iter().rev().zip(b[head..].iter().rev()).take_while(|(x, y)| x == y).count();
    let (ma, mb) = (&a[head..a.len() - tail], &b[head..b.len() - tail]);
    let mut out = Vec::new();
    if head > 0 {
        out.push(format!(" {}", a[head - 1]));
    }
    if ma.len() > MOST || mb.len() > MOST {
        out.extend(ma.iter().map(|l| format!("-{l}")));
        out.extend(mb.iter().map(|l| format!("+{l}")));
    } else {
        middle(ma, mb, &mut out);
    }
    if tail > 0 {
        out.push(format!(" {}", a[a.len() - tail]));
    }
    out
}

fn middle(a: &[&str], b: &[&str], out: &mut Vec<String>) {
    let width = b.len() + 1;
    // common[i * width + j]: the longest common subsequence of a[i..] and b[j..].
    let mut common = vec![0u32; (a.len() + 1) * width];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            common[i * width + j] = if a[i] == b[j] {
                common[(i + 1) * width + j + 1] + 1
            } else {
                common[(i + 1) * width + j].max(common[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    while i < a.len() || j < b.len() {
        if i < a.len() && j < b.len() && a[i] == b[j] {
            out.push(format!(" {}", a[i]));
            (i, j) = (i + 1, j + 1);
        } else if i < a.len()
            && (j == b.len() || common[(i + 1) * width + j] >= common[i * width + j + 1])
        {
            out.push(format!("-{}", a[i]));
            i += 1;
        } else {
            out.push(format!("+{}", b[j]));
            j += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_changed_line_shows_with_its_neighbours() {
        let diff = lines("a\nb\nvotes = 1\nc\nd", "a\nb\nvotes = 3\nc\nd");
        assert_eq!(diff, [" b", "-votes = 1", "+votes = 3", " c"]);
    }

    proptest! {
        #[test]
        fn both_sides_can_be_read_off(a in "([ab]\n){0,12}", b in "([ab]\n){0,12}") {
            let (la, lb): (Vec<&str>, Vec<&str>) = (a.lines().collect(), b.lines().collect());
            let mut out = Vec::new();
            middle(&la, &lb, &mut out);
            let side = |sign: char| -> Vec<&str> {
                out.iter().filter(|l| l.starts_with([' ', sign])).map(|l| &l[1..]).collect()
            };
            prop_assert_eq!(side('-'), la);
            prop_assert_eq!(side('+'), lb);
        }
    }
}
