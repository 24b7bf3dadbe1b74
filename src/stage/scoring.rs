//! What one picture is worth: a set's own protocol, or checklist and rules; shared by the kinds that
//! score and reward.

use crate::benchmark::official::{Wording, wording};
use crate::benchmark::{BENCHMARKS, Benchmark, Counted, Read, TRIES};
use crate::call::{ChatRequest, Output, Request, Schema};
use crate::diag::Diagnostic;
use crate::record::{CallKey, Evidence, ImageRef, Message, Part, Speaker, Trajectory};
use crate::stage::ask::Asker;
use crate::stage::judging::Judging;
use crate::stage::{Compile, Cx, Role, RoleKind, StageError};
use crate::template::Context;
use std::collections::BTreeMap;

/// Variables of the sets' templates; each uses those of its rows.
pub const MAY: &[&str] = &["explanation", "checklist", "note", "instruction"];

/// Stands for a score where a set's judge said nothing that can be read.
pub const UNPARSED: &str = "unparsed";

/// What the judge of a set with JSON answers; asked in our words only, as the scripts send no shape.
const CORRECT: Schema = Schema::Fields(&[("correct", Schema::Whole), ("reason", Schema::Text)]);

/// A picture's score.
#[derive(Debug, Clone)]
pub struct Judged {
    pub read: Read,
    pub call: Option<CallKey>,
    pub note: String,
    /// What stands where there is no score.
    pub unscored: &'static str,
}

/// Who judges, and in which words.
pub struct Scorer {
    role: Role,
    official_limit: bool,
    sets: BTreeMap<&'static str, Words>,
    judging: Judging,
}

struct Words {
    asker: Asker,
    official: Option<Wording>,
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

impl Scorer {
    /// From the parameters of `score`: `protocol` names one set, or all of them.
    pub fn compile(cx: &mut Compile<'_>) -> Result<Scorer, Vec<Diagnostic>> {
        let protocol = cx.params.text("protocol");
        let mut sets = BTreeMap::new();
        for set in BENCHMARKS.iter().copied() {
            if protocol != "auto" && protocol != set.name {
                continue;
            }
            let mut asker = Asker::compile(cx, "model", set.name)?;
            if set.json {
                asker = asker.shaped(&CORRECT);
            }
            sets.insert(set.name, Words { asker, official: official(cx, set)? });
        }
        let folder = cx.params.text("official");
        let asks_ours = sets.values().all(|words| words.official.is_none());
        if !folder.is_empty() && !sets.is_empty() && asks_ours {
            let scripts: Vec<String> =
                BENCHMARKS.iter().map(|set| format!("`{}`", set.script)).collect();
            let title = format!("`{folder}` holds no script of an evaluation set");
            let note = format!("looked for {}", scripts.join(", "));
            return Err(vec![cx.fault("official", "P08", title).note(note)]);
        }
        Ok(Scorer {
            role: cx.role("model")?,
            official_limit: cx.params.text("limit") == "official",
            sets,
            judging: Judging::compile(cx, false)?,
        })
    }

    /// One picture's score: by `set` where there is one, else by checklist and rules.
    pub async fn judge(
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

    /// All conditions or nothing. A judge that cannot tell, cannot be read or will not answer gives
    /// no score, which is neither 0 nor a failure of the record.
    async fn by_checklist(
        &self,
        cx: &Cx<'_>,
        t: &Trajectory,
        image: ImageRef,
    ) -> Result<Judged, StageError> {
        let evidence = match self.judging.judge(cx, t, image, None, 1).await {
            Ok(Ok(judged)) => {
                let score = f64::from(judged.judgement.satisfied);
                let call = judged.evidence.votes.iter().find_map(|vote| vote.call);
                let read = Read { official: Counted::As(score), strict: Some(score) };
                return Ok(Judged { read, call, note: judged.evidence.note, unscored: "" });
            }
            Ok(Err(unjudged)) => unjudged.reason(),
            Err(StageError::Undecided(evidence)) => (StageError::UNDECIDED, *evidence),
            Err(error) => return Err(error),
        };
        let (unscored, Evidence { note, votes, .. }) = evidence;
        let read = Read { official: Counted::LeftOut, strict: None };
        let call = votes.iter().find_map(|vote| vote.call);
        Ok(Judged { read, call, note, unscored })
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
                        return Ok(Judged { read, call: last, note, unscored: UNPARSED });
                    }
                }
                Output::Refused { reason } => note = reason,
                Output::Image { .. } => note = "an image came back where text was asked".to_owned(),
            }
        }
        let strict = (set.read)(&note).strict;
        let read = Read { official: set.unread, strict };
        Ok(Judged { read, call: last, note, unscored: UNPARSED })
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
