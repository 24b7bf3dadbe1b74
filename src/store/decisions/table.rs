//! Writing a stage's table: rows in order, parts of bounded size.

use crate::record::Decision;
use crate::store::decisions::encode::{BATCH, batch, start};
use crate::store::{Layout, Store, StoreError};
use bytes::Bytes;
use parquet::arrow::ArrowWriter;

/// Rows of a part: bounds the memory of a writer to some tens of megabytes.
const PART_ROWS: usize = 50_000;

/// Writes `stages/<stage>/part-*.parquet` under a store. The same rows in the same order give the
/// same objects; a stage without rows gets one empty part.
pub struct DecisionWriter {
    store: Store,
    stage: String,
    part: usize,
    rows: u64,
    waiting: Vec<Decision>,
    file: Option<ArrowWriter<Vec<u8>>>,
    file_rows: usize,
}

impl DecisionWriter {
    pub fn new(store: Store, stage: &str) -> DecisionWriter {
        DecisionWriter {
            store,
            stage: stage.to_string(),
            part: 0,
            rows: 0,
            waiting: Vec::new(),
            file: None,
            file_rows: 0,
        }
    }

    /// Adds a row; the caller gives them in the table's final order (by id).
    pub async fn push(&mut self, row: Decision) -> Result<(), StoreError> {
        self.waiting.push(row);
        self.rows += 1;
        if self.waiting.len() == BATCH {
            self.encode()?;
            if self.file_rows >= PART_ROWS {
                self.end_part().await?;
            }
        }
        Ok(())
    }

    /// Makes all parts durable and removes parts that an earlier table had beyond them. Returns
    /// the number of rows.
    pub async fn finish(mut self) -> Result<u64, StoreError> {
        self.encode()?;
        if self.file_rows > 0 || self.part == 0 {
            self.end_part().await?;
        }
        let kept: Vec<String> =
            (0..self.part).map(|part| Layout::stage_part(&self.stage, part)).collect();
        for (name, _) in self.store.list(&format!("{}/{}", Layout::STAGES, self.stage)).await? {
            if !kept.contains(&name) && name.ends_with(".parquet") {
                self.store.delete(&name).await?;
            }
        }
        Ok(self.rows)
    }

    fn encode(&mut self) -> Result<(), StoreError> {
        let rows = std::mem::take(&mut self.waiting);
        self.file_rows += rows.len();
        let file = match self.file.take() {
            Some(file) => file,
            None => start().map_err(|e| self.error(e))?,
        };
        let file = self.file.insert(file);
        let written = match rows.is_empty() {
            true => Ok(()),
            false => batch(&rows).map_err(Into::into).and_then(|batch| file.write(&batch)),
        };
        written.map_err(|e| self.error(e))
    }

    async fn end_part(&mut self) -> Result<(), StoreError> {
        let Some(file) = self.file.take() else { return Ok(()) };
        let bytes = file.into_inner().map_err(|e| self.error(e))?;
        self.store.put(&Layout::stage_part(&self.stage, self.part), Bytes::from(bytes)).await?;
        self.part += 1;
        self.file_rows = 0;
        Ok(())
    }

    fn error(&self, error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
        let place = self.store.place(&Layout::stage_part(&self.stage, self.part));
        StoreError::of(place, error)
    }
}
