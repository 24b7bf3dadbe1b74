//! Columns of Arrow as rows: what Parquet files and the folders of `save_to_disk` have in common.

use super::jsonl::{linked, looks_like_image};
use crate::pool::draft::Draft;
use crate::pool::input::Input;
use crate::pool::out::{Flow, Halt, Out};
use arrow_array::cast::AsArray;
use arrow_array::types as t;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, Schema};
use bytes::Bytes;
use serde_json::{Map, Value};

/// Names of columns that a row may need.
fn wanted(out: &Out) -> Vec<String> {
    let fields = &out.options.fields;
    let mut names = fields.prompt_names();
    names.extend(fields.category_names());
    names.extend(crate::pool::fields::CONVERSATIONS);
    if out.wants_images() {
        names.extend(fields.image_names());
    }
    let given = [&fields.spec, &fields.gloss, &fields.licence];
    names.extend(given.into_iter().flatten().map(String::as_str));
    names.extend(["spec", "gloss", "plain", "plain_meaning", "licence", "license"]);
    let first = |name: &&str| name.split('.').next().unwrap_or(name).to_owned();
    names.iter().map(first).chain(names.iter().map(|n| (*n).to_owned())).collect()
}

/// Which of a file's columns are read.
pub fn columns(schema: &Schema, out: &Out) -> Vec<usize> {
    let wanted = wanted(out);
    let fields = schema.fields().iter().enumerate();
    fields.filter(|(_, field)| wanted.iter().any(|w| w == field.name())).map(|(at, _)| at).collect()
}

/// One row of `batch`; `all` are the names of the file's columns, for messages.
pub fn row(
    input: &Input,
    name: &str,
    out: &mut Out,
    batch: &RecordBatch,
    at: (usize, u64),
    all: &[String],
) -> Flow {
    let (row, number) = at;
    let schema = batch.schema();
    let mut values = Map::new();
    for (field, column) in schema.fields().iter().zip(batch.columns()) {
        if let Some(value) = value(column, row) {
            values.insert(field.name().clone(), value);
        }
    }
    let mut draft = out.draft_of(format!("{name}#{number}"), &Value::Object(values))?;
    if draft.text.is_none() && draft.unread.is_none() {
        draft.unread = Some(crate::pool::fields::there(all.iter().map(String::as_str)));
    }
    if out.wants_images() {
        image(input, name, out, batch, row, &mut draft)?;
    }
    out.row(draft)
}

fn image(
    input: &Input,
    name: &str,
    out: &mut Out,
    batch: &RecordBatch,
    row: usize,
    draft: &mut Draft,
) -> Result<(), Halt> {
    for wanted in out.options.fields.image_names() {
        let Some(column) = batch.column_by_name(wanted) else { continue };
        match picture(column, row) {
            Found::Bytes(bytes) => {
                out.mapped("image", wanted);
                draft.image = Some(Ok(bytes));
            }
            Found::Path(path) if looks_like_image(&path) => {
                out.mapped("image", wanted);
                linked(input, name, &path, out, draft)?;
            }
            Found::Path(_) | Found::Nothing => continue,
        }
        break;
    }
    Ok(())
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
    if let Some(bytes) = bytes(column, row) {
        return Found::Bytes(Bytes::copy_from_slice(bytes));
    }
    match column.data_type() {
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

fn bytes(column: &ArrayRef, row: usize) -> Option<&[u8]> {
    Some(match column.data_type() {
        DataType::Binary => column.as_binary::<i32>().value(row),
        DataType::LargeBinary => column.as_binary::<i64>().value(row),
        DataType::BinaryView => column.as_binary_view().value(row),
        DataType::FixedSizeBinary(_) => column.as_fixed_size_binary().value(row),
        _ => return None,
    })
}

/// A cell as JSON. Bytes that are UTF-8 are a text, as some writers mean them.
pub fn value(column: &ArrayRef, row: usize) -> Option<Value> {
    if column.is_null(row) {
        return None;
    }
    if let Some(bytes) = bytes(column, row) {
        return std::str::from_utf8(bytes).ok().map(Value::from);
    }
    Some(match column.data_type() {
        DataType::Utf8 => column.as_string::<i32>().value(row).into(),
        DataType::LargeUtf8 => column.as_string::<i64>().value(row).into(),
        DataType::Utf8View => column.as_string_view().value(row).into(),
        DataType::Boolean => column.as_boolean().value(row).into(),
        DataType::Dictionary(_, _) => {
            let dictionary = column.as_any_dictionary();
            let key = *dictionary.normalized_keys().get(row)?;
            return value(dictionary.values(), key);
        }
        DataType::List(_) => of_list(&column.as_list::<i32>().value(row)),
        DataType::LargeList(_) => of_list(&column.as_list::<i64>().value(row)),
        DataType::FixedSizeList(_, _) => of_list(&column.as_fixed_size_list().value(row)),
        DataType::ListView(_) => of_list(&column.as_list_view::<i32>().value(row)),
        DataType::LargeListView(_) => of_list(&column.as_list_view::<i64>().value(row)),
        DataType::Map(_, _) => of_map(column, row),
        DataType::Struct(fields) => {
            let parts = column.as_struct();
            let cells = fields.iter().zip(parts.columns());
            Value::Object(
                cells.filter_map(|(f, c)| Some((f.name().clone(), value(c, row)?))).collect(),
            )
        }
        other => return number(column, other, row),
    })
}

/// Numbers, dates and times (as the number that they are stored as), decimals as texts.
fn number(column: &ArrayRef, kind: &DataType, row: usize) -> Option<Value> {
    macro_rules! of {
        ($($kind:pat => $native:ty),* $(,)?) => {
            match kind {
                $($kind => column.as_primitive::<$native>().value(row).into(),)*
                DataType::Float16 => {
                    column.as_primitive::<t::Float16Type>().value(row).to_f64().into()
                }
                // The shortest text of a narrow float: 0.1, not 0.10000000149011612.
                DataType::Float32 => {
                    let narrow = column.as_primitive::<t::Float32Type>().value(row);
                    narrow.to_string().parse::<f64>().ok()?.into()
                }
                DataType::Decimal128(_, _) => {
                    column.as_primitive::<t::Decimal128Type>().value_as_string(row).into()
                }
                _ => return None,
            }
        };
    }
    Some(of! {
        DataType::Int8 => t::Int8Type,
        DataType::Int16 => t::Int16Type,
        DataType::Int32 => t::Int32Type,
        DataType::Int64 => t::Int64Type,
        DataType::UInt8 => t::UInt8Type,
        DataType::UInt16 => t::UInt16Type,
        DataType::UInt32 => t::UInt32Type,
        DataType::UInt64 => t::UInt64Type,
        DataType::Float64 => t::Float64Type,
        DataType::Date32 => t::Date32Type,
        DataType::Date64 => t::Date64Type,
    })
}

fn of_list(list: &ArrayRef) -> Value {
    Value::Array((0..list.len()).filter_map(|i| value(list, i)).collect())
}

fn of_map(column: &ArrayRef, row: usize) -> Value {
    let entries = column.as_map().value(row);
    let entry = |at: usize| {
        let key = match value(entries.column(0), at)? {
            Value::String(text) => text,
            other => other.to_string(),
        };
        Some((key, value(entries.column(1), at)?))
    };
    Value::Object((0..entries.len()).filter_map(entry).collect())
}
