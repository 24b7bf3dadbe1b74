//! `World`: what the simulated models are like, as rates. Every error is drawn by seed and content,
//! never by time or order, so that the same request always gets the same reply.

use crate::env::Rng;

/// Rates are probabilities, 0..=1.
#[derive(Debug, Clone, PartialEq)]
pub struct World {
    pub seed: u64,
    /// A checklist answer of a judge is turned round.
    pub judge_error: f64,
    /// Of these errors, the share that comes again whenever a model of that family is asked that
    /// question of that picture; the rest is drawn anew for each look, role and model.
    pub judge_repeat: f64,
    /// A judge answers yes to everything without looking.
    pub rubber_stamp: f64,
    /// A judge's or verifier's first reply holds no answer that can be read.
    pub unparsed: f64,
    /// A comparison goes to the picture that is shown first, whatever the two show.
    pub place_bias: f64,
    /// A reflector that was shown a hint speaks of it.
    pub leak: f64,
    /// A teacher's or reflector's turn breaks the format.
    pub format_error: f64,
    /// A teacher repeats the user's words as its caption.
    pub copy: f64,
    /// A rationale closes with the opposite of its verdict.
    pub contradiction: f64,
    /// Resolving a riddle goes wrong.
    pub decode_error: f64,
    /// A riddle gives a word away or loses a detail.
    pub riddle_error: f64,
    /// A caption loses or bends something the user asked for.
    pub drift: f64,
    /// A verifier (leak, rederive, intent) is wrong.
    pub verifier_error: f64,
    /// A scene that the generator keeps getting wrong however it is asked.
    pub stubborn: f64,
    /// Scales the generator's error rates; 1 is the demo's, 0 draws everything as it reads it.
    pub clumsiness: f64,
}

/// Published agreement of judges with people is 64 to 80 % a picture (MMRB2, arXiv 2512.16899): with
/// six questions a picture that is one answer in twenty.
impl Default for World {
    fn default() -> World {
        World {
            seed: 1,
            judge_error: 0.05,
            judge_repeat: 0.3,
            rubber_stamp: 0.01,
            unparsed: 0.01,
            place_bias: 0.05,
            leak: 0.08,
            format_error: 0.04,
            copy: 0.03,
            contradiction: 0.02,
            decode_error: 0.08,
            riddle_error: 0.06,
            drift: 0.04,
            verifier_error: 0.01,
            stubborn: 0.04,
            clumsiness: 1.0,
        }
    }
}

impl World {
    /// Whether a judge's answer to `question` of the picture `name` is turned in this look.
    pub fn judge_errs(&self, family: &str, look: &str, name: &str, question: &str) -> bool {
        let repeats = self.judge_error * self.judge_repeat;
        if self.rng(&["repeats", family, name, question]).chance(repeats) {
            return true;
        }
        let anew = if repeats < 1.0 { (self.judge_error - repeats) / (1.0 - repeats) } else { 0.0 };
        self.rng(&["judge", look, name, question]).chance(anew)
    }

    /// The stream named by `names`.
    pub fn rng(&self, names: &[&str]) -> Rng {
        Rng::keyed(self.seed, names)
    }
}
