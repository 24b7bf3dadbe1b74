//! A Parquet file with an `images` column, in the making: rows as JSON objects, their images as
//! bytes. The dataset's shards and the Parquet exports are written through it.

use crate::export::columns::{self, ColumnError};
use crate::export::dataset::DatasetError;
use crate::export::dataset::write::properties;
use arrow_array::builder::{BinaryBuilder, StringBuilder};
use arrow_array::{Array, ArrayRef, Int64Array, ListArray, RecordBatch, StructArray};
use arrow_buffer::OffsetBuffer;
use arrow_schema::{DataType, Fields, SchemaRef};
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use serde_json::Value;
use std::sync::Arc;

/// Rows are encoded in batches of about this many bytes.
const BATCH_BYTES: usize = 4 << 20;

/// What a row is taken to weigh beside its images.
const ROW_BYTES: usize = 8 << 10;

/// The writer's far end: pieces to be taken away. Small writes are gathered.
#[derive(Default)]
struct Pieces {
    ready: Vec<Bytes>,
    open: Vec<u8>,
}

impl Pieces {
    fn seal(&mut self) {
        if !self.open.is_empty() {
            self.ready.push(Bytes::from(std::mem::take(&mut self.open)));
        }
    }
}

impl std::io::Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.open.extend_from_slice(bytes);
        if self.open.len() >= 1 << 20 {
            self.seal();
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// See the module's header.
pub struct ImageTable {
    schema: SchemaRef,
    /// What the column `max_pixels` of each image holds, where there is one.
    max_pixels: Option<i64>,
    writer: ArrowWriter<Pieces>,
    rows: Vec<Value>,
    images: Vec<Vec<(Bytes, String)>>,
    held: usize,
    count: u64,
}

impl ImageTable {
    /// `schema` has one column `images` of type `columns::images()`, or none.
    pub fn new(schema: SchemaRef, row_group_bytes: usize) -> Result<ImageTable, DatasetError> {
        let properties = properties(&["images"], row_group_bytes);
        let writer = ArrowWriter::try_new(Pieces::default(), schema.clone(), Some(properties))?;
        let (rows, images) = (Vec::new(), Vec::new());
        Ok(ImageTable { schema, max_pixels: None, writer, rows, images, held: 0, count: 0 })
    }

    /// With `max_pixels` for each image; the schema's type is `columns::bounded_images()`.
    pub fn bounded(self, max_pixels: Option<i64>) -> ImageTable {
        ImageTable { max_pixels, ..self }
    }

    /// Adds a row. `row` is an object of all columns but `images`; `images` are bytes and path.
    pub fn push(&mut self, row: Value, images: Vec<(Bytes, String)>) -> Result<(), DatasetError> {
        self.held += images.iter().map(|(bytes, _)| bytes.len()).sum::<usize>() + ROW_BYTES;
        self.rows.push(row);
        self.images.push(images);
        self.count += 1;
        if self.held >= BATCH_BYTES { self.encode() } else { Ok(()) }
    }

    fn encode(&mut self) -> Result<(), DatasetError> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let rows: Vec<_> = self.rows.iter().map(Value::as_object).collect();
        let others: Fields =
            self.schema.fields().iter().filter(|f| f.name() != "images").cloned().collect();
        let mut columns = columns::columns(&others, &rows)?;
        if let Some((at, field)) = self.schema.column_with_name("images") {
            columns.insert(at, image_column(field.data_type(), &self.images, self.max_pixels)?);
        }
        let batch = RecordBatch::try_new(self.schema.clone(), columns)
            .map_err(parquet::errors::ParquetError::from)?;
        self.writer.write(&batch)?;
        self.rows.clear();
        self.images.clear();
        self.held = 0;
        Ok(())
    }

    /// The bytes that are ready, in order.
    pub fn take(&mut self) -> Vec<Bytes> {
        std::mem::take(&mut self.writer.inner_mut().ready)
    }

    /// Rows pushed so far.
    pub fn rows(&self) -> u64 {
        self.count
    }

    /// The size the file has so far, with what is still held.
    pub fn bytes(&self) -> u64 {
        (self.writer.bytes_written() + self.writer.in_progress_size() + self.held) as u64
    }

    /// The last bytes.
    pub fn finish(mut self) -> Result<Vec<Bytes>, DatasetError> {
        self.encode()?;
        self.writer.finish()?;
        self.writer.inner_mut().seal();
        Ok(self.take())
    }
}

/// The `images` column: `list<struct<bytes, path>>`, an empty list (never null) for no images.
fn image_column(
    data_type: &DataType,
    rows: &[Vec<(Bytes, String)>],
    max_pixels: Option<i64>,
) -> Result<ArrayRef, ColumnError> {
    let odd = || ColumnError { column: "images".into(), what: format!("is of type {data_type}") };
    let DataType::List(item) = data_type else { return Err(odd()) };
    let DataType::Struct(fields) = item.data_type() else { return Err(odd()) };
    let mut contents = BinaryBuilder::new();
    let mut paths = StringBuilder::new();
    for (bytes, path) in rows.iter().flatten() {
        contents.append_value(bytes);
        paths.append_value(path);
    }
    let mut children: Vec<ArrayRef> = vec![Arc::new(contents.finish()), Arc::new(paths.finish())];
    let count = children[0].len();
    children.extend(max_pixels.map(|n| Arc::new(Int64Array::from(vec![n; count])) as ArrayRef));
    let items = StructArray::try_new(fields.clone(), children, None).map_err(|_| odd())?;
    let offsets = OffsetBuffer::from_lengths(rows.iter().map(Vec::len));
    debug_assert_eq!(items.len(), rows.iter().map(Vec::len).sum::<usize>());
    Ok(Arc::new(ListArray::new(item.clone(), offsets, Arc::new(items), None)))
}
