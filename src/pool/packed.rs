//! gz and zstd, told by the first bytes: names lie.

use crate::pool::input::Stream;
use std::io::{self, Cursor, Read};

/// Looks at the first bytes and puts the right decoder on top.
pub fn decompress(stream: Stream) -> io::Result<Stream> {
    unpack(stream).map(|(stream, _)| stream)
}

/// As `decompress`; says whether there was anything to decode.
pub fn unpack(mut stream: Stream) -> io::Result<(Stream, bool)> {
    let mut magic = [0u8; 4];
    let mut held = 0;
    while held < magic.len() {
        match stream.read(&mut magic[held..])? {
            0 => break,
            n => held += n,
        }
    }
    let whole = Cursor::new(magic[..held].to_vec()).chain(stream);
    Ok(match &magic[..held] {
        [0x1f, 0x8b, ..] => (Box::new(flate2::read::MultiGzDecoder::new(whole)), true),
        [0x28, 0xb5, 0x2f, 0xfd] => (Box::new(zstd::stream::read::Decoder::new(whole)?), true),
        _ => (Box::new(whole), false),
    })
}

#[cfg(test)]
mod tests {
    use super::decompress;
    use std::io::Read;

    #[test]
    fn compression_is_told_by_content() {
        let text = b"hello".to_vec();
        let zstd = zstd::stream::encode_all(&text[..], 1).unwrap();
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut gz, &text).unwrap();
        for packed in [text.clone(), zstd, gz.finish().unwrap(), b"h".to_vec()] {
            let short = packed.len() == 1;
            let mut out = Vec::new();
            decompress(Box::new(std::io::Cursor::new(packed)))
                .unwrap()
                .read_to_end(&mut out)
                .unwrap();
            assert_eq!(out, if short { b"h".to_vec() } else { text.clone() });
        }
    }
}
