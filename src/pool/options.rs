//! How a source is read.

use crate::media::Verify;
use crate::pool::Fields;
use std::collections::BTreeMap;

/// What to do with images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Images {
    /// Rows only; archives that hold nothing but images are not opened.
    Skip,
    /// With every row that has one; a row whose image is missing comes without.
    #[default]
    Load,
    /// Rows without a good image are not yielded.
    Require,
}

/// What to do with a row that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnBad {
    /// Yield `PoolItem::Bad` and go on.
    #[default]
    Skip,
    /// End the stream with `PoolError::Bad`.
    Stop,
}

/// Everything that shapes what a source yields.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceOptions {
    /// The name in a prompt's `source`; the path's last part when empty.
    pub name: String,
    /// A reader's name; detected when None.
    pub format: Option<String>,
    pub fields: Fields,
    /// Category of all rows; else the source's own, mapped by `categories`.
    pub category: Option<String>,
    /// The source's category -> ours; `*` for all others.
    pub categories: BTreeMap<String, String>,
    pub licence: Option<String>,
    pub images: Images,
    pub verify: Verify,
    pub on_bad: OnBad,
    /// Rows to yield at most: the first in the source's own order.
    pub cap: Option<u64>,
    /// Longest prompt, in characters.
    pub max_chars: usize,
    /// Longest line, row or image, in bytes; larger ones are skipped without being held.
    pub max_bytes: u64,
}

impl Default for SourceOptions {
    fn default() -> SourceOptions {
        SourceOptions {
            name: String::new(),
            format: None,
            fields: Fields::default(),
            category: None,
            categories: BTreeMap::new(),
            licence: None,
            images: Images::default(),
            verify: Verify::default(),
            on_bad: OnBad::default(),
            cap: None,
            max_chars: 8000,
            max_bytes: 64 << 20,
        }
    }
}
