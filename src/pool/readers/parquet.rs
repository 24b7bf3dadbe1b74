//! Parquet: fields by column name; images embedded (`{bytes, path}` as `datasets` writes them, or
//! plain bytes) or linked by a path. Read in small batches of the needed columns only.

use super::Reader;
use super::cells::{columns, row};
use crate::pool::BadKind;
use crate::pool::input::Input;
use crate::pool::out::{Flow, Halt, Out};
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::reader::{ChunkReader, Length};
use std::io::BufReader;

pub const READER: Reader = Reader {
    name: "parquet",
    about: "Parquet, fields by column, images embedded or linked",
    layout: "*.parquet: columns as the fields of `jsonl`; image columns as {bytes, path}, as bytes, or \
             as paths relative to the file",
    claims: |input| !input.ending(&[".parquet"]).is_empty(),
    read,
};

/// Rows decoded at once; each may hold an image.
const BATCH: usize = 16;

fn read(input: &Input, out: &mut Out) -> Flow {
    for name in input.ending_or_all(&[".parquet"]) {
        match unpanicked(|| file(input, name, out)) {
            Ok(()) => {}
            Err(Trouble::Damaged(why)) => out.bad(name, BadKind::DamagedArchive, &why, false)?,
            Err(Trouble::Halted) => return Err(Halt),
        }
    }
    Ok(())
}

/// The decoder may panic on hostile bytes; that is this file's damage and no other's.
pub fn unpanicked(read: impl FnOnce() -> Result<(), Trouble>) -> Result<(), Trouble> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(read))
        .unwrap_or_else(|_| Err(Trouble::Damaged("the decoder gave up on it".to_owned())))
}

pub enum Trouble {
    Damaged(String),
    Halted,
}

impl From<Halt> for Trouble {
    fn from(_: Halt) -> Trouble {
        Trouble::Halted
    }
}

fn file(input: &Input, name: &str, out: &mut Out) -> Result<(), Trouble> {
    let damaged = |e: &dyn std::fmt::Display| Trouble::Damaged(e.to_string());
    let bytes = Object { input: input.clone(), name: name.to_owned() };
    let builder = ParquetRecordBatchReaderBuilder::try_new(bytes).map_err(|e| damaged(&e))?;
    let schema = builder.schema();
    let all: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
    let mask = ProjectionMask::roots(builder.parquet_schema(), columns(schema, out));
    let reader =
        builder.with_projection(mask).with_batch_size(BATCH).build().map_err(|e| damaged(&e))?;
    let mut number = 0u64;
    for batch in reader {
        let batch = batch.map_err(|e| damaged(&e))?;
        for at in 0..batch.num_rows() {
            number += 1;
            row(input, name, out, &batch, (at, number), &all)?;
        }
    }
    Ok(())
}

/// A file as the parquet crate wants it.
struct Object {
    input: Input,
    name: String,
}

impl Length for Object {
    fn len(&self) -> u64 {
        self.input.size(&self.name)
    }
}

impl ChunkReader for Object {
    type T = BufReader<crate::pool::input::Stream>;

    fn get_read(&self, start: u64) -> parquet::errors::Result<Self::T> {
        Ok(BufReader::new(self.input.stream_from(&self.name, start)?))
    }

    fn get_bytes(&self, start: u64, length: usize) -> parquet::errors::Result<Bytes> {
        // Lengths come from the file itself: nothing is allocated for what cannot be there.
        if start.checked_add(length as u64).is_none_or(|end| end > self.len()) {
            let what = format!("{length} bytes at {start} are past its end");
            return Err(parquet::errors::ParquetError::EOF(what));
        }
        Ok(self.input.range(&self.name, start, length)?)
    }
}
