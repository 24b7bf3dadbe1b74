//! Whether a PNG's pixels are all there, without putting them together.
//!
//! Undoing the filters of a PNG's rows costs as much as inflating them or more, and cannot fail: a
//! filter is a number up to 4, and any bytes may follow it. Who only asks whether a picture decodes
//! needs the inflating, the checksums and those numbers.

use crate::media::container::png::pixels;
use flate2::{Crc, Decompress, FlushDecompress, Status};

/// Inflated at once, bytes: what is inflated is looked at while it is in the processor's cache.
const PIECE: usize = 64 << 10;

/// The number of the last filter (PNG specification, section 9).
const LAST_FILTER: u8 = 4;

/// Whether `rows` rows of `width` bytes each inflate from the PNG `bytes`, which must not be
/// interlaced. `false` says that this is not certain: only a decoder knows what is amiss, if anything.
pub fn all_rows(bytes: &[u8], rows: usize, width: usize) -> bool {
    let Some(left) = rows.checked_mul(width + 1) else { return false };
    let rows = Rows { stride: width + 1, to_filter: 0, left };
    let mut inflate = Inflate { zlib: Decompress::new(false), rows, piece: vec![0; PIECE] };
    let mut headed = false;
    for chunk in pixels(bytes) {
        let mut data = chunk.data;
        let mut crc = Crc::new();
        crc.update(b"IDAT");
        crc.update(data);
        if crc.sum() != chunk.crc {
            return false;
        }
        if !headed {
            let Some(rest) = after_header(data) else { return false };
            (headed, data) = (true, rest);
        }
        if !inflate.read(data) {
            return false;
        }
    }
    inflate.rows.left == 0
}

/// What follows the two bytes that open a zlib stream: deflate, a window of 32 KB at most, no
/// dictionary, a check of the two (RFC 1950). None where they say something else.
fn after_header(data: &[u8]) -> Option<&[u8]> {
    let (&[method, flags], rest) = data.split_first_chunk()?;
    let checked = (u16::from(method) << 8 | u16::from(flags)).is_multiple_of(31);
    (method & 15 == 8 && method >> 4 <= 7 && flags & 32 == 0 && checked).then_some(rest)
}

struct Inflate {
    /// The stream without its header; the checksum at its end is not asked for, as no reader of PNGs
    /// insists on it.
    zlib: Decompress,
    rows: Rows,
    piece: Vec<u8>,
}

impl Inflate {
    /// Whether all is well so far.
    fn read(&mut self, mut data: &[u8]) -> bool {
        while self.rows.left > 0 {
            let (read, wrote) = (self.zlib.total_in(), self.zlib.total_out());
            let status = self.zlib.decompress(data, &mut self.piece, FlushDecompress::None);
            let read = (self.zlib.total_in() - read) as usize;
            let wrote = (self.zlib.total_out() - wrote) as usize;
            if !self.rows.are_filtered(&self.piece[..wrote]) {
                return false;
            }
            data = data.get(read..).unwrap_or_default();
            match status {
                Ok(Status::Ok) if wrote == PIECE || !data.is_empty() => {}
                // The next chunk goes on.
                Ok(Status::Ok | Status::BufError) => return true,
                Ok(Status::StreamEnd) => return self.rows.left == 0,
                Err(_) => return false,
            }
        }
        true
    }
}

/// Rows as they are stored: a filter's number, then the row.
struct Rows {
    stride: usize,
    /// Bytes until the next filter's number.
    to_filter: usize,
    /// Bytes that are to come.
    left: usize,
}

impl Rows {
    /// Whether the filters in the next `bytes` are filters. What follows the last row is passed over.
    fn are_filtered(&mut self, bytes: &[u8]) -> bool {
        let bytes = &bytes[..bytes.len().min(self.left)];
        self.left -= bytes.len();
        let known =
            bytes.iter().skip(self.to_filter).step_by(self.stride).all(|f| *f <= LAST_FILTER);
        self.to_filter = match bytes.len().checked_sub(self.to_filter) {
            Some(past) => (self.stride - past % self.stride) % self.stride,
            None => self.to_filter - bytes.len(),
        };
        known
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::Outline;
    use crate::media::pixels::decode;
    use proptest::prelude::*;

    /// A picture of noise and of flat parts; its rows hold `width` bytes, in many small chunks.
    fn png(colour: png::ColorType, size: u32) -> (Vec<u8>, usize) {
        let mut out = Vec::new();
        let mut encoder = png::Encoder::new(&mut out, size, size);
        encoder.set_color(colour);
        encoder.set_filter(png::Filter::Adaptive);
        let width = size as usize * colour.samples();
        let flat = |at: usize| if at.is_multiple_of(3) { 7 } else { (at * at / 5) as u8 };
        let data: Vec<u8> = (0..width * size as usize).map(flat).collect();
        let mut writer = encoder.write_header().unwrap();
        let mut stream = writer.stream_writer_with_size(50).unwrap();
        std::io::Write::write_all(&mut stream, &data).unwrap();
        stream.finish().unwrap();
        drop(writer);
        (out, width)
    }

    #[test]
    fn whole_pictures_are_seen_to_be_whole() {
        use png::ColorType::{Grayscale, GrayscaleAlpha, Rgb, Rgba};
        for colour in [Grayscale, GrayscaleAlpha, Rgb, Rgba] {
            for size in [16, 17, 300] {
                let (png, width) = png(colour, size);
                assert!(all_rows(&png, size as usize, width), "{colour:?} {size}");
                assert!(!all_rows(&png, size as usize + 1, width), "a row is missing");
            }
        }
    }

    #[test]
    fn an_unknown_filter_is_seen() {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, 16, 16);
        encoder.set_compression(png::Compression::NoCompression);
        encoder.set_filter(png::Filter::NoFilter);
        encoder.write_header().unwrap().write_image_data(&[9; 16 * 16]).unwrap();
        assert!(all_rows(&bytes, 16, 16));
        // Stored as it is: row after row of a 0 and sixteen 9s.
        let row = bytes.windows(18).position(|w| w[0] == 9 && w[1] == 0 && w[2] == 9).unwrap();
        let chunk = pixels(&bytes).next().unwrap();
        let start = chunk.data.as_ptr() as usize - bytes.as_ptr() as usize;
        let end = start + chunk.data.len();
        for (filter, known) in [(LAST_FILTER, true), (LAST_FILTER + 1, false)] {
            bytes[row + 1] = filter;
            let crc = crc_of(&bytes[start - 4..end]);
            bytes[end..end + 4].copy_from_slice(&crc.to_be_bytes());
            assert_eq!(all_rows(&bytes, 16, 16), known, "{filter}");
        }
    }

    proptest! {
        /// Bytes of the pixels are changed and their checksums made right again.
        #[test]
        fn what_is_called_whole_decodes(changes in prop::collection::vec((0usize..4000, 1u8..), 1..3)) {
            let (mut bytes, width) = png(png::ColorType::Rgb, 24);
            let whole = Outline::read(&bytes).unwrap();
            for (at, change) in changes {
                let spans: Vec<_> = pixels(&bytes)
                    .map(|chunk| chunk.data.as_ptr() as usize - bytes.as_ptr() as usize)
                    .zip(pixels(&bytes).map(|chunk| chunk.data.len()))
                    .collect();
                let (start, length) = spans[at % spans.len()];
                bytes[start + at / spans.len() % length] ^= change;
                let crc = crc_of(&bytes[start - 4..start + length]);
                bytes[start + length..start + length + 4].copy_from_slice(&crc.to_be_bytes());
            }
            if all_rows(&bytes, 24, width) {
                prop_assert!(decode(&bytes, &whole).is_ok());
            }
        }
    }

    fn crc_of(bytes: &[u8]) -> u32 {
        let mut crc = Crc::new();
        crc.update(bytes);
        crc.sum()
    }
}
