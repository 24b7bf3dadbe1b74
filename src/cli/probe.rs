//! The probe of `coldstart check --probe`: what a plan's roles ask, and how findings are shown.

use crate::call::endpoints::Endpoints;
use crate::call::probe::{Ask, Gravity, ProbeReport, Sort, probe};
use crate::cli::Done;
use crate::cli::shared::{Format, block_on, print_json};
use crate::env::Env;
use crate::plan::Plan;
use crate::stage::{Role, RoleKind, Wants};
use std::fmt::Write;

/// Probes the endpoints of the plan's roles and tells what was found: exit 1 on an error.
pub fn run(plan: &Plan, endpoints: &Endpoints, format: Format) -> anyhow::Result<Done> {
    let asks = asks(plan);
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

/// What each role of the plan would be asked.
pub fn asks(plan: &Plan) -> Vec<Ask> {
    plan.roles_used().into_iter().map(|role| ask(plan, role)).collect()
}

fn ask(plan: &Plan, role: &Role) -> Ask {
    // What the kinds that use the role want of it.
    let wants: Vec<Wants> = plan
        .stages
        .iter()
        .flat_map(|stage| {
            let ours = stage.kind.roles(&stage.params).filter(|(_, name, _)| *name == role.name);
            ours.filter_map(|(_, _, wants)| wants)
        })
        .collect();
    let sort = match &role.kind {
        RoleKind::Chat(sampling) => Sort::Chat {
            sampling: sampling.clone(),
            vision: wants.iter().any(|w| w.pictures),
            json: wants.iter().all(|w| w.json),
        },
        RoleKind::Image { width, height, steps, guidance, .. } => {
            Sort::Image { width: *width, height: *height, steps: *steps, guidance: *guidance }
        }
    };
    Ask { role: role.name.clone(), model: role.model.clone(), sort }
}

fn text(reports: &[ProbeReport]) -> String {
    let mut out = String::new();
    for r in reports {
        let latency = r.latency_ms.map_or("no answer".to_owned(), |ms| format!("{ms} ms"));
        let _ = write!(out, "{:<12} {} {} ({}), {latency}", r.role, r.protocol, r.url, r.model);
        if !r.served.is_empty() && r.served != r.model {
            let _ = write!(out, ", served as `{}`", r.served);
        }
        if r.reasoning == "apart" {
            out.push_str(", thinks");
        }
        if r.schema == "held" {
            out.push_str(", holds to schemas");
        }
        if let Some((width, height)) = r.picture {
            let _ = write!(out, ", draws {width}x{height}");
        }
        out.push_str(if r.simulated { ", SIMULATED\n" } else { "\n" });
        for f in &r.findings {
            let gravity = match f.gravity {
                Gravity::Error => "error",
                Gravity::Warning => "warning",
                Gravity::Note => "note",
            };
            let _ = writeln!(out, "    {gravity}[{}]: {}\n        {}", f.name, f.what, f.help);
        }
    }
    let all: Vec<Gravity> =
        reports.iter().flat_map(|r| &r.findings).map(|finding| finding.gravity).collect();
    let count = |gravity| all.iter().filter(|g| **g == gravity).count();
    let (errors, warnings) = (count(Gravity::Error), count(Gravity::Warning));
    let cost: f64 = reports.iter().map(|r| r.cost.usd()).sum();
    let _ = writeln!(
        out,
        "{} endpoints probed for ${cost:.4}: {errors} errors, {warnings} warnings",
        reports.len()
    );
    out
}
