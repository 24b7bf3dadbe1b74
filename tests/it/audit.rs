//! Audit over made-up RUNs with a known truth: figures, planted defects, lives, differences.

pub mod made;

use coldstart::audit::findings::{Severity, findings};
use coldstart::audit::gather::{Depth, gather};
use coldstart::audit::{AuditReport, RunDir};
use made::{Plan, make};

async fn audit(uri: &str) -> AuditReport {
    let run = RunDir::open(uri).await.unwrap();
    let facts = gather(&run, Depth::Full).await.unwrap();
    assert_eq!(findings(&facts), AuditReport::of(uri, &facts).findings);
    AuditReport::of(uri, &facts)
}

fn names(report: &AuditReport, severity: Severity) -> Vec<String> {
    let of = report.findings.iter().filter(|f| f.severity == severity);
    of.map(|f| format!("{} {} {:?}", f.check, f.what, f.examples)).collect()
}

#[tokio::test]
async fn a_sound_run_has_no_error() {
    let dir = tempfile::tempdir().unwrap();
    let uri = dir.path().to_str().unwrap();
    let truth = make(uri, Plan::default()).await;
    let report = audit(uri).await;
    assert_eq!(names(&report, Severity::Error), Vec::<String>::new());
    assert_eq!(report.funnel.rows, truth.rows as u64);
    assert_eq!(report.calls_journaled, truth.calls as u64);
    assert_eq!(report.funnel.kept, truth.kept.len() as u64);
    assert!(report.findings.iter().any(|f| f.check == "stratum_short"));
    assert!(report.findings.iter().any(|f| f.check == "simulated"));
}

/// `COLDSTART_MADE=DIR cargo test --test it audit::made_for_a_look` leaves a RUN to look at.
#[tokio::test]
async fn made_for_a_look() {
    let Ok(dir) = std::env::var("COLDSTART_MADE") else { return };
    let prompts = std::env::var("COLDSTART_MADE_PROMPTS").ok().and_then(|n| n.parse().ok());
    let plan =
        Plan { prompts: prompts.unwrap_or(400), hostile: true, side: 256, ..Plan::default() };
    make(&dir, plan).await;
    println!("made {dir}");
}
