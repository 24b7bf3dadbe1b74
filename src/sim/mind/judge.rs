//! The roles that look at pictures: judge, grader, comparator. They answer from pixels, and err by
//! rate: a turned answer comes with evidence to match, as a real judge's hallucination does.

use crate::record::Answer;
use crate::sim::World;
use crate::sim::look::{self, Ask, Finding, Seen};
use crate::sim::mind::chat::{Chat, Entry};
use crate::sim::mind::{Mind, agent, prose};
use crate::sim::scene::Meaning;
use serde_json::json;

/// One answered line of the checklist.
struct Answered<'a> {
    id: &'a str,
    ask: Ask,
    finding: Finding,
}

/// Who looks at which picture, and in which look.
struct Looker<'a> {
    world: &'a World,
    family: &'a str,
    look: String,
    seen: &'a Seen,
    name: &'a str,
}

impl<'a> Looker<'a> {
    fn new(world: &'a World, chat: &'a Chat, seen: &'a Seen, name: &'a str) -> Looker<'a> {
        Looker { world, family: chat.family(), look: chat.look(), seen, name }
    }

    fn errs(&self, question: &str) -> bool {
        self.world.judge_errs(self.family, &self.look, self.name, question)
    }
}

fn answer<'a>(looker: &Looker<'_>, entry: &Entry<'a>) -> Answered<'a> {
    let ask = Ask::of(entry.text, entry.expected);
    let mut finding = look::check(looker.seen, &ask);
    let slip = looker.errs(entry.text);
    if slip && finding.answer != Answer::Unsure && !looker.seen.is_blank() {
        finding = turned(&finding, entry);
    }
    Answered { id: entry.id, ask, finding }
}

fn turned(finding: &Finding, entry: &Entry<'_>) -> Finding {
    let expected = if entry.expected.is_empty() { "what was asked" } else { entry.expected };
    if finding.answer == Answer::Yes {
        Finding {
            answer: Answer::No,
            evidence: format!("I cannot clearly make out {expected} here."),
            fact: format!("{expected} cannot be made out as it should be"),
        }
    } else {
        Finding {
            answer: Answer::Yes,
            evidence: format!("This looks as expected: {expected}."),
            fact: format!("{expected} can be made out"),
        }
    }
}

/// What the picture shows of each thing that a meaning asks for, without error.
pub fn findings(seen: &Seen, meaning: &Meaning) -> Vec<Finding> {
    let asks = agent::questions(meaning).into_iter();
    asks.map(|(question, expected)| look::check(seen, &Ask::of(&question, &expected))).collect()
}

/// The answer to an explicit rule follows from the checklist's answers and from the pixels.
fn rule(text: &str, seen: &Seen, answered: &[Answered<'_>]) -> Finding {
    let lower = text.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|w| lower.contains(w));
    let fails = |of: &dyn Fn(&Ask) -> bool| {
        answered.iter().find(|a| of(&a.ask) && a.finding.answer != Answer::Yes)
    };
    let failed = if has(&["blank", "complete", "noise"]) {
        return pixels(
            !seen.is_blank(),
            "The picture is whole.",
            "the picture shows nothing that can be named",
        );
    } else if has(&["further object", "surplus", "excluded"]) {
        let known: Vec<&str> = answered.iter().filter_map(|a| a.ask.class()).collect();
        let extra =
            seen.things.iter().find(|t| !known.is_empty() && !known.contains(&t.class.as_str()));
        if let Some(extra) = extra {
            let fact = format!("there is also a {} that was not asked for", extra.class);
            return pixels(false, &format!("A {} stands beside the rest.", extra.class), &fact);
        }
        None
    } else if has(&["number", "count"]) {
        fails(&|a| matches!(a, Ask::Count { .. }))
    } else if has(&["colour", "color", "material"]) {
        fails(&|a| matches!(a, Ask::Color { .. } | Ask::Material { .. }))
    } else if has(&["place", "position", "left"]) {
        fails(&|a| matches!(a, Ask::Place { .. } | Ask::Relation { .. }))
    } else if has(&["size"]) {
        fails(&|a| matches!(a, Ask::Size { .. }))
    } else if has(&["lettering", "legible", "spelt"]) {
        fails(&|a| matches!(a, Ask::Lettering(_)))
    } else {
        fails(&|a| matches!(a, Ask::Exists(_) | Ask::Beyond))
    };
    match failed {
        Some(a) => Finding { fact: String::new(), ..a.finding.clone() },
        None => pixels(!seen.is_blank(), "Nothing in the picture speaks against it.", ""),
    }
}

fn pixels(good: bool, evidence: &str, fact: &str) -> Finding {
    let answer = if good { Answer::Yes } else { Answer::No };
    let (evidence, fact) = if good {
        (evidence.to_owned(), String::new())
    } else {
        (format!("{}.", prose::sentence(fact)), fact.to_owned())
    };
    Finding { answer, evidence, fact }
}

/// A line of the reply; evidence before the answer, as the templates ask.
#[derive(serde::Serialize)]
struct CheckLine {
    id: String,
    evidence: String,
    answer: &'static str,
}

#[derive(serde::Serialize)]
struct Judged<'a> {
    checks: &'a [CheckLine],
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<f64>,
    rationale: String,
}

struct Report {
    checks: Vec<CheckLine>,
    findings: Vec<Finding>,
    satisfied: bool,
    passed: f64,
}

fn examine(world: &World, chat: &Chat, seen: &Seen, name: &str) -> Report {
    let (rules, atoms) = (chat.entries("rules"), chat.entries("checklist"));
    let looker = Looker::new(world, chat, seen, name);
    let mut answered: Vec<Answered> = atoms.iter().map(|e| answer(&looker, e)).collect();
    let stamped = world.rng(&["stamp", &looker.look, name]).chance(world.rubber_stamp);
    if stamped {
        for (a, entry) in answered.iter_mut().zip(&atoms) {
            if a.finding.answer != Answer::Yes {
                a.finding = turned(&Finding { answer: Answer::No, ..a.finding.clone() }, entry);
            }
        }
    }
    let rule = |e: &Entry| match stamped {
        true => pixels(true, "All as it should be.", ""),
        false => rule(e.text, seen, &answered),
    };
    let ruled: Vec<Finding> = rules.iter().map(rule).collect();
    let line = |id: &str, f: &Finding| {
        let answer = match f.answer {
            Answer::Yes => "yes",
            Answer::No | Answer::Void => "no",
            Answer::Unsure => "unsure",
        };
        CheckLine { id: id.to_owned(), evidence: f.evidence.clone(), answer }
    };
    let checks = rules
        .iter()
        .zip(&ruled)
        .map(|(e, f)| line(e.id, f))
        .chain(answered.iter().map(|a| line(a.id, &a.finding)))
        .collect();
    let mut findings: Vec<Finding> = answered.into_iter().map(|a| a.finding).collect();
    findings.extend(ruled);
    let good = findings.iter().filter(|f| f.answer == Answer::Yes).count();
    let passed = good as f64 / findings.len().max(1) as f64;
    let satisfied = good == findings.len() && (stamped || !seen.is_blank());
    findings.retain(|f| !f.fact.is_empty());
    Report { checks, findings, satisfied, passed }
}

/// `judge` and, with a score, `pointwise`.
pub fn judge(mind: &Mind, chat: &Chat, scored: bool) -> String {
    let world = &mind.world;
    let Some((seen, name)) = mind.look(chat, 0) else {
        return json!({"checks": [], "rationale": "There is no picture to look at."}).to_string();
    };
    if chat.unparsed(world) {
        return "The picture is much as one would expect, on the whole.".to_owned();
    }
    let report = examine(world, chat, &seen, &name);
    let mut rng = world.rng(&["rationale", &chat.look(), &name, chat.request()]);
    // Told of the contradiction, it looks again.
    let slip = rng.chance(world.contradiction) && chat.again == 0;
    let rationale = prose::rationale(&seen, &report.findings, report.satisfied != slip, &mut rng);
    let score = scored.then(|| match report.satisfied {
        true => 9.0 + rng.below(2) as f64,
        false => (report.passed * 7.0).floor().min(6.0),
    });
    let judged = Judged { checks: &report.checks, score, rationale };
    serde_json::to_string(&judged).unwrap_or_default()
}

/// `tell`: the rationale of answers that are settled; what it is told is all that it speaks of.
pub fn tell(mind: &Mind, chat: &Chat) -> String {
    let Some((seen, name)) = mind.look(chat, 0) else {
        return json!({"rationale": "There is no picture to look at."}).to_string();
    };
    let fact = |entry: &Entry, holds: bool| {
        // What breaks a rule is told as it was seen, not as a question.
        if !holds && entry.expected.is_empty() {
            let fact = prose::clause(entry.text);
            let evidence = entry.text.to_owned();
            return Finding { answer: Answer::No, evidence, fact };
        }
        let finding = look::check(&seen, &Ask::of(entry.text, entry.expected));
        let agrees = (finding.answer == Answer::Yes) == holds;
        if agrees { finding } else { turned(&finding, entry) }
    };
    let (right, wrong) = (chat.entries("right"), chat.entries("wrong"));
    let mut findings: Vec<Finding> = right.iter().map(|e| fact(e, true)).collect();
    findings.extend(wrong.iter().map(|e| fact(e, false)));
    let mut rng = mind.world.rng(&["rationale", &chat.look(), &name, chat.request()]);
    let rationale = prose::rationale(&seen, &findings, wrong.is_empty(), &mut rng);
    json!({ "rationale": rationale }).to_string()
}

/// `pairwise`.
pub fn compare(mind: &Mind, chat: &Chat) -> String {
    let world = &mind.world;
    let (Some((a, name_a)), Some((b, name_b))) = (mind.look(chat, 0), mind.look(chat, 1)) else {
        return json!({"evidence": "Two pictures are needed.", "better": "tie"}).to_string();
    };
    if chat.unparsed(world) {
        return "Both have their merits.".to_owned();
    }
    let atoms = chat.entries("checklist");
    let score = |seen: &Seen, name: &str| {
        let looker = Looker::new(world, chat, seen, name);
        let yes = |e: &&Entry| answer(&looker, e).finding.answer == Answer::Yes;
        let extra = seen
            .things
            .iter()
            .filter(|t| {
                !atoms.iter().any(|e| Ask::of(e.text, e.expected).class() == Some(&t.class))
            })
            .count();
        atoms.iter().filter(yes).count() as f64 - 0.4 * extra as f64
    };
    let (sa, sb) = (score(&a, &name_a), score(&b, &name_b));
    let mut rng = world.rng(&["pairwise", &name_a, &name_b, &chat.look()]);
    let better = match sa - sb {
        _ if rng.chance(world.place_bias) => "A",
        d if d > 0.1 => "A",
        d if d < -0.1 => "B",
        // A judge with nothing to go by leans to what it saw first.
        _ if rng.chance(0.2) => "A",
        _ => "tie",
    };
    let (seen_a, seen_b) = (look::overview(&a), look::overview(&b));
    let decides = match better {
        "tie" => "They fulfil the same points.".to_owned(),
        x => format!("Picture {x} fulfils more of what was asked."),
    };
    let evidence = format!("In picture A, {seen_a}. In picture B, {seen_b}. {decides}");
    let [seen_a, seen_b, evidence] = [seen_a, seen_b, evidence].map(|text| json!(text).to_string());
    format!(
        "{{\"seen_a\": {seen_a}, \"seen_b\": {seen_b}, \"evidence\": {evidence}, \
         \"better\": \"{better}\"}}"
    )
}
