//! `score`: what a rollout's pictures are worth, by an evaluation set's own judge or by checklist and
//! rules.

use crate::benchmark::{Benchmark, Counted, find, of_source};
use crate::diag::Diagnostic;
use crate::record::{Evidence, ImageRef, Trajectory, Vote};
use crate::stage::checklist::{CHECKLIST, CHECKLIST_TEMPLATE, Checklist};
use crate::stage::judging::bound;
use crate::stage::scoring::{Judged, MAY, Scorer, UNPARSED};
use crate::stage::{
    Arity, Compile, Cx, Does, Each, Facts, Kind, Param, Params, Port, Reason, Stage, StageError,
    Step, Ty, Wants,
};
use futures::future::join_all;
use std::collections::BTreeMap;
use std::sync::Arc;

const fn template(name: &'static str, file: &'static str) -> Param {
    Param {
        name,
        ty: Ty::Template { must: &["prompt", "image"], may: MAY },
        default: Some(file),
        doc: "what that set's judge is asked (ours in substance; see `official`)",
    }
}

pub const KIND: Kind = Kind {
    name: "score",
    about: "Scores every picture of a rollout: an evaluation set's own protocol, or a checklist.",
    docs: "`protocol = \"auto\"` takes the set that the prompt comes from (`geneval_pp`, `imagine`, \
           `wise_legacy`, `wise_verified`) and for every other prompt `checklist`: rules and \
           checklist, all conditions or nothing. A set's answer is read as its official script reads \
           it, oddities and all, and strictly; a row's evidence holds both (`picture_1`, \
           `strict_picture_1`), so `coldstart table` prints both. The official wording is not \
           shipped: `official` names a checkout of the owners' repository, and then its own text \
           is sent; `limit = \"official\"` sends its limit of tokens too (GenEval++'s 200 cut \
           reasons, which then count as wrong). Pictures go as they are (the GenEval++ script \
           re-encodes them as JPEG). Equal pictures are asked about once. What cannot be written \
           as a conversation is scored and then dropped.",
    does: Does::Score,
    accepts: &["scored"],
    rejects: &[],
    arity: Arity::Some,
    ports: &[Port { name: "scored", doc: "scored, and a whole conversation" }],
    reasons: &[
        Reason { code: "no_conversation", doc: "scored; its turns make no conversation to write" },
        Reason {
            code: "other_grammar",
            doc: "scored; rows are not written in the grammar of its turns (v2): `table`, `report` and \
                  `view` show it, and `grammar = \"v1\"` or `\"native\"` gives rows",
        },
        Reason { code: "no_picture", doc: "there is no picture to score" },
        Reason { code: "no_checklist", doc: "no checklist could be made of the prompt" },
    ],
    params: &[
        Param {
            name: "model",
            ty: Ty::Chat(Wants::SEEN_JSON),
            default: Some("judge"),
            doc: "the role that judges",
        },
        Param {
            name: "protocol",
            ty: Ty::Choice(&[
                "auto",
                "geneval_pp",
                "imagine",
                "wise_legacy",
                "wise_verified",
                "checklist",
            ]),
            default: Some("auto"),
            doc: "by whose rules; `auto`: the prompt's own set, else the checklist",
        },
        Param {
            name: "pictures",
            ty: Ty::Choice(&["all", "ends", "last"]),
            default: Some("all"),
            doc: "which are judged: all (Figure 5), first and last (gain), the last alone",
        },
        Param {
            name: "official",
            ty: Ty::Text,
            default: Some(""),
            doc: "a checkout of the set's repository, whose judge's own words are sent",
        },
        Param {
            name: "limit",
            ty: Ty::Choice(&["role", "official"]),
            default: Some("role"),
            doc: "the longest answer: the role's, or the official script's",
        },
        template("geneval_pp", "geneval_pp.j2"),
        template("imagine", "imagine.j2"),
        template("wise_legacy", "wise_legacy.j2"),
        template("wise_verified", "wise_verified.j2"),
        Param {
            name: "template",
            ty: Ty::Template { must: &["prompt", "image", "rules", "atoms"], may: &[] },
            default: Some("judge.j2"),
            doc: "what the judge is asked by checklist and rules",
        },
        Param {
            name: "rules",
            ty: Ty::File,
            default: Some("judge_rules.toml"),
            doc: "the rules, as data",
        },
        CHECKLIST,
        CHECKLIST_TEMPLATE,
    ],
    flow,
    flow_all: None,
    compile,
};

fn flow(_: &Params, facts: Facts) -> Result<Vec<(&'static str, Facts)>, String> {
    if facts.rounds == 0 || !facts.image {
        return Err("a rollout, or an image in the last round".into());
    }
    // What rows are not written in is dropped here.
    Ok(vec![("scored", Facts { other_grammar: false, ..facts })])
}

fn compile(cx: &mut Compile<'_>) -> Result<Stage, Vec<Diagnostic>> {
    Ok(Stage::Each(Arc::new(Score {
        protocol: cx.params.text("protocol").to_owned(),
        pictures: cx.params.text("pictures").to_owned(),
        scorer: Scorer::compile(cx)?,
        checklist: Checklist::compile(cx)?,
    })))
}

struct Score {
    protocol: String,
    pictures: String,
    scorer: Scorer,
    checklist: Checklist,
}

#[async_trait::async_trait]
impl Each for Score {
    async fn apply(&self, mut t: Trajectory, cx: &Cx<'_>) -> Result<Step, StageError> {
        let set = match self.protocol.as_str() {
            "auto" => of_source(&t.prompt.source),
            name => find(name),
        };
        if set.is_none()
            && let Some(what) = self.checklist.ensure(&mut t, cx).await?
        {
            return Ok(Step::drop(t, "no_checklist", Evidence::note(what)));
        }
        let drawn = pictures(&t);
        let known = self.judge_all(cx, &t, set, &drawn).await?;
        let (mut votes, mut note, mut last) = (Vec::new(), String::new(), None);
        for (draw, pictures) in drawn.iter().enumerate() {
            let mut scores = Vec::new();
            for (place, image) in pictures.iter().enumerate() {
                let judged =
                    known.get(&image.digest.0).filter(|_| self.wants(place, pictures.len()));
                scores.push(judged.and_then(|judged| judged.read.strict).map(|s| s as f32));
                let Some(judged) = judged else { continue };
                push(&mut votes, draw, place, judged);
                if draw == 0 && place + 1 == pictures.len() {
                    last = judged.read.strict.map(|s| (s / set.map_or(1.0, |s| s.most)) as f32);
                    note = bound(&judged.note, 300);
                }
            }
            if let Some(rollout) = t.rollouts.get_mut(draw) {
                rollout.scores = scores;
            }
        }
        let evidence = Evidence { note, score: last, votes, ..Evidence::default() };
        let whole = t.rollouts.first().is_none_or(|r| r.is_whole());
        Ok(match t.outcome {
            _ if known.is_empty() => Step::drop(t, "no_picture", evidence),
            _ if !whole || t.rounds.is_empty() => Step::drop(t, "no_conversation", evidence),
            None => Step::drop(t, "other_grammar", evidence),
            Some(_) => Step::out(t, "scored").with(evidence),
        })
    }
}

/// The pictures of each rollout; of a trajectory that was made otherwise, those of its rounds.
fn pictures(t: &Trajectory) -> Vec<Vec<ImageRef>> {
    match t.rollouts[..] {
        [] => vec![t.rounds.iter().filter_map(|round| round.image).collect()],
        _ => t.rollouts.iter().map(|rollout| rollout.pictures()).collect(),
    }
}

fn push(votes: &mut Vec<Vote>, draw: usize, place: usize, judged: &Judged) {
    let name = match draw {
        0 => format!("picture_{}", place + 1),
        n => format!("draw_{}_picture_{}", n + 1, place + 1),
    };
    let official = match judged.read.official {
        Counted::As(score) => score.to_string(),
        Counted::LeftOut | Counted::Again if judged.unscored == UNPARSED => "left_out".to_owned(),
        Counted::LeftOut | Counted::Again => judged.unscored.to_owned(),
    };
    let strict = judged.read.strict.map_or(judged.unscored.to_owned(), |s| s.to_string());
    let vote = |ask, answer| Vote { ask, answer, call: judged.call };
    votes.push(vote(name.clone(), official));
    votes.push(vote(format!("strict_{name}"), strict));
}

impl Score {
    fn wants(&self, place: usize, of: usize) -> bool {
        match self.pictures.as_str() {
            "last" => place + 1 == of,
            "ends" => place == 0 || place + 1 == of,
            _ => true,
        }
    }

    /// Each different picture once, all at once; by their digests.
    async fn judge_all(
        &self,
        cx: &Cx<'_>,
        t: &Trajectory,
        set: Option<&'static Benchmark>,
        drawn: &[Vec<ImageRef>],
    ) -> Result<BTreeMap<[u8; 32], Judged>, StageError> {
        let mut asked: Vec<ImageRef> = Vec::new();
        for pictures in drawn {
            let wanted =
                pictures.iter().enumerate().filter(|(n, _)| self.wants(*n, pictures.len()));
            for (_, image) in wanted {
                if asked.iter().all(|known| known.digest != image.digest) {
                    asked.push(*image);
                }
            }
        }
        let parts: Vec<Cx<'_>> = asked.iter().map(|_| cx.part()).collect();
        let judging =
            asked.iter().zip(&parts).map(|(image, cx)| self.scorer.judge(cx, t, set, *image));
        let judged = join_all(judging).await;
        cx.join(parts);
        asked.iter().zip(judged).map(|(image, judged)| Ok((image.digest.0, judged?))).collect()
    }
}
