//! What a file's first bytes say it is, whatever its name: the coding of a text, and what is no set of
//! prompts at all.
//!
//! Bytes that are not what the name says would become prompts: a pointer of Git LFS, a server's error
//! page, UTF-16 with a NUL in every character. Text is decoded; what is no text is named, with the way
//! on.

use crate::pool::input::Stream;
use std::io::{self, BufReader, Cursor, Read};

/// Bytes that are looked at.
pub const HEAD: usize = 4096;

/// What is said of a text that is in no coding of Unicode.
pub const NOT_UTF8: &str = "not UTF-8 (Latin-1 or Windows-1252?): save the file as UTF-8";

/// What begins so, and the way on.
const FOREIGN: [(&[u8], &str, &str); 15] = [
    (
        b"version https://git-lfs.github.com/spec/",
        "a pointer of Git LFS, not the file",
        "run `git lfs pull` in its repository",
    ),
    (b"%PDF-", "a PDF", "extract its text"),
    (b"PK\x03\x04", "a zip archive", "unpack it (`unzip`)"),
    (b"Rar!", "a RAR archive", "unpack it"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it"),
    (b"\xfd7zXZ\x00", "packed with xz", "unpack it (`xz -d`)"),
    (b"BZh", "packed with bzip2", "unpack it (`bzip2 -d`)"),
    (b"SQLite format 3\0", "an SQLite database", "export a table as CSV"),
    (b"\x89HDF", "an HDF5 file, which is not read", "write it as Parquet or JSON lines"),
    (b"\x93NUMPY", "a NumPy array, which is not read", "write it as JSON lines"),
    (b"\x80\x04", "a Python pickle, which is not read", "write it as JSON lines"),
    (b"\x7fELF", "a program", "name the file that holds the prompts"),
    (b"ARROW1\0", "an Arrow file of random access, which is not read", "write it as Parquet"),
    (b"ORC", "an ORC file, which is not read", "write it as Parquet"),
    (b"Obj\x01", "an Avro file, which is not read", "write it as Parquet"),
];

/// What `head`, the beginning of a file that should hold `text`, is instead, with the way on.
pub fn foreign(head: &[u8], text: bool) -> Option<String> {
    let known = FOREIGN.iter().find(|(magic, _, _)| head.starts_with(magic));
    if let Some((_, what, remedy)) = known {
        return Some(format!("it is {what}: {remedy}"));
    }
    let start: String = String::from_utf8_lossy(&head[..head.len().min(400)]).to_lowercase();
    let start = start.trim_start_matches(|c: char| c == '\u{feff}' || c.is_whitespace());
    if ["<!doctype html", "<html", "<?xml"].iter().any(|tag| start.starts_with(tag)) {
        let what = "a web page or XML (an error page of a download?)";
        return Some(format!("it is {what}: download the file again"));
    }
    if !text || coding(head) != Coding::Utf8 {
        return None;
    }
    if head.starts_with(b"PAR1") {
        return Some("it is Parquet: name it `*.parquet`".to_owned());
    }
    let odd = |b: &&u8| **b < 0x20 && !matches!(**b, b'\t' | b'\n' | b'\r' | 0x0c | 0x1b);
    let binary = head.iter().filter(odd).count() * 10 > head.len();
    binary.then(|| "it is binary, not text: name the file that holds the prompts".to_owned())
}

/// How a text is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    Utf8,
    Utf16 { big: bool },
    Utf32 { big: bool },
}

/// By its mark; without one by where its NULs are, which no text in UTF-8 has.
pub fn coding(head: &[u8]) -> Coding {
    match head {
        [0xff, 0xfe, 0, 0, ..] => return Coding::Utf32 { big: false },
        [0, 0, 0xfe, 0xff, ..] => return Coding::Utf32 { big: true },
        [0xff, 0xfe, ..] => return Coding::Utf16 { big: false },
        [0xfe, 0xff, ..] => return Coding::Utf16 { big: true },
        _ => {}
    }
    let head = &head[..head.len().min(512) / 4 * 4];
    let nul = |of: usize, at: usize| {
        let all = head.iter().skip(at).step_by(of);
        !head.is_empty() && all.clone().filter(|b| **b == 0).count() * 10 >= all.count() * 6
    };
    let some = |of: usize, at: usize| head.iter().skip(at).step_by(of).all(|b| *b != 0);
    match () {
        () if some(4, 0) && nul(4, 1) && nul(4, 2) && nul(4, 3) => Coding::Utf32 { big: false },
        () if some(4, 3) && nul(4, 0) && nul(4, 1) && nul(4, 2) => Coding::Utf32 { big: true },
        () if some(2, 0) && nul(2, 1) => Coding::Utf16 { big: false },
        () if some(2, 1) && nul(2, 0) => Coding::Utf16 { big: true },
        () => Coding::Utf8,
    }
}

/// `stream` as UTF-8. An error when it is no text, in words for people.
pub fn as_utf8(mut stream: Stream) -> io::Result<Stream> {
    let mut head = Vec::with_capacity(HEAD);
    (&mut stream).take(HEAD as u64).read_to_end(&mut head)?;
    if let Some(what) = foreign(&head, true) {
        return Err(io::Error::other(what));
    }
    let found = coding(&head);
    let whole = Cursor::new(head).chain(stream);
    Ok(match found {
        Coding::Utf8 => Box::new(whole),
        coding => Box::new(Decoded {
            inner: BufReader::new(Box::new(whole)),
            coding,
            out: Vec::new(),
            at: 0,
        }),
    })
}

/// A whole small text as UTF-8; None where it is none in any coding.
pub fn text_of(bytes: Vec<u8>) -> Option<String> {
    let text = match coding(&bytes) {
        Coding::Utf8 => String::from_utf8(bytes).ok()?,
        _ => {
            let mut text = String::new();
            as_utf8(Box::new(Cursor::new(bytes))).ok()?.read_to_string(&mut text).ok()?;
            text
        }
    };
    Some(text.trim_start_matches('\u{feff}').to_owned())
}

/// UTF-16 or UTF-32 as UTF-8. A unit that is none becomes a byte that is no UTF-8, so that whoever
/// reads the text says where.
struct Decoded {
    inner: BufReader<Stream>,
    coding: Coding,
    out: Vec<u8>,
    at: usize,
}

const NO_UTF8: u8 = 0xff;

impl Decoded {
    /// The next unit; None at the end, or at a last one that is cut.
    fn unit(&mut self) -> io::Result<Option<u32>> {
        let mut bytes = [0; 4];
        let size = if matches!(self.coding, Coding::Utf32 { .. }) { 4 } else { 2 };
        match self.inner.read_exact(&mut bytes[..size]) {
            Ok(()) => {}
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(e) => return Err(e),
        }
        let [a, b, c, d] = bytes;
        Ok(Some(match self.coding {
            Coding::Utf32 { big: true } => u32::from_be_bytes(bytes),
            Coding::Utf32 { big: false } => u32::from_le_bytes(bytes),
            Coding::Utf16 { big: true } => u32::from(u16::from_be_bytes([a, b])),
            Coding::Utf16 { big: false } | Coding::Utf8 => {
                u32::from(u16::from_le_bytes([a, b])) + u32::from(c) + u32::from(d)
            }
        }))
    }

    fn fill(&mut self) -> io::Result<()> {
        self.out.clear();
        self.at = 0;
        while self.out.len() < 1 << 14 {
            let Some(first) = self.unit()? else { return Ok(()) };
            let code = match first {
                0xD800..0xDC00 if matches!(self.coding, Coding::Utf16 { .. }) => {
                    let second = self.unit()?.unwrap_or(0);
                    match second {
                        0xDC00..0xE000 => 0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00),
                        other => {
                            self.out.push(NO_UTF8);
                            other
                        }
                    }
                }
                code => code,
            };
            match char::from_u32(code) {
                Some(c) => self.out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
                None => self.out.push(NO_UTF8),
            }
        }
        Ok(())
    }
}

impl Read for Decoded {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if self.at == self.out.len() {
            self.fill()?;
        }
        let n = to.len().min(self.out.len() - self.at);
        to[..n].copy_from_slice(&self.out[self.at..self.at + n]);
        self.at += n;
        Ok(n)
    }
}

/// Files that lie in a repository beside its data, by their names in lower case.
const ASIDE: [&str; 16] = [
    "license",
    "licence",
    "copying",
    "notice",
    "readme",
    "requirements",
    "changelog",
    "authors",
    "contributing",
    "citation",
    "code_of_conduct",
    "dataset_info",
    "dataset_infos",
    "dataset_dict",
    "state",
    "package",
];

/// Whether a file of that name is about a repository rather than of its data.
pub fn is_aside(name: &str) -> bool {
    let base = name.rsplit('/').next().unwrap_or(name).to_lowercase();
    let stem = base.split('.').next().unwrap_or_default();
    let data = [".jsonl", ".parquet", ".csv", ".tsv", ".tar", ".arrow", ".gz", ".zst"];
    let stem = stem.split(['-', ' ']).next().unwrap_or_default();
    ASIDE.contains(&stem) && !data.iter().any(|ending| base.ends_with(ending))
}

/// Why a text that nobody called a list of prompts does not read like one.
pub fn unlike_prompts(name: &str, head: &str, whole: bool) -> Option<String> {
    let lines: Vec<&str> = head.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let lower = head.to_lowercase();
    let most = |test: fn(&str) -> bool| {
        lines.len() >= 2 && lines.iter().filter(|line| test(line)).count() * 10 >= lines.len() * 8
    };
    let licence = ["permission is hereby granted", "apache license", "gnu general public license"];
    let what = match () {
        () if is_aside(name) => "by its name it is no list of prompts",
        () if licence.iter().any(|words| lower.contains(words)) => "it is a licence",
        () if !lines.is_empty() && lines.iter().all(|line| is_address(line)) => {
            "it holds nothing but addresses"
        }
        () if most(is_requirement) => "it is a list of packages",
        () if lines.first().is_some_and(|line| is_row(line)) => {
            "it holds rows of JSON, which `--read-as jsonl` reads"
        }
        () if lines.len() >= 2 && is_header(lines[0]) => {
            "it begins like a table with a header, which `--read-as csv` reads"
        }
        () if most(is_item) => {
            "its lines are items of a list, and their marks would be in the prompts"
        }
        () if lines.len() == 1 && (!whole || head.len() > 10_000) => {
            "it is one line of many thousand characters"
        }
        () => return None,
    };
    Some(format!("{what}: if it is meant, name its format (`--read-as text`, `format = \"text\"`)"))
}

fn is_address(line: &str) -> bool {
    let web = ["http://", "https://", "s3://", "ftp://"].iter().any(|s| line.starts_with(s));
    web && !line.contains(char::is_whitespace)
}

/// A row of JSON lines.
fn is_row(line: &str) -> bool {
    line.starts_with('{')
        && serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(line).is_ok()
}

/// `prompt,category`: cells of which one is a usual name.
fn is_header(line: &str) -> bool {
    [',', '\t', ';', '|'].iter().any(|delimiter| {
        let cells = line.split(*delimiter).map(|cell| cell.trim_matches(['"', ' ']).to_lowercase());
        let cells: Vec<String> = cells.collect();
        cells.len() > 1
            && cells.iter().all(|cell| !cell.contains(' '))
            && cells.iter().any(|cell| matches!(cell.as_str(), "prompt" | "caption" | "text"))
    })
}

/// `1. a red cat`, `- a red cat`, `"a red cat",`.
fn is_item(line: &str) -> bool {
    let digits = line.len() - line.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let numbered = digits > 0 && [". ", ") "].iter().any(|mark| line[digits..].starts_with(mark));
    let marked = ["- ", "* ", "• "].iter().any(|mark| line.starts_with(mark));
    numbered || marked || line.starts_with('"') && line.ends_with("\",")
}

/// `numpy>=1.2`, `torch==2.1.0`.
fn is_requirement(line: &str) -> bool {
    let name = line.find(|c: char| !(c.is_ascii_alphanumeric() || "-_.[]".contains(c)));
    let rest = name.map(|at| line[at..].trim_start());
    rest.is_some_and(|rest| ["==", ">=", "<=", "~=", "!="].iter().any(|op| rest.starts_with(op)))
}

#[cfg(test)]
mod tests {
    use super::{Coding, as_utf8, coding, foreign, is_aside, text_of, unlike_prompts};
    use std::io::{Cursor, Read};

    fn coded(text: &str, width: usize, big: bool) -> Vec<u8> {
        let units: Vec<u32> = match width {
            2 => text.encode_utf16().map(u32::from).collect(),
            _ => text.chars().map(u32::from).collect(),
        };
        let bytes = |unit: &u32| {
            let all = if big { unit.to_be_bytes() } else { unit.to_le_bytes() };
            if big { all[4 - width..].to_vec() } else { all[..width].to_vec() }
        };
        units.iter().flat_map(bytes).collect()
    }

    #[test]
    fn every_coding_is_read_with_and_without_its_mark() {
        let text = "a red fox 🦊 in snow\nun café\n";
        for (width, big) in [(2, false), (2, true), (4, false), (4, true)] {
            for mark in ["", "\u{feff}"] {
                let bytes = coded(&format!("{mark}{text}"), width, big);
                assert_ne!(coding(&bytes), Coding::Utf8, "{width} {big} {mark:?}");
                let mut read = String::new();
                let stream = Box::new(Cursor::new(bytes.clone()));
                as_utf8(stream).unwrap().read_to_string(&mut read).unwrap();
                assert_eq!(read, format!("{mark}{text}"));
                assert_eq!(text_of(bytes).as_deref(), Some(text));
            }
        }
        assert_eq!(coding(text.as_bytes()), Coding::Utf8);
        assert_eq!(coding(b""), Coding::Utf8);
    }

    #[test]
    fn half_a_pair_is_not_passed_over() {
        let mut bytes = coded("\u{feff}a", 2, false);
        bytes.extend([0x3c, 0xd8, b'b', 0]);
        let mut read = Vec::new();
        as_utf8(Box::new(Cursor::new(bytes))).unwrap().read_to_end(&mut read).unwrap();
        assert_eq!(read, [b"\xef\xbb\xbfa\xff".as_slice(), b"b"].concat());
    }

    #[test]
    fn what_is_no_text_is_named_with_the_way_on() {
        let lfs = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n";
        for (head, part) in [
            (&lfs[..], "git lfs pull"),
            (b"%PDF-1.7", "PDF"),
            (b"PK\x03\x04\x14", "zip"),
            (b"\n<!DOCTYPE html><html>", "web page"),
            (b"\x00\x01\x02\x03ab\x00\x00\x05\x01", "binary"),
        ] {
            let said = foreign(head, true).unwrap_or_default();
            assert!(said.contains(part), "{part}: {said}");
        }
        assert_eq!(foreign(b"a red fox\0 in snow, far away\n", true), None);
        assert_eq!(foreign("zwölf Löwen".as_bytes(), true), None);
    }

    #[test]
    fn lists_of_other_things_need_a_word() {
        let reads = |name: &str, text: &str| unlike_prompts(name, text, true);
        assert_eq!(reads("p.txt", "a red fox\nhttps://x.example is on the sign\n"), None);
        assert_eq!(reads("p.txt", "one prompt alone"), None);
        assert!(reads("p.txt", "https://a.example/1.png\nhttps://a.example/2.png\n").is_some());
        assert!(reads("p.txt", "numpy>=1.2\ntorch==2.1\npillow\nscipy ~= 1\nx<=2\n").is_some());
        assert!(reads("p.txt", "MIT License\n\nPermission is hereby granted, free of").is_some());
        assert!(reads("p.txt", &"x".repeat(50_000)).is_some());
        assert!(reads("p.txt", "{\"prompt\": \"a red fox\"}\n{\"prompt\": \"a hen\"}\n").is_some());
        assert!(reads("p.txt", "prompt,category\na red fox,animals\n").is_some());
        assert!(reads("p.txt", "1. a red fox\n2. a hen\n3. a hat\n").is_some());
        assert!(reads("p.txt", "- a red fox\n- a hen\n").is_some());
        assert!(reads("p.txt", "\"a red fox\",\n\"a hen\",\n").is_some());
        assert_eq!(reads("p.txt", "text, a red fox and a hen\na prompt, short\n"), None);
        assert_eq!(reads("p.txt", "2 cats on a mat\n3.5 apples, cut\n\"OPEN\" on a door\n"), None);
        assert!(is_aside("a/LICENSE.txt") && is_aside("requirements-dev.txt"));
        assert!(!is_aside("state_of_art.txt") && !is_aside("notice.jsonl"));
    }
}
