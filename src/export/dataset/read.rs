//! Reading shards back, one small batch at a time: memory is bounded by a row group's pages, not
//! by the shard.

use crate::export::columns;
use crate::export::dataset::{DatasetError, DatasetRow, views};
use crate::record::{Cause, Digest, Trajectory};
use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch, StructArray};
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder,
};
use parquet::file::reader::ChunkReader;
use serde_json::Value;

/// Rows decoded at a time when images come along (two images of 1 MB each: 32 MB).
const BATCH_ROWS: usize = 16;

/// A row with its images.
#[derive(Debug, Clone, PartialEq)]
pub struct PicturedRow {
    pub row: DatasetRow,
    /// Bytes and path, in the conversation's order.
    pub images: Vec<(Bytes, String)>,
}

impl PicturedRow {
    /// The trajectory and the bytes of its conversation's images.
    pub fn into_parts(self) -> (Trajectory, Vec<Bytes>) {
        let images = self.images.into_iter().map(|(bytes, _)| bytes).collect();
        (self.row.into_trajectory(), images)
    }

    /// The names of images whose bytes are not those of their name's digest.
    pub fn altered(&self) -> Vec<&str> {
        let stem = |path: &str| path.split('.').next().and_then(|hex| hex.parse().ok());
        let good = |(bytes, path): &&(Bytes, String)| stem(path) == Some(Digest::of(bytes));
        self.images.iter().filter(|image| !good(image)).map(|(_, path)| path.as_str()).collect()
    }
}

/// The rows of a shard, in order, with their images. `shard` is a file, bytes, or anything that
/// gives ranges.
pub fn read<R: ChunkReader + 'static>(
    shard: R,
) -> Result<impl Iterator<Item = Result<PicturedRow, DatasetError>>, DatasetError> {
    Ok(flatten(open(shard, BATCH_ROWS, |_| true)?, items))
}

/// A row's columns but images and messages: what splitting and counting need.
pub type Light = DatasetRow;

/// The rows of a shard without images and messages.
pub fn light<R: ChunkReader + 'static>(
    shard: R,
) -> Result<impl Iterator<Item = Result<Light, DatasetError>>, DatasetError> {
    Ok(flatten(open(shard, 256, |column| !matches!(column, "images" | "messages"))?, rows))
}

/// The rows of all batches; the first error is the last item, since a damaged file would give it
/// for ever.
fn flatten<T>(
    batches: ParquetRecordBatchReader,
    rows: fn(&RecordBatch) -> Result<Vec<T>, DatasetError>,
) -> impl Iterator<Item = Result<T, DatasetError>> {
    let mut failed = false;
    let until_error = batches.map_while(move |batch| {
        let rows = (!failed).then(|| batch.map_err(damaged).and_then(|batch| rows(&batch)))?;
        failed = rows.is_err();
        Some(rows)
    });
    until_error.flat_map(|rows| match rows {
        Ok(rows) => rows.into_iter().map(Ok).collect(),
        Err(error) => vec![Err(error)],
    })
}

/// Whether `shard` is a shard of this dataset form, by its schema.
pub fn is_shard<R: ChunkReader + 'static>(shard: R) -> bool {
    ParquetRecordBatchReaderBuilder::try_new(shard)
        .is_ok_and(|reader| reader.schema().metadata().contains_key("coldstart.dataset"))
}

/// A reader to which image bytes are views into the file's pages.
fn builder<R: ChunkReader + 'static>(
    file: R,
) -> Result<ParquetRecordBatchReaderBuilder<R>, DatasetError> {
    let damaged = |e: parquet::errors::ParquetError| DatasetError::Damaged(Cause::new(e));
    let mut metadata =
        ArrowReaderMetadata::load(&file, ArrowReaderOptions::new()).map_err(damaged)?;
    if let Some(schema) = views::viewed(metadata.schema()) {
        let options = ArrowReaderOptions::new().with_schema(schema);
        let file = metadata.metadata().clone();
        metadata = ArrowReaderMetadata::try_new(file, options).map_err(damaged)?;
    }
    Ok(ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata))
}

fn open<R: ChunkReader + 'static>(
    shard: R,
    batch: usize,
    keep: impl Fn(&str) -> bool,
) -> Result<ParquetRecordBatchReader, DatasetError> {
    let builder = builder(shard)?;
    if !builder.schema().metadata().contains_key("coldstart.dataset") {
        return Err(DatasetError::Damaged(
            "it is a Parquet file, but no shard of a dataset".into(),
        ));
    }
    let names: Vec<&str> =
        builder.schema().fields().iter().map(|f| f.name().as_str()).filter(|n| keep(n)).collect();
    let mask = ProjectionMask::columns(builder.parquet_schema(), names);
    builder
        .with_projection(mask)
        .with_batch_size(batch)
        .build()
        .map_err(|e| DatasetError::Damaged(Cause::new(e)))
}

fn damaged(error: arrow_schema::ArrowError) -> DatasetError {
    DatasetError::Damaged(Cause::new(error))
}

/// The rows of any Parquet file, in order: all columns but `images` as an object, and the images
/// (none where there is no such column).
pub fn table<R: ChunkReader + 'static>(
    file: R,
) -> Result<impl Iterator<Item = Result<Pair, DatasetError>>, DatasetError> {
    let batches = builder(file)?
        .with_batch_size(BATCH_ROWS)
        .build()
        .map_err(|e| DatasetError::Damaged(Cause::new(e)))?;
    Ok(flatten(batches, pairs))
}

/// A row's object and its images (bytes and path).
pub type Pair = (Value, Vec<(Bytes, String)>);

fn objects(batch: &RecordBatch) -> Vec<Value> {
    let fields = batch.schema();
    let columns: Vec<_> = fields
        .fields()
        .iter()
        .zip(batch.columns())
        .filter(|(field, _)| field.name() != "images")
        .collect();
    let object = |at: usize| {
        let pairs = columns
            .iter()
            .map(|(field, column)| (field.name().clone(), columns::value(column.as_ref(), at)));
        Value::Object(pairs.filter(|(_, value)| !value.is_null()).collect())
    };
    (0..batch.num_rows()).map(object).collect()
}

fn row(object: Value) -> Result<DatasetRow, DatasetError> {
    serde_json::from_value(object).map_err(|e| DatasetError::Damaged(Cause::new(e)))
}

fn rows(batch: &RecordBatch) -> Result<Vec<DatasetRow>, DatasetError> {
    objects(batch).into_iter().map(row).collect()
}

fn pairs(batch: &RecordBatch) -> Result<Vec<Pair>, DatasetError> {
    let odd = || DatasetError::Damaged("column `images` is not list<struct<bytes, path>>".into());
    let lists = match batch.column_by_name("images") {
        Some(column) => Some(column.as_list_opt::<i32>().ok_or_else(odd)?),
        None => None,
    };
    let images_at = |at: usize| match lists {
        Some(lists) => images(&lists.value(at)),
        None => Ok(Vec::new()),
    };
    objects(batch)
        .into_iter()
        .enumerate()
        .map(|(at, object)| Ok((object, images_at(at)?)))
        .collect()
}

fn items(batch: &RecordBatch) -> Result<Vec<PicturedRow>, DatasetError> {
    let item = |(object, images)| Ok(PicturedRow { row: row(object)?, images });
    pairs(batch)?.into_iter().map(item).collect()
}

fn images(list: &dyn Array) -> Result<Vec<(Bytes, String)>, DatasetError> {
    let odd = || DatasetError::Damaged("column `images` is not list<struct<bytes, path>>".into());
    let list: &StructArray = list.as_struct_opt().ok_or_else(odd)?;
    let bytes = list.column_by_name("bytes").and_then(|column| views::all(column));
    let paths = list.column_by_name("path").and_then(|c| c.as_string_opt::<i32>());
    let (bytes, paths) = bytes.zip(paths).ok_or_else(odd)?;
    let paths = (0..list.len()).map(|i| paths.value(i).to_string());
    Ok(bytes.into_iter().zip(paths).collect())
}
