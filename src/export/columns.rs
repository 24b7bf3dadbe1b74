//! Typed rows to Arrow arrays and back, through `serde_json::Value`, led by the schema.
//!
//! A row is a serde struct whose fields are named as the columns. So a column is added in one place, and
//! a name or type that does not fit is an error. Image bytes are not for these columns: `dataset` builds
//! theirs itself, without a copy through JSON.

use arrow_array::builder::{
    BooleanBuilder, Float32Builder, Float64Builder, Int32Builder, Int64Builder, StringBuilder,
    UInt32Builder, UInt64Builder,
};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type, Int32Type, Int64Type, UInt32Type, UInt64Type};
use arrow_array::{Array, ArrayRef, ListArray, StructArray};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::{DataType, Field, FieldRef, Fields};
use serde_json::{Map, Value};
use std::sync::Arc;

/// A value that its column cannot hold, or a column type that has no rule here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("column `{column}`: {what}")]
pub struct ColumnError {
    pub column: String,
    pub what: String,
}

/// A nullable column.
pub fn column(name: &str, data_type: DataType) -> FieldRef {
    Arc::new(Field::new(name, data_type, true))
}

/// A nullable string column.
pub fn text(name: &str) -> FieldRef {
    column(name, DataType::Utf8)
}

/// A list of nullable items; the child is named as the Parquet format asks.
pub fn list(item: DataType) -> DataType {
    DataType::List(Arc::new(Field::new("element", item, true)))
}

/// A struct of nullable fields.
pub fn group(fields: Vec<FieldRef>) -> DataType {
    DataType::Struct(Fields::from(fields))
}

/// `list<struct<bytes: binary, path: string>>`, all levels nullable, in this order: exactly what
/// `datasets` stores for a list of images, and the only form it recognises.
pub fn images() -> DataType {
    list(group(vec![column("bytes", DataType::Binary), text("path")]))
}

/// `images` with `max_pixels` for each: verl scales an image down to it (its loader hands the struct
/// to `qwen_vl_utils.fetch_image`, whose own bound is 16,384 tokens an image).
pub fn bounded_images() -> DataType {
    let bound = column("max_pixels", DataType::Int64);
    list(group(vec![column("bytes", DataType::Binary), text("path"), bound]))
}

/// `list<struct<role: string, content: string>>`.
pub fn messages() -> DataType {
    list(group(vec![text("role"), text("content")]))
}

/// The values of one column as an array of `field`'s type. Absent and `null` are null.
pub fn array(field: &Field, values: &[Option<&Value>]) -> Result<ArrayRef, ColumnError> {
    let wrong = |value: &Value| ColumnError {
        column: field.name().clone(),
        what: format!("`{}` is not of type {}", shorten(&value.to_string()), field.data_type()),
    };
    macro_rules! fill {
        ($builder:ty, $get:expr) => {{
            let mut builder = <$builder>::new();
            for value in values {
                match value.filter(|v| !v.is_null()) {
                    Some(value) => builder.append_value($get(value).ok_or_else(|| wrong(value))?),
                    None => builder.append_null(),
                }
            }
            Ok(Arc::new(builder.finish()) as ArrayRef)
        }};
    }
    match field.data_type() {
        DataType::Utf8 => fill!(StringBuilder, Value::as_str),
        DataType::Boolean => fill!(BooleanBuilder, Value::as_bool),
        DataType::Int32 => fill!(Int32Builder, |v: &Value| v.as_i64()?.try_into().ok()),
        DataType::Int64 => fill!(Int64Builder, Value::as_i64),
        DataType::UInt32 => fill!(UInt32Builder, |v: &Value| v.as_u64()?.try_into().ok()),
        DataType::UInt64 => fill!(UInt64Builder, Value::as_u64),
        DataType::Float32 => fill!(Float32Builder, |v: &Value| Some(v.as_f64()? as f32)),
        DataType::Float64 => fill!(Float64Builder, Value::as_f64),
        DataType::List(item) => list_array(item, values, wrong),
        DataType::Struct(fields) => struct_array(fields, values, wrong),
        other => Err(ColumnError {
            column: field.name().clone(),
            what: format!("type {other} is not one a row can hold"),
        }),
    }
}

fn list_array(
    item: &FieldRef,
    values: &[Option<&Value>],
    wrong: impl Fn(&Value) -> ColumnError,
) -> Result<ArrayRef, ColumnError> {
    let mut lengths = Vec::with_capacity(values.len());
    let mut items = Vec::new();
    let mut valid = Vec::with_capacity(values.len());
    for value in values {
        let value = value.filter(|v| !v.is_null());
        valid.push(value.is_some());
        let Some(value) = value else {
            lengths.push(0);
            continue;
        };
        let list = value.as_array().ok_or_else(|| wrong(value))?;
        lengths.push(list.len());
        items.extend(list.iter().map(Some));
    }
    let child = array(item, &items)?;
    let offsets = OffsetBuffer::from_lengths(lengths);
    Ok(Arc::new(ListArray::new(item.clone(), offsets, child, Some(NullBuffer::from(valid)))))
}

fn struct_array(
    fields: &Fields,
    values: &[Option<&Value>],
    wrong: impl Fn(&Value) -> ColumnError,
) -> Result<ArrayRef, ColumnError> {
    let mut rows: Vec<Option<&Map<String, Value>>> = Vec::with_capacity(values.len());
    for value in values {
        rows.push(match value.filter(|v| !v.is_null()) {
            Some(value) => Some(value.as_object().ok_or_else(|| wrong(value))?),
            None => None,
        });
    }
    let valid: Vec<bool> = rows.iter().map(Option::is_some).collect();
    let children = columns(fields, &rows)?;
    Ok(Arc::new(StructArray::new(fields.clone(), children, Some(NullBuffer::from(valid)))))
}

/// One array a field, from rows that are objects. A key that is no column is an error: data must
/// not be lost by a slip of the pen.
pub fn columns(
    fields: &Fields,
    rows: &[Option<&Map<String, Value>>],
) -> Result<Vec<ArrayRef>, ColumnError> {
    let mut values = vec![vec![None; rows.len()]; fields.len()];
    let mut by_name: Vec<usize> = (0..fields.len()).collect();
    by_name.sort_by_key(|&at| fields[at].name());
    for (n, row) in rows.iter().enumerate() {
        // Rows have their keys in this order too: the next key's column is nearly always the next.
        let mut next = 0;
        for (key, value) in row.iter().flat_map(|row| row.iter()) {
            if by_name.get(next).is_none_or(|&at| fields[at].name() != key) {
                let found = by_name.binary_search_by(|&at| fields[at].name().cmp(key));
                next = found.map_err(|_| not_there(key))?;
            }
            values[by_name[next]][n] = Some(value);
            next += 1;
        }
    }
    fields.iter().zip(values).map(|(field, values)| array(field, &values)).collect()
}

fn not_there(key: &str) -> ColumnError {
    ColumnError { column: key.to_owned(), what: "is not in the schema".into() }
}

/// Row `at` of `array` as a value; null members of structs are left out, so that serde's defaults
/// hold. Binary is left out (`Null`).
pub fn value(array: &dyn Array, at: usize) -> Value {
    if array.is_null(at) {
        return Value::Null;
    }
    match array.data_type() {
        DataType::Utf8 => Value::from(array.as_string::<i32>().value(at)),
        DataType::Boolean => Value::from(array.as_boolean().value(at)),
        DataType::Int32 => Value::from(array.as_primitive::<Int32Type>().value(at)),
        DataType::Int64 => Value::from(array.as_primitive::<Int64Type>().value(at)),
        DataType::UInt32 => Value::from(array.as_primitive::<UInt32Type>().value(at)),
        DataType::UInt64 => Value::from(array.as_primitive::<UInt64Type>().value(at)),
        DataType::Float32 => Value::from(array.as_primitive::<Float32Type>().value(at)),
        DataType::Float64 => Value::from(array.as_primitive::<Float64Type>().value(at)),
        DataType::List(_) => {
            let items = array.as_list::<i32>().value(at);
            (0..items.len()).map(|i| value(&items, i)).collect()
        }
        DataType::Struct(fields) => {
            let columns = array.as_struct();
            let pairs = fields.iter().zip(columns.columns());
            let pairs = pairs.map(|(field, column)| (field.name().clone(), value(column, at)));
            Value::Object(pairs.filter(|(_, value)| !value.is_null()).collect())
        }
        _ => Value::Null,
    }
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn nested_values_come_back() {
        let item =
            group(vec![text("a"), column("n", DataType::UInt64), column("f", DataType::Float32)]);
        let field = Field::new("rows", list(item), true);
        let first = json!([{"a": "x", "n": u64::MAX, "f": 0.5}, {"a": "y"}, null]);
        let values = [Some(&first), None, Some(&Value::Null)];
        let array = array(&field, &values).unwrap();
        assert_eq!(value(&array, 0), first);
        assert_eq!(value(&array, 1), Value::Null);
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        let field = column("n", DataType::UInt32);
        let n = json!("seven");
        assert!(array(&field, &[Some(&n)]).unwrap_err().to_string().contains("`n`"));
        let row = json!({"m": 1});
        let Value::Object(row) = row else { unreachable!() };
        let error = columns(&Fields::from(vec![field]), &[Some(&row)]).unwrap_err();
        assert_eq!(error.to_string(), "column `m`: is not in the schema");
    }

    #[test]
    fn columns_are_found_by_name_in_any_order() {
        let fields = Fields::from(vec![text("c"), text("a"), text("b")]);
        let rows = [json!({"a": "1", "b": "2", "c": "3"}), json!({"c": "4"}), json!({})];
        let rows: Vec<_> = rows.iter().map(Value::as_object).chain([None]).collect();
        let columns = columns(&fields, &rows).unwrap();
        let read = |at: usize| (0..4).map(|n| value(&columns[at], n)).collect::<Vec<_>>();
        let null = Value::Null;
        assert_eq!(read(0), [json!("3"), json!("4"), null.clone(), null.clone()]);
        assert_eq!(read(1), [json!("1"), null.clone(), null.clone(), null.clone()]);
        assert_eq!(read(2), [json!("2"), null.clone(), null.clone(), null]);
    }
}
