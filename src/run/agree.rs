//! Whether a RUN may be gone on with: its manifest against the plan at hand.

use crate::plan::{Manifest, ManifestStage, Plan};
use crate::run::error::RunError;
use crate::run::options::RunOptions;
use crate::stage::{Kind, Stage, value_of_text};
use crate::store::{Created, Layout};
use std::collections::{BTreeMap, BTreeSet};

/// The digests of what the sources read.
pub async fn pools(plan: &Plan) -> Result<BTreeMap<String, String>, RunError> {
    let mut out = BTreeMap::new();
    for stage in &plan.stages {
        if let Stage::Source { source, .. } = &stage.stage {
            let digest = source
                .digest()
                .await
                .map_err(|source| RunError::Pool { stage: stage.name.clone(), source })?;
            out.extend(digest.map(|d| (stage.name.clone(), d)));
        }
    }
    Ok(out)
}

/// Writes the manifest, or holds it against the one that is there. What an endpoints file leads to
/// is only known by its replies (`Guard`); what is known beforehand is refused here. `kinds` are those of
/// the stages.
pub async fn agree(
    mut manifest: Manifest,
    kinds: &[&Kind],
    options: &RunOptions,
) -> Result<Manifest, RunError> {
    let store = &options.store;
    let place = store.uri();
    let broken =
        |source| RunError::Manifest { place: format!("{place}/{}", Layout::MANIFEST), source };
    let bytes = |m: &Manifest| serde_json::to_vec_pretty(m).map_err(|e| broken(e.into()));
    if store.create(Layout::MANIFEST, bytes(&manifest)?.into()).await? == Created::New {
        return Ok(manifest);
    }
    let there = store.get(Layout::MANIFEST).await?;
    let there = Manifest::parse(&there).map_err(&broken)?;
    if manifest.simulated && !there.simulated {
        return Err(RunError::Simulated { place, holds: "real", are: "simulated" });
    }
    manifest.simulated = there.simulated;
    let differences = differences(&there, &manifest, kinds);
    if differences.is_empty() {
        // Comments and wording of stage files may differ: the RUN keeps the identity it began with.
        return Ok(there);
    }
    if !options.into_changed_pipeline {
        return Err(RunError::Changed { place, differences });
    }
    let old = format!("manifests/{}.json", &there.digest[..there.digest.len().min(16)]);
    store.put(&old, bytes(&there)?.into()).await?;
    store.put(Layout::MANIFEST, bytes(&manifest)?.into()).await?;
    // What the earlier pipeline concluded would read as the new one's.
    for (name, _) in store.list(Layout::STAGES).await? {
        store.delete(&name).await?;
    }
    if store.exists(Layout::REPORT).await? {
        store.delete(Layout::REPORT).await?;
    }
    Ok(manifest)
}

/// What differs, a line each.
fn differences(old: &Manifest, new: &Manifest, kinds: &[&Kind]) -> Vec<String> {
    let mut out = Vec::new();
    let mut say = |what: &str, a: &str, b: &str| {
        if a != b {
            out.push(format!("{what}: {a} -> {b}"));
        }
    };
    say("pipeline", &old.pipeline, &new.pipeline);
    say("seed", &old.seed.to_string(), &new.seed.to_string());
    let limit = |limit: Option<u64>| limit.map_or("none".to_owned(), |n| n.to_string());
    say("--limit", &limit(old.limit), &limit(new.limit));
    stages(old, new, kinds, &mut say);
    for (path, text) in &new.files {
        // Stage files are told by their parameters, above.
        let told = path.starts_with("stages/") && !path.ends_with("_models.toml");
        if !told && old.files.get(path) != Some(text) {
            say(path, "as it was", "changed");
        }
    }
    for (stage, digest) in &new.pools {
        if old.pools.get(stage) != Some(digest) {
            say(&format!("what `{stage}` reads"), "as it was", "changed");
        }
    }
    out
}

/// Whether a parameter has its kind's default. One that the RUN's version of the program did not know
/// changes nothing then: the RUN goes on as it was begun.
fn is_default(stage: &ManifestStage, name: &str, kinds: &[&Kind]) -> bool {
    let kind = kinds.iter().find(|kind| kind.name == stage.kind);
    let param = kind.and_then(|kind| kind.params.iter().find(|param| param.name == name));
    let default = param.and_then(|param| value_of_text(param.ty, param.default?).ok());
    default.is_some_and(|default| stage.params.get(name) == Some(&default.to_string()))
}

fn stages(old: &Manifest, new: &Manifest, kinds: &[&Kind], say: &mut dyn FnMut(&str, &str, &str)) {
    for stage in &new.stages {
        let Some(before) = old.stages.iter().find(|s| s.name == stage.name) else {
            say(&format!("stage {}", stage.name), "absent", "there");
            continue;
        };
        say(&format!("stage {}: kind", stage.name), &before.kind, &stage.kind);
        say(
            &format!("stage {}: from", stage.name),
            &before.from.join(", "),
            &stage.from.join(", "),
        );
        let names: BTreeSet<&String> = before.params.keys().chain(stage.params.keys()).collect();
        for name in names {
            if !before.params.contains_key(name) && is_default(stage, name, kinds) {
                continue;
            }
            let value = |params: &BTreeMap<String, String>| {
                params.get(name).map_or("absent".to_owned(), String::clone)
            };
            say(&format!("{}.{name}", stage.name), &value(&before.params), &value(&stage.params));
        }
    }
    for stage in old.stages.iter().filter(|s| !new.stages.iter().any(|n| n.name == s.name)) {
        say(&format!("stage {}", stage.name), "there", "absent");
    }
}
