//! Flow control: `Retrying(Limited(Balanced(Http)))`, each a `Model` around a `Model`.
//!
//! Not here: a single try (`http`). The one idea: each wrapper holds one concern and can be
//! tested alone under a paused clock: retries hold no permit while they wait, limits hold no
//! lock while they call, and only the gate knows URLs.

mod adaptive;
mod balanced;
mod breaker;
mod budget;
mod gate;
mod limited;
mod retrying;
mod stats;
#[cfg(test)]
mod tests;
mod tokens;

pub use balanced::Balanced;
pub use breaker::BreakerState;
pub use budget::Budget;
pub use limited::{Limited, Limits};
pub use retrying::{RetryBudget, Retrying};
pub use stats::{Guard, LATENCY_MS, RoleStats, Stats};
