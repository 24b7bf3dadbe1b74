//! `score`: what a rollout's pictures are worth, by an evaluation set's own judge or by checklist and
//! rules.

use crate::benchmark::official::{Wording, wording};
use crate::benchmark::{BENCHMARKS, Benchmark, Counted, Read, TRIES, of_source};
use crate::call::{ChatRequest, Message, Output, Part, Request, Speaker};
use crate::diag::Diagnostic;
use crate::record::{CallKey, Digest, Evidence, ImageRef, Trajectory, Vote};
use crate::stage::ask::Asker;
use crate::stage::checklist::Checklist;
use crate::stage::judging::{Judging, bound};
use crate::stage::{
    Arity, Compile, Cx, Does, Each, Facts, Kind, Param, Params, Port, Reason, Role, RoleKind,
    Stage, StageError, Step, Ty, Wants,
};
use crate::template::Context;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Variables of the sets' templates; each uses those of its rows.
const MAY: &[&str] = &["explanation", "checklist", "note", "instruction"];

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
        Param {
            name: "checklist",
            ty: Ty::Chat(Wants::JSON),
            default: Some("checklist"),
            doc: "the role that makes atoms",
        },
        Param {
            name: "checklist_template",
            ty: Ty::Template { must: &["prompt"], may: &["plain", "spec"] },
            default: Some("atoms.j2"),
            doc: "what it is asked",
        },
    ],
    flow,
    flow_all: None,
    compile,
};

fn flow(_: &Params, facts: Facts) -> Result<Vec<(&'static str, Facts)>, String> {
    if facts.rounds == 0 || !facts.image {
        return Err("a rollout, or an image in the last round".into());
    }
    Ok(vec![("scored", facts)])
}

fn compile(cx: &mut Compile<'_>) -> Result<Stage, Vec<Diagnostic>> {
    let protocol = cx.params.text("protocol");
    let mut sets = BTreeMap::new();
    for set in BENCHMARKS {
        if protocol != "auto" && protocol != set.name {
            continue;
        }
        let asker = Asker::compile(cx, "model", set.name)?;
        sets.insert(set.name, Words { asker, official: official(cx, set)? });
    }
    Ok(Stage::Each(Arc::new(Score {
        role: cx.role("model")?,
        protocol: protocol.to_owned(),
        pictures: cx.params.text("pictures").to_owned(),
        official_limit: cx.params.text("limit") == "official",
        sets,
        judging: Judging::compile(cx, false)?,
        checklist: Checklist::compile(cx)?,
    })))
}

/// The script's own words, where a checkout is named that holds it.
fn official(cx: &Compile<'_>, set: &Benchmark) -> Result<Option<Wording>, Vec<Diagnostic>> {
    let folder = cx.params.text("official").trim_end_matches('/');
    if folder.is_empty() {
        return Ok(None);
    }
    let path = cx.place("official", &format!("{folder}/{}", set.script));
    // A checkout is of one owner's repository: the other sets keep our words.
    let Some(script) = cx.files.outside(&path) else {
        let named = cx.params.text("protocol") == set.name;
        let fault = || vec![cx.fault("official", "P08", format!("no script `{path}`"))];
        return if named { Err(fault()) } else { Ok(None) };
    };
    let read = wording(&script.text);
    read.map(Some).map_err(|what| {
        let title = format!("`{path}` is not the script that is known: {what}");
        vec![cx.fault("official", "P08", title)]
    })
}

struct Words {
    asker: Asker,
    official: Option<Wording>,
}

struct Score {
    role: Role,
    protocol: String,
    pictures: String,
    official_limit: bool,
    sets: BTreeMap<&'static str, Words>,
    judging: Judging,
    checklist: Checklist,
}

/// A picture's score.
#[derive(Debug, Clone)]
struct Judged {
    read: Read,
    call: Option<CallKey>,
    note: String,
}

#[async_trait::async_trait]
impl Each for Score {
    async fn apply(&self, mut t: Trajectory, cx: &Cx<'_>) -> Result<Step, StageError> {
        let set = match self.protocol.as_str() {
            "auto" => of_source(&t.prompt.source),
            name => crate::benchmark::find(name),
        };
        if set.is_none()
            && let Some(what) = self.checklist.ensure(&mut t, cx).await?
        {
            return Ok(Step::drop(t, "no_checklist", Evidence::note(what)));
        }
        let mut known: BTreeMap<[u8; 32], Judged> = BTreeMap::new();
        let (mut votes, mut notes, mut last) = (Vec::new(), Vec::new(), None);
        for (draw, pictures) in pictures(&t).into_iter().enumerate() {
            let mut scores = Vec::new();
            for (place, image) in pictures.iter().enumerate() {
                if !self.wants(place, pictures.len()) {
                    scores.push(None);
                    continue;
                }
                let Digest(digest) = image.digest;
                let judged = match known.get(&digest) {
                    Some(judged) => judged.clone(),
                    None => self.judge(cx, &t, set, *image).await?,
                };
                known.insert(digest, judged.clone());
                scores.push(judged.read.strict.map(|s| s as f32));
                push(&mut votes, draw, place, &judged);
                if draw == 0 && place + 1 == pictures.len() {
                    last = judged.read.strict.map(|s| (s / set.map_or(1.0, |s| s.most)) as f32);
                    notes.push(judged.note);
                }
            }
            if let Some(rollout) = t.rollouts.get_mut(draw) {
                rollout.scores = scores;
            }
        }
        let note = bound(&notes.join("; "), 300);
        let evidence = Evidence { note, score: last, votes, ..Evidence::default() };
        let whole = t.rollouts.first().is_none_or(|r| r.is_whole());
        Ok(match (known.is_empty(), whole && t.outcome.is_some()) {
            (true, _) => Step::drop(t, "no_picture", evidence),
            (false, false) => Step::drop(t, "no_conversation", evidence),
            (false, true) => Step::out(t, "scored").with(evidence),
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
        Counted::LeftOut | Counted::Again => "left_out".to_owned(),
    };
    let strict = judged.read.strict.map_or("unparsed".to_owned(), |score| score.to_string());
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

    async fn judge(
        &self,
        cx: &Cx<'_>,
        t: &Trajectory,
        set: Option<&'static Benchmark>,
        image: ImageRef,
    ) -> Result<Judged, StageError> {
        match set.and_then(|set| Some((set, self.sets.get(set.name)?))) {
            Some((set, words)) => self.by_set(cx, t, set, words, image).await,
            None => self.by_checklist(cx, t, image).await,
        }
    }

    /// All conditions or nothing. A judge that cannot be read gives no score.
    async fn by_checklist(
        &self,
        cx: &Cx<'_>,
        t: &Trajectory,
        image: ImageRef,
    ) -> Result<Judged, StageError> {
        Ok(match self.judging.judge(cx, t, image, None, 1).await? {
            Ok(judged) => {
                let score = f64::from(judged.judgement.satisfied);
                let call = judged.evidence.votes.iter().find_map(|vote| vote.call);
                let read = Read { official: Counted::As(score), strict: Some(score) };
                Judged { read, call, note: judged.evidence.note }
            }
            Err(unjudged) => {
                let (_, evidence) = unjudged.reason();
                let read = Read { official: Counted::LeftOut, strict: None };
                Judged { read, call: None, note: evidence.note }
            }
        })
    }

    /// Up to three tries, as the scripts make them.
    async fn by_set(
        &self,
        cx: &Cx<'_>,
        t: &Trajectory,
        set: &Benchmark,
        words: &Words,
        image: ImageRef,
    ) -> Result<Judged, StageError> {
        let mut last = None;
        let mut note = String::new();
        for draw in 0..TRIES {
            let request = self.request(t, set, words, image, draw)?;
            let reply = cx.call(&request).await?;
            last = Some(request.key());
            match reply.output {
                Output::Text { text, .. } => {
                    let read = (set.read)(&text);
                    note = text;
                    if read.official != Counted::Again {
                        return Ok(Judged { read, call: last, note });
                    }
                }
                Output::Refused { reason } => note = reason,
                Output::Image { .. } => note = "an image came back where text was asked".to_owned(),
            }
        }
        let strict = (set.read)(&note).strict;
        Ok(Judged { read: Read { official: set.unread, strict }, call: last, note })
    }

    fn request(
        &self,
        t: &Trajectory,
        set: &Benchmark,
        words: &Words,
        image: ImageRef,
        draw: u32,
    ) -> Result<Request, StageError> {
        let values = (set.asks)(&t.prompt);
        let mut request = match &words.official {
            Some(wording) => self.in_their_words(wording, &values, image, draw)?,
            None => {
                let mut context = Context::new().image("image", image);
                let known =
                    values.iter().filter(|(name, _)| *name == "prompt" || MAY.contains(name));
                for (name, value) in known {
                    context = context.text(name, value);
                }
                Request::Chat(words.asker.request(&context, draw)?)
            }
        };
        if let Request::Chat(chat) = &mut request
            && self.official_limit
        {
            chat.sampling.max_tokens = Some(set.max_tokens);
        }
        Ok(request)
    }

    fn in_their_words(
        &self,
        wording: &Wording,
        values: &[(&'static str, String)],
        image: ImageRef,
        draw: u32,
    ) -> Result<Request, StageError> {
        let fault = |what| StageError::Record { code: "official", what };
        let RoleKind::Chat(sampling) = &self.role.kind else {
            return Err(fault(format!("role `{}` draws and cannot judge", self.role.name)));
        };
        let user = wording.fill(values).map_err(fault)?;
        let message = |speaker, parts| Message { speaker, parts };
        let system = vec![Part::Text(wording.system.clone())];
        Ok(Request::Chat(ChatRequest {
            role: self.role.name.clone(),
            model: self.role.model.clone(),
            messages: vec![
                message(Speaker::System, system),
                message(Speaker::User, vec![Part::Text(user), Part::Image(image)]),
            ],
            sampling: sampling.clone(),
            schema: None,
            draw,
        }))
    }
}
