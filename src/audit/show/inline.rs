//! Pictures within a terminal that can show them: kitty's graphics protocol and iTerm2's inline
//! images. Which one a terminal speaks, `cli` reads from the environment.
//!
//! Only PNGs made here are sent (`media::thumbnail`), so nothing that a server sent reaches the
//! terminal as it is.

use crate::archive::RunDir;
use crate::audit::HashedMap;
use crate::audit::lineage::Life;
use crate::media::thumbnail;
use crate::record::Digest;

/// What the terminal understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inline {
    /// https://sw.kovidgoyal.net/kitty/graphics-protocol/; also Ghostty, Konsole.
    Kitty,
    /// https://iterm2.com/documentation-images.html; also WezTerm, mintty.
    Iterm,
}

/// Of base64, so many bytes go into one of kitty's escape codes.
const CHUNK: usize = 4096;

impl Inline {
    /// By the variables that terminals set; None where a multiplexer stands between, which would
    /// swallow or garble the codes.
    pub fn of(var: impl Fn(&str) -> Option<String>) -> Option<Inline> {
        let is = |name: &str, value: &str| var(name).is_some_and(|v| v == value);
        let set = |name: &str| var(name).is_some_and(|v| !v.is_empty());
        if set("TMUX") || set("STY") {
            return None;
        }
        if set("KITTY_WINDOW_ID") || set("KONSOLE_VERSION") || is("TERM_PROGRAM", "ghostty") {
            return Some(Inline::Kitty);
        }
        let iterm = ["iTerm.app", "WezTerm", "mintty"];
        (iterm.iter().any(|name| is("TERM_PROGRAM", name)) || is("LC_TERMINAL", "iTerm2"))
            .then_some(Inline::Iterm)
    }

    /// What shows the pictures of a record's life; those that are gone or no pictures are left out.
    pub async fn pictures(self, run: &RunDir, life: &Life) -> HashedMap<Digest, String> {
        let mut out = HashedMap::default();
        for (_, image) in life.story.pictures() {
            if let Ok(bytes) = run.blobs().get(image.digest).await {
                out.extend(thumbnail(&bytes).map(|png| (image.digest, self.draw(&png))));
            }
        }
        out
    }

    /// What shows `png`, with a line's end.
    pub fn draw(self, png: &[u8]) -> String {
        let text = base64_simd::STANDARD.encode_to_string(png);
        match self {
            Inline::Iterm => {
                let size = png.len();
                format!("\x1b]1337;File=inline=1;size={size};preserveAspectRatio=1:{text}\x07\n")
            }
            Inline::Kitty => {
                let last = text.len().div_ceil(CHUNK).saturating_sub(1);
                let mut out = String::with_capacity(text.len() + 64);
                for (at, chunk) in text.as_bytes().chunks(CHUNK).enumerate() {
                    let first = if at == 0 { "a=T,f=100," } else { "" };
                    let more = u8::from(at < last);
                    let chunk = String::from_utf8_lossy(chunk);
                    out.push_str(&format!("\x1b_G{first}m={more};{chunk}\x1b\\"));
                }
                out.push('\n');
                out
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(vars: &[(&str, &str)]) -> Option<Inline> {
        Inline::of(|name| vars.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()))
    }

    #[test]
    fn a_terminal_is_known_by_what_it_sets() {
        assert_eq!(of(&[("TERM", "xterm-256color")]), None);
        assert_eq!(of(&[("KITTY_WINDOW_ID", "1")]), Some(Inline::Kitty));
        assert_eq!(of(&[("KITTY_WINDOW_ID", "1"), ("TMUX", "/tmp/x")]), None);
        assert_eq!(of(&[("TERM_PROGRAM", "WezTerm")]), Some(Inline::Iterm));
        assert_eq!(of(&[("TERM_PROGRAM", "Apple_Terminal")]), None);
    }

    #[test]
    fn every_byte_arrives_in_whichever_form() {
        for size in [0usize, 1, 3000, 3072, 3073, 10_000] {
            let png: Vec<u8> = (0..size).map(|n| n as u8).collect();
            let kitty = Inline::Kitty.draw(&png);
            let codes = kitty.split("\x1b_G").skip(1);
            let parts: Vec<&str> =
                codes.map(|c| c.split_once(';').unwrap().1.split_once('\x1b').unwrap().0).collect();
            assert!(parts.iter().all(|part| part.len() <= CHUNK));
            assert_eq!(kitty.matches("m=0;").count(), usize::from(size > 0), "one end");
            let iterm = Inline::Iterm.draw(&png);
            let text = iterm.split_once("Ratio=1:").unwrap().1.trim_end().trim_end_matches('\x07');
            for given in [parts.concat(), text.to_owned()] {
                assert_eq!(base64_simd::STANDARD.decode_to_vec(given).unwrap(), png);
            }
        }
    }
}
