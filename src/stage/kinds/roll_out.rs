//! `roll_out`: an agent takes turns with a generator (paper, section 4; design, section 9).

use super::generate::{Drawn, draw, edit};
use crate::call::{CallError, ChatRequest, Request};
use crate::diag::Diagnostic;
use crate::record::{Ended, Evidence, Rollout, Trajectory, Vote};
use crate::stage::agent::{Ask, Game, Rules, conversation, numbered, take};
use crate::stage::grammar::clip;
use crate::stage::{
    Arity, Compile, Cx, Does, Each, Facts, Kind, Param, Params, Port, Role, RoleKind, Stage,
    StageError, Step, Ty, Wants,
};
use futures::future::join_all;
use std::sync::Arc;

pub const KIND: Kind = Kind {
    name: "roll_out",
    about: "An agent thinks, calls the generator, looks and goes on, up to `n_max` pictures.",
    docs: "One growing conversation: the agent is asked with all that was said and shown before, and \
           each call is journaled, so that a killed run buys no turn twice. `grammar` is how it \
           writes: `v1` (the paper's), `v2` (thinks before it judges; with an `editor` it may have the \
           last picture changed, without one a call of that tool is a fault; its rollouts are scored \
           and told in tables and on pages, and not written as rows, whose turns are v1's: `check` \
           refuses what would), `native` (v1's turns with tools as the Qwen template renders them; \
           the server must not parse them). `mode = \"strict\"` keeps and \
           counts every malformed turn, runs a call where one can be read, asks nothing twice and \
           always asks for the judgement of the last picture. `mode = \"parity\"` does what the \
           released client does: tags are searched for wherever they stand, a turn without one is \
           asked again (nine requests, three attempts), it stops right behind the last picture, and \
           in the end draws the raw prompt. `setting`: `without_tool` ends behind the first picture, \
           `raw` draws the prompt itself with no agent. The model never hears `n_max`, so at \
           temperature 0 a run at 3 holds the runs at 1 and 2. Stop words belong to the role \
           (`stop = [\"</tool_call>\"]`, as released). Nothing is dropped here: a broken rollout is \
           a result.",
    does: Does::RollOut,
    accepts: &["played"],
    rejects: &[],
    arity: Arity::Some,
    ports: &[Port { name: "played", doc: "every rollout, broken or not" }],
    reasons: &[],
    params: &[
        Param {
            name: "agent",
            ty: Ty::Chat(Wants::SEEN_TEXT),
            default: Some("agent"),
            doc: "the role that plays",
        },
        Param {
            name: "generator",
            ty: Ty::Image,
            default: Some("generator"),
            doc: "the role that draws",
        },
        Param {
            name: "editor",
            ty: Ty::Image,
            default: Some(""),
            doc: "the role that changes the last picture when a v2 agent calls its editing tool",
        },
        Param {
            name: "n_max",
            ty: Ty::Int { min: 1, max: 16 },
            default: Some("3"),
            doc: "pictures at most (the paper evaluates at 2)",
        },
        Param {
            name: "draws",
            ty: Ty::Int { min: 1, max: 64 },
            default: Some("1"),
            doc: "rollouts a prompt, side by side",
        },
        Param {
            name: "branch",
            ty: Ty::Bool,
            default: Some("false"),
            doc: "all rollouts of a prompt share the first turn and picture, and part after it",
        },
        Param {
            name: "grammar",
            ty: Ty::Choice(&["v1", "v2", "native"]),
            default: Some("v1"),
            doc: "how the agent writes its turns",
        },
        Param {
            name: "mode",
            ty: Ty::Choice(&["strict", "parity"]),
            default: Some("strict"),
            doc: "what is done about turns that break the grammar",
        },
        Param {
            name: "setting",
            ty: Ty::Choice(&["agent", "without_tool", "raw"]),
            default: Some("agent"),
            doc: "the whole agent, its first caption only, or the prompt itself",
        },
        Param {
            name: "seed",
            ty: Ty::Choice(&["record", "picture"]),
            default: Some("record"),
            doc: "one picture seed a rollout, so that only the caption changes; or one a picture",
        },
        Param {
            name: "system",
            ty: Ty::File,
            default: Some(""),
            doc: "the system turn, byte for byte; absent: the one that exports write",
        },
    ],
    flow,
    flow_all: None,
    compile,
};

fn flow(params: &Params, facts: Facts) -> Result<Vec<(&'static str, Facts)>, String> {
    if facts.rounds > 0 {
        return Err("a prompt without rounds".into());
    }
    let rounds = u8::try_from(params.int("n_max")).unwrap_or(u8::MAX);
    let other_grammar = params.text("grammar") == "v2";
    Ok(vec![("played", Facts { rounds, image: true, judged: true, other_grammar, ..facts })])
}

fn compile(cx: &mut Compile<'_>) -> Result<Stage, Vec<Diagnostic>> {
    let system = match cx.params.text("system") {
        "" => String::new(),
        _ => cx.file("system")?.text.clone(),
    };
    let word = |name| cx.params.text(name);
    let n_max = cx.params.int("n_max") as usize;
    let rules = Rules::of(word("grammar"), word("mode"), word("setting"), n_max, &system)
        .branching(cx.params.bool("branch"));
    let (editor, rules) = match word("editor") {
        "" => (None, rules),
        _ => (Some(cx.role("editor")?), rules.editing()),
    };
    Ok(Stage::Each(Arc::new(RollOut {
        agent: cx.role("agent")?,
        generator: cx.role("generator")?,
        editor,
        rules,
        draws: cx.params.int("draws") as u32,
        one_seed: word("seed") == "record",
    })))
}

struct RollOut {
    agent: Role,
    generator: Role,
    editor: Option<Role>,
    rules: Rules,
    draws: u32,
    one_seed: bool,
}

#[async_trait::async_trait]
impl Each for RollOut {
    async fn apply(&self, mut t: Trajectory, cx: &Cx<'_>) -> Result<Step, StageError> {
        // Side by side; a row's calls stand rollout by rollout, whatever came back first. Where one
        // fails, the others still come to their ends: their turns are being paid.
        let parts: Vec<Cx<'_>> = (0..self.draws).map(|_| cx.part()).collect();
        let plays = (0..).zip(&parts).map(|(number, cx)| self.play(&t.prompt.text, cx, number));
        let played = join_all(plays).await;
        cx.join(parts);
        let mut votes = Vec::new();
        for played in played {
            let (rollout, said) = played?;
            t.rollouts.push(rollout);
            votes.extend(said);
        }
        let evidence = Evidence { note: note(&t.rollouts), votes, ..Evidence::default() };
        if let Some(first) = t.rollouts.first().cloned() {
            conversation(&mut t, &first);
        }
        // Rows are written in v1's order of turns: one of v2 would not be what was said.
        if self.rules.grammar.is_v2() {
            t.outcome = None;
        }
        Ok(Step::out(t, "played").with(evidence))
    }
}

impl RollOut {
    async fn play(
        &self,
        prompt: &str,
        cx: &Cx<'_>,
        number: u32,
    ) -> Result<(Rollout, Vec<Vote>), StageError> {
        let mut votes = Vec::new();
        let mut game = Game::new(&self.rules, prompt, number);
        loop {
            match game.ask() {
                Ask::Nobody => return Ok((game.over(), votes)),
                Ask::Agent { messages, again } => {
                    let request = self.request(messages, game.asks_as(), again)?;
                    let (reply, key) = match cx.call_with_key(&request).await {
                        // A conversation that has outgrown the context is a fact of the agent.
                        Err(CallError::Record { what }) if game.pictures() > 0 => {
                            game.refused(&clip(&what));
                            continue;
                        }
                        reply => reply?,
                    };
                    take(&mut game, &request, &reply);
                    votes.push(vote(number, &game, key));
                }
                Ask::Draw(caption) => {
                    let asks_as = game.asks_as();
                    let seed = self.seed(&game, cx, asks_as);
                    let drawn = draw(&self.generator, cx, &caption, seed, asks_as).await?;
                    shown(&mut game, drawn, seed);
                }
                Ask::Edit { instruction, picture } => {
                    let seed = self.seed(&game, cx, number);
                    let editor = self.editor.as_ref().unwrap_or(&self.generator);
                    let drawn = edit(editor, cx, &instruction, picture, (seed, number)).await?;
                    shown(&mut game, drawn, seed);
                }
            }
        }
    }

    fn seed(&self, game: &Game<'_>, cx: &Cx<'_>, number: u32) -> u64 {
        let place = if self.one_seed { 0 } else { game.pictures() };
        cx.rng(&format!("rollout {number} picture {place}")).image_seed()
    }

    fn request(
        &self,
        messages: Vec<crate::record::Message>,
        number: u32,
        again: u32,
    ) -> Result<Request, StageError> {
        let RoleKind::Chat(sampling) = &self.agent.kind else {
            return Err(StageError::Record {
                code: "wrong_role",
                what: format!("role `{}` draws images and cannot play", self.agent.name),
            });
        };
        let mut sampling = sampling.clone();
        sampling.seed = sampling.seed.map(|seed| seed.wrapping_add(u64::from(number)));
        Ok(Request::Chat(ChatRequest {
            role: self.agent.name.clone(),
            model: self.agent.model.clone(),
            messages,
            sampling,
            schema: None,
            draw: numbered(number, again),
        }))
    }
}

/// A picture, or why there is none, into the game.
fn shown(game: &mut Game<'_>, drawn: Result<Drawn, (&'static str, Evidence)>, seed: u64) {
    match drawn {
        Ok(drawn) => game.drawn(drawn.image, seed, 0),
        Err((_, evidence)) => game.refused(&evidence.note),
    }
}

/// What the last turn did, for the row's evidence.
fn vote(number: u32, game: &Game<'_>, key: crate::record::CallKey) -> Vote {
    let turns = game.turns();
    let ask = match number {
        0 => format!("turn_{}", turns.len()),
        n => format!("draw_{}_turn_{}", n + 1, turns.len()),
    };
    let answer = turns.last().map_or("", |turn| match (&*turn.fault, &turn.caption) {
        ("", Some(_)) => "call",
        ("", None) => "answer",
        (fault, _) => fault,
    });
    Vote { ask, answer: answer.to_owned(), call: Some(key) }
}

fn note(rollouts: &[Rollout]) -> String {
    let one = |rollout: &Rollout| {
        let faults = rollout.turns.iter().filter(|t| !t.fault.is_empty()).count();
        let pictures = rollout.pictures().len();
        let turns = rollout.turns.len();
        let ended = match rollout.ended {
            Ended::Answer => "done",
            other => other.as_str(),
        };
        let s = |n| if n == 1 { "" } else { "s" };
        let mut text =
            format!("{turns} turn{}, {pictures} picture{}, {ended}", s(turns), s(pictures));
        if faults > 0 {
            text += &format!(", {faults} fault{}", s(faults));
        }
        text
    };
    rollouts.iter().map(one).collect::<Vec<_>>().join("; ").chars().take(300).collect()
}
