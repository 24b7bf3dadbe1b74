//! Checks of rows against the journal, and of the journal against the blobs.

use crate::audit::facts::{CallFact, Facts};
use crate::audit::findings::Finding;
use crate::audit::index::StageRows;
use crate::record::{CallKey, NanoUsd};

pub(super) fn segments(facts: &Facts) -> Vec<Finding> {
    facts
        .journal
        .damage
        .iter()
        .map(|d| {
            Finding::error(format!("`{}` at byte {}: {}", d.segment, d.offset, d.what)).help(
                "restore the segment from a copy; else the calls in it are lost, and the next run \
                 buys those that are still needed",
            )
        })
        .collect()
}

pub(super) fn missing(facts: &Facts) -> Vec<Finding> {
    let index = &facts.index;
    let of_stage = |s: usize| {
        let here = facts.journal.missing.iter().filter(move |(_, stage, _)| *stage == s);
        let rows = &index.stages[s];
        Finding::error("rows rest on calls that the journal does not hold")
            .at(&rows.stage)
            .help("restore the journal's lost segment from a copy, or run again to buy them")
            .of(here.map(|(key, _, row)| {
                let id = index.records.id[rows.record[*row] as usize];
                format!("call {} of {id}", short(key))
            }))
    };
    (0..index.stages.len()).filter_map(of_stage).collect()
}

fn short(key: &CallKey) -> String {
    key.hex()[..12].to_owned()
}

pub(super) fn keys(facts: &Facts) -> Vec<Finding> {
    let wrong = facts.journal.calls.iter().filter(|(_, call)| !call.key_holds);
    Finding::error("journaled requests whose key is not theirs: edited, or of another version")
        .help("restore the journal from a copy; a run asks by the true key and buys the call anew")
        .of(wrong.map(|(key, _)| key.hex()))
        .into_iter()
        .collect()
}

/// Only rows all of whose calls were read can be held against the journal.
pub(super) fn costs(facts: &Facts) -> Vec<Finding> {
    let index = &facts.index;
    let calls = &facts.journal.calls;
    let of_stage = |rows: &StageRows| {
        let wrong = (0..rows.len()).filter_map(|row| {
            let costs = rows.calls.get(row).iter().map(|key| calls.get(key).map(|c| c.cost));
            let sum = costs.sum::<Option<u64>>().filter(|sum| *sum != rows.cost[row])?;
            let id = index.records.id[rows.record[row] as usize];
            let (says, is) = (NanoUsd(rows.cost[row]).usd(), NanoUsd(sum).usd());
            Some(format!("{id}: the row says ${says:.6}, its calls ${is:.6}"))
        });
        Finding::error("rows whose cost is not the cost of their calls")
            .at(&rows.stage)
            .help("the table was edited; run again to rewrite it from the journal")
            .of(wrong)
    };
    index.stages.iter().filter_map(of_stage).collect()
}

pub(super) fn twice(facts: &Facts) -> Vec<Finding> {
    let journal = &facts.journal;
    let usd = NanoUsd(journal.twice_cost).usd();
    let what = format!("calls journaled more than once: paid twice, ${usd:.4} in all");
    Finding::warning(what)
        .help(
            "two processes worked on the RUN at once, or a picture was lost and drawn again; there \
             is nothing to mend",
        )
        .of(&journal.twice)
        .into_iter()
        .collect()
}

/// Filters and failing servers send such pictures in place of what was asked. Where only a sample of
/// the journal was read, those of the sample are counted.
pub(super) fn blank(facts: &Facts) -> Vec<Finding> {
    let mut blank: Vec<_> = facts.journal.calls.iter().filter(|(_, call)| call.blank).collect();
    blank.sort_by_key(|(key, _)| **key);
    let role = |number: u16| facts.journal.roles.get(usize::from(number));
    let name = |(key, call): (&CallKey, &CallFact)| {
        format!("call {} of {}", short(key), role(call.role).map_or("a role", String::as_str))
    };
    Finding::warning("pictures of one colour, as a filter or a failing server sends them")
        .help("look at one in `view`; `refuse_blank = true` in the stage's file drops such records")
        .of(blank.into_iter().map(name))
        .into_iter()
        .collect()
}

/// What was in flight at a kill was asked for again if it was still needed.
pub(super) fn maybe_twice(facts: &Facts) -> Vec<Finding> {
    let s = &facts.sessions;
    if s.most_in_flight == 0 {
        return Vec::new();
    }
    let what = format!(
        "{} killed with {} calls in flight when last seen (at most {} at once): those may have \
         been paid twice",
        if s.killed == 1 { "a run was".to_owned() } else { format!("{} runs were", s.killed) },
        s.in_flight,
        s.most_in_flight,
    );
    vec![Finding::note(what).help("Ctrl-C, once, lets the calls in flight come home")]
}

const RESTORE: &str = "restore them from a copy, at blobs/<first two digits>/<digest>; the name is \
                       the BLAKE3 digest of the bytes";

pub(super) fn blobs_missing(facts: &Facts) -> Vec<Finding> {
    let blobs = &facts.blobs;
    let mut gone = Vec::new();
    let mut wrong_size = Vec::new();
    for (digest, (bytes, who)) in &blobs.needed {
        match blobs.present.get(digest) {
            None => gone.push((digest, who)),
            Some(size) if *bytes != 0 && size != bytes => {
                wrong_size.push((digest, who, size, bytes));
            }
            Some(_) => {}
        }
    }
    gone.sort();
    wrong_size.sort();
    let gone = Finding::error("pictures that are needed are not among the blobs")
        .of(gone.into_iter().map(|(digest, who)| format!("{digest} ({who})")));
    let wrong_size = Finding::error("pictures of another size than journaled").of(wrong_size
        .into_iter()
        .map(|(digest, who, size, bytes)| format!("{digest} ({who}): {size} bytes, not {bytes}")));
    gone.into_iter().chain(wrong_size).map(|f| f.help(RESTORE)).collect()
}

pub(super) fn blobs_corrupt(facts: &Facts) -> Vec<Finding> {
    Finding::error("pictures whose bytes are not what their name says")
        .help(RESTORE)
        .of(facts.blobs.corrupt.iter().map(|(digest, what)| format!("{digest}: {what}")))
        .into_iter()
        .collect()
}

/// Only said when every journal entry was read: else a blob may well be named by another.
pub(super) fn blobs_unused(facts: &Facts) -> Vec<Finding> {
    let blobs = &facts.blobs;
    if !facts.journal.whole() || facts.from_ledger {
        return Vec::new();
    }
    let mut unused: Vec<_> =
        blobs.present.keys().filter(|digest| !blobs.needed.contains_key(*digest)).collect();
    unused.sort();
    Finding::note("blobs that nothing read here names (hints of records not reflected, left over)")
        .of(unused)
        .into_iter()
        .collect()
}
