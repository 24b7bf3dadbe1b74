//! What the table of kinds keeps: kinds say all of themselves, and nobody knows one by its name.

use crate::{code_of, sources};

#[test]
fn kinds_are_documented_whole_and_used_by_a_pipeline() {
    let stages: String = sources("stages", "toml").into_iter().map(|(_, text)| text).collect();
    for kind in coldstart::stage::KINDS {
        assert!(kind.docs.len() > 80, "{}: docs", kind.name);
        assert!(stages.contains(&format!("\"{}\"", kind.name)), "{}: no stage", kind.name);
        for param in kind.params {
            assert!(!param.doc.is_empty(), "{}.{}", kind.name, param.name);
            assert!(
                !["about", "kind", "from"].contains(&param.name),
                "{}: {}",
                kind.name,
                param.name
            );
            if let Some(default) = param.default.filter(|d| !d.is_empty()) {
                let value = coldstart::stage::value_of_text(param.ty, default);
                assert!(value.is_ok(), "{}.{}: default {default}", kind.name, param.name);
            }
        }
        let names: Vec<_> = kind.params.iter().map(|p| p.name).collect();
        let distinct: std::collections::BTreeSet<_> = names.iter().collect();
        assert_eq!(names.len(), distinct.len(), "{}", kind.name);
    }
}

/// Words that are a kind's name and mean something else: where they stand, and what they mean there.
const NO_KINDS: &[(&str, &str, &str)] = &[
    ("score", "src/archive/decode.rs", "a column"),
    ("score", "src/audit/sql/mod.rs", "a column"),
    ("score", "src/export/dataset/schema.rs", "a column"),
    ("score", "src/store/decisions/decode.rs", "a column"),
    ("score", "src/store/decisions/schema.rs", "a column"),
    ("score", "src/deliver/export/select.rs", "a column"),
    ("score", "src/view/pages/rows.rs", "a column"),
    ("score", "src/view/query.rs", "a column"),
    ("score", "src/view/snapshot.rs", "a column"),
    ("score", "src/benchmark/wise.rs", "a field of a reply"),
    ("score", "src/stage/judging.rs", "a field of a reply"),
    ("consistency", "src/benchmark/wise.rs", "a field of a reply"),
    ("judge", "src/markup/mod.rs", "a tag"),
    ("judge", "src/stage/agent/turn.rs", "a tag"),
    ("judge", "src/stage/grammar.rs", "a tag"),
    ("judge", "src/call/endpoints/sim.rs", "a role"),
    ("judge", "src/sim/mind/evaluate.rs", "a purpose of chance"),
    ("judge", "src/sim/world.rs", "a purpose of chance"),
    ("judge", "src/audit/show/judges.rs", "a column's heading"),
    ("judge", "src/deliver/estimate.rs", "a parameter"),
    ("judge", "src/plan/check/votes.rs", "a parameter"),
    ("judge", "src/stage/looks/mod.rs", "a parameter"),
    ("judge", "src/stage/looks/params.rs", "a parameter"),
    ("judge", "src/stage/looks/tell.rs", "a parameter"),
    ("judge", "src/rules/worths.rs", "a table of a user's file"),
    ("judge", "src/serve/reward.rs", "a field of an answer"),
    ("score", "src/serve/reward.rs", "a field of an answer"),
    ("score", "src/serve/server/routes.rs", "a field of an answer"),
    ("reward", "src/serve/ask.rs", "a source of ids"),
    ("reward", "src/audit/table/training.rs", "a column"),
    ("reward", "src/export/dataset/schema.rs", "a column"),
    ("generate", "src/text/spec/plain.rs", "an English word"),
    ("pairwise", "src/sim/mind/judge.rs", "a purpose of chance"),
    ("dedup", "src/text/dedup.rs", "a purpose of chance"),
    ("judge", "src/sim/mind/mod.rs", "a template's task"),
    ("pointwise", "src/sim/mind/mod.rs", "a template's task"),
    ("pairwise", "src/sim/mind/mod.rs", "a template's task"),
    ("think_and_call", "src/sim/mind/mod.rs", "a template's task"),
    ("reflect", "src/sim/mind/mod.rs", "a template's task"),
    ("generate", "src/text/lexicon.rs", "an English word"),
    ("generate", "src/call/protocol/genagent_flux.rs", "a server's path"),
];

/// Who asks what a stage does asks the table, so that a new kind is complete with one file and one line.
#[test]
fn no_kind_is_known_by_its_name_outside_of_its_file() {
    let mut faults = Vec::new();
    let mut met = std::collections::BTreeSet::new();
    for (path, text) in sources("src", "rs") {
        if path.starts_with("src/stage/kinds/") {
            continue;
        }
        let code = code_of(&path, &text);
        for kind in coldstart::stage::KINDS {
            if !code.contains(&format!("\"{}\"", kind.name)) {
                continue;
            }
            match NO_KINDS.iter().position(|(name, at, _)| *name == kind.name && *at == path) {
                Some(known) => _ = met.insert(known),
                None => faults.push(format!("{path}: knows the kind `{}` by its name", kind.name)),
            }
        }
    }
    let unmet = (0..NO_KINDS.len()).filter(|n| !met.contains(n));
    faults.extend(unmet.map(|n| format!("{:?} stands there no more", NO_KINDS[n])));
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Drop reasons in the code of a kind are in its table: an auditor can look each up.
#[test]
fn every_drop_reason_is_in_its_kinds_table() {
    for (path, text) in sources("src/stage/kinds", "rs") {
        let Some(kind) =
            coldstart::stage::KINDS.iter().find(|k| path.ends_with(&format!("/{}.rs", k.name)))
        else {
            continue;
        };
        let code = text.split("#[cfg(test)]").next().unwrap_or("");
        for part in code.split("Step::drop(").skip(1) {
            let Some(reason) = part.split('"').nth(1).filter(|_| part.find('"') < part.find(')'))
            else {
                continue;
            };
            assert!(kind.reasons.iter().any(|r| r.code == reason), "{path}: `{reason}`");
        }
    }
}
