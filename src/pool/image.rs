//! A row's picture on its way in: taken by `media`, large ones one at a time.

use crate::media::{Outline, PictureError, Taken, Verify};
use bytes::Bytes;
use parking_lot::Mutex;

/// From here on one picture is decoded at a time, in pixels: decoded ones are what takes memory.
const LARGE: u64 = 4 << 20;
static LARGE_DECODE: Mutex<()> = Mutex::new(());

/// What taking says.
pub type Checked = Result<Taken, PictureError>;

/// Takes `bytes` as far as `verify` says.
pub fn take(bytes: &Bytes, verify: Verify) -> Checked {
    let outline = Outline::read(bytes)?;
    let _alone = (outline.pixels() > LARGE).then(|| LARGE_DECODE.lock());
    outline.take(bytes, verify)
}
