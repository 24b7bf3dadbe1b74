//! What a file is, by its first bytes.

use crate::record::Mime;

/// A kind of file that is known by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    name: &'static str,
    mime: Option<Mime>,
    picture: bool,
}

const fn read(name: &'static str, mime: Mime) -> Kind {
    Kind { name, mime: Some(mime), picture: true }
}

const fn unread(name: &'static str) -> Kind {
    Kind { name, mime: None, picture: true }
}

const fn other(name: &'static str) -> Kind {
    Kind { name, mime: None, picture: false }
}

const AVIF: Kind = unread("an AVIF picture");
const HEIC: Kind = unread("a HEIC picture");
const MP4: Kind = other("a video (MP4)");

/// The first bytes of a file, and what it is.
const MAGIC: &[(&[u8], Kind)] = &[
    (b"\x89PNG\r\n\x1a\n", read("a PNG picture", Mime::Png)),
    (b"\xff\xd8\xff", read("a JPEG picture", Mime::Jpeg)),
    (b"GIF8", unread("a GIF picture")),
    (b"BM", unread("a BMP picture")),
    (b"II*\0", unread("a TIFF picture")),
    (b"MM\0*", unread("a TIFF picture")),
    (b"\xff\x0a", unread("a JPEG XL picture")),
    (b"\0\0\0\x0cJXL \r\n\x87\n", unread("a JPEG XL picture")),
    (b"\0\0\0\x0cjP  \r\n\x87\n", unread("a JPEG 2000 picture")),
    (b"\0\0\x01\0", unread("an icon (ICO)")),
    (b"8BPS", unread("a Photoshop picture")),
    (b"\x76\x2f\x31\x01", unread("an OpenEXR picture")),
    (b"<svg", unread("an SVG drawing")),
    (b"qoif", unread("a QOI picture")),
    (b"\x1a\x45\xdf\xa3", other("a video (WebM or Matroska)")),
    (b"%PDF-", other("a PDF file")),
    (b"PK\x03\x04", other("a zip archive")),
    (b"\x1f\x8b", other("a gzip file")),
    (b"\x28\xb5\x2f\xfd", other("a zstd file")),
    (b"PAR1", other("a Parquet file")),
    (b"version https://git-lfs", other("a Git LFS pointer (`git lfs pull` fetches the file)")),
];

impl Kind {
    /// None when nothing known begins like this.
    pub fn of(bytes: &[u8]) -> Option<Kind> {
        if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
            return Some(read("a WebP picture", Mime::Webp));
        }
        if bytes.get(4..8) == Some(b"ftyp") {
            return Some(by_brands(bytes));
        }
        MAGIC.iter().find(|(magic, _)| bytes.starts_with(magic)).map(|(_, kind)| *kind)
    }

    /// With its article: `a GIF picture`.
    pub fn name(self) -> &'static str {
        self.name
    }

    /// The formats that are read.
    pub fn mime(self) -> Option<Mime> {
        self.mime
    }

    /// Whether it is a picture at all, read or not.
    pub fn is_picture(self) -> bool {
        self.picture
    }
}

/// What an ISO base media file is, by its brands (ISO 23008-12, AV1 Image File Format).
fn by_brands(bytes: &[u8]) -> Kind {
    let size = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize;
    let head = &bytes[8..size.clamp(8, 256).min(bytes.len()).max(8)];
    // The second of these is a version, which is no brand.
    let has = |brands: &[&[u8; 4]]| head.chunks_exact(4).any(|b| brands.iter().any(|n| b == *n));
    if has(&[b"avif", b"avis"]) {
        AVIF
    } else if has(&[b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"]) {
        HEIC
    } else {
        MP4
    }
}

/// What bytes of no known kind are called: text is quoted, the rest is only counted.
pub(super) fn describe(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "nothing at all".to_owned();
    }
    let head = &bytes[..bytes.len().min(240)];
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        // Cut within a character.
        Err(e) if e.error_len().is_none() => {
            std::str::from_utf8(&head[..e.valid_up_to()]).unwrap_or("")
        }
        Err(_) => "",
    };
    let odd = |c: char| c.is_control() && !c.is_ascii_whitespace();
    if text.trim().is_empty() || text.contains(odd) {
        return format!("{} bytes of no known kind", bytes.len());
    }
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let shown: String = words.chars().take(60).collect();
    let more = if shown.len() < words.len() || head.len() < bytes.len() { "…" } else { "" };
    format!("text: `{shown}{more}`")
}
