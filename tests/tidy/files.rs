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
