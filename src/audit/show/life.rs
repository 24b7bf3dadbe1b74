//! One record's life as text.

use crate::audit::lineage::Life;
use crate::audit::rounds::StoryRound;
use crate::audit::show::{Look, line, money, visible, way};
use crate::audit::steps::{LifeCall, LifeStep};
use crate::call::Output;
use crate::record::{Answer, CheckSource, Disposition, ImageRef};

/// How a life is shown.
pub struct LifeLook<'a> {
    pub look: Look,
    /// Requests, reasoning, replies and checks whole.
    pub full: bool,
    /// Where a picture lies.
    pub path: &'a dyn Fn(&ImageRef) -> String,
    /// What draws a picture in this terminal; empty where nothing does.
    pub draw: &'a dyn Fn(&ImageRef) -> String,
}

/// What `coldstart explain RUN ID` prints.
pub fn life_text(life: &Life, how: &LifeLook) -> String {
    let mut out = format!(
        "{} · {} · {} · {}\n{}\n",
        how.look.bold(&life.id.hex()),
        line(&life.category, 40),
        line(&life.source, 40),
        money(life.cost_usd),
        visible(&life.prompt)
    );
    for (n, (image, word)) in life.story.draws.iter().enumerate() {
        let what = format!("draw {} of the prompt as it is: {}", n + 1, visible(word));
        out.push_str(&how.picture(&what, image));
    }
    for (n, round) in life.story.rounds.iter().enumerate() {
        out.push_str(&how.round(n, round));
    }
    if let Some(image) = &life.story.reference {
        out.push('\n');
        out.push_str(&how.picture("reference (the hint)", image));
    }
    for step in &life.steps {
        out.push_str(&how.step(step));
    }
    out
}

fn indent(text: &str) -> String {
    let lines: Vec<String> = visible(text).lines().map(|l| format!("    {l}")).collect();
    lines.join("\n")
}

impl LifeLook<'_> {
    fn picture(&self, what: &str, image: &ImageRef) -> String {
        format!("  {} {}\n{}", self.look.dim(what), (self.path)(image), (self.draw)(image))
    }

    fn round(&self, n: usize, round: &StoryRound) -> String {
        let look = self.look;
        let mut out = format!("\n{}\n", look.bold(&format!("round {}", n + 1)));
        for (name, text) in [("thinking", &round.thinking), ("refined prompt", &round.refined)] {
            if !text.is_empty() {
                out.push_str(&format!("  {}\n{}\n", look.dim(name), indent(text)));
            }
        }
        if let Some(image) = &round.image {
            out.push_str(&self.picture("image", image));
        }
        if let Some(j) = &round.judgement {
            let word = if j.satisfied { look.green("satisfied") } else { look.red("unsatisfied") };
            let said = indent(&j.rationale);
            out.push_str(&format!("  {} {word}\n{said}\n", look.dim("judgement")));
        }
        out
    }

    fn step(&self, step: &LifeStep) -> String {
        let look = self.look;
        let d = &step.decision;
        let said = way(d.disposition, &d.port, &d.reason);
        let said = match d.disposition {
            Disposition::Passed => look.green(&said),
            Disposition::Dropped => look.yellow(&said),
            Disposition::Failed => look.red(&said),
        };
        let score = d.evidence.score.map_or(String::new(), |s| format!(" · score {s:.2}"));
        let mut out = format!("\n{} ({}): {}{score}", look.bold(&d.stage), step.kind, said);
        if d.cost.0 > 0 {
            out.push_str(&format!(" · {}", money(d.cost.usd())));
        }
        out.push('\n');
        out.push_str(&self.evidence(step));
        step.calls.iter().for_each(|call| out.push_str(&self.call(call)));
        out
    }

    fn evidence(&self, step: &LifeStep) -> String {
        let evidence = &step.decision.evidence;
        let mut out = String::new();
        if !evidence.note.is_empty() {
            out.push_str(&format!("  {}\n", line(&evidence.note, 300)));
        }
        let votes: Vec<String> =
            evidence.votes.iter().map(|v| format!("{} {}", v.ask, visible(&v.answer))).collect();
        if !votes.is_empty() {
            out.push_str(&format!("  {}\n", votes.join(" · ")));
        }
        for check in evidence.checks.iter().filter(|c| self.full || c.answer != Answer::Yes) {
            let (word, source) = match (check.answer, check.source) {
                (Answer::Yes, source) => (self.look.green("yes"), source),
                (Answer::No, source) => (self.look.red("no"), source),
                (Answer::Unsure, source) => (self.look.yellow("unsure"), source),
                (Answer::Void, source) => (self.look.dim("void"), source),
            };
            let source = match source {
                CheckSource::Rule => "rule",
                CheckSource::Atom => "atom",
            };
            let (id, seen) = (line(&check.id, 60), line(&check.evidence, 160));
            out.push_str(&format!("  {word} {source} {id}: {seen}\n"));
        }
        if let Some(peer) = evidence.peer {
            out.push_str(&format!("  the other record: {peer}\n"));
        }
        out
    }

    fn call(&self, call: &LifeCall) -> String {
        let look = self.look;
        let key = &call.key.hex()[..12];
        let Some(entry) = &call.entry else {
            return format!("  {}\n", look.red(&format!("call {key} is not in the journal")));
        };
        let r = &entry.reply;
        let tries = if r.attempts == 1 { "1 try" } else { &format!("{} tries", r.attempts) };
        let head = format!(
            "call {key} {} ({}) {} ms, {tries}, {}",
            entry.request.role(),
            line(entry.request.model(), 60),
            r.latency_ms,
            money(r.cost.usd())
        );
        let mut out = format!("  {}\n", look.dim(&head));
        out.push_str(&self.text("asked", &call.asked()));
        for image in call.shown() {
            out.push_str(&format!("    shown {}\n", (self.path)(&image)));
        }
        if self.full && !call.reasoning().is_empty() {
            out.push_str(&self.text("reasoning", call.reasoning()));
        }
        match &r.output {
            Output::Text { text, .. } => out.push_str(&self.text("said", text)),
            Output::Image { image, .. } => {
                out.push_str(&format!("    drew {}\n", (self.path)(image)));
            }
            Output::Refused { reason } => {
                out.push_str(&format!("    refused: {}\n", line(reason, 200)));
            }
        }
        out
    }

    /// Whole under its name, or the beginning of it beside.
    fn text(&self, name: &str, text: &str) -> String {
        match self.full {
            true => format!("  {}\n{}\n", self.look.dim(name), indent(text)),
            false => format!("    {} {}\n", self.look.dim(name), line(text, 160)),
        }
    }
}
