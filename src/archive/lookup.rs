//! One record's rows out of a Parquet part, without decoding the others.
//!
//! Tables are sorted by id, so the statistics of row groups and pages say where an
//! id can be; only those pages are decoded. A table that is not sorted is still read rightly, just
//! more of it.

use crate::record::{Cause, Decision, Id};
use crate::store::{Ranges, decode_batch};
use arrow_array::cast::AsArray;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder, RowSelection, RowSelector,
};
use parquet::file::metadata::PageIndexPolicy;
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::statistics::Statistics;

/// The rows of `id` in `part`.
pub fn rows(part: &Ranges, id: &Id) -> Result<Vec<Decision>, Cause> {
    let hex = id.hex();
    // Where the pages lie is read only of a part that can hold the id.
    let metadata = open(part, PageIndexPolicy::Skip)?;
    let groups = 0..metadata.metadata().num_row_groups();
    let groups: Vec<usize> = groups.filter(|group| may_hold(&metadata, *group, &hex)).collect();
    if groups.is_empty() {
        return Ok(Vec::new());
    }
    let metadata = open(part, PageIndexPolicy::Optional)?;
    let mut out = Vec::new();
    for group in groups {
        let found = find(part, &metadata, group, &hex)?;
        if !found.is_empty() {
            take(part, &metadata, group, &found, &mut out)?;
        }
    }
    Ok(out)
}

fn open(part: &Ranges, pages: PageIndexPolicy) -> Result<ArrowReaderMetadata, Cause> {
    let options = ArrowReaderOptions::new().with_page_index_policy(pages);
    ArrowReaderMetadata::load(part, options).map_err(Cause::new)
}

fn id_column(metadata: &ArrowReaderMetadata) -> Option<usize> {
    let columns = metadata.parquet_schema().columns();
    columns.iter().position(|c| c.path().string() == "id")
}

/// By the row group's statistics; true when there are none.
fn may_hold(metadata: &ArrowReaderMetadata, group: usize, hex: &str) -> bool {
    let statistics = id_column(metadata)
        .and_then(|column| metadata.metadata().row_group(group).column(column).statistics());
    match statistics {
        Some(Statistics::ByteArray(s)) => match (s.min_opt(), s.max_opt()) {
            (Some(min), Some(max)) => min.data() <= hex.as_bytes() && hex.as_bytes() <= max.data(),
            _ => true,
        },
        _ => true,
    }
}

fn reader(
    part: &Ranges,
    metadata: &ArrowReaderMetadata,
    group: usize,
    mask: ProjectionMask,
    selection: Option<RowSelection>,
) -> Result<ParquetRecordBatchReader, Cause> {
    let mut builder =
        ParquetRecordBatchReaderBuilder::new_with_metadata(part.clone(), metadata.clone())
            .with_row_groups(vec![group])
            .with_batch_size(4096)
            .with_projection(mask);
    if let Some(selection) = selection {
        builder = builder.with_row_selection(selection);
    }
    builder.build().map_err(Cause::new)
}

/// Places of rows with this id within the group, by the id column alone.
fn find(
    part: &Ranges,
    metadata: &ArrowReaderMetadata,
    group: usize,
    hex: &str,
) -> Result<Vec<usize>, Cause> {
    let mask = ProjectionMask::columns(metadata.parquet_schema(), ["id"]);
    let pages = pages(metadata, group, hex);
    let starts: Vec<usize> = pages.iter().flat_map(|(start, len)| *start..start + len).collect();
    let total = metadata.metadata().row_group(group).num_rows() as usize;
    let selection = (!pages.is_empty()).then(|| select(&pages, total));
    let mut at = 0;
    let mut out = Vec::new();
    for batch in reader(part, metadata, group, mask, selection)? {
        let batch = batch.map_err(Cause::new)?;
        let ids = batch.column(0).as_string_opt::<i32>().ok_or("`id` is not text")?;
        for value in ids.iter() {
            if value == Some(hex) {
                out.push(if starts.is_empty() { at } else { starts[at] });
            }
            at += 1;
        }
    }
    Ok(out)
}

/// (first row, rows) of the pages that may hold the id; empty = unknown, read all.
fn pages(metadata: &ArrowReaderMetadata, group: usize, hex: &str) -> Vec<(usize, usize)> {
    let Some(column) = id_column(metadata) else { return Vec::new() };
    let whole = metadata.metadata();
    let index = whole.page_index_for_row_group(group);
    let (Some(ColumnIndexMetaData::BYTE_ARRAY(index)), Some(locations)) =
        (index.column_index(column), index.page_locations(column))
    else {
        return Vec::new();
    };
    let total = whole.row_group(group).num_rows() as usize;
    let mut out = Vec::new();
    for (page, location) in locations.iter().enumerate() {
        let start = location.first_row_index as usize;
        let end = locations.get(page + 1).map_or(total, |next| next.first_row_index as usize);
        let above = index.min_value(page).is_none_or(|min| min <= hex.as_bytes());
        let below = index.max_value(page).is_none_or(|max| hex.as_bytes() <= max);
        if above && below {
            out.push((start, end - start));
        }
    }
    out
}

fn select(ranges: &[(usize, usize)], total: usize) -> RowSelection {
    let mut selectors = Vec::new();
    let mut at = 0;
    for (start, len) in ranges {
        if *start > at {
            selectors.push(RowSelector::skip(start - at));
        }
        selectors.push(RowSelector::select(*len));
        at = start + len;
    }
    if at < total {
        selectors.push(RowSelector::skip(total - at));
    }
    RowSelection::from(selectors)
}

/// The chosen rows, whole.
fn take(
    part: &Ranges,
    metadata: &ArrowReaderMetadata,
    group: usize,
    rows: &[usize],
    out: &mut Vec<Decision>,
) -> Result<(), Cause> {
    let total = metadata.metadata().row_group(group).num_rows() as usize;
    let ranges: Vec<(usize, usize)> = rows.iter().map(|row| (*row, 1)).collect();
    let selection = select(&ranges, total);
    for batch in reader(part, metadata, group, ProjectionMask::all(), Some(selection))? {
        let batch = batch.map_err(Cause::new)?;
        decode_batch(&batch, &mut |row| out.push(row))?;
    }
    Ok(())
}
