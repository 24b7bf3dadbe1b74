//! A Parquet file a split, images inside: what `universal`, `verl-sft`, `trl` and `hf` share.

use crate::export::dataset::{DatasetError, ImageTable, image_name};
use crate::export::formats::{Example, Files};
use arrow_schema::SchemaRef;
use serde_json::Value;
use std::collections::BTreeMap;

/// What a split's file is called, and when the next one begins.
#[derive(Debug, Clone, Copy)]
pub enum Naming {
    /// `<split>.parquet`.
    One,
    /// `data/<split>-00000.parquet`, a new one at this many bytes.
    Shards(u64),
}

/// The tables of all splits.
pub struct Tables {
    schema: SchemaRef,
    naming: Naming,
    max_pixels: Option<i64>,
    open: BTreeMap<String, (ImageTable, usize)>,
}

/// A row group's bytes: what one open table holds in memory.
const ROW_GROUP: usize = 32 << 20;

impl Tables {
    pub fn new(schema: SchemaRef, naming: Naming) -> Tables {
        Tables { schema, naming, max_pixels: None, open: BTreeMap::new() }
    }

    /// With `max_pixels` for each image; see `ImageTable::bounded`.
    pub fn bounded(self, max_pixels: u64) -> Tables {
        Tables { max_pixels: Some(i64::try_from(max_pixels).unwrap_or(i64::MAX)), ..self }
    }

    fn table(&self) -> Result<ImageTable, DatasetError> {
        Ok(ImageTable::new(self.schema.clone(), ROW_GROUP)?.bounded(self.max_pixels))
    }

    /// Adds a row (all columns but `images`) with the example's images; gives the row back.
    pub fn push(
        &mut self,
        example: &Example<'_>,
        row: Value,
        out: &mut Files,
    ) -> Result<Value, DatasetError> {
        let images = example.images.iter();
        let images = images.map(|(bytes, image)| (bytes.clone(), image_name(image))).collect();
        let split = example.split;
        let (table, shard) = match self.open.remove(split) {
            Some(open) => open,
            None => (self.table()?, 0),
        };
        let (mut table, shard) = match self.naming {
            Naming::Shards(limit) if table.bytes() >= limit => {
                self.close(split, table, shard, out)?;
                (self.table()?, shard + 1)
            }
            _ => (table, shard),
        };
        table.push(&row, images)?;
        for bytes in table.take() {
            out.next(self.name(split, shard), bytes);
        }
        self.open.insert(split.to_string(), (table, shard));
        Ok(row)
    }

    /// Closes all tables. A split without rows has no file: loaders refuse a folder with an empty one.
    pub fn finish(&mut self, splits: &[String], out: &mut Files) -> Result<(), DatasetError> {
        for split in splits {
            if let Some((table, shard)) = self.open.remove(split) {
                self.close(split, table, shard, out)?;
            }
        }
        Ok(())
    }

    fn close(
        &self,
        split: &str,
        table: ImageTable,
        shard: usize,
        out: &mut Files,
    ) -> Result<(), DatasetError> {
        let name = self.name(split, shard);
        for bytes in table.finish()? {
            out.next(name.clone(), bytes);
        }
        out.end(name);
        Ok(())
    }

    fn name(&self, split: &str, shard: usize) -> String {
        match self.naming {
            Naming::One => format!("{split}.parquet"),
            Naming::Shards(_) => format!("data/{split}-{shard:05}.parquet"),
        }
    }
}
