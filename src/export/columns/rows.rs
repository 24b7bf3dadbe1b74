//! Rows to Arrow arrays: a serde serializer that puts each value at the end of its column, without a tree
//! of JSON in between.

use crate::export::columns::{ColumnError, shorten};
use arrow_array::builder::{
    ArrayBuilder, BooleanBuilder, Float32Builder, Float64Builder, Int32Builder, Int64Builder,
    StringBuilder, UInt32Builder, UInt64Builder,
};
use arrow_array::{ArrayRef, ListArray, StructArray};
use arrow_buffer::{NullBufferBuilder, OffsetBuffer};
use arrow_schema::{DataType, Field, FieldRef, Fields};
use serde::Serialize;
use serde::ser::{self, SerializeMap, SerializeSeq, SerializeStruct, SerializeTuple};
use std::fmt::Display;
use std::sync::Arc;

/// Rows in the making. An error leaves a row half-written: there is no going on after it.
pub struct Rows(Group);

impl Rows {
    /// # Errors
    /// A type of column that no row can hold.
    pub fn new(fields: Fields) -> Result<Rows, ColumnError> {
        Group::new(&fields).map(Rows)
    }

    /// Adds a row: a struct or map whose members are named as the columns. Absent and null are null. A
    /// member that is no column is an error: data must not be lost by a slip of the pen.
    pub fn push(&mut self, row: &(impl Serialize + ?Sized)) -> Result<(), ColumnError> {
        row.serialize(Slot { name: "row", place: Place::Group(&mut self.0) })
    }

    /// One array a column, of the rows since the last time.
    pub fn take(&mut self) -> Vec<ArrayRef> {
        self.0.take().0
    }
}

/// A column in the making.
pub(super) enum Column {
    Text(StringBuilder),
    Boolean(BooleanBuilder),
    Int32(Int32Builder),
    Int64(Int64Builder),
    UInt32(UInt32Builder),
    UInt64(UInt64Builder),
    Float32(Float32Builder),
    Float64(Float64Builder),
    List(Box<List>),
    Group(Group),
}

pub(super) struct List {
    item: FieldRef,
    lengths: Vec<usize>,
    valid: NullBufferBuilder,
    items: Column,
}

pub(super) struct Group {
    fields: Fields,
    columns: Vec<Column>,
    valid: NullBufferBuilder,
}

/// Does the same with the builder of any column but lists and groups.
macro_rules! plain {
    ($column:expr, $builder:ident => $do:expr, $list:pat => $list_do:expr, $group:pat => $group_do:expr) => {
        match $column {
            Column::Text($builder) => $do,
            Column::Boolean($builder) => $do,
            Column::Int32($builder) => $do,
            Column::Int64($builder) => $do,
            Column::UInt32($builder) => $do,
            Column::UInt64($builder) => $do,
            Column::Float32($builder) => $do,
            Column::Float64($builder) => $do,
            $list => $list_do,
            $group => $group_do,
        }
    };
}

impl Column {
    fn new(field: &Field) -> Result<Column, ColumnError> {
        Ok(match field.data_type() {
            DataType::Utf8 => Column::Text(StringBuilder::new()),
            DataType::Boolean => Column::Boolean(BooleanBuilder::new()),
            DataType::Int32 => Column::Int32(Int32Builder::new()),
            DataType::Int64 => Column::Int64(Int64Builder::new()),
            DataType::UInt32 => Column::UInt32(UInt32Builder::new()),
            DataType::UInt64 => Column::UInt64(UInt64Builder::new()),
            DataType::Float32 => Column::Float32(Float32Builder::new()),
            DataType::Float64 => Column::Float64(Float64Builder::new()),
            DataType::List(item) => Column::List(Box::new(List {
                item: item.clone(),
                lengths: Vec::new(),
                valid: NullBufferBuilder::new(0),
                items: Column::new(item)?,
            })),
            DataType::Struct(fields) => Column::Group(Group::new(fields)?),
            other => {
                let what = format!("type {other} is not one a row can hold");
                return Err(ColumnError { column: field.name().clone(), what });
            }
        })
    }

    fn len(&self) -> usize {
        plain!(self, builder => builder.len(), Column::List(list) => list.lengths.len(),
            Column::Group(group) => group.valid.len())
    }

    pub(super) fn null(&mut self) {
        plain!(self, builder => builder.append_null(),
        Column::List(list) => {
            list.lengths.push(0);
            list.valid.append_null();
        },
        Column::Group(group) => {
            group.columns.iter_mut().for_each(Column::null);
            group.valid.append_null();
        })
    }

    fn take(&mut self) -> ArrayRef {
        if let Column::Text(builder) = self {
            // The next batch is likely to be as long: what grows is copied time and again.
            let like = |n: usize| n + n / 8;
            let (values, bytes) = (like(builder.len()), like(builder.values_slice().len()));
            return Arc::new(
                std::mem::replace(builder, StringBuilder::with_capacity(values, bytes)).finish(),
            );
        }
        plain!(self, builder => Arc::new(builder.finish()),
        Column::List(list) => {
            let offsets = OffsetBuffer::from_lengths(std::mem::take(&mut list.lengths));
            let items = list.items.take();
            Arc::new(ListArray::new(list.item.clone(), offsets, items, list.valid.finish()))
        },
        Column::Group(group) => {
            let (columns, valid) = group.take();
            Arc::new(StructArray::new(group.fields.clone(), columns, valid))
        })
    }
}

impl Group {
    fn new(fields: &Fields) -> Result<Group, ColumnError> {
        let columns = fields.iter().map(|field| Column::new(field)).collect::<Result<_, _>>()?;
        Ok(Group { fields: fields.clone(), columns, valid: NullBufferBuilder::new(0) })
    }

    fn take(&mut self) -> (Vec<ArrayRef>, Option<arrow_buffer::NullBuffer>) {
        (self.columns.iter_mut().map(Column::take).collect(), self.valid.finish())
    }
}

/// Where a value goes, and what the column is called.
pub(super) struct Slot<'a> {
    pub(super) name: &'a str,
    pub(super) place: Place<'a>,
}

pub(super) enum Place<'a> {
    Column(&'a mut Column),
    /// A whole row.
    Group(&'a mut Group),
}

impl<'a> Slot<'a> {
    pub(super) fn wrong<T>(&self, value: impl Display) -> Result<T, ColumnError> {
        let kind = match &self.place {
            Place::Column(Column::Text(_)) => "text",
            Place::Column(Column::Boolean(_)) => "Boolean",
            Place::Column(Column::Int32(_)) => "Int32",
            Place::Column(Column::Int64(_)) => "Int64",
            Place::Column(Column::UInt32(_)) => "UInt32",
            Place::Column(Column::UInt64(_)) => "UInt64",
            Place::Column(Column::Float32(_)) => "Float32",
            Place::Column(Column::Float64(_)) => "Float64",
            Place::Column(Column::List(_)) => "list",
            Place::Column(Column::Group(_)) | Place::Group(_) => "struct",
        };
        let what = format!("`{}` is not of type {kind}", shorten(&value.to_string()));
        Err(ColumnError { column: self.name.to_owned(), what })
    }

    pub(super) fn number<N: Copy + Display>(mut self, n: N, float: f64) -> Result<(), ColumnError>
    where
        i32: TryFrom<N>,
        i64: TryFrom<N>,
        u32: TryFrom<N>,
        u64: TryFrom<N>,
    {
        macro_rules! whole {
            ($builder:expr) => {
                match n.try_into() {
                    Ok(n) => $builder.append_value(n),
                    Err(_) => return self.wrong(n),
                }
            };
        }
        match &mut self.place {
            Place::Column(Column::Int32(builder)) => whole!(builder),
            Place::Column(Column::Int64(builder)) => whole!(builder),
            Place::Column(Column::UInt32(builder)) => whole!(builder),
            Place::Column(Column::UInt64(builder)) => whole!(builder),
            Place::Column(Column::Float32(builder)) => builder.append_value(float as f32),
            Place::Column(Column::Float64(builder)) => builder.append_value(float),
            _ => return self.wrong(n),
        }
        Ok(())
    }

    pub(super) fn null(self) -> Result<(), ColumnError> {
        match self.place {
            Place::Column(column) => column.null(),
            Place::Group(_) => return self.wrong("null"),
        }
        Ok(())
    }

    pub(super) fn items(self) -> Result<Items<'a>, ColumnError> {
        match self.place {
            Place::Column(Column::List(list)) => {
                Ok(Items { before: list.items.len(), name: self.name, list })
            }
            _ => self.wrong("[…]"),
        }
    }

    pub(super) fn members(self) -> Result<Members<'a>, ColumnError> {
        let group = match self.place {
            Place::Column(Column::Group(group)) | Place::Group(group) => group,
            Place::Column(_) => return self.wrong("{…}"),
        };
        Ok(Members { before: group.valid.len(), next: 0, key: 0, group })
    }
}

/// A list that is being filled.
pub(super) struct Items<'a> {
    name: &'a str,
    list: &'a mut List,
    before: usize,
}

impl SerializeSeq for Items<'_> {
    type Ok = ();
    type Error = ColumnError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), ColumnError> {
        let place = Place::Column(&mut self.list.items);
        value.serialize(Slot { name: self.name, place })
    }

    fn end(self) -> Result<(), ColumnError> {
        self.list.lengths.push(self.list.items.len() - self.before);
        self.list.valid.append_non_null();
        Ok(())
    }
}

impl SerializeTuple for Items<'_> {
    type Ok = ();
    type Error = ColumnError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), ColumnError> {
        SerializeSeq::serialize_element(self, value)
    }

    fn end(self) -> Result<(), ColumnError> {
        SerializeSeq::end(self)
    }
}

/// A struct that is being filled.
pub(super) struct Members<'a> {
    group: &'a mut Group,
    before: usize,
    /// Where the next member is likely to go: most rows have theirs in the schema's order.
    next: usize,
    /// Where a map's value goes.
    key: usize,
}

impl Members<'_> {
    fn find(&self, name: &str) -> Result<usize, ColumnError> {
        let fields = &self.group.fields;
        let at = match fields.get(self.next) {
            Some(field) if field.name() == name => Some(self.next),
            _ => fields.iter().position(|field| field.name() == name),
        };
        let wrong = |what: &str| ColumnError { column: name.to_owned(), what: what.to_owned() };
        let at = at.ok_or_else(|| wrong("is not in the schema"))?;
        match self.group.columns[at].len() == self.before {
            true => Ok(at),
            false => Err(wrong("comes twice")),
        }
    }

    fn put(&mut self, at: usize, value: &(impl Serialize + ?Sized)) -> Result<(), ColumnError> {
        self.next = at + 1;
        let Group { fields, columns, .. } = &mut *self.group;
        let (name, place) = (fields[at].name(), Place::Column(&mut columns[at]));
        value.serialize(Slot { name, place })
    }

    fn close(self) {
        let absent = self.group.columns.iter_mut().filter(|column| column.len() == self.before);
        absent.for_each(Column::null);
        self.group.valid.append_non_null();
    }
}

impl SerializeStruct for Members<'_> {
    type Ok = ();
    type Error = ColumnError;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), ColumnError> {
        self.put(self.find(name)?, value)
    }

    fn end(self) -> Result<(), ColumnError> {
        self.close();
        Ok(())
    }
}

impl SerializeMap for Members<'_> {
    type Ok = ();
    type Error = ColumnError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), ColumnError> {
        let key = serde_json::to_value(key).map_err(ser::Error::custom)?;
        let name = key.as_str().ok_or_else(|| ser::Error::custom("a key is text"))?;
        self.key = self.find(name)?;
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), ColumnError> {
        self.put(self.key, value)
    }

    fn end(self) -> Result<(), ColumnError> {
        self.close();
        Ok(())
    }
}

impl ser::Error for ColumnError {
    fn custom<T: Display>(what: T) -> ColumnError {
        ColumnError { column: "row".to_owned(), what: what.to_string() }
    }
}
