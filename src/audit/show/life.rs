//! One record's life as text.

use crate::audit::lineage::{Life, LifeCall, LifeStep};
use crate::audit::rounds::StoryRound;
use crate::audit::show::{Look, line, money, visible};
use crate::call::Output;
use crate::record::{Answer, Disposition, ImageRef};

/// What `coldstart explain RUN ID` prints; `path` says where a picture lies, `full` also shows
/// requests whole.
pub fn life_text(
    life: &Life,
    full: bool,
    look: Look,
    path: &dyn Fn(&ImageRef) -> String,
) -> String {
    let mut out = format!(
        "{} · {} · {} · {}\n{}\n",
        look.bold(&life.id.hex()),
        life.category,
        life.source,
        money(life.cost_usd),
        visible(&life.prompt)
    );
    for (n, round) in life.story.rounds.iter().enumerate() {
        out.push_str(&round_text(n, round, look, path));
    }
    if let Some(image) = &life.story.reference {
        out.push_str(&format!("\nreference (the hint): {}\n", path(image)));
    }
    for step in &life.steps {
        out.push_str(&step_text(step, full, look, path));
    }
    out
}

fn indent(text: &str) -> String {
    let lines: Vec<String> = visible(text).lines().map(|l| format!("    {l}")).collect();
    lines.join("\n")
}

fn round_text(
    n: usize,
    round: &StoryRound,
    look: Look,
    path: &dyn Fn(&ImageRef) -> String,
) -> String {
    let mut out = format!("\n{}\n", look.bold(&format!("round {}", n + 1)));
    for (name, text) in [("thinking", &round.thinking), ("refined prompt", &round.refined)] {
        if !text.is_empty() {
            out.push_str(&format!("  {}\n{}\n", look.dim(name), indent(text)));
        }
    }
    if let Some(image) = &round.image {
        out.push_str(&format!("  {} {}\n", look.dim("image"), path(image)));
    }
    if let Some(j) = &round.judgement {
        let word = if j.satisfied { look.green("satisfied") } else { look.red("unsatisfied") };
        let failed: Vec<&str> = j
            .checks
            .iter()
            .filter(|c| matches!(c.answer, Answer::No | Answer::Unsure))
            .map(|c| c.id.as_str())
            .collect();
        let failed = if failed.is_empty() {
            String::new()
        } else {
            format!("; failed: {}", failed.join(", "))
        };
        out.push_str(&format!(
            "  {} {word}{failed}\n{}\n",
            look.dim("judgement"),
            indent(&j.rationale)
        ));
    }
    out
}

fn step_text(
    step: &LifeStep,
    full: bool,
    look: Look,
    path: &dyn Fn(&ImageRef) -> String,
) -> String {
    let d = &step.decision;
    let word = match d.disposition {
        Disposition::Passed => look.green("passed"),
        Disposition::Dropped => look.yellow("dropped"),
        Disposition::Failed => look.red("failed"),
    };
    let score = d.evidence.score.map_or(String::new(), |s| format!(" · score {s:.2}"));
    let mut out = format!(
        "\n{} ({}): {word} {} {}{score} · {}\n",
        look.bold(&d.stage),
        step.kind,
        d.port,
        d.reason,
        money(d.cost.usd())
    );
    if !d.evidence.note.is_empty() {
        out.push_str(&format!("  {}\n", line(&d.evidence.note, 300)));
    }
    let votes: Vec<String> =
        d.evidence.votes.iter().map(|v| format!("{} {}", v.ask, visible(&v.answer))).collect();
    if !votes.is_empty() {
        out.push_str(&format!("  {}\n", votes.join(" · ")));
    }
    if let Some(peer) = d.evidence.peer {
        out.push_str(&format!("  the other record: {peer}\n"));
    }
    for call in &step.calls {
        out.push_str(&call_text(call, full, look, path));
    }
    out
}

fn call_text(
    call: &LifeCall,
    full: bool,
    look: Look,
    path: &dyn Fn(&ImageRef) -> String,
) -> String {
    let key = &call.key.hex()[..12];
    let Some(entry) = &call.entry else {
        return format!("  {}\n", look.red(&format!("call {key} is not in the journal")));
    };
    let r = &entry.reply;
    let head = format!(
        "call {key} {} ({}) {} ms, {} tries, {}",
        entry.request.role(),
        entry.request.model(),
        r.latency_ms,
        r.attempts,
        money(r.cost.usd())
    );
    let mut out = format!("  {}\n", look.dim(&head));
    if full {
        out.push_str(&format!("  {}\n{}\n", look.dim("request"), indent(&call.asked())));
        for image in call.shown() {
            out.push_str(&format!("    shown {}\n", path(&image)));
        }
        if !call.reasoning().is_empty() {
            out.push_str(&format!("  {}\n{}\n", look.dim("reasoning"), indent(call.reasoning())));
        }
    }
    match &r.output {
        Output::Text { text, .. } if full => out.push_str(&format!("{}\n", indent(text))),
        Output::Text { text, .. } => out.push_str(&format!("    {}\n", line(text, 200))),
        Output::Image { image, .. } => out.push_str(&format!("    image {}\n", path(image))),
        Output::Refused { reason } => {
            out.push_str(&format!("    refused: {}\n", line(reason, 200)))
        }
    }
    out
}
