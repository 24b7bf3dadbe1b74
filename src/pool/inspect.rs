//! What a path holds: what it is taken for, where its fields are, how many rows, what cannot be used.

use crate::pool::{
    Bad, BadKind, Ending, PoolError, PoolItem, PoolRow, SourceOptions, detect, open,
};
use futures::StreamExt;
use std::collections::BTreeMap;

/// What a path holds.
#[derive(Debug, Default, serde::Serialize)]
pub struct Inspection {
    pub path: String,
    pub format: &'static str,
    pub about: &'static str,
    pub files: usize,
    pub bytes: u64,
    pub rows: u64,
    /// True when the options' cap ended the count.
    pub more: bool,
    /// Where each of our fields was found, in how many rows.
    pub fields: Vec<Mapped>,
    pub images: Pictures,
    pub specs: u64,
    pub categories: BTreeMap<String, u64>,
    pub bad: BTreeMap<&'static str, BadRows>,
    pub sample: Vec<Sample>,
    /// Files of the folder that the format does not read.
    pub unread_files: u64,
    pub unread_examples: Vec<String>,
}

/// A field of ours, and what the source calls it.
#[derive(Debug, serde::Serialize)]
pub struct Mapped {
    pub ours: &'static str,
    pub theirs: String,
    pub rows: u64,
}

/// Reference images, by what became of them.
#[derive(Debug, Default, serde::Serialize)]
pub struct Pictures {
    pub found: u64,
    pub missing: u64,
    pub damaged: u64,
}

/// Rows, or parts of rows, that cannot be used for one reason.
#[derive(Debug, Default, serde::Serialize)]
pub struct BadRows {
    pub count: u64,
    /// The first few places, with the reason.
    pub examples: Vec<String>,
}

/// A row to show.
#[derive(Debug, serde::Serialize)]
pub struct Sample {
    pub key: String,
    pub category: String,
    pub text: String,
    pub image: Option<String>,
    pub spec: bool,
}

/// Reads `path` as a run would with `options`, and counts; keeps the first `shown` rows.
pub async fn inspect(
    path: &str,
    options: &SourceOptions,
    shown: usize,
) -> Result<Inspection, PoolError> {
    let detected = detect(path, options.format.as_deref()).await?;
    let mut found = Inspection {
        path: path.to_owned(),
        format: detected.format,
        about: detected.about,
        files: detected.files,
        bytes: detected.bytes,
        ..Inspection::default()
    };
    let mut items = open(path, options);
    while let Some(item) = items.next().await {
        match item? {
            PoolItem::Row(row) => found.row(&row, shown),
            PoolItem::Bad(bad) => found.bad(&bad),
            PoolItem::End(ending) => found.end(*ending),
        }
    }
    found.more = options.cap == Some(found.rows);
    Ok(found)
}

impl Inspection {
    fn row(&mut self, row: &PoolRow, shown: usize) {
        let prompt = &row.prompt;
        self.rows += 1;
        self.images.found += u64::from(prompt.reference.is_some());
        self.specs += u64::from(prompt.spec.is_some());
        *self.categories.entry(prompt.category.clone()).or_default() += 1;
        if self.sample.len() < shown {
            let image = prompt
                .reference
                .map(|i| format!("{} {}x{}, {} bytes", i.mime.ext(), i.width, i.height, i.bytes));
            self.sample.push(Sample {
                key: prompt.key.clone().unwrap_or_default(),
                category: prompt.category.clone(),
                text: prompt.text.clone(),
                image,
                spec: prompt.spec.is_some(),
            });
        }
    }

    fn bad(&mut self, bad: &Bad) {
        self.images.missing += u64::from(bad.kind == BadKind::MissingImage);
        self.images.damaged += u64::from(bad.kind == BadKind::DamagedImage);
        let rows = self.bad.entry(bad.kind.as_str()).or_default();
        rows.count += 1;
        if rows.examples.len() < 3 {
            rows.examples.push(format!("{}: {}", bad.place, bad.detail));
        }
    }

    fn end(&mut self, ending: Ending) {
        let fields = ending.fields.into_iter();
        self.fields = fields.map(|(ours, theirs, rows)| Mapped { ours, theirs, rows }).collect();
        self.unread_files = ending.unread;
        self.unread_examples = ending.unread_names;
    }
}
