//! One picture in many files: whole and cut, noted and plain, lying and upright.

use super::*;
use crate::record::Mime;
use bytes::Bytes;

/// 16 x 16, grey, baseline.
const GREY: &[u8] = include_bytes!("../../fuzz/src/grey.jpg");

const SIDES: (usize, usize) = (24, 16);

/// RGB of a picture no two of whose rows and columns are alike.
fn rgb() -> Vec<u8> {
    let (w, h) = SIDES;
    (0..h).flat_map(|y| (0..w).flat_map(move |x| [x as u8 * 10, y as u8 * 15, 77])).collect()
}

/// An EXIF block with an orientation and a name.
fn exif(orientation: u8, note: &str) -> Vec<u8> {
    let mut out = b"MM\0*\0\0\0\x08\0\x02".to_vec();
    // ImageDescription (ASCII, behind the directory), then Orientation (SHORT).
    out.extend([0x01, 0x0e, 0, 2, 0, 0, 0, note.len() as u8, 0, 0, 0, 38]);
    out.extend([0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0]);
    out.extend([0; 4]);
    out.extend(note.as_bytes());
    out
}

/// A PNG with chunks between its header and its pixels.
fn png(chunks: &[(&[u8; 4], &[u8])]) -> Bytes {
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, SIDES.0 as u32, SIDES.1 as u32);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header().unwrap();
    for (name, data) in chunks {
        writer.write_chunk(png::chunk::ChunkType(**name), data).unwrap();
    }
    writer.write_image_data(&rgb()).unwrap();
    writer.finish().unwrap();
    out.into()
}

/// The grey JPEG with segments after its first marker.
fn jpeg(segments: &[(u8, &[u8])]) -> Bytes {
    let mut out = GREY[..2].to_vec();
    for (marker, data) in segments {
        out.extend([0xff, *marker]);
        out.extend((data.len() as u16 + 2).to_be_bytes());
        out.extend(*data);
    }
    out.extend(&GREY[2..]);
    out.into()
}

fn webp(exif: Option<Vec<u8>>, xmp: Option<&str>) -> Bytes {
    let mut out = Vec::new();
    let mut encoder = image_webp::WebPEncoder::new(&mut out);
    if let Some(block) = exif {
        encoder.set_exif_metadata(block);
    }
    if let Some(packet) = xmp {
        encoder.set_xmp_metadata(packet.as_bytes().to_vec());
    }
    let (w, h) = SIDES;
    encoder.encode(&rgb(), w as u32, h as u32, image_webp::ColorType::Rgb8).unwrap();
    out.into()
}

fn taken(bytes: &Bytes) -> Taken {
    take(bytes, Verify::Decode).expect("a picture")
}

fn refused(bytes: impl Into<Bytes>) -> String {
    take(&bytes.into(), Verify::Header).expect_err("no picture").to_string()
}

#[test]
fn a_plain_picture_is_taken_byte_for_byte() {
    let grey = Bytes::from_static(GREY);
    for (bytes, mime, size) in [
        (png(&[]), Mime::Png, (24, 16)),
        (grey, Mime::Jpeg, (16, 16)),
        (webp(None, None), Mime::Webp, (24, 16)),
    ] {
        let Taken { bytes: kept, image, .. } = taken(&bytes);
        assert_eq!(kept, bytes);
        assert_eq!((image.mime, (image.width, image.height)), (mime, size));
    }
}

#[test]
fn every_cut_is_seen_without_decoding() {
    for whole in [png(&[]), jpeg(&[(0xfe, b"\xff\xd9 in a note is no end")]), webp(None, None)] {
        for length in 0..whole.len() {
            let cut = whole.slice(..length);
            assert!(take(&cut, Verify::Header).is_err(), "{length} of {}", whole.len());
            assert!(Picture::decode(&cut).is_none());
        }
    }
}

#[test]
fn what_follows_the_end_changes_nothing() {
    for whole in [png(&[]), Bytes::from_static(GREY), webp(None, None)] {
        for extra in [1, 1 << 10, 100 << 10] {
            let longer = Bytes::from([&whole[..], &vec![b'x'; extra]].concat());
            assert_eq!(taken(&longer), taken(&whole));
            assert!(Outline::read(&longer).is_ok() && Picture::decode(&longer).is_some());
        }
    }
}

#[test]
fn two_draws_that_differ_in_notes_are_one_picture() {
    let note = exif(1, "parameters: seed 5, /home/artist");
    let in_jpeg = [b"Exif\0\0", &note[..]].concat();
    let noted = [
        png(&[(b"tEXt", b"prompt\0{\"seed\": 5}"), (b"eXIf", &note), (b"caBX", b"signed")]),
        png(&[(b"tIME", b"\x07\xe9\x01\x01\0\0\0"), (b"iTXt", b"workflow\0\0\0\0\0{}")]),
        png(&[(b"tEXt", b"Software\0some painter 4.2")]),
        jpeg(&[(0xe1, &in_jpeg), (0xfe, b"made by"), (0xed, b"Photoshop 3.0\0"), (0xeb, b"JP")]),
        webp(Some(note), None),
        webp(None, Some("<x:xmpmeta/>")),
    ];
    let plain = |mime| match mime {
        Mime::Png => png(&[]),
        Mime::Jpeg => Bytes::from_static(GREY),
        Mime::Webp => webp(None, None),
    };
    for bytes in noted {
        let kept = taken(&bytes);
        assert_eq!(kept.bytes, plain(kept.image.mime));
        assert_ne!(kept.bytes, bytes);
    }
}

#[test]
fn what_says_how_pixels_look_is_kept() {
    let mark = [b"Software\0", SIMULATED.as_bytes()].concat();
    let profile = b"ICC_PROFILE\0\x01\x01not quite a profile";
    let noted = [
        png(&[(b"gAMA", &45_455u32.to_be_bytes()), (b"tEXt", &mark)]),
        jpeg(&[(0xe2, profile), (0xee, b"Adobe\0d\0\0\0\0\0")]),
    ];
    for bytes in noted {
        assert_eq!(taken(&bytes).bytes, bytes);
    }
}

#[test]
fn a_picture_that_lies_is_set_upright() {
    let (w, h) = SIDES;
    let stored = rgb();
    for orientation in 1..=8 {
        let note = exif(orientation, "note");
        let xmp = format!("<r tiff:Orientation='{orientation}'/>");
        for bytes in [
            png(&[(b"eXIf", &note)]),
            webp(Some(note.clone()), None),
            webp(None, Some(&xmp)),
            webp(Some(note.clone()), Some("<r tiff:Orientation='8'/>")),
        ] {
            let taken = taken(&bytes);
            let seen = Picture::decode(&taken.bytes).unwrap();
            let pixel = |x: usize, y: usize| &seen.rgb[(y * seen.width + x) * 3..][..3];
            // The stored picture's first pixel, by EXIF's own words: row 0 is at the top, right, ...
            let (x, y) = match orientation {
                1 | 5 => (0, 0),
                2 | 6 => (seen.width - 1, 0),
                3 | 7 => (seen.width - 1, seen.height - 1),
                _ => (0, seen.height - 1),
            };
            assert_eq!(pixel(x, y), &stored[..3], "{orientation}");
            let turned = (seen.width, seen.height) == (h, w);
            assert_eq!(turned, orientation >= 5);
            assert_eq!(
                (taken.image.width as usize, taken.image.height as usize),
                (seen.width, seen.height)
            );
            assert_eq!(Picture::decode(&bytes), Some(seen));
            assert!(Outline::read(&taken.bytes).unwrap().orientation.is_upright());
            // The neighbour in the stored row: now beside it, or below or above it.
            assert!(taken.image.mime == Mime::Png || orientation == 1);
        }
    }
    let lying = jpeg(&[(0xe1, &[b"Exif\0\0", &exif(6, "")[..]].concat())]);
    assert_eq!(taken(&lying).image.mime, Mime::Png);
}

#[test]
fn colours_survive_the_turn() {
    let gamma = 45_455u32.to_be_bytes();
    let bytes = png(&[(b"gAMA", &gamma), (b"eXIf", &exif(3, ""))]);
    let kept = taken(&bytes).bytes;
    assert!(memchr::memmem::find(&kept, b"gAMA").is_some());
    assert_eq!(taken(&kept).bytes, kept);
    let lying = [b"Exif\0\0", &exif(6, "")[..]].concat();
    let profile = b"ICC_PROFILE\0\x01\x01not quite a profile";
    let kept = taken(&jpeg(&[(0xe1, &lying), (0xe2, profile)])).bytes;
    assert!(memchr::memmem::find(&kept, b"iCCP").is_some());
}

#[test]
fn what_is_not_read_is_named_with_its_remedy() {
    let mut deep = png(&[]).to_vec();
    deep[24] = 16;
    let mut print = GREY.to_vec();
    let frame = memchr::memmem::find(&print, b"\xff\xc0").unwrap();
    print[frame + 9] = 4;
    let animated = png(&[(b"acTL", &[0, 0, 0, 2, 0, 0, 0, 0])]);
    let mut moving = webp(Some(exif(1, "")), None).to_vec();
    moving[20] |= 0x02;
    for (bytes, name, remedy) in [
        (b"\0\0\0\x1cftypavif\0\0\0\0avifmif1".to_vec(), "AVIF", "ask its server"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avif".to_vec(), "AVIF", "convert"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic".to_vec(), "HEIC", "convert"),
        (b"GIF89a\x10\0".to_vec(), "GIF", "convert"),
        (deep, "16 bits", "saved with 8"),
        (print, "CMYK", "saved as RGB"),
        (animated.to_vec(), "animated PNG", "single frame"),
        (moving, "animated WebP", "single frame"),
        (b"%PDF-1.7 \xff\xfe".to_vec(), "PDF", ""),
        (b"<html>busy</html>".to_vec(), "`<html>busy</html>`", ""),
        (vec![0, 159, 146, 150], "4 bytes of no known kind", ""),
        (Vec::new(), "nothing at all", ""),
    ] {
        let said = refused(bytes);
        assert!(said.contains(name) && said.contains(remedy), "{said}");
        assert!(!said.contains(|c: char| c.is_control() || c == '\u{fffd}'), "{said}");
    }
}

#[test]
fn size_is_bounded_before_anything_is_decoded() {
    let sized = |width: u32, height: u32| {
        let mut out = png(&[]).to_vec();
        out[16..20].copy_from_slice(&width.to_be_bytes());
        out[20..24].copy_from_slice(&height.to_be_bytes());
        take(&out.into(), Verify::Header)
    };
    for (width, height) in [(15, 64), (64, 15), (8193, 8192), (65_536, 65_536), (3216, 16), (0, 0)]
    {
        let said = sized(width, height);
        assert_eq!(said, Err(PictureError::Bounds { width, height }));
    }
    for (width, height) in [(16, 16), (8192, 8192), (3200, 16)] {
        assert!(sized(width, height).is_ok());
    }
}

#[test]
fn one_colour_is_told_from_two() {
    let plain = |at: usize, value: u8| {
        let mut rgb = vec![9; 32 * 32 * 3];
        rgb[at] = value;
        let picture = Picture { width: 32, height: 32, rgb };
        taken(&picture.to_png().unwrap().into()).blank
    };
    assert!(plain(0, 9) && plain(2000, 10));
    assert!(!plain(3071, 40) && !plain(0, 40));
}

#[test]
fn a_thumbnail_keeps_the_shape_and_the_mean() {
    let half = |i: usize| if i % 400 < 200 { [255, 0, 0] } else { [0, 0, 255] };
    let rgb: Vec<u8> = (0..400 * 200).flat_map(half).collect();
    let whole = Picture { width: 400, height: 200, rgb }.to_png().unwrap();
    let thumb = Picture::decode(&thumbnail(&whole).unwrap()).unwrap();
    assert_eq!((thumb.width, thumb.height), (192, 96));
    assert_eq!(thumb.rgb[..3], [255, 0, 0]);
    assert_eq!(thumb.rgb[thumb.rgb.len() - 3..], [0, 0, 255]);
    assert!(thumbnail(b"<svg onload=alert(1)>").is_none());
}

#[test]
fn what_is_transparent_lies_on_white() {
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, 1, 1);
    encoder.set_color(png::ColorType::Rgba);
    encoder.write_header().unwrap().write_image_data(&[10, 20, 30, 0]).unwrap();
    assert_eq!(Picture::decode(&out).unwrap().rgb, [255; 3]);
}
