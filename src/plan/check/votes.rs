//! Several votes of one model at temperature 0: they are copies, and a majority of them is one vote.

use crate::diag::Diagnostic;
use crate::plan::check::known::Known;
use crate::plan::roles::Roles;
use crate::stage::RoleKind;

/// Warns of each stage whose votes cannot differ. A role that pins a seed moves it from vote to vote.
pub fn check_votes(known: &[Known], roles: &Roles, errors: &mut Vec<Diagnostic>) {
    for stage in known.iter().filter(|k| k.params.int("votes") > 1) {
        // Looks are in orders of their own.
        let looks = !stage.params.texts("judge").is_empty();
        let role = stage.params.text("model");
        let Some(RoleKind::Chat(sampling)) = roles.good.get(role).map(|r| &r.kind) else {
            continue;
        };
        if looks || sampling.temperature != Some(0.0) || sampling.seed.is_some() {
            continue;
        }
        let title = format!(
            "{} votes of `{role}` at temperature 0 are one vote",
            stage.params.int("votes")
        );
        let d = Diagnostic::warning("W03", title)
            .note(
                "the same request gets the same answer: a majority of copies trusts what one says",
            )
            .help("set a temperature, or name judges that look in turn: `judge = [\"…\", \"…\"]`");
        errors.push(stage.at("votes", d));
    }
}
