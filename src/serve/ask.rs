//! A request for a reward, read: the rollout as the stage that rewards it wants it.

use crate::record::{
    Atom, Digest, Ended, Id, ImageRef, Prompt, Rollout, RolloutTurn, Spec, Trajectory,
};
use crate::serve::fields::Fields;
use crate::serve::refusal::Refusal;
use crate::stage::agent::{Act, Grammar, Seen, read};
use serde_json::Value;

/// The longest prompt, caption and turn, in characters.
pub const MAX_PROMPT: usize = 8_000;
pub const MAX_TURN: usize = 64 * 1024;
/// Turns of a rollout: pictures, the last judgement, and turns that broke the grammar.
const MAX_TURNS: usize = 64;

/// A picture that a round names, and the field that names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    pub field: String,
    pub caption: String,
    pub digest: Digest,
}

/// A request for a reward.
#[derive(Debug, Clone)]
pub struct Ask {
    pub id: String,
    pub prompt: Prompt,
    pub atoms: Vec<Atom>,
    /// Ids of the rules that the trainer's rows were written with.
    pub rules: Vec<(String, String)>,
    pub rounds: Vec<Named>,
    pub turns: Vec<String>,
    pub ended: Ended,
    /// The trainer's step, for figures only.
    pub step: Option<u64>,
    /// What its rollouts have in common, for figures only.
    pub group: Option<String>,
}

const KNOWN: [&str; 8] = ["id", "prompt", "truth", "rounds", "turns", "ended", "step", "group"];
const TRUTH: [&str; 9] =
    ["prompt", "rules", "atoms", "spec", "gloss", "reference", "category", "source", "id"];

impl Ask {
    /// Reads `body`; at most `n_max` rounds.
    ///
    /// # Errors
    /// A refusal that names the first field that is wrong.
    pub fn read(body: &Value, n_max: usize) -> Result<Ask, Refusal> {
        let fields = Fields::of(body)?;
        fields.only(&KNOWN)?;
        let id = fields.words("id", 256)?.to_owned();
        let text = fields.words("prompt", MAX_PROMPT)?;
        let truth = Truth::read(&fields, text)?;
        let rounds = rounds(&fields, n_max)?;
        let turns = turns(&fields)?;
        let ended = fields.text("ended")?;
        let ended: Ended = serde_json::from_value(Value::from(ended)).map_err(|_| {
            let words = "`answer`, `cut`, `malformed`, `turn_limit` or `refused`";
            Refusal::bad("ended", format!("is “{ended}”; {words} is meant"))
        })?;
        let prompt = Prompt {
            id: Id::of("reward", &id, text),
            text: text.to_owned(),
            category: truth.category,
            source: truth.source,
            key: Some(id.clone()),
            reference: None,
            spec: truth.spec,
            gloss: truth.gloss,
            licence: None,
        };
        let step = fields.maybe_number("step", u64::MAX)?;
        let group = fields.maybe_text("group")?.map(str::to_owned);
        let (atoms, rules) = (truth.atoms, truth.rules);
        Ok(Ask { id, prompt, atoms, rules, rounds, turns, ended, step, group })
    }

    /// The record that is rewarded; `pictures` are those of the rounds, in order.
    ///
    /// # Errors
    /// Rounds that no turn calls for, or by another caption.
    pub fn record(self, grammar: Grammar, pictures: &[ImageRef]) -> Result<Trajectory, Refusal> {
        let mut drawn = self.rounds.iter().zip(pictures).peekable();
        let mut turns = Vec::new();
        let mut count = 0;
        for text in self.turns {
            let Seen { act, thinking, judgement, fault } = read(grammar, count == 0, &text, "");
            let (fault, what) = fault.map_or(("", String::new()), |(code, what)| (code, what));
            let (caption, answer) = match act {
                Act::Call(caption) => (Some(caption), false),
                Act::Both(caption) => (Some(caption), true),
                Act::Answer => (None, true),
                Act::Nothing => (None, false),
            };
            let picture = match (&caption, drawn.peek()) {
                (Some(called), Some((round, picture)))
                    if called.text.trim() == round.caption.trim() =>
                {
                    Some(**picture)
                }
                (Some(_), Some((round, _))) => {
                    let what = "is not what the turn that calls for it says";
                    return Err(Refusal::bad(format!("{}.caption", round.field), what));
                }
                _ => None,
            };
            if picture.is_some() {
                drawn.next();
                count += 1;
            }
            let fault = fault.to_owned();
            turns.push(RolloutTurn {
                attempt: 1,
                text,
                fault,
                what,
                edits: caption.as_ref().is_some_and(|call| call.edits),
                caption: caption.map(|call| call.text),
                answer,
                thinking,
                judgement,
                picture,
                ..RolloutTurn::default()
            });
        }
        if let Some((round, _)) = drawn.next() {
            return Err(Refusal::bad(round.field.clone(), "no turn calls for it"));
        }
        let mut t = Trajectory::new(self.prompt);
        t.atoms = self.atoms;
        let ended = self.ended;
        let (reward, advantage) = (None, None);
        let (instead, scores) = (None, Vec::new());
        t.rollouts.push(Rollout { draw: 0, turns, instead, ended, scores, reward, advantage });
        Ok(t)
    }
}

/// What is known of a prompt, as the exports' `ground_truth` writes it.
struct Truth {
    atoms: Vec<Atom>,
    rules: Vec<(String, String)>,
    spec: Option<Spec>,
    gloss: Option<String>,
    category: String,
    source: String,
}

impl Truth {
    fn read(fields: &Fields<'_>, prompt: &str) -> Result<Truth, Refusal> {
        let mut out = Truth {
            atoms: Vec::new(),
            rules: Vec::new(),
            spec: None,
            gloss: None,
            category: "rollout".to_owned(),
            source: "trainer".to_owned(),
        };
        let Some(truth) = fields.maybe_object("truth")? else { return Ok(out) };
        truth.only(&TRUTH)?;
        if truth.maybe_text("prompt")?.is_some_and(|other| other != prompt) {
            return Err(Refusal::bad("truth.prompt", "is another prompt than `prompt`"));
        }
        for rule in truth.objects("rules")? {
            out.rules.push((rule.words("id", 128)?.to_owned(), rule.path("id")));
        }
        out.atoms = truth.typed("atoms")?.unwrap_or_default();
        out.spec = truth.typed("spec")?;
        out.gloss = truth.maybe_text("gloss")?.map(str::to_owned);
        for (name, value) in [("category", &mut out.category), ("source", &mut out.source)] {
            if let Some(text) = truth.maybe_text(name)? {
                *value = text.chars().take(128).collect();
            }
        }
        Ok(out)
    }
}

fn rounds(fields: &Fields<'_>, n_max: usize) -> Result<Vec<Named>, Refusal> {
    fields.must_list("rounds")?;
    let rounds = fields.objects("rounds")?;
    if rounds.len() > n_max {
        let what = format!("has {} rounds; at most {n_max}", rounds.len());
        return Err(Refusal::bad("rounds", what));
    }
    let mut out = Vec::new();
    for (n, round) in rounds.iter().enumerate() {
        round.only(&["caption", "digest", "seed"])?;
        let caption = round.words("caption", MAX_TURN)?.to_owned();
        let digest = round.text("digest")?;
        let digest = digest
            .parse()
            .map_err(|error| Refusal::bad(round.path("digest"), format!("{error}")))?;
        out.push(Named { field: format!("rounds[{n}]"), caption, digest });
    }
    Ok(out)
}

fn turns(fields: &Fields<'_>) -> Result<Vec<String>, Refusal> {
    let turns = fields.must_list("turns")?;
    if turns.is_empty() || turns.len() > MAX_TURNS {
        let what = format!("has {} turns; 1 to {MAX_TURNS}", turns.len());
        return Err(Refusal::bad("turns", what));
    }
    let mut out = Vec::new();
    for (path, turn) in turns {
        let text = turn.as_str().ok_or_else(|| Refusal::bad(&path, "is no text"))?;
        if text.len() > 4 * MAX_TURN {
            return Err(Refusal::bad(path, format!("has {} bytes", text.len())));
        }
        out.push(text.to_owned());
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::Ask;
    use crate::record::{Digest, ImageRef, Mime};
    use crate::stage::agent::Grammar;
    use serde_json::{Value, json};

    const FIRST: &str = "<think>a</think> <tool_call>\n{\"name\": \"image_generation_tool\", \
                         \"arguments\": {\"caption\": \"two cats\"}}\n</tool_call>";
    const LAST: &str = "<judge>\nIt is right.\n</judge>\n<answer>done</answer>";

    fn body() -> Value {
        let digest = Digest::of(b"x").hex();
        json!({
            "id": "u_0", "prompt": "cats", "turns": [FIRST, LAST], "ended": "answer",
            "rounds": [{"caption": "two cats", "digest": digest}],
            "truth": {"rules": [{"id": "r1", "text": "…"}], "atoms": []},
        })
    }

    fn image() -> ImageRef {
        ImageRef { digest: Digest::of(b"x"), mime: Mime::Png, width: 8, height: 8, bytes: 1 }
    }

    #[test]
    fn a_whole_rollout_keeps_the_grammar() {
        let ask = Ask::read(&body(), 3).unwrap();
        assert_eq!(ask.rules[0].1, "truth.rules[0].id");
        let t = ask.record(Grammar::V1, &[image()]).unwrap();
        assert!(t.rollouts[0].keeps_grammar() && t.rollouts[0].pictures() == [image()]);
        assert_eq!(t.prompt.key.as_deref(), Some("u_0"));
    }

    #[test]
    fn the_first_wrong_field_is_named() {
        let cases: [(&str, Value, &str); 11] = [
            ("/id", json!(3), "id"),
            ("/prompt", json!(""), "prompt"),
            ("/turns", json!([]), "turns"),
            ("/turns/1", json!({}), "turns[1]"),
            ("/ended", json!("finished"), "ended"),
            ("/rounds", json!({}), "rounds"),
            ("/rounds/0/digest", json!("abc"), "rounds[0].digest"),
            ("/rounds/0/caption", json!(1), "rounds[0].caption"),
            ("/truth/atoms", json!([{"id": "a1"}]), "truth.atoms"),
            ("/truth/prompt", json!("dogs"), "truth.prompt"),
            ("/truth/rules", json!([{}]), "truth.rules[0].id"),
        ];
        for (at, value, field) in cases {
            let mut body = body();
            match body.pointer_mut(at) {
                Some(there) => *there = value,
                None => body["truth"][at.rsplit('/').next().unwrap()] = value,
            }
            assert_eq!(Ask::read(&body, 3).expect_err(at).field, field);
        }
        let many = vec![body()["rounds"][0].clone(); 4];
        let mut long = body();
        long["rounds"] = many.into();
        assert_eq!(Ask::read(&long, 3).unwrap_err().field, "rounds");
    }

    #[test]
    fn a_picture_that_no_turn_calls_for_is_a_mistake() {
        let mut other = body();
        other["rounds"][0]["caption"] = json!("three cats");
        let refused = Ask::read(&other, 3).unwrap().record(Grammar::V1, &[image()]);
        assert_eq!(refused.unwrap_err().field, "rounds[0].caption");
        let mut none = body();
        none["turns"] = json!([LAST]);
        let refused = Ask::read(&none, 3).unwrap().record(Grammar::V1, &[image()]);
        assert_eq!(refused.unwrap_err().field, "rounds[0]");
    }
}
