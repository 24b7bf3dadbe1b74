//! Which shard this process is: by `--shard`, by our own variables, or by those of the scheduler that
//! started it. An index without a count is an error: a part that takes itself for the whole would buy
//! everything once a machine.

use crate::run::Shard;

/// Where a scheduler says which of its tasks this is.
struct Scheduler {
    name: &'static str,
    index: &'static str,
    /// None: it does not say, so `COLDSTART_SHARD_COUNT` must.
    count: Option<&'static str>,
}

const COUNT: &str = "COLDSTART_SHARD_COUNT";
/// In this order; the first whose index is set is believed.
const SCHEDULERS: &[Scheduler] = &[
    of("coldstart", "COLDSTART_SHARD_INDEX", Some(COUNT)),
    of("SLURM", "SLURM_ARRAY_TASK_ID", Some("SLURM_ARRAY_TASK_COUNT")),
    of("Kubernetes", "JOB_COMPLETION_INDEX", None),
    of("AWS Batch", "AWS_BATCH_JOB_ARRAY_INDEX", Some("AWS_BATCH_JOB_ARRAY_SIZE")),
    of("Cloud Run", "CLOUD_RUN_TASK_INDEX", Some("CLOUD_RUN_TASK_COUNT")),
    of("SkyPilot", "SKYPILOT_JOB_RANK", Some("SKYPILOT_NUM_JOBS")),
    of("Google Batch", "BATCH_TASK_INDEX", Some("BATCH_TASK_COUNT")),
];

const fn of(name: &'static str, index: &'static str, count: Option<&'static str>) -> Scheduler {
    Scheduler { name, index, count }
}

/// `I/N` from 0; `0/1` is the whole.
pub fn parse(text: &str) -> Result<Shard, String> {
    let wrong = || "write I/N with I from 0 to N-1, for instance 0/4".to_owned();
    let (index, of) = text.split_once('/').ok_or_else(wrong)?;
    match (index.parse(), of.parse()) {
        (Ok(index), Ok(of)) if index < of => Ok(Shard { index, of }),
        _ => Err(wrong()),
    }
}

/// The shard that was asked for, else the one that `var` tells of; None: the whole RUN.
///
/// # Errors
/// Text with the variable and the remedy.
pub fn choose(
    asked: Option<Shard>,
    var: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<(Shard, &'static str)>, String> {
    let found = match asked {
        Some(shard) => Some((shard, "--shard")),
        None => match SCHEDULERS.iter().find(|s| var(s.index).is_some()) {
            Some(scheduler) => Some((read(scheduler, var)?, scheduler.name)),
            None => None,
        },
    };
    Ok(found.filter(|(shard, _)| shard.of > 1))
}

fn read(scheduler: &Scheduler, var: &dyn Fn(&str) -> Option<String>) -> Result<Shard, String> {
    const WHOLE: &str = "`--shard 0/1` works on the whole RUN here";
    let name = scheduler.name;
    let number = |variable: &str| -> Result<Option<u32>, String> {
        let Some(text) = var(variable) else { return Ok(None) };
        let wrong = |_| format!("{variable} is `{text}`, which is no number; {WHOLE}");
        text.trim().parse().map(Some).map_err(wrong)
    };
    let index = number(scheduler.index)?.unwrap_or_default();
    let own = number(COUNT)?;
    let theirs = match scheduler.count {
        Some(variable) => number(variable)?,
        None => None,
    };
    // An array of a subset, or one that does not begin at 0, counts its tasks and not the shards.
    let whole =
        name != "SLURM" || var("SLURM_ARRAY_TASK_MIN").is_none_or(|first| first.trim() == "0");
    let Some(of) = own.or(theirs.filter(|_| whole)) else {
        return Err(format!(
            "{name} says by {} that this is task {index}, and not of how many shards\n  set {COUNT}, \
             the same number for every task of this RUN; {WHOLE}",
            scheduler.index
        ));
    };
    if index >= of {
        return Err(format!(
            "{name} says that this is task {index} of {of}; shards count from 0\n  set {COUNT} to \
             the RUN's number of shards, and let the array begin at 0; {WHOLE}"
        ));
    }
    Ok(Shard { index, of })
}

#[cfg(test)]
mod tests {
    use super::{choose, parse};
    use crate::run::Shard;

    fn chosen(vars: &[(&str, &str)]) -> Result<Option<(u32, u32)>, String> {
        let var = |name: &str| {
            vars.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        choose(None, &var).map(|found| found.map(|(shard, _)| (shard.index, shard.of)))
    }

    #[test]
    fn every_scheduler_is_understood() {
        for (vars, expected) in [
            (vec![], None),
            (vec![("COLDSTART_SHARD_INDEX", "2"), ("COLDSTART_SHARD_COUNT", "4")], Some((2, 4))),
            (vec![("COLDSTART_SHARD_INDEX", "0"), ("COLDSTART_SHARD_COUNT", "1")], None),
            (
                vec![
                    ("SLURM_ARRAY_TASK_ID", "3"),
                    ("SLURM_ARRAY_TASK_COUNT", "8"),
                    ("SLURM_ARRAY_TASK_MIN", "0"),
                ],
                Some((3, 8)),
            ),
            // A resubmitted subset: the count is ours to say.
            (
                vec![
                    ("SLURM_ARRAY_TASK_ID", "7"),
                    ("SLURM_ARRAY_TASK_COUNT", "2"),
                    ("SLURM_ARRAY_TASK_MIN", "3"),
                    ("COLDSTART_SHARD_COUNT", "8"),
                ],
                Some((7, 8)),
            ),
            (vec![("JOB_COMPLETION_INDEX", "5"), ("COLDSTART_SHARD_COUNT", "6")], Some((5, 6))),
            (
                vec![("AWS_BATCH_JOB_ARRAY_INDEX", "1"), ("AWS_BATCH_JOB_ARRAY_SIZE", "2")],
                Some((1, 2)),
            ),
            (vec![("CLOUD_RUN_TASK_INDEX", "1"), ("CLOUD_RUN_TASK_COUNT", "3")], Some((1, 3))),
            (vec![("SKYPILOT_JOB_RANK", "1"), ("SKYPILOT_NUM_JOBS", "3")], Some((1, 3))),
            (vec![("BATCH_TASK_INDEX", "1"), ("BATCH_TASK_COUNT", "3")], Some((1, 3))),
        ] {
            assert_eq!(chosen(&vars), Ok(expected), "{vars:?}");
        }
    }

    #[test]
    fn half_an_answer_is_an_error_with_the_remedy() {
        for vars in [
            vec![("COLDSTART_SHARD_INDEX", "2")],
            vec![("JOB_COMPLETION_INDEX", "5")],
            vec![("JOB_COMPLETION_INDEX", "six"), ("COLDSTART_SHARD_COUNT", "6")],
            vec![("JOB_COMPLETION_INDEX", "6"), ("COLDSTART_SHARD_COUNT", "6")],
            vec![
                ("SLURM_ARRAY_TASK_ID", "1"),
                ("SLURM_ARRAY_TASK_COUNT", "8"),
                ("SLURM_ARRAY_TASK_MIN", "1"),
            ],
        ] {
            let said = chosen(&vars).expect_err("refused");
            assert!(said.contains("--shard 0/1"), "{said}");
        }
    }

    #[test]
    fn a_flag_goes_before_every_variable() {
        let var = |_: &str| Some("9".to_owned());
        let found = choose(Some(Shard { index: 1, of: 2 }), &var);
        assert_eq!(found, Ok(Some((Shard { index: 1, of: 2 }, "--shard"))));
        assert!(parse("2/2").is_err() && parse("1").is_err() && parse("-1/2").is_err());
    }
}
