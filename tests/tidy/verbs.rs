//! What the user meets: verbs and endings are in the README, flags have help, wrong words are theirs
//! to fix.

use crate::root;
use std::process::Command;

pub fn binary(args: &[&str]) -> std::process::Output {
    Command::new(env!("CARGO_BIN_EXE_coldstart")).args(args).output().expect("starts")
}

/// Verbs by their help, two levels deep.
pub fn verbs() -> Vec<Vec<String>> {
    let list = |path: &[&str]| -> Vec<String> {
        let mut args = path.to_vec();
        args.push("--help");
        let help = String::from_utf8(binary(&args).stdout).expect("UTF-8");
        let Some((_, commands)) = help.split_once("Commands:\n") else { return Vec::new() };
        commands
            .lines()
            .take_while(|l| !l.is_empty())
            .filter(|l| l.starts_with("  ") && !l.starts_with("   "))
            .filter_map(|l| l.split_whitespace().next().map(str::to_owned))
            .filter(|v| v != "help")
            .collect()
    };
    let mut out = Vec::new();
    for verb in list(&[]) {
        let below = list(&[&verb]);
        out.push(vec![verb.clone()]);
        out.extend(below.into_iter().map(|b| vec![verb.clone(), b]));
    }
    out
}

#[test]
fn every_verb_is_in_the_readme_and_every_flag_has_help() {
    let readme = std::fs::read_to_string(root().join("README.md")).expect("README.md");
    let verbs = verbs();
    assert!(verbs.len() > 12, "{verbs:?}");
    for verb in verbs {
        let mut args: Vec<&str> = verb.iter().map(String::as_str).collect();
        let name = args.join(" ");
        assert!(readme.contains(&format!("coldstart {name}")), "README does not show `{name}`");
        args.push("--help");
        let output = binary(&args);
        assert!(output.status.success(), "{name}");
        let help = String::from_utf8(output.stdout).expect("UTF-8");
        let mut lines = help.lines().peekable();
        while let Some(line) = lines.next() {
            let flag = line.trim_start();
            let is_flag =
                flag.starts_with("--") || flag.starts_with('-') && !flag.starts_with("- ");
            if !is_flag || !line.starts_with("  ") {
                continue;
            }
            // Help stands behind the flag, or on the next line.
            let beside = flag.split("  ").skip(1).any(|h| !h.trim().is_empty());
            let below =
                lines.peek().is_some_and(|l| l.starts_with("          ") && !l.trim().is_empty());
            assert!(beside || below, "{name}: `{flag}` has no help");
        }
    }
}

#[test]
fn wrong_words_are_the_users_to_fix() {
    assert_eq!(binary(&["run", "--no-such-flag"]).status.code(), Some(1));
    assert_eq!(binary(&["no-such-verb"]).status.code(), Some(1));
    assert_eq!(binary(&["run", "no_such_pipeline"]).status.code(), Some(1));
    assert_eq!(binary(&["--version"]).status.code(), Some(0));
    assert_eq!(binary(&["completions", "bash"]).status.code(), Some(0));
}

#[test]
fn the_readme_shows_every_ending() {
    let readme = std::fs::read_to_string(root().join("README.md")).expect("README.md");
    for row in coldstart::record::ENDINGS {
        let word = serde_json::to_value(row.ending).expect("a word");
        let word = word.as_str().expect("text");
        let line = format!("| {} | `{word}` | {} | {} |", row.code, row.means, row.then);
        assert!(readme.contains(&line), "README lacks: {line}");
    }
}
