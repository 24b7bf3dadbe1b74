//! The one assembly of chat replies: thinking and answer from all the places where servers put them.
//!
//! A protocol says what stands where (`think`, `say`), in the order in which it came; here the two
//! texts are made of it. Thinking is what stands in a field or part of its own, and what stands in
//! tags at the head of the content; a tag may open in one field and close in another. Text that two
//! places hold is taken once. What cannot be put together with certainty is an error with a name,
//! since half a thought in a dataset is worse than none.

use crate::call::protocol::inline::{Split, is_plain, split};

/// A repeat of all that was thought, in another field and a later chunk, is known by at least so many
/// bytes; shorter ones may be chance.
const REPEAT: usize = 16;

/// A piece of a reply.
#[derive(Debug, Clone)]
pub struct Piece {
    /// The field of thinking that it stood in; None for the content.
    pub thought: Option<&'static str>,
    pub text: String,
}

/// A reply under way.
#[derive(Debug, Default)]
pub struct Assembly {
    /// What came before this chunk; neighbours of one field are one piece.
    pieces: Vec<Piece>,
    /// The chunk (or body) that is being read.
    chunk: Vec<Piece>,
    held: usize,
    /// Chunks in which something was said.
    chunks: usize,
    unsure: Option<String>,
}

impl Assembly {
    /// Characters held.
    pub fn len(&self) -> usize {
        self.held
    }

    /// Whether nothing but white space has been said as content.
    pub fn is_unsaid(&self) -> bool {
        let mut said = self.pieces.iter().chain(&self.chunk).filter(|p| p.thought.is_none());
        said.all(|piece| piece.text.trim().is_empty())
    }

    /// Takes thinking that stands in `field`.
    pub fn think(&mut self, field: &'static str, text: &str) {
        self.push(Some(field), text);
    }

    /// Takes content.
    pub fn say(&mut self, text: &str) {
        self.push(None, text);
    }

    fn push(&mut self, thought: Option<&'static str>, text: &str) {
        if !text.is_empty() {
            self.held += text.len();
            push(&mut self.chunk, Piece { thought, text: text.to_owned() });
        }
    }

    /// The chunk is over. `again`: it is a whole message, which may say once more what chunks before
    /// it have said.
    pub fn end_chunk(&mut self, again: bool) {
        let mut chunk = std::mem::take(&mut self.chunk);
        self.chunks += usize::from(!chunk.is_empty());
        self.drop_twins(&mut chunk);
        if !self.pieces.is_empty() {
            if again {
                self.drop_said(&mut chunk);
            }
            self.drop_repeat(&mut chunk);
        }
        chunk.into_iter().for_each(|piece| push(&mut self.pieces, piece));
    }

    /// Within one chunk two fields of thinking are one text said twice; where one holds more, it is
    /// the one.
    fn drop_twins(&mut self, chunk: &mut Vec<Piece>) {
        let mut fields: Vec<&'static str> = Vec::new();
        for field in chunk.iter().filter_map(|piece| piece.thought) {
            if !fields.contains(&field) {
                fields.push(field);
            }
        }
        let mut kept: Option<&'static str> = None;
        for field in fields {
            let Some(first) = kept else {
                kept = Some(field);
                continue;
            };
            let (one, two) = (of(chunk, Some(first)), of(chunk, Some(field)));
            let lost = match (one.contains(two.trim()), two.contains(one.trim())) {
                (true, _) => field,
                (false, true) => first,
                (false, false) => {
                    let what = format!("`{first}` and `{field}` hold different thinking at once");
                    self.unsure.get_or_insert(what);
                    return;
                }
            };
            chunk.retain(|piece| piece.thought != Some(lost));
            kept = Some(if lost == field { first } else { field });
        }
    }

    /// Of a whole message after chunks, what they have said already.
    fn drop_said(&mut self, chunk: &mut Vec<Piece>) {
        for thought in [true, false] {
            let kind = |piece: &&Piece| piece.thought.is_some() == thought;
            let before: String = self.pieces.iter().filter(kind).map(|p| p.text.as_str()).collect();
            let now: String = chunk.iter().filter(kind).map(|p| p.text.as_str()).collect();
            if before.trim().is_empty() || now.trim().is_empty() {
                continue;
            }
            if before.trim() != now.trim() {
                let what = "a message after its chunks says something else than they";
                self.unsure.get_or_insert(what.to_owned());
            }
            chunk.retain(|piece| piece.thought.is_some() != thought);
        }
    }

    /// Thinking in a field that was not used before, which is all that was thought so far.
    fn drop_repeat(&self, chunk: &mut Vec<Piece>) {
        let known = |field| self.pieces.iter().any(|piece| piece.thought == field);
        let thought = self.pieces.iter().filter(|p| p.thought.is_some());
        let all: usize = thought.clone().map(|p| p.text.len()).sum();
        chunk.retain(|piece| {
            let (text, n) = (piece.text.trim(), piece.text.len());
            let alike = text.len() >= REPEAT && n.abs_diff(all) <= REPEAT;
            if piece.thought.is_none() || known(piece.thought) || !alike {
                return true;
            }
            text != thought.clone().map(|p| p.text.as_str()).collect::<String>().trim()
        });
    }

    /// Answer and thinking; the error says what is not certain.
    pub fn finish(mut self) -> Result<(String, String), String> {
        self.end_chunk(false);
        if let Some(what) = self.unsure {
            return Err(what);
        }
        if let [Piece { thought: None, text }] = &mut self.pieces[..]
            && is_plain(text)
        {
            return Ok((std::mem::take(text), String::new()));
        }
        let Split { text, thought, field, inline, tagged } = split(&self.pieces)?;
        let (field, inline) = (field.trim(), inline.trim());
        let twice =
            !field.is_empty() && field == inline && (self.chunks == 1 || field.len() >= REPEAT);
        let thought = if twice { field } else { thought.trim() };
        let text = if tagged || !thought.is_empty() { text.trim_start() } else { &text };
        Ok((text.to_owned(), thought.to_owned()))
    }
}

fn push(to: &mut Vec<Piece>, piece: Piece) {
    match to.last_mut() {
        Some(last) if last.thought == piece.thought => last.text.push_str(&piece.text),
        _ => to.push(piece),
    }
}

/// What of `pieces` stands in that place.
fn of(pieces: &[Piece], thought: Option<&'static str>) -> String {
    pieces.iter().filter(|p| p.thought == thought).map(|p| p.text.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::Assembly;
    use proptest::prelude::*;

    type Put = fn(&mut Assembly, &str);

    /// What `puts` make of a reply, each a chunk of its own.
    fn made(puts: &[(Put, &str)]) -> Result<(String, String), String> {
        let mut assembly = Assembly::default();
        for (put, text) in puts {
            put(&mut assembly, text);
            assembly.end_chunk(false);
        }
        assembly.finish()
    }

    fn reasoning(to: &mut Assembly, text: &str) {
        to.think("reasoning", text);
    }

    fn content(to: &mut Assembly, text: &str) {
        to.think("reasoning_content", text);
    }

    fn typed(to: &mut Assembly, text: &str) {
        to.think("content[].thinking", text);
    }

    fn say(to: &mut Assembly, text: &str) {
        to.say(text);
    }

    fn ok(text: &str, thought: &str) -> Result<(String, String), String> {
        Ok((text.to_owned(), thought.to_owned()))
    }

    #[test]
    fn tags_open_in_one_field_and_close_in_another() {
        assert_eq!(made(&[(reasoning, "<think>a"), (say, "b</think>c")]), ok("c", "ab"));
        assert_eq!(made(&[(reasoning, "a"), (say, "b</think>c")]), ok("c", "ab"));
        assert_eq!(made(&[(say, "<think>a"), (reasoning, "b</think>"), (say, "c")]), ok("c", "ab"));
        assert_eq!(made(&[(reasoning, "<think>a</th"), (say, "ink>c")]), ok("c", "a"));
        assert_eq!(made(&[(reasoning, "a</think>\n"), (say, "c")]), ok("c", "a"));
        assert_eq!(made(&[(reasoning, "a</think>c")]), ok("c", "a"));
        assert!(made(&[(reasoning, "a</think>b"), (say, "c")]).is_err());
        assert_eq!(made(&[(say, " <think>a</think> c")]), ok("c", "a"));
        assert_eq!(made(&[(say, "a</think>c")]), ok("c", "a"));
        assert_eq!(made(&[(say, " a <think>c")]), ok(" a <think>c", ""));
    }

    #[test]
    fn what_is_said_twice_is_taken_once() {
        let mut both = Assembly::default();
        both.think("reasoning", "two cats");
        both.think("reasoning_details", "two cats");
        both.say("<think>two cats</think>yes");
        assert_eq!(both.finish(), ok("yes", "two cats"));
        let long = "two cats on a red sofa";
        assert_eq!(made(&[(reasoning, long), (content, long), (say, "y")]), ok("y", long));
        let mut again = Assembly::default();
        again.say("yes, two");
        again.end_chunk(false);
        again.say("yes, two");
        again.end_chunk(true);
        assert_eq!(again.finish(), ok("yes, two", ""));
        let mut other = Assembly::default();
        other.think("reasoning", "two cats");
        other.think("reasoning_content", "three dogs");
        assert!(other.finish().is_err_and(|what| what.contains("`reasoning_content`")));
    }

    #[test]
    fn thinking_after_the_answer_is_thinking_still() {
        assert_eq!(made(&[(say, "yes"), (reasoning, "b")]), ok("yes", "b"));
        assert_eq!(made(&[(typed, "a"), (say, "x"), (typed, "b"), (say, "y")]), ok("xy", "a\n\nb"));
    }

    fn chars() -> impl Strategy<Value = String> {
        "[a-z \u{e9}\u{1f388}\n.]{1,24}".prop_map(|text| format!("T{text}."))
    }

    proptest! {
        /// A good reply is the same wherever it is cut and whatever carries its parts.
        #[test]
        fn carriers_and_cuts_do_not_show(
            thought in chars(), answer in chars(), cut in 0..40usize, cut_answer in 0..40usize,
            first in 0..4usize, second in 0..4usize,
        ) {
            let at = |text: &str, n: usize| {
                (0..=n.min(text.len())).rev().find(|n| text.is_char_boundary(*n)).unwrap_or(0)
            };
            let (a, b) = thought.split_at(at(&thought, cut));
            let (c, d) = answer.split_at(at(&answer, cut_answer));
            let carry = |n: usize, text: &str| -> Vec<(Put, String)> {
                match n {
                    0 => vec![(reasoning as Put, text.to_owned())],
                    1 => vec![(content as Put, text.to_owned())],
                    2 => vec![(typed as Put, text.to_owned())],
                    _ => vec![(say as Put, format!("<think>{text}</think>"))],
                }
            };
            let mut puts = carry(first, a);
            puts.extend(carry(second, b));
            puts.extend([(say as Put, c.to_owned()), (say as Put, d.to_owned())]);
            let puts: Vec<(Put, &str)> = puts.iter().map(|(p, t)| (*p, t.as_str())).collect();
            prop_assert_eq!(made(&puts), ok(&answer, thought.trim()));
        }
    }
}
