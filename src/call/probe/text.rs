//! What a probe found, as text.

use crate::call::probe::{Gravity, ProbeReport};
use std::fmt::Write;

/// A line a URL of each role, its findings below, and what it cost.
pub fn text(reports: &[ProbeReport]) -> String {
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
