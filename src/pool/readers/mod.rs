//! The formats: one file each, one line each in `READERS`. Sets with a layout of their own come
//! before general formats, since detection takes the first that claims a path.
//!
//! To add one: write `read` (walk the input, give `Draft`s to `Out`), say in `claims` what tells it
//! apart, add a line here and an archive to `tests/it/pool_formats.rs`.

mod apart;
mod arrow;
mod benchmark;
mod blip3o;
mod bounded;
mod cells;
mod echo_4o;
mod folder;
mod genref;
mod join;
mod journeydb;
mod json_array;
mod jsonl;
mod opengpt_4o;
mod parquet;
mod sharegpt_4o;
mod t2i_2m;
mod t2i_r1;
mod table;
mod tars;
mod text;
mod webdataset;

use crate::pool::input::Input;
use crate::pool::out::{Flow, Out};

/// Walks a source once.
pub type Read = fn(&Input, &mut Out) -> Flow;

/// A format.
pub struct Reader {
    /// What `format = "…"` says.
    pub name: &'static str,
    /// One line.
    pub about: &'static str,
    /// The layout that is read, for `pool inspect --formats`.
    pub layout: &'static str,
    /// Whether a path is of this format; looks at names first, then at first bytes.
    pub claims: fn(&Input) -> bool,
    pub read: Read,
}

/// All formats, in the order of detection.
pub static READERS: &[Reader] = &[
    benchmark::GENEVAL_PP,
    benchmark::IMAGINE,
    benchmark::WISE_LEGACY,
    benchmark::WISE_VERIFIED,
    blip3o::READER,
    sharegpt_4o::READER,
    echo_4o::READER,
    opengpt_4o::READER,
    t2i_2m::READER,
    genref::READER,
    journeydb::READER,
    t2i_r1::READER,
    text::UNIGENBENCH,
    table::PARTIPROMPTS,
    parquet::READER,
    arrow::READER,
    webdataset::READER,
    folder::READER,
    jsonl::READER,
    json_array::READER,
    table::READER,
    text::READER,
];
