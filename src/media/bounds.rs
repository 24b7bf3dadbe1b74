//! How large a picture may be, and how small.

use crate::media::PictureError;

/// The most pixels: 8,192 x 8,192. A decoded picture of that size takes 200 MB.
pub const MAX_PIXELS: u64 = 64 << 20;

/// The least width and height that is worth showing to a model.
pub const MIN_SIDE: u32 = 16;

/// The longer side by the shorter: the image processors of the Qwen-VL family refuse more.
pub const MAX_RATIO: u32 = 200;

/// Whether a picture of that size may be taken.
pub fn check(width: u32, height: u32) -> Result<(), PictureError> {
    let (short, long) = (width.min(height), width.max(height));
    let pixels = u64::from(width) * u64::from(height);
    let fits = short >= MIN_SIDE && pixels <= MAX_PIXELS;
    let exact = u64::from(long) <= u64::from(short) * u64::from(MAX_RATIO);
    if fits && exact { Ok(()) } else { Err(PictureError::Bounds { width, height }) }
}
