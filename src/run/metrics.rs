//! What a run's stages are doing, as Prometheus metrics beside the client's (`call::metrics`).

use crate::call::metrics::{Metric, MetricRow, row};
use crate::run::StageNow;

/// Every metric of the stages. All have the label `stage`.
pub const METRICS: &[Metric<StageNow>] = &[
    Metric {
        name: "coldstart_stage_records_total",
        kind: "counter",
        help: "records that left a stage, by outcome (passed, dropped, failed)",
        panel: "sum by (stage, outcome) (rate(coldstart_stage_records_total[1m]))",
        rows: |s| {
            let one = |(outcome, n): (&str, u64)| {
                row(&[("stage", &s.stage), ("outcome", outcome)], n as f64)
            };
            [("passed", s.passed), ("dropped", s.dropped), ("failed", s.failed)].map(one).into()
        },
    },
    Metric {
        name: "coldstart_stage_queued",
        kind: "gauge",
        help: "records inside a stage: worked on, or waiting at a barrier for the whole stream",
        panel: "coldstart_stage_queued",
        rows: |s| one(s, s.inside as f64),
    },
    Metric {
        name: "coldstart_stage_cost_dollars_total",
        kind: "counter",
        help: "what a stage's calls have cost, replayed ones too, in US dollars",
        panel: "sum by (stage) (coldstart_stage_cost_dollars_total)",
        rows: |s| one(s, s.cost.usd()),
    },
];

fn one(stage: &StageNow, value: f64) -> Vec<MetricRow> {
    vec![row(&[("stage", &stage.stage)], value)]
}
