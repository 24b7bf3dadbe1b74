//! Walking tar archives member by member, and grouping members into WebDataset samples.
//!
//! A member is held only while it is handled, a sample only until the next begins, and of a sample only
//! the parts that its format reads; the size of an archive never matters. A member that cannot be read is
//! named; an archive that breaks off ends there and the next one goes on.

use super::apart::Apart;
use super::bounded::Records;
use super::jsonl::safe_path;
use crate::pool::BadKind;
use crate::pool::content::text_of;
use crate::pool::input::{Input, Stream};
use crate::pool::out::{Flow, Out};
use crate::store::Buffers;
use bytes::Bytes;
use std::io::{BufReader, ErrorKind, Read};

/// A file of an archive.
pub struct Member<'a> {
    /// Inside the archive, made safe.
    pub path: String,
    pub size: u64,
    data: &'a mut dyn Read,
    max: u64,
    buffers: Buffers,
}

impl Member<'_> {
    /// The bytes; Err says why there are none.
    pub fn bytes(&mut self) -> Result<Bytes, (BadKind, String)> {
        if self.size > self.max {
            let why = format!("{} bytes; at most {} are read", self.size, self.max);
            return Err((BadKind::TooLarge, why));
        }
        let mut buffer = self.buffers.take(self.size as usize);
        let (rest, mut at) = (buffer.filling(), 0);
        while at < rest.len() {
            let why = match self.data.read(&mut rest[at..]) {
                Ok(0) => format!("it ends after {at} of {} bytes", self.size),
                Ok(n) => {
                    at += n;
                    continue;
                }
                Err(e) if e.kind() == ErrorKind::Interrupted => continue,
                Err(e) => e.to_string(),
            };
            return Err((BadKind::DamagedArchive, why));
        }
        Ok(buffer.filled())
    }

    /// The bytes as a stream, for members that are read line by line.
    pub fn stream(&mut self) -> &mut dyn Read {
        self.data
    }
}

/// Calls `each` for every regular file of the archive `name`.
pub fn members(
    input: &Input,
    name: &str,
    out: &mut Out,
    each: &mut dyn FnMut(&mut Out, &mut Member) -> Flow,
) -> Flow {
    match input.open(name) {
        Ok(stream) => members_of(stream, name, out, each),
        Err(e) => out.bad(name, BadKind::DamagedArchive, &e.to_string(), false),
    }
}

/// As `members`, of an opened archive; `name` is for places.
pub fn members_of(
    stream: Stream,
    name: &str,
    out: &mut Out,
    each: &mut dyn FnMut(&mut Out, &mut Member) -> Flow,
) -> Flow {
    let (max, buffers) = (out.options.max_bytes, out.buffers.clone());
    let damaged = |out: &mut Out, what: &str| out.bad(name, BadKind::DamagedArchive, what, false);
    let stream = BufReader::with_capacity(HEADS, stream);
    let (stream, budget) = Records::new(stream, "a member's header is over the bound");
    let mut archive = tar::Archive::new(stream);
    let mut entries = match archive.entries() {
        Ok(entries) => entries,
        Err(e) => return damaged(out, &e.to_string()),
    };
    let mut unread = 0;
    loop {
        budget.set(HEADERS.saturating_add(unread));
        let mut entry = match entries.next() {
            Some(Ok(entry)) => entry,
            // After a damaged header nothing tells where the next one is.
            Some(Err(e)) => return damaged(out, &e.to_string()),
            None if budget.at_end() => {
                return damaged(out, "it ends without an end mark: it may be cut off");
            }
            None => return Ok(()),
        };
        budget.set(u64::MAX);
        let stored = entry.header().entry_size().unwrap_or(0);
        unread = stored.max(if is_plain(&entry) { entry.size() } else { 0 });
        let shown = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let place = format!("{name}/{shown}");
        if !is_plain(&entry) {
            if !entry.header().entry_type().is_dir() {
                out.bad(&place, BadKind::NotAFile, "a link, device or sparse file", false)?;
            }
            continue;
        }
        let Some(path) = safe_path(&shown) else {
            out.bad(&place, BadKind::UnsafePath, "leads out of the archive", false)?;
            continue;
        };
        let size = entry.size();
        each(out, &mut Member { path, size, data: &mut entry, max, buffers: buffers.clone() })?;
    }
}

/// Read at once where headers are: small, since what an image has in it is copied twice, and past it
/// an image is read straight to where it stays.
const HEADS: usize = 32 << 10;

/// What headers and long names may take between two members.
const HEADERS: u64 = 1 << 20;

fn is_plain<R: Read>(entry: &tar::Entry<'_, R>) -> bool {
    let kind = entry.header().entry_type();
    kind.is_file() || kind.is_contiguous()
}

/// The members of one WebDataset sample: those next to each other whose paths agree up to the first
/// dot of the file's name.
#[derive(Debug, Default)]
pub struct Sample {
    /// `shard.tar/dir/000017`.
    pub key: String,
    /// (what follows the first dot, in lower case; bytes): those that were asked for.
    pub parts: Vec<(String, Bytes)>,
    /// The name of a member of it that is not read, for messages.
    pub left: Option<String>,
}

impl Sample {
    /// Whether it has a picture and something beside it.
    pub fn is_whole(&self) -> bool {
        let picture = |(ending, _): &(String, Bytes)| is_image(&format!("x.{ending}"));
        self.parts.iter().any(picture) && !self.parts.iter().all(picture)
    }

    pub fn bytes(&self) -> usize {
        self.parts.iter().map(|(_, bytes)| bytes.len()).sum()
    }

    /// The first part whose ending is one of `endings`.
    pub fn take(&mut self, endings: &[&str]) -> Option<Bytes> {
        let at = self.parts.iter().position(|(e, _)| endings.contains(&e.as_str()))?;
        Some(self.parts.swap_remove(at).1)
    }

    /// The same as text; the error is the reason.
    pub fn text(&mut self, endings: &[&str]) -> Result<Option<String>, String> {
        match self.take(endings) {
            None => Ok(None),
            Some(bytes) => {
                let text = text_of(bytes.into());
                Ok(Some(text.ok_or_else(|| "its text is not UTF-8".to_owned())?))
            }
        }
    }
}

/// What images are called.
pub const IMAGES: [&str; 4] = ["jpg", "jpeg", "png", "webp"];

pub fn is_image(path: &str) -> bool {
    let lower = path.to_lowercase();
    IMAGES.iter().any(|e| lower.strip_suffix(e).is_some_and(|rest| rest.ends_with('.')))
}

/// Calls `each` for every sample of the archive `name`, with those of its parts that `wanted` says
/// yes to, by their endings in lower case. A sample whose picture and text stand apart waits for the
/// other (`apart`).
pub fn samples(
    input: &Input,
    name: &str,
    out: &mut Out,
    wanted: fn(&str) -> bool,
    each: &mut dyn FnMut(&mut Out, Sample) -> Flow,
) -> Flow {
    let mut open = Sample::default();
    let mut apart = Apart::default();
    members(input, name, out, &mut |out, member| {
        let (folder, file) = member.path.rsplit_once('/').unwrap_or(("", &member.path));
        let Some((stem, ending)) = cut(file) else { return Ok(()) };
        if stem.is_empty() {
            // Hidden files, such as the `._x` that some systems add.
            return Ok(());
        }
        let ending = ending.to_lowercase();
        let key = match folder {
            "" => format!("{name}/{stem}"),
            folder => format!("{name}/{folder}/{stem}"),
        };
        if key != open.key {
            let before = std::mem::replace(&mut open, apart.take(&key));
            flush(out, before, &mut apart, each)?;
            open.key = key;
        }
        if wanted(&ending) {
            part(out, &mut open, ending, name, member)
        } else {
            open.left.get_or_insert_with(|| file.to_owned());
            Ok(())
        }
    })?;
    flush(out, open, &mut apart, each)?;
    apart.rest().into_iter().try_for_each(|sample| each(out, sample))
}

/// A file's name at the first dot that ends a key: not one between digits (`clip_0.05.png`).
fn cut(file: &str) -> Option<(&str, &str)> {
    let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
    let number = |rest: &str| {
        let word = rest.split('.').next().unwrap_or_default();
        !word.is_empty() && word.chars().all(|c| c.is_ascii_digit()) && word.len() < rest.len()
    };
    let dots = file.match_indices('.').map(|(at, _)| at);
    let mut ends =
        dots.filter(|at| !(digit(file[..*at].chars().next_back()) && number(&file[at + 1..])));
    ends.next().map(|at| (&file[..at], &file[at + 1..]))
}

/// Adds a member to its sample.
fn part(
    out: &mut Out,
    sample: &mut Sample,
    ending: String,
    name: &str,
    member: &mut Member,
) -> Flow {
    let place = format!("{name}/{}", member.path);
    if sample.parts.iter().any(|(known, _)| *known == ending) {
        return out.bad(&place, BadKind::Syntax, "its sample has such a part already", false);
    }
    if !out.wants_images() && is_image(&member.path) {
        sample.parts.push((ending, Bytes::new()));
        return Ok(());
    }
    match member.bytes() {
        Ok(bytes) => sample.parts.push((ending, bytes)),
        Err((kind, why)) => out.bad(&place, kind, &why, false)?,
    }
    Ok(())
}

fn flush(
    out: &mut Out,
    sample: Sample,
    apart: &mut Apart,
    each: &mut dyn FnMut(&mut Out, Sample) -> Flow,
) -> Flow {
    if sample.key.is_empty() {
        return Ok(());
    }
    if sample.is_whole() {
        return each(out, sample);
    }
    apart.wait(sample).into_iter().try_for_each(|sample| each(out, sample))
}

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn a_key_ends_at_the_first_dot_that_is_no_decimal_point() {
        for (file, key, ending) in [
            ("0001.jpg", "0001", "jpg"),
            ("0001.good_image.jpg", "0001", "good_image.jpg"),
            ("clip_0.05.png", "clip_0.05", "png"),
            ("v1.2.3.prompt.txt", "v1.2.3", "prompt.txt"),
            ("a.b.txt", "a", "b.txt"),
            ("x.001", "x", "001"),
        ] {
            assert_eq!(cut(file), Some((key, ending)), "{file}");
        }
        assert_eq!(cut("README"), None);
    }
}
