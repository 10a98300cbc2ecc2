//! Charts as SVG, drawn here: each with its figures in a table behind it, for those who read rather than look.

use maud::{Markup, html};

use super::viewer::Viewer;

/// A bar's name and height.
pub type Bar = (String, u64);

/// A row of upright bars.
#[must_use]
pub fn bars(v: &Viewer, id: &str, title: &str, bars: &[Bar]) -> Markup {
    const WIDTH: usize = 480;
    const HEIGHT: u64 = 120;
    let most = bars.iter().map(|b| b.1).max().unwrap_or(0).max(1);
    let step = WIDTH / bars.len().max(1);
    let wide = step.saturating_sub(4).max(2);
    let every = bars.len().div_ceil(8).max(1);
    html! {
        figure.chart {
            figcaption id=(id) { (title) }
            svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT + 34) } role="img" aria-labelledby=(id) {
                line.axis x1="0" x2=(WIDTH) y1=(HEIGHT + 14) y2=(HEIGHT + 14) {}
                @for (n, (name, value)) in bars.iter().enumerate() {
                    @let tall = (value * HEIGHT).div_ceil(most);
                    @let x = n * step + 2;
                    @if *value > 0 {
                        rect.bar x=(x) y=(HEIGHT + 14 - tall) width=(wide) height=(tall) rx="2" { title { (name) ": " (v.number(*value)) } }
                    }
                    @if *value == most && *value > 0 {
                        text.value x=(x + wide / 2) y=(HEIGHT + 9 - tall) { (v.number(*value)) }
                    }
                    @if n.is_multiple_of(every) { text.tick x=(x + wide / 2) y=(HEIGHT + 30) { (name) } }
                }
            }
            (behind(v, bars))
        }
    }
}

/// Lying bars with their names, for few kinds with long names; each leads somewhere.
#[must_use]
pub fn shares(v: &Viewer, id: &str, title: &str, rows: &[(Markup, String, u64)]) -> Markup {
    let most = rows.iter().map(|r| r.2).max().unwrap_or(0).max(1);
    html! {
        figure.chart {
            figcaption id=(id) { (title) }
            table.shares aria-labelledby=(id) {
                tbody {
                    @for (name, to, value) in rows {
                        tr {
                            th scope="row" { a href=(to) { (name) } }
                            td.n { (v.number(*value)) }
                            td.line aria-hidden="true" {
                                svg viewBox="0 0 100 8" preserveAspectRatio="none" { rect.bar x="0" y="0" width=(format!("{}", (value * 100).div_ceil(most))) height="8" {} }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The figures behind a chart.
fn behind(v: &Viewer, bars: &[Bar]) -> Markup {
    html! {
        details.behind {
            summary { (v.t("chart-table")) }
            table {
                tbody { @for (name, value) in bars { tr { th scope="row" { (name) } td.n { (v.number(*value)) } } } }
            }
        }
    }
}
