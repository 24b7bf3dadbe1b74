//! A Parquet file with an `images` column, in the making: rows as JSON objects, their images as
//! bytes. The dataset's shards and the Parquet exports are written through it.

use crate::export::columns::{self, ColumnError};
use crate::export::dataset::pieces::Pieces;
use crate::export::dataset::write::properties;
use crate::export::dataset::{DatasetError, views};
use arrow_array::{Array, ArrayRef, Int64Array, ListArray, RecordBatch, StringArray, StructArray};
use arrow_buffer::OffsetBuffer;
use arrow_schema::{DataType, Fields, SchemaRef};
use bytes::Bytes;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::arrow::{ArrowWriter, add_encoded_arrow_schema_to_metadata};
use serde_json::Value;
use std::sync::Arc;

/// Rows are encoded in batches of about this many bytes.
const BATCH_BYTES: usize = 4 << 20;

/// What a row is taken to weigh beside its images.
const ROW_BYTES: usize = 8 << 10;

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
        let mut properties = properties(&["images"], row_group_bytes);
        // The file says what `schema` says; only the arrays that we write from hold views.
        add_encoded_arrow_schema_to_metadata(&schema, &mut properties);
        let schema = views::viewed(&schema).unwrap_or(schema);
        let pieces = Pieces::default();
        let options = ArrowWriterOptions::new()
            .with_properties(properties)
            .with_skip_arrow_metadata(true)
            .with_page_store_factory(pieces.pages());
        let writer = ArrowWriter::try_new_with_options(pieces, schema.clone(), options)?;
        let (rows, images) = (Vec::new(), Vec::new());
        Ok(ImageTable { schema, max_pixels: None, writer, rows, images, held: 0, count: 0 })
    }

    /// With `max_pixels` for each image; the schema's type is `columns::bounded_images()`.
    pub fn bounded(self, max_pixels: Option<i64>) -> ImageTable {
        ImageTable { max_pixels, ..self }
    }

    /// Whether a row with these images is the last of a batch: adding it encodes them all, some
    /// milliseconds of work.
    pub fn is_last(&self, images: &[(Bytes, String)]) -> bool {
        self.held + weight(images) >= BATCH_BYTES
    }

    /// Adds a row. `row` is an object of all columns but `images`; `images` are bytes and path.
    pub fn push(&mut self, row: Value, images: Vec<(Bytes, String)>) -> Result<(), DatasetError> {
        self.held += weight(&images);
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
        self.writer.inner_mut().take()
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

/// What a row with these images holds, bytes.
pub fn weight(images: &[(Bytes, String)]) -> usize {
    images.iter().map(|(bytes, _)| bytes.len()).sum::<usize>() + ROW_BYTES
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
    let images = || rows.iter().flatten();
    let contents = views::column(images().map(|(bytes, _)| bytes)).ok_or_else(odd)?;
    let paths = StringArray::from_iter_values(images().map(|(_, path)| path));
    let count = contents.len();
    let mut children: Vec<ArrayRef> = vec![contents, Arc::new(paths)];
    children.extend(max_pixels.map(|n| Arc::new(Int64Array::from(vec![n; count])) as ArrayRef));
    let items = StructArray::try_new(fields.clone(), children, None).map_err(|_| odd())?;
    let offsets = OffsetBuffer::from_lengths(rows.iter().map(Vec::len));
    debug_assert_eq!(items.len(), rows.iter().map(Vec::len).sum::<usize>());
    Ok(Arc::new(ListArray::new(item.clone(), offsets, Arc::new(items), None)))
}
