//! What several looks at one picture add up to: for each question the log-odds that it holds, from
//! every look by every judge, each weighed by what that judge is worth on that kind of question.
//!
//! The errors of one family partly repeat: what it takes a picture for stays the same from look to
//! look. So looks of a family add up to how the picture *appears* to it, and appearance is evidence of
//! what is there only up to the share in which it deceives. More looks of one family thus saturate;
//! another family is what goes beyond. Counts alone enter, so that the order of replies cannot.

/// What a judge is worth on one kind of question. All are shares, 0..=1.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Worth {
    /// Of what holds, so much is answered yes.
    pub sensitivity: f64,
    /// Of what does not hold, so much is answered no.
    pub specificity: f64,
    /// Of the errors, so many come again at every look of the family.
    pub repeat: f64,
}

/// A rate that is known to be nothing would make one look decide for ever.
const LEAST: f64 = 0.002;
/// No family is deceived less often than this.
const NEVER: f64 = 1e-5;
/// A judge that errs more often than this tells nothing; one that tells the contrary is not believed.
const MOST: f64 = 0.49;

impl Worth {
    /// As good at what holds as at what does not.
    pub fn even(error: f64, repeat: f64) -> Worth {
        Worth { sensitivity: 1.0 - error, specificity: 1.0 - error, repeat }
    }

    fn misses(&self) -> f64 {
        (1.0 - self.sensitivity).clamp(LEAST, MOST)
    }

    fn invents(&self) -> f64 {
        (1.0 - self.specificity).clamp(LEAST, MOST)
    }

    /// The chances that what holds, and what does not, appears otherwise to the family.
    fn deceived(&self) -> (f64, f64) {
        let share = self.repeat.clamp(0.0, 1.0);
        ((self.misses() * share).max(NEVER), (self.invents() * share).max(NEVER))
    }

    /// The chances that a look says no to what appears to hold, and yes to what does not.
    fn slips(&self) -> (f64, f64) {
        let (hides, shows) = self.deceived();
        let slip =
            |error: f64, lasting: f64| ((error - lasting) / (1.0 - lasting)).clamp(LEAST, MOST);
        (slip(self.misses(), hides), slip(self.invents(), shows))
    }
}

/// A question of one picture: a rule or an atom.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// The share of such questions that hold, before any look: 0..1, neither end.
    pub holds: f64,
    /// One per judge of the panel.
    pub worths: Vec<Worth>,
}

/// One judge's answers to one question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Count {
    pub yes: u32,
    pub no: u32,
    pub unsure: u32,
}

impl Count {
    pub fn of(answers: &[bool]) -> Count {
        let yes = answers.iter().filter(|a| **a).count() as u32;
        Count { yes, no: answers.len() as u32 - yes, unsure: 0 }
    }
}

/// The log-odds that a question holds. `families[j]` is the family of judge `j`, as is `counts[j]`
/// what it answered.
pub fn log_odds(question: &Question, families: &[usize], counts: &[Count]) -> f64 {
    let (holds, fails) = likelihood(question, families, counts);
    logit(question.holds) + holds - fails
}

/// How a question appears to one family, by its answers: their likelihoods, as logarithms.
#[derive(Debug, Clone, Copy)]
pub struct Appearance {
    pub family: usize,
    /// If it appears to hold, and if it does not.
    seen: (f64, f64),
    /// The chances that what holds, and what does not, appears otherwise.
    deceived: (f64, f64),
}

impl Appearance {
    /// If the question holds, and if it does not.
    fn likely(&self) -> (f64, f64) {
        (mixed(self.seen, 1.0 - self.deceived.0), mixed(self.seen, self.deceived.1))
    }

    /// The probabilities that it appears to hold: where it holds, and where it does not.
    pub fn holds(&self) -> (f64, f64) {
        let (holds, fails) = self.likely();
        let (hides, shows) = self.deceived;
        (((1.0 - hides).ln() + self.seen.0 - holds).exp(), (shows.ln() + self.seen.0 - fails).exp())
    }
}

/// How the question appears to each family that answered it.
pub fn appearances<'a>(
    question: &'a Question,
    families: &'a [usize],
    counts: &'a [Count],
) -> impl Iterator<Item = Appearance> + 'a {
    let groups = families.iter().max().map_or(0, |most| most + 1);
    (0..groups).map(move |family| {
        let mut of = Appearance { family, seen: (0.0, 0.0), deceived: (0.0, 0.0) };
        for j in (0..families.len()).filter(|j| families[*j] == family) {
            let (misses, invents) = question.worths[j].slips();
            let (yes, no) = (f64::from(counts[j].yes), f64::from(counts[j].no));
            of.seen.0 += yes * (1.0 - misses).ln() + no * misses.ln();
            of.seen.1 += yes * invents.ln() + no * (1.0 - invents).ln();
            let (hides, shows) = question.worths[j].deceived();
            of.deceived = (of.deceived.0.max(hides), of.deceived.1.max(shows));
        }
        of
    })
}

/// The logarithms of how likely these answers are if the question holds, and if it does not.
pub fn likelihood(question: &Question, families: &[usize], counts: &[Count]) -> (f64, f64) {
    let sum = |(holds, fails): (f64, f64), (a, b): (f64, f64)| (holds + a, fails + b);
    appearances(question, families, counts).map(|of| of.likely()).fold((0.0, 0.0), sum)
}

/// ln(share e^a + (1 - share) e^b)
fn mixed((a, b): (f64, f64), share: f64) -> f64 {
    let (a, b) = (a + share.ln(), b + (1.0 - share).ln());
    let most = a.max(b);
    most + ((a - most).exp() + (b - most).exp()).ln()
}

/// The probability that belongs to log-odds.
pub fn probability(log_odds: f64) -> f64 {
    1.0 / (1.0 + (-log_odds).exp())
}

pub fn logit(p: f64) -> f64 {
    let p = p.clamp(1e-6, 1.0 - 1e-6);
    (p / (1.0 - p)).ln()
}

/// How much one more answer by judge `j` is expected to tell, in nats.
pub fn gain(question: &Question, families: &[usize], counts: &[Count], j: usize) -> f64 {
    let now = probability(log_odds(question, families, counts));
    let after = |yes: u32, no: u32| {
        let mut more = counts.to_vec();
        more[j].yes += yes;
        more[j].no += no;
        probability(log_odds(question, families, &more))
    };
    let (up, down) = (after(1, 0), after(0, 1));
    if up - down < 1e-9 {
        return 0.0;
    }
    // What is expected after the answer is what is believed before it.
    let yes = ((now - down) / (up - down)).clamp(0.0, 1.0);
    (entropy(now) - yes * entropy(up) - (1.0 - yes) * entropy(down)).max(0.0)
}

fn entropy(p: f64) -> f64 {
    let part = |p: f64| if p <= 0.0 { 0.0 } else { -p * p.ln() };
    part(p) + part(1.0 - p)
}

/// What the questions of one picture come to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Belief {
    /// All hold, with this probability, which is at least the bound.
    Satisfied(f64),
    /// One question at least does not hold, with this probability, which is at least the bound.
    Unsatisfied(f64),
    /// Neither; the probability that all hold.
    Open(f64),
}

/// Concludes from the probabilities that each question holds. A picture is rejected for a fault that
/// can be named: that several may be wrong, each of them improbably, is none.
pub fn believe(holds: &[f64], purity: f64) -> Belief {
    let all: f64 = holds.iter().product();
    let worst = holds.iter().copied().fold(1.0, f64::min);
    if worst <= 1.0 - purity {
        Belief::Unsatisfied(1.0 - all)
    } else if all >= purity && !holds.is_empty() {
        Belief::Satisfied(all)
    } else {
        Belief::Open(all)
    }
}

/// The family of a model: the letters its name begins with, in lower case. Models of one maker see
/// alike, so their looks repeat each other.
pub fn family(model: &str) -> String {
    let name = model.rsplit('/').next().unwrap_or(model);
    let end = name.find(|c: char| !c.is_alphabetic()).unwrap_or(name.len());
    if end == 0 { name.to_lowercase() } else { name[..end].to_lowercase() }
}
