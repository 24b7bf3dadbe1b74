//! Checks of rows against the journal, and of the journal against the blobs.

use crate::audit::facts::Facts;
use crate::audit::findings::Finding;
use crate::record::NanoUsd;

pub(super) fn segments(facts: &Facts) -> Vec<Finding> {
    facts
        .journal
        .damage
        .iter()
        .map(|d| {
            Finding::error(format!("`{}` at byte {}: {}", d.segment, d.offset, d.what))
                .help("the calls in it are lost; the next run buys those that are still needed")
        })
        .collect()
}

pub(super) fn missing(facts: &Facts) -> Vec<Finding> {
    let index = &facts.index;
    let mut out = Vec::new();
    for (s, rows) in index.stages.iter().enumerate() {
        let all: Vec<String> = facts
            .journal
            .missing
            .iter()
            .filter(|(_, stage, _)| *stage == s)
            .map(|(key, _, row)| {
                format!("call {} of {}", short(key), index.records.id[rows.record[*row] as usize])
            })
            .collect();
        if !all.is_empty() {
            out.push(
                Finding::error("rows rest on calls that the journal does not hold")
                    .at(&rows.stage)
                    .of(&all)
                    .help("run again to buy them, or restore the journal's lost segment"),
            );
        }
    }
    out
}

fn short(key: &crate::record::CallKey) -> String {
    key.hex()[..12].to_owned()
}

pub(super) fn keys(facts: &Facts) -> Vec<Finding> {
    let wrong: Vec<String> =
        facts.journal.calls.iter().filter(|(_, c)| !c.key_holds).map(|(k, _)| k.hex()).collect();
    if wrong.is_empty() {
        return Vec::new();
    }
    let what = "journaled requests whose key is not theirs: edited, or of another version";
    vec![Finding::error(what).of(&wrong)]
}

/// Only rows all of whose calls were read can be held against the journal.
pub(super) fn costs(facts: &Facts) -> Vec<Finding> {
    let index = &facts.index;
    let calls = &facts.journal.calls;
    let mut out = Vec::new();
    for rows in &index.stages {
        let mut wrong = Vec::new();
        for row in 0..rows.len() {
            let sum: Option<u64> =
                rows.calls.get(row).iter().map(|key| calls.get(key).map(|c| c.cost)).sum();
            match sum {
                Some(sum) if sum != rows.cost[row] => wrong.push(format!(
                    "{}: the row says ${:.6}, its calls ${:.6}",
                    index.records.id[rows.record[row] as usize],
                    NanoUsd(rows.cost[row]).usd(),
                    NanoUsd(sum).usd(),
                )),
                _ => {}
            }
        }
        if !wrong.is_empty() {
            let what = "rows whose cost is not the cost of their calls";
            out.push(Finding::error(what).at(&rows.stage).of(&wrong));
        }
    }
    out
}

pub(super) fn twice(facts: &Facts) -> Vec<Finding> {
    let journal = &facts.journal;
    if journal.twice.is_empty() {
        return Vec::new();
    }
    let what = format!(
        "calls journaled more than once: at most what was in flight at a crash (${:.4})",
        NanoUsd(journal.twice_cost).usd()
    );
    vec![Finding::warning(what).of(&journal.twice)]
}

pub(super) fn blobs_missing(facts: &Facts) -> Vec<Finding> {
    let blobs = &facts.blobs;
    let mut gone = Vec::new();
    let mut wrong_size = Vec::new();
    for (digest, (bytes, who)) in &blobs.needed {
        match blobs.present.get(digest) {
            None => gone.push(format!("{digest} ({who})")),
            Some(size) if *bytes != 0 && size != bytes => {
                wrong_size.push(format!("{digest} ({who}): {size} bytes, not {bytes}"));
            }
            Some(_) => {}
        }
    }
    gone.sort();
    wrong_size.sort();
    let help = "restore it from a copy; its name is the BLAKE3 digest of its bytes";
    let mut out = Vec::new();
    if !gone.is_empty() {
        out.push(Finding::error("pictures that are needed are not among the blobs").of(&gone));
    }
    if !wrong_size.is_empty() {
        out.push(Finding::error("pictures of another size than journaled").of(&wrong_size));
    }
    out.into_iter().map(|f| f.help(help)).collect()
}

pub(super) fn blobs_corrupt(facts: &Facts) -> Vec<Finding> {
    let all: Vec<String> =
        facts.blobs.corrupt.iter().map(|(digest, what)| format!("{digest}: {what}")).collect();
    if all.is_empty() {
        return Vec::new();
    }
    let help = "restore them from a copy: their names are the BLAKE3 digests of their bytes";
    vec![Finding::error("pictures whose bytes are not what their name says").of(&all).help(help)]
}

/// Only said when every journal entry was read: else a blob may well be named by another.
pub(super) fn blobs_unused(facts: &Facts) -> Vec<Finding> {
    let blobs = &facts.blobs;
    if !facts.journal.whole() || facts.from_ledger {
        return Vec::new();
    }
    let mut unused: Vec<String> =
        blobs.present.keys().filter(|d| !blobs.needed.contains_key(*d)).map(|d| d.hex()).collect();
    unused.sort();
    if unused.is_empty() {
        return Vec::new();
    }
    let what = "blobs that nothing read here names (hints of records not reflected, or left over)";
    vec![Finding::note(what).of(&unused)]
}
