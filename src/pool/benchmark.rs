//! The evaluation sets whose fingerprints the project ships: where their prompts are in a folder laid
//! out like the owners' repositories, and how a row's structured meaning is written.
//!
//! A set is a line in `BENCHMARKS`; any other file is fingerprinted through the ordinary readers
//! (`coldstart pool fingerprint --add`). The rules are in `text::decontam`.

use crate::pool::{Images, PoolError, PoolItem, SourceOptions, open};
use crate::record::{Cause, Region, Relation, Size, Spec, SpecObject};
use crate::store::Store;
use crate::text::decontam::Builder;
use futures::StreamExt;
use serde_json::Value;

/// A known evaluation set.
#[derive(Debug, Clone, Copy)]
pub struct Benchmark {
    pub name: &'static str,
    /// Repository, path, commit.
    pub source: &'static str,
    pub licence: &'static str,
    /// Made from templates: a match with numbers and colours masked drops.
    pub drop_masked: bool,
    /// Files relative to the folder, in the order in which rows are counted.
    files: &'static [&'static str],
    /// The prompt's field; None for one prompt a line.
    field: Option<&'static str>,
    /// Further wordings of the same row.
    also: &'static [&'static str],
}

/// All sets that `coldstart pool fingerprint` knows.
pub const BENCHMARKS: [Benchmark; 7] = [
    Benchmark {
        name: "geneval",
        source: "djghosh13/geneval: prompts/evaluation_metadata.jsonl @ af4902f2",
        licence: "MIT",
        drop_masked: true,
        files: &["geneval.jsonl"],
        field: Some("prompt"),
        also: &[],
    },
    Benchmark {
        name: "geneval_pp",
        source: "yejy53/Echo-4o: test_scripts/Geneval++.jsonl @ 28f36d76",
        licence: "Apache-2.0",
        drop_masked: true,
        files: &["geneval_pp.jsonl"],
        field: Some("prompt"),
        also: &[],
    },
    Benchmark {
        name: "imagine",
        source: "yejy53/Echo-4o: test_scripts/Imagine.jsonl @ 28f36d76",
        licence: "Apache-2.0",
        drop_masked: false,
        files: &["imagine.jsonl"],
        field: Some("instruction"),
        also: &[],
    },
    Benchmark {
        name: "t2i_compbench",
        source: "Karine-Huang/T2I-CompBench: examples/dataset/*_val.txt @ 1b709499",
        licence: "MIT",
        drop_masked: false,
        files: &[
            "t2i_compbench/3d_spatial_val.txt",
            "t2i_compbench/color_val.txt",
            "t2i_compbench/complex_val.txt",
            "t2i_compbench/non_spatial_val.txt",
            "t2i_compbench/numeracy_val.txt",
            "t2i_compbench/shape_val.txt",
            "t2i_compbench/spatial_val.txt",
            "t2i_compbench/texture_val.txt",
        ],
        field: None,
        also: &[],
    },
    Benchmark {
        name: "wise_legacy",
        source: "PKU-YuanGroup/WISE: WISE_legacy/data/ with rewrites @ eb511744",
        licence: "none found",
        drop_masked: false,
        files: &[
            "wise_legacy/cultural_common_sense.json",
            "wise_legacy/spatio-temporal_reasoning.json",
            "wise_legacy/natural_science.json",
            "wise_legacy/cultural_common_sense_rewrite.json",
            "wise_legacy/spatio-temporal_reasoning_rewrite.json",
            "wise_legacy/natural_science_rewrite.json",
        ],
        field: Some("Prompt"),
        also: &["Explanation"],
    },
    Benchmark {
        name: "wise_verified",
        source: "PKU-YuanGroup/WISE: data_verified/ @ eb511744",
        licence: "none found",
        drop_masked: false,
        files: &[
            "wise_verified/cultural_common_sense_verified.json",
            "wise_verified/spatio-temporal_reasoning_verified.json",
            "wise_verified/natural_science_verified.json",
        ],
        field: Some("Prompt"),
        also: &["Explanation"],
    },
    Benchmark {
        name: "dpg",
        source: "TencentQQGYLab/ELLA: dpg_bench/prompts/*.txt @ 3c228f1d",
        licence: "Apache-2.0",
        drop_masked: false,
        files: &["dpg.jsonl"],
        field: Some("prompt"),
        also: &[],
    },
];

impl Benchmark {
    /// The fingerprint file of this set from a folder, with its number of rows; None where the folder
    /// has none of its files. A set of which only some files are there is an error.
    pub async fn build(&self, folder: &Store) -> Result<Option<(Vec<u8>, u32)>, PoolError> {
        let mut builder = Builder::new(self.name, self.source, self.licence, self.drop_masked);
        let mut missing = Vec::new();
        for file in self.files {
            if !folder.exists(file).await? {
                missing.push(*file);
                continue;
            }
            self.add(&folder.get(file).await?, &mut builder).map_err(|cause| {
                PoolError::Damaged { uri: format!("{}/{file}", folder.uri()), cause }
            })?;
        }
        if missing.len() == self.files.len() {
            return Ok(None);
        }
        if !missing.is_empty() {
            let what =
                format!("of `{}`, these files are missing: {}", self.name, missing.join(", "));
            return Err(PoolError::Unknown { uri: folder.uri(), what });
        }
        let rows = builder.rows();
        Ok(Some((builder.finish(), rows)))
    }

    fn add(&self, bytes: &[u8], builder: &mut Builder) -> Result<(), Cause> {
        let text = std::str::from_utf8(bytes).map_err(Cause::new)?;
        let Some(field) = self.field else {
            text.lines().filter(|l| !l.trim().is_empty()).for_each(|l| builder.row(l, None));
            return Ok(());
        };
        let rows: Vec<Value> = if text.trim_start().starts_with('[') {
            serde_json::from_str(text).map_err(Cause::new)?
        } else {
            let lines = text.lines().filter(|l| !l.trim().is_empty());
            lines.map(serde_json::from_str).collect::<Result<_, _>>().map_err(Cause::new)?
        };
        for (number, row) in rows.iter().enumerate() {
            let prompt = row.get(field).and_then(Value::as_str);
            let prompt = prompt.ok_or_else(|| format!("row {} has no `{field}`", number + 1))?;
            builder.row(prompt, spec_of(row).as_ref());
            for also in self.also.iter().filter_map(|f| row.get(*f).and_then(Value::as_str)) {
                builder.also(also, None);
            }
        }
        Ok(())
    }
}

/// A set's fingerprints, of a file that any reader takes.
#[derive(Debug, Clone)]
pub struct Fingerprinted {
    /// The `.fp` file.
    pub bytes: Vec<u8>,
    pub rows: u32,
    /// Rows that could not be used.
    pub bad: u64,
}

/// Fingerprints the prompts of `file` under `name`; `templates`: a match with numbers and colours masked
/// drops.
pub async fn fingerprint(
    file: &str,
    name: &str,
    licence: &str,
    templates: bool,
) -> Result<Fingerprinted, PoolError> {
    let mut builder = Builder::new(name, file, licence, templates);
    // A benchmark's rows are only hashed: long ones are welcome.
    let options =
        SourceOptions { images: Images::Skip, max_chars: 1 << 20, ..SourceOptions::default() };
    let mut items = open(file, &options);
    let mut bad = 0;
    while let Some(item) = items.next().await {
        match item? {
            PoolItem::Row(row) => builder.row(&row.prompt.text, row.prompt.spec.as_ref()),
            PoolItem::Bad(found) => bad += u64::from(!found.row_kept),
            PoolItem::End(_) => {}
        }
    }
    let rows = builder.rows();
    Ok(Fingerprinted { bytes: builder.finish(), rows, bad })
}

/// The spec of a GenEval or GenEval++ row: `include` with class, count, color, region, size and
/// `position: ["right of", 0]`; `exclude` alike.
pub fn spec_of(row: &Value) -> Option<Spec> {
    let mut spec = Spec::default();
    for object in row.get("exclude").and_then(Value::as_array).into_iter().flatten() {
        spec.exclude.push(object_of(object)?);
    }
    for (index, object) in row.get("include")?.as_array()?.iter().enumerate() {
        spec.include.push(object_of(object)?);
        if let Some([way, other]) =
            object.get("position").and_then(Value::as_array).map(Vec::as_slice)
            && let (Some(way), Some(other)) = (way.as_str().and_then(region), other.as_u64())
        {
            let object = other as usize;
            spec.relations.push(Relation { subject: index, region: way, object });
        }
    }
    (!spec.include.is_empty()).then_some(spec)
}

fn object_of(object: &Value) -> Option<SpecObject> {
    let text = |key: &str| object.get(key).and_then(Value::as_str);
    let count = object.get("count").and_then(Value::as_u64).unwrap_or(1);
    Some(SpecObject {
        class: text("class")?.to_owned(),
        count: u32::try_from(count).ok()?,
        color: text("color").map(str::to_owned),
        region: text("region").and_then(region),
        size: match text("size") {
            Some("larger") => Some(Size::Larger),
            Some("smaller") => Some(Size::Smaller),
            _ => None,
        },
        material: None,
    })
}

/// A side in the words of open sets: `left`, `left of`, `on the left of`, `on top of`, …
pub fn region(words: &str) -> Option<Region> {
    let holds = |word: &str| words.split_whitespace().any(|w| w == word);
    Some(match () {
        () if holds("left") => Region::Left,
        () if holds("right") => Region::Right,
        () if holds("above") || holds("top") || holds("over") => Region::Above,
        () if holds("below") || holds("under") || holds("bottom") => Region::Below,
        () => return None,
    })
}
