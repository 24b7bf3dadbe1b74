//! Croissant 1.1: the dataset described for machines, `croissant.json` beside the card. The hub makes
//! the core of it by itself; what it cannot know is where the rows come from, which stands here as
//! PROV: `wasDerivedFrom` the sources of the prompts, `wasGeneratedBy` the run and its models.

use crate::export::card::CardFacts;
use serde_json::{Map, Value, json};

/// The file's name beside the card.
pub const FILE: &str = "croissant.json";

/// The columns of plain text that every folder of rows has.
const TEXTS: [(&str, &str); 6] = [
    ("id", "the record's id"),
    ("prompt", "the user's prompt"),
    ("category", "the prompt's category"),
    ("source", "where the prompt comes from"),
    ("outcome", "one_round, closed (ends with an answer) or open (ends on a tool call)"),
    ("licence", "the licence of the prompt's source"),
];

/// What the description says beside the facts of the card.
#[derive(Debug, Clone, Copy)]
pub struct Described<'a> {
    pub rows: u64,
    pub simulated: bool,
    /// The splits, each with the pattern of its files.
    pub splits: &'a [(String, String)],
    /// BLAKE3 of the dataset that the rows come from.
    pub digest: &'a str,
}

/// The document. A function of the rows and the pipeline alone: it holds no date.
pub fn render(facts: &CardFacts, described: Described<'_>) -> String {
    let Described { rows, simulated, splits, .. } = described;
    let mut out = json!({
        "@context": context(),
        "@type": "sc:Dataset",
        "conformsTo": [
            "http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"
        ],
        "name": name(&facts.title),
        "description": described_in_words(rows, simulated),
        "license": facts.licence.as_deref().unwrap_or("other"),
        "version": "1.0.0",
        "keywords": keywords(simulated),
        "creator": {"@type": "Organization", "name": "coldstart"},
        "citeAs": "The method is GenAgent's, arXiv:2601.18543; cite the sources of the prompts too.",
        "distribution": splits.iter().map(files).collect::<Vec<_>>(),
        "recordSet": splits.iter().map(records).collect::<Vec<_>>(),
        "prov:wasDerivedFrom": sources(facts),
        "prov:wasGeneratedBy": [activity(facts, described)],
        "rai:dataCollection": COLLECTION,
        "rai:dataLimitations": LIMITATIONS,
    });
    if simulated {
        out["rai:dataLimitations"] =
            format!("SIMULATED DATA, made by no real model. {LIMITATIONS}").into();
    }
    format!("{out:#}\n")
}

const COLLECTION: &str = "Made by models: prompts from the sources named by prov:wasDerivedFrom or \
written by a model; thinking, refined prompts, pictures and judgements by the models named by \
prov:wasGeneratedBy; filtered as the card's funnel says.";

const LIMITATIONS: &str = "Verdicts are those of judging models and may be wrong. Pictures are those \
of one generator. No person has checked the rows.";

fn described_in_words(rows: u64, simulated: bool) -> String {
    let label = if simulated { "SIMULATED DATA. " } else { "" };
    format!(
        "{label}{rows} cold-start SFT trajectories for an agent that calls an image generator, looks \
         at the picture, judges it, reflects and calls again (GenAgent, arXiv 2601.18543)."
    )
}

fn keywords(simulated: bool) -> Vec<&'static str> {
    let mut words = vec!["agent", "trajectories", "text-to-image", "coldstart"];
    words.extend(simulated.then_some("simulated"));
    words
}

/// A name of letters, digits, `-` and `_`: others are refused by validators.
fn name(title: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let title: String = title.chars().map(plain).collect();
    let title = title.trim_matches('-');
    if title.is_empty() { "coldstart-trajectories".into() } else { format!("coldstart-{title}") }
}

fn files((split, pattern): &(String, String)) -> Value {
    json!({
        "@type": "cr:FileSet",
        "@id": format!("{split}-shards"),
        "name": format!("{split}-shards"),
        "description": "Parquet shards with the pictures inside.",
        "encodingFormat": "application/x-parquet",
        "includes": pattern,
    })
}

fn records((split, _): &(String, String)) -> Value {
    let field = |(column, about): &(&str, &str)| {
        json!({
            "@type": "cr:Field",
            "@id": format!("{split}/{column}"),
            "name": column,
            "description": about,
            "dataType": "sc:Text",
            "source": {
                "fileSet": {"@id": format!("{split}-shards")},
                "extract": {"column": column},
            },
        })
    };
    json!({
        "@type": "cr:RecordSet",
        "@id": split,
        "name": split,
        "description": "A trajectory a record; conversation and pictures are in the columns \
                        `messages` and `images`.",
        "field": TEXTS.iter().map(field).collect::<Vec<_>>(),
    })
}

fn sources(facts: &CardFacts) -> Vec<Value> {
    let source = |(name, rows): (&String, &u64)| {
        json!({
            "@type": "prov:Entity",
            "prov:label": name,
            "sc:description": format!("prompts of {rows} rows"),
        })
    };
    facts.sources.iter().map(source).collect()
}

/// The run: program, pipeline, and every model that had a part in a row.
fn activity(facts: &CardFacts, described: Described<'_>) -> Value {
    let program = json!({
        "@type": "prov:SoftwareAgent",
        "prov:label": "coldstart",
        "sc:softwareVersion": env!("CARGO_PKG_VERSION"),
    });
    let model = |(name, rows): (&String, &u64)| {
        let name = if name.is_empty() { "not named by its server" } else { name };
        json!({
            "@type": "prov:SoftwareAgent",
            "prov:label": name,
            "sc:description": format!("model with a part in {rows} rows"),
        })
    };
    let mut agents = vec![program];
    agents.extend(facts.models.iter().map(model));
    let mut out = Map::new();
    out.insert("@type".into(), "prov:Activity".into());
    let label = match facts.title.as_str() {
        "" => "coldstart run".to_owned(),
        title => format!("coldstart run, pipeline {title}"),
    };
    out.insert("prov:label".into(), label.into());
    out.insert("prov:wasAssociatedWith".into(), agents.into());
    let mut known = Vec::new();
    let mut say = |name: &str, value: &str| {
        if !value.is_empty() {
            known.push(json!({"@type": "sc:PropertyValue", "sc:name": name, "sc:value": value}));
        }
    };
    say("pipeline digest", &facts.pipeline);
    say("dataset digest (BLAKE3)", described.digest);
    say("simulated", if described.simulated { "true" } else { "false" });
    out.insert("sc:additionalProperty".into(), known.into());
    out.into()
}

/// The standard context of version 1.1, and PROV's.
fn context() -> Value {
    serde_json::from_str(include_str!("../../data/export/croissant_context.json"))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{Described, name, render};
    use crate::export::card::CardFacts;
    use serde_json::Value;

    #[test]
    fn provenance_names_sources_and_models_and_what_is_simulated() {
        let mut facts = CardFacts { title: "paper".into(), ..CardFacts::default() };
        facts.pipeline = "abc".into();
        facts.sources.insert("gen_ref \"x\"".into(), 3);
        facts.models.insert(String::new(), 2);
        let splits = [("train".to_string(), "train-*.parquet".to_string())];
        let described = Described { rows: 5, simulated: true, splits: &splits, digest: "d" };
        let told: Value = serde_json::from_str(&render(&facts, described)).unwrap();
        assert_eq!(told["@context"]["prov"], "http://www.w3.org/ns/prov#");
        assert_eq!(told["prov:wasDerivedFrom"][0]["prov:label"], "gen_ref \"x\"");
        let agents = &told["prov:wasGeneratedBy"][0]["prov:wasAssociatedWith"];
        assert_eq!(agents[1]["prov:label"], "not named by its server");
        assert!(told["rai:dataLimitations"].as_str().unwrap().starts_with("SIMULATED"));
        assert_eq!(told["recordSet"][0]["field"][0]["source"]["extract"]["column"], "id");
        let real = render(&facts, Described { simulated: false, ..described });
        assert!(!real.contains("SIMULATED"));
    }

    #[test]
    fn names_are_such_as_validators_take() {
        assert_eq!(name("three rounds/2"), "coldstart-three-rounds-2");
        assert_eq!(name(""), "coldstart-trajectories");
    }
}
