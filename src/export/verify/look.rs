//! What an image's bytes say of themselves: all that the proof needs, so that bytes can be looked
//! at on any thread and let go.

use crate::media::Outline;
use crate::record::Digest;

/// See the module's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Bytes looked at.
    pub bytes: u64,
    pub digest: Digest,
    /// Width and height in pixels, when it is a whole image by its header and its end.
    pub size: Option<(u32, u32)>,
}

impl Look {
    /// Hashes `bytes` and reads their header.
    pub fn at(bytes: &[u8]) -> Look {
        let size = Outline::read(bytes).ok().map(|found| (found.width, found.height));
        Look { bytes: bytes.len() as u64, digest: Digest::of(bytes), size }
    }
}

/// An image that a row shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    Seen(Look),
    /// There is no such file.
    Missing,
    /// An earlier row shows the same file: it was looked at for that one.
    Before,
}
