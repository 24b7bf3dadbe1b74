//! Typed rows to Arrow arrays and back, led by the schema.
//!
//! A row is a serde struct whose fields are named as the columns. So a column is added in one place, and
//! a name or type that does not fit is an error. Image bytes are not for these columns: `dataset` builds
//! theirs itself.

mod rows;
mod slot;

pub use rows::Rows;

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type, Int32Type, Int64Type, UInt32Type, UInt64Type};
use arrow_schema::{DataType, Field, FieldRef, Fields};
use serde_json::Value;
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

    fn of(fields: &[FieldRef], rows: &[Value]) -> Result<Vec<Vec<Value>>, ColumnError> {
        let mut columns = Rows::new(fields.iter().cloned().collect())?;
        rows.iter().try_for_each(|row| columns.push(row))?;
        let read = |column| (0..rows.len()).map(|at| value(column, at)).collect();
        Ok(columns.take().iter().map(|column| read(column.as_ref())).collect())
    }

    #[test]
    fn nested_values_come_back() {
        let item =
            group(vec![text("a"), column("n", DataType::UInt64), column("f", DataType::Float32)]);
        let first = json!([{"a": "x", "n": u64::MAX, "f": 0.5}, {"a": "y"}, null]);
        let rows = [json!({"rows": first}), json!({}), json!({"rows": null}), json!({"rows": []})];
        let found = of(&[column("rows", list(item))], &rows).unwrap();
        assert_eq!(found, [[first, Value::Null, Value::Null, json!([])]]);
    }

    #[test]
    fn a_batch_begins_where_the_last_one_ended() {
        let mut columns =
            Rows::new([column("l", list(DataType::Utf8))].into_iter().collect()).unwrap();
        for n in 1..4 {
            let row = json!({"l": vec!["x"; n]});
            columns.push(&row).unwrap();
            assert_eq!(value(columns.take()[0].as_ref(), 0), row["l"]);
        }
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        let n = [column("n", DataType::UInt32), column("f", DataType::Float32)];
        for (row, said) in [
            (json!({"n": "seven"}), "column `n`: `\"seven\"` is not of type UInt32"),
            (json!({"n": -1}), "column `n`: `-1` is not of type UInt32"),
            (json!({"n": 1_u64 << 32}), "column `n`: `4294967296` is not of type UInt32"),
            (json!({"n": [1]}), "column `n`: `[…]` is not of type UInt32"),
            (json!({"f": {"n": 1}}), "column `f`: `{…}` is not of type Float32"),
            (json!({"m": 1}), "column `m`: is not in the schema"),
            (json!(null), "column `row`: `null` is not of type struct"),
        ] {
            assert_eq!(of(&n, &[row]).unwrap_err().to_string(), said);
        }
        assert!(of(&[column("d", DataType::Date32)], &[]).is_err(), "a type without a rule");
    }

    #[test]
    fn a_number_that_is_none_is_null_and_a_member_comes_once() {
        #[derive(serde::Serialize)]
        struct Odd {
            f: f32,
            #[serde(rename = "f", skip_serializing_if = "Option::is_none")]
            again: Option<f32>,
        }
        let field = || [column("f", DataType::Float64)].into_iter().collect();
        let mut columns = Rows::new(field()).unwrap();
        columns.push(&Odd { f: f32::NAN, again: None }).unwrap();
        assert_eq!(value(columns.take()[0].as_ref(), 0), Value::Null);
        let error = columns.push(&Odd { f: 1.0, again: Some(2.0) }).unwrap_err();
        assert_eq!(error.to_string(), "column `f`: comes twice");
    }

    #[test]
    fn columns_are_found_by_name_in_any_order() {
        let rows = [json!({"a": "1", "b": "2", "c": "3"}), json!({"c": "4"}), json!({})];
        let found = of(&[text("c"), text("a"), text("b")], &rows).unwrap();
        let null = Value::Null;
        assert_eq!(found[0], [json!("3"), json!("4"), null.clone()]);
        assert_eq!(found[1], [json!("1"), null.clone(), null.clone()]);
        assert_eq!(found[2], [json!("2"), null.clone(), null]);
    }
}
