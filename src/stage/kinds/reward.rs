//! `reward`: what each rollout of a prompt earns in the second stage (paper, section 3.3).

use super::pairwise::{compare, name, prefer};
use crate::diag::Diagnostic;
use crate::record::{Evidence, ImageRef, Preference, Reward, Rollout, Trajectory, Vote};
use crate::rules::{Readings, Seen, reward};
use crate::stage::ask::Asker;
use crate::stage::checklist::{CHECKLIST, CHECKLIST_TEMPLATE, Checklist};
use crate::stage::judging::{Judging, RULES, bound};
use crate::stage::{
    Arity, Compile, Cx, Does, Each, Facts, Kind, Param, Params, Port, Reason, Stage, StageError,
    Step, Ty, Wants,
};
use crate::text::normalise;
use futures::future::join_all;
use std::sync::Arc;

pub const KIND: Kind = Kind {
    name: "reward",
    about: "Rewards rollouts: every condition or nothing, the format, each picture better than the last.",
    docs: "Equations 6 and 7: 0.7 where the last picture satisfies all rules and the whole checklist \
           (`model`), -0.2 where any turn broke the grammar, and lambda times 0.3 where every picture \
           is better than the one before (`comparator`); lambda is 1, and 0.5 where the first part is \
           0. Which of two pictures stands first is drawn for each rollout and pair; pictures that are \
           equal byte for byte tie without a call. What the paper leaves open is a parameter: `orders` \
           asks about a pair once, as the paper does, or in both orders, which then must agree; \
           `ties`; `one_picture`. A rollout whose judge cannot be read has no reward, which is not a \
           reward of 0; a record of which none has one fails as undecided. The row's evidence holds \
           for each rollout its reward and parts, the number of pictures, how long its turns are and \
           how many captions repeat the prompt or an earlier caption, so that what is rewarded can be \
           held against what it should be.",
    does: Does::Reward,
    accepts: &["rewarded"],
    rejects: &[],
    arity: Arity::Some,
    ports: &[Port { name: "rewarded", doc: "at least one rollout has its reward" }],
    reasons: &[
        Reason { code: "no_checklist", doc: "no checklist could be made of the prompt" },
        Reason { code: "no_rollout", doc: "there is nothing to reward" },
    ],
    params: &[
        Param {
            name: "model",
            ty: Ty::Chat(Wants::SEEN_JSON),
            default: Some("judge"),
            doc: "the role that judges the last picture",
        },
        Param {
            name: "template",
            ty: Ty::Template { must: &["prompt", "image", "rules", "atoms"], may: &[] },
            default: Some("judge.j2"),
            doc: "what it is asked",
        },
        RULES,
        Param {
            name: "votes",
            ty: Ty::Int { min: 1, max: 9 },
            default: Some("1"),
            doc: "how often it is asked; the majority counts",
        },
        Param {
            name: "comparator",
            ty: Ty::Chat(Wants::SEEN_JSON),
            default: Some("comparator"),
            doc: "the role that compares pictures",
        },
        Param {
            name: "pair_template",
            ty: Ty::Template { must: &["prompt", "image_a", "image_b"], may: &["atoms"] },
            default: Some("pairwise.j2"),
            doc: "what it is asked",
        },
        Param {
            name: "orders",
            ty: Ty::Choice(&["one", "both"]),
            default: Some("one"),
            doc: "one order by lot, as the paper says; or both, and disagreement is a tie",
        },
        Param {
            name: "ties",
            ty: Ty::Choice(&["worse", "better"]),
            default: Some("worse"),
            doc: "what a tie counts as; `better` would pay for drawing the same picture again",
        },
        Param {
            name: "one_picture",
            ty: Ty::Choice(&["nothing", "full"]),
            default: Some("nothing"),
            doc: "what a single picture earns of the pairwise part: equation 6 read as earned by \
                  going on, or word for word",
        },
        CHECKLIST,
        CHECKLIST_TEMPLATE,
    ],
    flow,
    flow_all: None,
    compile,
};

fn flow(_: &Params, facts: Facts) -> Result<Vec<(&'static str, Facts)>, String> {
    facts.pictured("a rollout")?;
    Ok(vec![("rewarded", facts)])
}

fn compile(cx: &mut Compile<'_>) -> Result<Stage, Vec<Diagnostic>> {
    Ok(Stage::Each(Arc::new(Rewarding {
        judging: Judging::compile(cx, false)?,
        votes: cx.params.int("votes") as u32,
        comparator: Asker::compile(cx, "comparator", "pair_template")?,
        both: cx.params.text("orders") == "both",
        readings: Readings {
            one_picture: cx.params.text("one_picture") == "full",
            ties: cx.params.text("ties") == "better",
        },
        checklist: Checklist::compile(cx)?,
    })))
}

struct Rewarding {
    judging: Judging,
    votes: u32,
    comparator: Asker,
    both: bool,
    readings: Readings,
    checklist: Checklist,
}

/// A rollout's reward with what it rests on.
struct Rewarded {
    reward: Reward,
    evidence: Evidence,
}

/// Whether the last picture satisfies, with what was seen.
struct Point {
    satisfied: bool,
    evidence: Evidence,
}

#[async_trait::async_trait]
impl Each for Rewarding {
    async fn apply(&self, mut t: Trajectory, cx: &Cx<'_>) -> Result<Step, StageError> {
        if t.rollouts.is_empty() {
            return Ok(Step::drop(t, "no_rollout", Evidence::default()));
        }
        let faults = match self.checklist.ensure(&mut t, cx).await? {
            Ok(faults) => faults,
            Err(evidence) => return Ok(Step::drop(t, "no_checklist", evidence)),
        };
        Step::told(self.reward(t, cx).await, faults)
    }
}

impl Rewarding {
    async fn reward(&self, mut t: Trajectory, cx: &Cx<'_>) -> Result<Step, StageError> {
        let mut evidence = Evidence::default();
        let (mut sum, mut rewarded, mut unread) = (0.0, 0, None);
        for at in 0..t.rollouts.len() {
            match self.one(&t, at, cx).await {
                Ok(Rewarded { reward, evidence: seen }) => {
                    t.rollouts[at].reward = Some(reward);
                    sum += reward.score;
                    rewarded += 1;
                    if at == 0 {
                        evidence.checks = seen.checks;
                        evidence.note = seen.note;
                    }
                    evidence.votes.extend(seen.votes);
                }
                // Not a reward of 0: the others are rewarded, and this one has none.
                Err(StageError::Undecided(seen)) => {
                    evidence.votes.extend(seen.votes.iter().cloned());
                    unread = Some(seen);
                }
                Err(other) => return Err(other),
            }
        }
        match unread {
            Some(seen) if rewarded == 0 => {
                let votes = std::mem::take(&mut evidence.votes);
                Err(StageError::undecided(seen.note, votes))
            }
            _ => {
                evidence.score = Some((sum / f64::from(rewarded.max(1))) as f32);
                Ok(Step::out(t, "rewarded").with(evidence))
            }
        }
    }
}

impl Rewarding {
    async fn one(&self, t: &Trajectory, at: usize, cx: &Cx<'_>) -> Result<Rewarded, StageError> {
        let rollout = &t.rollouts[at];
        let pictures = rollout.pictures();
        let own = cx.part();
        let parts: Vec<Cx<'_>> = pictures.windows(2).map(|_| cx.part()).collect();
        let asks = pictures.windows(2).zip(&parts).enumerate();
        let asks =
            asks.map(|(n, (pair, cx))| self.pair(t, rollout.draw, n, [pair[0], pair[1]], cx));
        let (point, pairs) =
            futures::join!(self.point(t, pictures.last().copied(), &own), join_all(asks));
        cx.join(std::iter::once(own).chain(parts));
        let (point, pairs) = (point?, pairs.into_iter().collect::<Result<Vec<_>, _>>()?);
        let winners: Vec<Preference> = pairs.iter().map(|(winner, _)| *winner).collect();
        let seen = Seen {
            satisfied: point.satisfied,
            whole: rollout.keeps_grammar(),
            pictures: pictures.len(),
            pairs: &winners,
        };
        let reward = reward(&seen, self.readings);
        let prefix = match rollout.draw {
            0 => String::new(),
            n => format!("draw_{}_", n + 1),
        };
        let mut votes = facts(t, rollout, &reward, pictures.len());
        votes.extend(point.evidence.votes);
        votes.extend(pairs.into_iter().flat_map(|(_, votes)| votes));
        for vote in votes.iter_mut().filter(|vote| !vote.is_of_reading()) {
            vote.ask = format!("{prefix}{}", vote.ask);
        }
        Ok(Rewarded { reward, evidence: Evidence { votes, ..point.evidence } })
    }

    /// All conditions or nothing, of the last picture.
    async fn point(
        &self,
        t: &Trajectory,
        last: Option<ImageRef>,
        cx: &Cx<'_>,
    ) -> Result<Point, StageError> {
        let Some(image) = last else {
            return Ok(Point { satisfied: false, evidence: Evidence::note("no picture") });
        };
        match self.judging.judge(cx, t, image, None, self.votes).await? {
            Ok(judged) => {
                Ok(Point { satisfied: judged.judgement.satisfied, evidence: judged.evidence })
            }
            Err(unjudged) => {
                let (code, evidence) = unjudged.reason();
                let what = format!("the judge gave no verdict ({code}): {}", evidence.note);
                Err(StageError::undecided(what, evidence.votes))
            }
        }
    }

    /// A picture against the one before it.
    async fn pair(
        &self,
        t: &Trajectory,
        draw: u32,
        place: usize,
        [earlier, later]: [ImageRef; 2],
        cx: &Cx<'_>,
    ) -> Result<(Preference, Vec<Vote>), StageError> {
        let ask = format!("pair_{}", place + 1);
        if earlier.digest == later.digest {
            let vote = Vote { ask, answer: name(Preference::Tie).into(), call: None };
            return Ok((Preference::Tie, vec![vote]));
        }
        let later_first = cx.rng(&format!("rollout {draw} pair {place}")).chance(0.5);
        let (winner, mut votes) = self.order(t, [earlier, later], later_first, 0, cx).await?;
        let winner = match self.both {
            false => winner,
            true => {
                let (other, more) = self.order(t, [earlier, later], !later_first, 1, cx).await?;
                votes.extend(more);
                if other == winner { winner } else { Preference::Tie }
            }
        };
        let call = votes.first().and_then(|vote| vote.call);
        let mut out = vec![Vote { ask, answer: name(winner).into(), call }];
        out.extend(votes);
        Ok((winner, out))
    }

    /// One order's answer; Err where the comparator cannot be read.
    async fn order(
        &self,
        t: &Trajectory,
        [earlier, later]: [ImageRef; 2],
        later_first: bool,
        draw: u32,
        cx: &Cx<'_>,
    ) -> Result<(Preference, Vec<Vote>), StageError> {
        let shown = if later_first { [later, earlier] } else { [earlier, later] };
        let mut faults = Vec::new();
        let asked = compare(&self.comparator, cx, t, shown, draw).await?;
        match asked.decided(&mut faults)? {
            Ok((answer, call)) => {
                let winner = prefer(answer.side, later_first);
                let ask = if later_first { "order_ba" } else { "order_ab" };
                let mut votes =
                    vec![Vote { ask: ask.into(), answer: name(winner).into(), call: Some(call) }];
                votes.extend(faults);
                Ok((winner, votes))
            }
            Err(refused) => {
                let what = format!("the comparator will not answer: {refused}");
                Err(StageError::undecided(what, faults))
            }
        }
    }
}

/// The reward in its parts, and what an over-optimised agent would show.
fn facts(t: &Trajectory, rollout: &Rollout, reward: &Reward, pictures: usize) -> Vec<Vote> {
    let characters: usize = rollout.turns.iter().map(|turn| turn.text.chars().count()).sum();
    let values = [
        ("reward", reward.score.to_string()),
        ("point", reward.point.to_string()),
        ("format", reward.format.to_string()),
        ("pair", reward.pair.to_string()),
        ("lambda", reward.lambda.to_string()),
        ("pictures", pictures.to_string()),
        ("characters", characters.to_string()),
        ("copies", copies(&t.prompt.text, rollout).to_string()),
        ("ended", bound(rollout.ended.as_str(), 32)),
    ];
    let fact = |(ask, answer): (&str, String)| Vote { ask: ask.to_owned(), answer, call: None };
    values.into_iter().map(fact).collect()
}

/// Captions that say what the prompt or an earlier caption says.
fn copies(prompt: &str, rollout: &Rollout) -> usize {
    let mut said = vec![normalise(prompt)];
    let mut copies = 0;
    for caption in rollout.turns.iter().filter_map(|turn| turn.caption.as_deref()) {
        let caption = normalise(caption);
        if said.contains(&caption) {
            copies += 1;
        } else {
            said.push(caption);
        }
    }
    copies
}
