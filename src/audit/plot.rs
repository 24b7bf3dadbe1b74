//! Small SVG plots: bars and histograms. Text goes through maud, so it is escaped; colours come
//! from the page's style sheet by class, so that plots follow light and dark.

use crate::audit::show::{count, line};
use crate::audit::stats::Histogram;
use maud::{Markup, html};

/// Horizontal bars, one a row: label, bar, figure. `rows` are shown in the order given.
pub fn bars(rows: &[(String, u64)]) -> Markup {
    const ROW: usize = 22;
    let most = rows.iter().map(|(_, n)| *n).max().unwrap_or(0).max(1) as f64;
    let height = rows.len() * ROW + 4;
    html! {
        svg.plot viewBox={ "0 0 460 " (height) } role="img" aria-label="bars" {
            @for (i, (label, n)) in rows.iter().enumerate() {
                @let y = i * ROW;
                @let width = format!("{:.1}", *n as f64 / most * 200.0);
                text.label x="176" y=(y + 16) text-anchor="end" { (line(label, 26)) title { (line(label, 200)) } }
                rect.bar x="184" y=(y + 5) height="14" width=(width) rx="2" {}
                text.figure x=(format!("{:.1}", *n as f64 / most * 200.0 + 190.0)) y=(y + 16) { (count(*n)) }
            }
        }
    }
}

/// A histogram with its range under it and the highest bin's count.
pub fn histogram(histogram: &Histogram) -> Markup {
    const WIDTH: f64 = 440.0;
    const HEIGHT: f64 = 110.0;
    let most = histogram.bins.iter().copied().max().unwrap_or(0).max(1) as f64;
    let step = WIDTH / histogram.bins.len().max(1) as f64;
    html! {
        svg.plot viewBox="0 0 460 150" role="img" aria-label="histogram" {
            line.axis x1="10" x2="450" y1="126" y2="126" {}
            @for (i, n) in histogram.bins.iter().enumerate() {
                @let height = *n as f64 / most * HEIGHT;
                rect.bar x=(format!("{:.1}", 10.0 + i as f64 * step + 0.5)) y=(format!("{:.1}", 126.0 - height))
                    width=(format!("{:.1}", (step - 1.0).max(0.5))) height=(format!("{height:.1}")) {
                    title { (count(*n)) }
                }
            }
            text.figure x="10" y="142" { (short(histogram.low)) }
            text.figure x="450" y="142" text-anchor="end" { (short(histogram.high)) }
            text.figure x="450" y="12" text-anchor="end" { "most: " (count(most as u64)) }
        }
    }
}

/// At most four significant digits.
fn short(x: f64) -> String {
    if x.fract() == 0.0 && x.abs() < 1e9 { format!("{x:.0}") } else { format!("{x:.3}") }
}

/// A bar of a share within a table cell.
pub fn meter(share: f64) -> Markup {
    let width = format!("{:.1}", share.clamp(0.0, 1.0) * 100.0);
    html! {
        svg.meter viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true" {
            rect.track x="0" y="0" width="100" height="8" {}
            rect.bar x="0" y="0" width=(width) height="8" {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped() {
        let svg = bars(&[("<script>&\"".to_owned(), 3)]).into_string();
        assert!(!svg.contains("<script>") && svg.contains("&lt;script&gt;&amp;"), "{svg}");
    }

    #[test]
    fn the_fullest_bin_is_full_height() {
        let plot = histogram(&Histogram { low: 0.0, high: 1.0, bins: vec![1, 4, 2] });
        assert!(plot.into_string().contains("height=\"110.0\""));
    }
}
