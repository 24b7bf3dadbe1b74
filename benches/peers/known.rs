//! A figure beside its last known value, from `benches/known.tsv`: a step backwards is seen when it is
//! made. Nothing fails by it, since machines differ.

/// Prints `name`, its value now and the last known one.
pub fn tell(name: &str, now: f64) {
    match last(include_str!("../known.tsv"), name) {
        Some(before) => {
            let more = 100.0 * (now / before - 1.0);
            println!("{name}: {now:.3}; last known {before:.3} ({more:+.0} %)");
        }
        None => println!("{name}: {now:.3}; not known yet"),
    }
}

/// The value of the row `name`.
fn last(table: &str, name: &str) -> Option<f64> {
    let rows = table.lines().filter_map(|line| line.split_once('\t'));
    rows.filter(|(row, _)| *row == name).find_map(|(_, rest)| rest.split('\t').next()?.parse().ok())
}
