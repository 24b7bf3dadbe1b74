//! serde's side of a column: every kind of value that a row can hold, put where it goes or refused.

use crate::export::columns::ColumnError;
use crate::export::columns::rows::{Column, Items, Members, Place, Slot};
use serde::Serialize;
use serde::ser::{self, Impossible};

/// Numbers of a column's width or not: what counts is whether they fit.
macro_rules! numbers {
    ($($serialize:ident: $number:ty),*) => {
        $(fn $serialize(self, n: $number) -> Result<(), ColumnError> {
            self.number(n, n as f64)
        })*
    };
}

impl<'a> ser::Serializer for Slot<'a> {
    type Ok = ();
    type Error = ColumnError;
    type SerializeSeq = Items<'a>;
    type SerializeTuple = Items<'a>;
    type SerializeTupleStruct = Impossible<(), ColumnError>;
    type SerializeTupleVariant = Impossible<(), ColumnError>;
    type SerializeMap = Members<'a>;
    type SerializeStruct = Members<'a>;
    type SerializeStructVariant = Impossible<(), ColumnError>;

    numbers!(serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64);
    numbers!(serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64);

    fn serialize_bool(self, value: bool) -> Result<(), ColumnError> {
        match self.place {
            Place::Column(Column::Boolean(builder)) => builder.append_value(value),
            _ => return self.wrong(value),
        }
        Ok(())
    }

    fn serialize_f32(self, value: f32) -> Result<(), ColumnError> {
        self.serialize_f64(f64::from(value))
    }

    /// As in JSON, what is no number is null.
    fn serialize_f64(self, value: f64) -> Result<(), ColumnError> {
        match self.place {
            _ if !value.is_finite() => return self.null(),
            Place::Column(Column::Float32(builder)) => builder.append_value(value as f32),
            Place::Column(Column::Float64(builder)) => builder.append_value(value),
            _ => return self.wrong(value),
        }
        Ok(())
    }

    fn serialize_char(self, value: char) -> Result<(), ColumnError> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), ColumnError> {
        match self.place {
            Place::Column(Column::Text(builder)) => builder.append_value(value),
            _ => return self.wrong(format_args!("{value:?}")),
        }
        Ok(())
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<(), ColumnError> {
        self.wrong("bytes")
    }

    fn serialize_none(self) -> Result<(), ColumnError> {
        self.null()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), ColumnError> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), ColumnError> {
        self.null()
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), ColumnError> {
        self.null()
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<(), ColumnError> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), ColumnError> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: &T,
    ) -> Result<(), ColumnError> {
        self.wrong(variant)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Items<'a>, ColumnError> {
        self.items()
    }

    fn serialize_tuple(self, _: usize) -> Result<Items<'a>, ColumnError> {
        self.items()
    }

    fn serialize_tuple_struct(
        self,
        name: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleStruct, ColumnError> {
        self.wrong(name)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, ColumnError> {
        self.wrong(variant)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Members<'a>, ColumnError> {
        self.members()
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Members<'a>, ColumnError> {
        self.members()
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, ColumnError> {
        self.wrong(variant)
    }
}
