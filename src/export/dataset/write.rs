//! Writing a shard: rows in, bytes out, memory bounded by one row group.

use crate::export::conversation::{self, ConversationOptions};
use crate::export::dataset::table::{ImageTable, weight};
use crate::export::dataset::{DatasetError, DatasetRow, pairs_schema, schema};
use crate::record::{Digest, ImageRef, Trajectory};
use bytes::Bytes;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{CdcOptions, EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use serde_json::Value;

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

/// A row with its images, ready to be written.
#[derive(Debug)]
pub struct PreparedRow {
    columns: Value,
    /// Bytes and name.
    images: Vec<(Bytes, String)>,
}

impl PreparedRow {
    /// What it holds, bytes.
    pub fn weight(&self) -> usize {
        weight(&self.images)
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
        let columns = serde_json::to_value(&row).map_err(DatasetError::Row)?;
        Ok(PreparedRow { columns, images })
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
        let schema = if options.pairs { pairs_schema() } else { schema() };
        let table = ImageTable::new(schema, options.row_group_bytes)?;
        Ok(ShardWriter { table, options })
    }

    /// Adds a row. `images` are the bytes of `conversation::images(trajectory)`, in that order;
    /// they are held against their digests. A refused row leaves the shard as it was.
    pub fn push(&mut self, trajectory: &Trajectory, images: &[Bytes]) -> Result<(), DatasetError> {
        let hashed = images.iter().map(|bytes| (bytes.clone(), Digest::of(bytes)));
        let row = self.options.prepare(trajectory, &hashed.collect::<Vec<_>>())?;
        self.push_prepared(row)
    }

    /// Adds a row that was prepared by the same options.
    pub fn push_prepared(&mut self, row: PreparedRow) -> Result<(), DatasetError> {
        self.table.push(row.columns, row.images)
    }

    /// Whether `push_prepared` of that row will encode a batch: milliseconds, for another thread.
    pub fn is_last(&self, row: &PreparedRow) -> bool {
        self.table.is_last(&row.images)
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

    /// The last bytes. The bytes of a shard depend on its rows alone.
    pub fn finish(self) -> Result<Vec<Bytes>, DatasetError> {
        self.table.finish()
    }
}

/// `<digest>.png`: the name an image has wherever it is exported.
pub fn image_name(image: &ImageRef) -> String {
    format!("{}.{}", image.digest, image.mime.ext())
}
