//! A Parquet file with an `images` column, in the making: rows as serde sees them, their images as
//! bytes. The dataset's shards and the Parquet exports are written through it.

use crate::export::columns::{ColumnError, Rows};
use crate::export::dataset::pieces::Pieces;
use crate::export::dataset::write::properties;
use crate::export::dataset::{DatasetError, views};
use arrow_array::{Array, ArrayRef, Int64Array, ListArray, RecordBatch, StringArray, StructArray};
use arrow_buffer::OffsetBuffer;
use arrow_schema::{DataType, SchemaRef};
use bytes::Bytes;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::arrow::{ArrowWriter, add_encoded_arrow_schema_to_metadata};
use serde::Serialize;
use std::sync::Arc;

/// Rows are encoded in batches of about this many bytes, as `weight` counts them.
pub const BATCH_BYTES: usize = 4 << 20;

/// What a row is taken to weigh beside its images.
pub const ROW_BYTES: usize = 8 << 10;

/// Rows of one schema, on their way to be a batch of columns.
pub struct Batch {
    schema: SchemaRef,
    /// What the column `max_pixels` of each image holds, where there is one.
    max_pixels: Option<i64>,
    rows: Rows,
    images: Vec<Vec<(Bytes, String)>>,
    held: usize,
}

impl Batch {
    /// `schema` has one column `images` of type `columns::images()`, or none.
    pub fn new(schema: &SchemaRef) -> Result<Batch, DatasetError> {
        let schema = views::viewed(schema).unwrap_or_else(|| schema.clone());
        let others = schema.fields().iter().filter(|field| field.name() != "images");
        let rows = Rows::new(others.cloned().collect())?;
        Ok(Batch { schema, max_pixels: None, rows, images: Vec::new(), held: 0 })
    }

    /// Adds a row. `row` is a struct or map of all columns but `images`; `images` are bytes and path. After
    /// an error there is no going on.
    pub fn push(
        &mut self,
        row: &impl Serialize,
        images: Vec<(Bytes, String)>,
    ) -> Result<(), DatasetError> {
        self.held += weight(&images);
        self.rows.push(row)?;
        self.images.push(images);
        Ok(())
    }

    /// The rows since the last time.
    pub fn take(&mut self) -> Result<RecordBatch, DatasetError> {
        let images = std::mem::take(&mut self.images);
        let mut columns = self.rows.take();
        if let Some((at, field)) = self.schema.column_with_name("images") {
            columns.insert(at, image_column(field.data_type(), &images, self.max_pixels)?);
        }
        self.held = 0;
        let batch = RecordBatch::try_new(self.schema.clone(), columns);
        Ok(batch.map_err(parquet::errors::ParquetError::from)?)
    }
}

/// See the module's header.
pub struct ImageTable {
    writer: ArrowWriter<Pieces>,
    batch: Batch,
    count: u64,
}

impl ImageTable {
    /// `schema` as for `Batch::new`.
    pub fn new(schema: SchemaRef, row_group_bytes: usize) -> Result<ImageTable, DatasetError> {
        let mut properties = properties(&["images"], row_group_bytes);
        // The file says what `schema` says; only the arrays that we write from hold views.
        add_encoded_arrow_schema_to_metadata(&schema, &mut properties);
        let batch = Batch::new(&schema)?;
        let pieces = Pieces::default();
        let options = ArrowWriterOptions::new()
            .with_properties(properties)
            .with_skip_arrow_metadata(true)
            .with_page_store_factory(pieces.pages());
        let writer = ArrowWriter::try_new_with_options(pieces, batch.schema.clone(), options)?;
        Ok(ImageTable { writer, batch, count: 0 })
    }

    /// With `max_pixels` for each image; the schema's type is `columns::bounded_images()`.
    pub fn bounded(mut self, max_pixels: Option<i64>) -> ImageTable {
        self.batch.max_pixels = max_pixels;
        self
    }

    /// Adds a row, as `Batch::push`.
    pub fn push(
        &mut self,
        row: &impl Serialize,
        images: Vec<(Bytes, String)>,
    ) -> Result<(), DatasetError> {
        self.batch.push(row, images)?;
        self.count += 1;
        if self.batch.held >= BATCH_BYTES { self.encode() } else { Ok(()) }
    }

    /// Encodes what was pushed: some milliseconds of work.
    fn encode(&mut self) -> Result<(), DatasetError> {
        if self.batch.images.is_empty() {
            return Ok(());
        }
        let batch = self.batch.take()?;
        Ok(self.writer.write(&batch)?)
    }

    /// Adds rows that are a batch already, and encodes them: some milliseconds of work.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), DatasetError> {
        self.encode()?;
        if batch.schema() != self.batch.schema {
            // The writer pairs columns by their places: one that the file lacks would be lost in silence.
            let what = "these rows are of another schema than the file".to_owned();
            return Err(ColumnError { column: "rows".to_owned(), what }.into());
        }
        self.count += batch.num_rows() as u64;
        Ok(self.writer.write(batch)?)
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
        (self.writer.bytes_written() + self.writer.in_progress_size() + self.batch.held) as u64
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
fn weight(images: &[(Bytes, String)]) -> usize {
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
