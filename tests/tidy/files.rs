//! What every file of the sources keeps: a header in plain sentences, a bounded length, nothing undone.

use crate::sources;

#[test]
fn every_file_opens_with_what_lives_in_it() {
    let mut faults = Vec::new();
    for folder in ["src", "tests", "benches"] {
        for (path, text) in sources(folder, "rs") {
            if !text.starts_with("//! ") {
                faults.push(path);
            }
        }
    }
    assert!(faults.is_empty(), "no header: {}", faults.join(", "));
}

#[test]
fn nothing_is_left_undone_or_silenced() {
    // Split, so that this file does not find itself.
    let banned = [
        concat!("to", "do!("),
        concat!("unimple", "mented!("),
        concat!("FIX", "ME"),
        concat!("#[ig", "nore"),
    ];
    let mut faults = Vec::new();
    for folder in ["src", "tests", "benches"] {
        for (path, text) in sources(folder, "rs") {
            faults.extend(
                banned.iter().filter(|b| text.contains(**b)).map(|b| format!("{path}: {b}")),
            );
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn files_stay_short() {
    let mut long = Vec::new();
    for folder in ["src", "tests", "benches", "fuzz/src", "fuzz/fuzz_targets"] {
        for (path, text) in sources(folder, "rs") {
            let lines = text.lines().count();
            if lines > 400 {
                long.push(format!("{path}: {lines}"));
            }
        }
    }
    assert!(long.is_empty(), "is there a second room inside? {}", long.join(", "));
}

/// Lines of each function of a source: from its `fn` to the brace that closes it at the same indent.
fn functions(text: &str) -> Vec<(usize, &str)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut out = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let code = line.trim_start();
        let words: Vec<&str> = code.split_whitespace().take_while(|w| *w != "fn").collect();
        let before = ["pub", "pub(super)", "pub(crate)", "const", "async", "unsafe"];
        let Some(name) =
            code.split_once("fn ").filter(|_| words.iter().all(|w| before.contains(w)))
        else {
            continue;
        };
        let indent = &line[..line.len() - code.len()];
        let (close, bare) = (format!("{indent}}}"), format!("{indent})"));
        let ends = |l: &&str| {
            **l == close || l.ends_with(';') && (l.starts_with(&bare) || std::ptr::eq(*l, *line))
        };
        let short = line.ends_with('}');
        let end = lines[at..].iter().position(ends).filter(|_| !short);
        out.push((end.map_or(0, |end| end + 1), name.1));
    }
    out
}

/// Most functions can be seen whole. A long table of cases may stay; let this number only fall.
#[test]
fn few_functions_are_long() {
    const MOST: usize = 60;
    let mut long = Vec::new();
    for (path, text) in sources("src", "rs") {
        for (lines, name) in functions(&text) {
            assert!(lines <= 75, "{path}: `{name}` has {lines} lines");
            if lines > 40 {
                long.push(format!("{lines} {path}: {name}"));
            }
        }
    }
    long.sort();
    assert!(long.len() > 10, "it finds none: {long:?}");
    assert!(long.len() <= MOST, "{} over 40 lines:\n{}", long.len(), long.join("\n"));
}

/// Headers are read by strangers: plain sentences, and none that are the same everywhere.
#[test]
fn headers_are_plain_sentences() {
    // Split, so that this file does not find itself.
    let formulas = [concat!("The one ", "idea"), concat!("Not ", "here:")];
    let mut faults = Vec::new();
    for folder in ["src", "tests", "benches"] {
        for (path, text) in sources(folder, "rs") {
            let header: String = text.lines().take_while(|line| line.starts_with("//!")).collect();
            let met = formulas.iter().filter(|formula| header.contains(**formula));
            faults.extend(met.map(|formula| format!("{path}: {formula}")));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
