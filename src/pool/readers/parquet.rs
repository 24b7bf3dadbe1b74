//! Parquet: fields by column name; images embedded (`{bytes, path}` as `datasets` writes them, or
//! plain bytes) or linked by a path. Read in small batches of the needed columns only.

use super::Reader;
use super::jsonl::{linked, looks_like_image};
use crate::pool::BadKind;
use crate::pool::draft::Picture;
use crate::pool::input::Input;
use crate::pool::out::{Flow, Halt, Out};
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::DataType;
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::reader::{ChunkReader, Length};
use serde_json::{Map, Value};
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
fn unpanicked(read: impl FnOnce() -> Result<(), Trouble>) -> Result<(), Trouble> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(read))
        .unwrap_or_else(|_| Err(Trouble::Damaged("the decoder gave up on it".to_owned())))
}

enum Trouble {
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
    let wanted = wanted(out);
    let roots: Vec<usize> = builder
        .schema()
        .fields()
        .iter()
        .enumerate()
        .filter(|(_, field)| wanted.iter().any(|w| w == field.name()))
        .map(|(index, _)| index)
        .collect();
    let mask = ProjectionMask::roots(builder.parquet_schema(), roots);
    let reader =
        builder.with_projection(mask).with_batch_size(BATCH).build().map_err(|e| damaged(&e))?;
    let mut number = 0u64;
    for batch in reader {
        let batch = batch.map_err(|e| damaged(&e))?;
        for row in 0..batch.num_rows() {
            number += 1;
            one(input, name, out, &batch, row, number)?;
        }
    }
    Ok(())
}

/// Names of columns that a row may need.
fn wanted(out: &Out) -> Vec<String> {
    let fields = &out.options.fields;
    let mut names = fields.prompt_names();
    names.extend(fields.category_names());
    if out.wants_images() {
        names.extend(fields.image_names());
    }
    let given = [&fields.spec, &fields.gloss, &fields.licence];
    names.extend(given.into_iter().flatten().map(String::as_str));
    names.extend(["spec", "gloss", "plain", "plain_meaning", "licence", "license"]);
    let first = |name: &&str| name.split('.').next().unwrap_or(name).to_owned();
    names.iter().map(first).chain(names.iter().map(|n| (*n).to_owned())).collect()
}

fn one(
    input: &Input,
    name: &str,
    out: &mut Out,
    batch: &RecordBatch,
    row: usize,
    number: u64,
) -> Result<(), Trouble> {
    let schema = batch.schema();
    let mut values = Map::new();
    for (field, column) in schema.fields().iter().zip(batch.columns()) {
        if let Some(value) = value(column, row) {
            values.insert(field.name().clone(), value);
        }
    }
    let mut draft = out.draft_of(format!("{name}#{number}"), &Value::Object(values))?;
    if out.wants_images() {
        for wanted in out.options.fields.image_names() {
            let Some(column) = batch.column_by_name(wanted) else { continue };
            match picture(column, row) {
                Found::Bytes(bytes) => {
                    out.mapped("image", wanted);
                    draft.image = Picture::Bytes(bytes);
                }
                Found::Path(path) if looks_like_image(&path) => {
                    out.mapped("image", wanted);
                    linked(input, name, &path, out, &mut draft)?;
                }
                Found::Path(_) | Found::Nothing => continue,
            }
            break;
        }
    }
    Ok(out.row(draft)?)
}

enum Found {
    Bytes(Bytes),
    Path(String),
    Nothing,
}

fn picture(column: &ArrayRef, row: usize) -> Found {
    if column.is_null(row) {
        return Found::Nothing;
    }
    match column.data_type() {
        DataType::Binary => {
            Found::Bytes(Bytes::copy_from_slice(column.as_binary::<i32>().value(row)))
        }
        DataType::LargeBinary => {
            Found::Bytes(Bytes::copy_from_slice(column.as_binary::<i64>().value(row)))
        }
        DataType::BinaryView => {
            Found::Bytes(Bytes::copy_from_slice(column.as_binary_view().value(row)))
        }
        DataType::Struct(_) => {
            let parts = column.as_struct();
            let found = parts.column_by_name("bytes").map(|bytes| picture(bytes, row));
            match found {
                Some(Found::Bytes(bytes)) if !bytes.is_empty() => Found::Bytes(bytes),
                _ => parts.column_by_name("path").map_or(Found::Nothing, |path| picture(path, row)),
            }
        }
        _ => match value(column, row) {
            Some(Value::String(path)) => Found::Path(path),
            _ => Found::Nothing,
        },
    }
}

/// A cell as JSON, for the kinds of column that prompts and categories come in.
fn value(column: &ArrayRef, row: usize) -> Option<Value> {
    use arrow_array::types::{Float64Type, Int32Type, Int64Type};
    if column.is_null(row) {
        return None;
    }
    Some(match column.data_type() {
        DataType::Utf8 => Value::String(column.as_string::<i32>().value(row).to_owned()),
        DataType::LargeUtf8 => Value::String(column.as_string::<i64>().value(row).to_owned()),
        DataType::Utf8View => Value::String(column.as_string_view().value(row).to_owned()),
        DataType::Int64 => column.as_primitive::<Int64Type>().value(row).into(),
        DataType::Int32 => column.as_primitive::<Int32Type>().value(row).into(),
        DataType::Float64 => column.as_primitive::<Float64Type>().value(row).into(),
        DataType::Dictionary(_, _) => {
            let dictionary = column.as_any_dictionary();
            let key = *dictionary.normalized_keys().get(row)?;
            return value(dictionary.values(), key);
        }
        DataType::List(_) => of_list(&column.as_list::<i32>().value(row)),
        DataType::LargeList(_) => of_list(&column.as_list::<i64>().value(row)),
        DataType::Struct(fields) => {
            let parts = column.as_struct();
            let cells = fields.iter().zip(parts.columns());
            Value::Object(
                cells.filter_map(|(f, c)| Some((f.name().clone(), value(c, row)?))).collect(),
            )
        }
        _ => return None,
    })
}

fn of_list(list: &ArrayRef) -> Value {
    Value::Array((0..list.len()).filter_map(|i| value(list, i)).collect())
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
