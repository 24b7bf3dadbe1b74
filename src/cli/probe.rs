//! The probe of `coldstart check --probe`: how its findings are shown.

use crate::call::endpoints::Endpoints;
use crate::call::probe::{Gravity, probe, text};
use crate::cli::Done;
use crate::cli::shared::{Format, block_on, print_json};
use crate::env::Env;
use crate::plan::Plan;

/// Probes the endpoints of the plan's roles and tells what was found: exit 1 on an error.
pub fn run(plan: &Plan, endpoints: &Endpoints, format: Format) -> anyhow::Result<Done> {
    let asks = plan.asks();
    let reports = block_on(async { Ok(probe(&Env::real(), endpoints, &asks).await) })?;
    match format {
        Format::Json => {
            print_json(&reports)?;
        }
        Format::Text => print!("{}", text(&reports)),
    }
    let bad = reports.iter().any(|r| r.gravity() == Some(Gravity::Error));
    Ok(if bad { Done::Findings } else { Done::Well })
}
