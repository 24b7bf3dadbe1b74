//! Which way up a picture is to be shown, as its notes say.
//!
//! EXIF counts first, then XMP: the order in which Pillow looks, with which trainers read.

use exif::{In, Reader, Tag};

/// The longest EXIF block that is looked into, bytes: the tag stands in its first directory.
const LONGEST: usize = 1 << 20;

/// EXIF's `Orientation`, 1 to 8: what must be done to the stored pixels to see them upright.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Orientation(u8);

impl Orientation {
    pub const UPRIGHT: Orientation = Orientation(1);

    fn new(value: u32) -> Option<Orientation> {
        u8::try_from(value).ok().filter(|v| (1..=8).contains(v)).map(Orientation)
    }

    /// Of a TIFF block, with or without `Exif\0\0` before it. None when it does not say.
    pub fn of_exif(block: &[u8]) -> Option<Orientation> {
        let block = block.strip_prefix(b"Exif\0\0").unwrap_or(block);
        let block = block[..block.len().min(LONGEST)].to_vec();
        let found = Reader::new()
            .continue_on_error(true)
            .read_raw(block)
            .or_else(|error| error.distill_partial_result(|_| {}))
            .ok()?;
        let field = found.get_field(Tag::Orientation, In::PRIMARY)?;
        field.value.get_uint(0).and_then(Orientation::new)
    }

    /// Of an XMP packet: `tiff:Orientation` as an attribute or an element.
    pub fn of_xmp(packet: &[u8]) -> Option<Orientation> {
        const NAME: &[u8] = b"tiff:Orientation";
        let at = memchr::memmem::find(packet, NAME)?;
        let rest = &packet[at + NAME.len()..];
        let digit =
            rest.strip_prefix(b"=\"").or(rest.strip_prefix(b"='")).or(rest.strip_prefix(b">"))?;
        Orientation::new(u32::from(digit.first()?.wrapping_sub(b'0')))
    }

    pub fn is_upright(self) -> bool {
        self == Orientation::UPRIGHT
    }

    /// Whether width and height change places.
    pub fn swaps(self) -> bool {
        self.0 >= 5
    }

    /// The stored pixel that is seen at (`x`, `y`), where the stored picture is `w` x `h`.
    pub fn source(self, (x, y): (usize, usize), (w, h): (usize, usize)) -> (usize, usize) {
        match self.0 {
            2 => (w - 1 - x, y),
            3 => (w - 1 - x, h - 1 - y),
            4 => (x, h - 1 - y),
            5 => (y, x),
            6 => (y, h - 1 - x),
            7 => (w - 1 - y, h - 1 - x),
            8 => (w - 1 - y, x),
            _ => (x, y),
        }
    }
}
