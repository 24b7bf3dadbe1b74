//! Writing a shard: rows in, bytes out, memory bounded by one row group.

use crate::export::conversation::{self, ConversationOptions};
use crate::export::dataset::table::{Batch, ImageTable};
use crate::export::dataset::{DatasetError, DatasetRow, pairs_schema, schema};
use crate::record::{Digest, ImageRef, Trajectory};
use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use bytes::Bytes;
use parking_lot::Mutex;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{CdcOptions, EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

/// How shards are made.
#[derive(Debug, Clone)]
pub struct ShardOptions {
    /// The manifest's pipeline digest, for `provenance.pipeline`.
    pub pipeline: String,
    /// What shapes `messages`.
    pub conversation: ConversationOptions,
    /// Whether the rows are preference pairs, which have a column more.
    pub pairs: bool,
    /// A row group is closed at this size (bytes); what the writer holds is bounded by it.
    pub row_group_bytes: usize,
}

impl Default for ShardOptions {
    fn default() -> ShardOptions {
        ShardOptions {
            pipeline: String::new(),
            conversation: ConversationOptions::default(),
            pairs: false,
            row_group_bytes: 32 << 20,
        }
    }
}

/// A row with its images, ready to be made columns.
#[derive(Debug)]
pub struct PreparedRow {
    row: DatasetRow,
    /// Bytes and name.
    images: Vec<(Bytes, String)>,
}

/// Batches between two uses, of one schema: they know how much memory the next will want.
#[derive(Default)]
pub struct SpareBatches(Mutex<Vec<Batch>>);

/// Rows as columns, ready to be written.
#[derive(Debug)]
pub struct PreparedRows(RecordBatch);

impl PreparedRows {
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn len(&self) -> usize {
        self.0.num_rows()
    }
}

impl ShardOptions {
    /// The row of `trajectory`; `images` as in `ShardWriter::push`, with what they hash to. The half
    /// of the work that any thread can do, whatever its turn.
    pub fn prepare(
        &self,
        trajectory: &Trajectory,
        images: &[(Bytes, Digest)],
    ) -> Result<PreparedRow, DatasetError> {
        let id = trajectory.prompt.id;
        let row = DatasetRow::of(trajectory, &self.conversation, &self.pipeline)
            .map_err(|source| DatasetError::Refused { id, source })?;
        let wanted = conversation::images(trajectory);
        if wanted.len() != images.len() {
            return Err(DatasetError::Images { id, wanted: wanted.len(), given: images.len() });
        }
        for (image, (_, found)) in wanted.iter().zip(images) {
            if *found != image.digest {
                return Err(DatasetError::Altered { id, wanted: image.digest, found: *found });
            }
        }
        let bytes = images.iter().map(|(bytes, _)| bytes.clone());
        let images = bytes.zip(wanted.iter().map(image_name)).collect();
        Ok(PreparedRow { row, images })
    }
}

impl ShardOptions {
    fn schema(&self) -> SchemaRef {
        if self.pairs { pairs_schema() } else { schema() }
    }

    /// Rows as columns: the second half of what any thread can do. Who makes many batches keeps `spare`, for these
    /// options alone.
    pub fn columns(
        &self,
        rows: Vec<PreparedRow>,
        spare: &SpareBatches,
    ) -> Result<PreparedRows, DatasetError> {
        let kept = spare.0.lock().pop();
        let mut batch = match kept {
            Some(batch) => batch,
            None => Batch::new(&self.schema())?,
        };
        for PreparedRow { row, images } in rows {
            batch.push(&row, images)?;
        }
        let rows = batch.take()?;
        spare.0.lock().push(batch);
        Ok(PreparedRows(rows))
    }
}

/// A page of images may be this large, should the chunker not have closed it before.
const IMAGE_PAGE: usize = 4 << 20;

/// The writer's properties: zstd and dictionaries for text; image bytes as they are, without
/// dictionary or statistics. `images` names the columns that hold image bytes.
///
/// Pages end where the content says so (between 256 KiB and 1 MiB, as `datasets` writes them), so
/// that a store that keeps equal chunks once (the hub's) takes only what is new of a dataset that
/// was made again with a few rows more. An index says where each page lies: viewers read the pages
/// of the rows that they show. Both are told in the footer as `datasets` does.
pub fn properties(images: &[&str], row_group_bytes: usize) -> WriterProperties {
    let zstd = ZstdLevel::try_new(3).map_or(Compression::UNCOMPRESSED, Compression::ZSTD);
    let chunks = CdcOptions::default();
    let told = serde_json::json!({
        "min_chunk_size": chunks.min_chunk_size,
        "max_chunk_size": chunks.max_chunk_size,
        "norm_level": chunks.norm_level,
    });
    let told = KeyValue::new("content_defined_chunking".to_owned(), told.to_string());
    let mut properties = WriterProperties::builder()
        .set_created_by(concat!("coldstart ", env!("CARGO_PKG_VERSION")).to_string())
        .set_compression(zstd)
        .set_content_defined_chunking(Some(chunks))
        .set_key_value_metadata(Some(vec![told]))
        .set_max_row_group_row_count(None)
        .set_max_row_group_bytes(Some(row_group_bytes));
    for column in images {
        let path = ["list", "element", "bytes"].map(str::to_string);
        let path = ColumnPath::new([vec![column.to_string()], path.to_vec()].concat());
        properties = properties
            .set_column_compression(path.clone(), Compression::UNCOMPRESSED)
            .set_column_dictionary_enabled(path.clone(), false)
            .set_column_statistics_enabled(path.clone(), EnabledStatistics::None)
            .set_column_data_page_size_limit(path, IMAGE_PAGE);
    }
    properties.build()
}

/// A shard in the making.
pub struct ShardWriter {
    table: ImageTable,
    options: ShardOptions,
}

impl ShardWriter {
    pub fn new(options: ShardOptions) -> Result<ShardWriter, DatasetError> {
        let table = ImageTable::new(options.schema(), options.row_group_bytes)?;
        Ok(ShardWriter { table, options })
    }

    /// Adds a row. `images` are the bytes of `conversation::images(trajectory)`, in that order;
    /// they are held against their digests. A refused row leaves the shard as it was; after any other
    /// error the shard is of no use.
    pub fn push(&mut self, trajectory: &Trajectory, images: &[Bytes]) -> Result<(), DatasetError> {
        let hashed = images.iter().map(|bytes| (bytes.clone(), Digest::of(bytes)));
        let row = self.options.prepare(trajectory, &hashed.collect::<Vec<_>>())?;
        self.table.push(&row.row, row.images)
    }

    /// Adds rows that were made columns by the same options: milliseconds, for another thread.
    pub fn write(&mut self, rows: &PreparedRows) -> Result<(), DatasetError> {
        self.table.write(&rows.0)
    }

    /// The bytes that are ready, in order; call it after each `push`, so that no more than a row
    /// group is held.
    pub fn take(&mut self) -> Vec<Bytes> {
        self.table.take()
    }

    /// Rows pushed so far.
    pub fn rows(&self) -> u64 {
        self.table.rows()
    }

    /// The size the shard has so far, with what is still held: for closing it at a target size.
    pub fn bytes(&self) -> u64 {
        self.table.bytes()
    }

    /// The last bytes. The bytes of a shard depend on its rows and their batches alone.
    pub fn finish(self) -> Result<Vec<Bytes>, DatasetError> {
        self.table.finish()
    }
}

/// `<digest>.png`: the name an image has wherever it is exported.
pub fn image_name(image: &ImageRef) -> String {
    format!("{}.{}", image.digest, image.mime.ext())
}
