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

/// What a chart draws for one name: of each part how much, and how that is written.
pub struct Stack {
    /// Of what.
    pub name: String,
    /// The parts.
    pub values: Vec<(f64, String)>,
}

/// Parts are told apart by their pattern, so that they can be read in print and whatever colours an eye sees.
const FILLS: [&str; 3] = ["solid", "striped", "dotted"];

fn fill(n: usize) -> &'static str {
    FILLS[n % FILLS.len()]
}

fn class(n: usize) -> &'static str {
    if n == 0 { "bar" } else { "part" }
}

/// The patterns a chart's parts are filled with.
fn patterns(id: &str, parts: usize) -> Markup {
    html! {
        defs {
            @if parts > 1 { pattern id={ (id) "-striped" } width="2" height="2" patternUnits="userSpaceOnUse" { rect.soft width="2" height="2" {} rect.ink width="1" height="2" {} } }
            @if parts > 2 { pattern id={ (id) "-dotted" } width="3" height="3" patternUnits="userSpaceOnUse" { rect.soft width="3" height="3" {} rect.ink width="1" height="1" {} } }
        }
    }
}

fn painted(id: &str, n: usize) -> Option<String> {
    (n > 0).then(|| format!("url(#{id}-{})", fill(n)))
}

/// What the patterns stand for.
fn legend(id: &str, series: &[String]) -> Markup {
    html! {
        @if series.len() > 1 {
            ul.legend {
                @for (n, name) in series.iter().enumerate() {
                    li { svg viewBox="0 0 16 12" width="16" height="12" aria-hidden="true" { rect class=(class(n)) width="16" height="12" fill=[painted(id, n)] {} } " " (name) }
                }
            }
        }
    }
}

/// Lying bars with their figures beside them: a table and a chart in one. Parts lie below each other; `most` is the
/// length of a whole line where that is known, as for percent.
#[must_use]
pub fn stacks(id: &str, title: &str, series: &[String], rows: &[Stack], most: Option<f64>) -> Markup {
    let values = rows.iter().flat_map(|r| r.values.iter().map(|v| v.0));
    let most = most.unwrap_or_else(|| values.fold(0.0, f64::max)).max(f64::MIN_POSITIVE);
    let height = series.len() * 8;
    html! {
        figure.chart {
            figcaption id=(id) { (title) }
            svg.defs width="0" height="0" aria-hidden="true" { (patterns(id, series.len())) }
            (legend(id, series))
            table.shares aria-labelledby=(id) {
                @if series.len() > 1 { thead.away { tr { td {} @for name in series { th scope="col" { (name) } } td {} } } }
                tbody {
                    @for row in rows {
                        tr {
                            th scope="row" { (row.name) }
                            @for (_, said) in &row.values { td.n { (said) } }
                            td.line aria-hidden="true" {
                                svg viewBox={ "0 0 100 " (height) } preserveAspectRatio="none" {
                                    @for (n, (value, _)) in row.values.iter().enumerate() {
                                        rect class=(class(n)) x="0" y=(n * 8 + 1) width=(format!("{:.2}", value / most * 100.0)) height="6" fill=[painted(id, n)] {}
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Upright bars over time, the parts of a step side by side, with the figures in a table behind.
#[must_use]
pub fn columns(v: &Viewer, id: &str, title: &str, series: &[String], rows: &[Stack]) -> Markup {
    const WIDTH: f64 = 480.0;
    const HEIGHT: f64 = 120.0;
    let most = rows.iter().flat_map(|r| r.values.iter().map(|v| v.0)).fold(f64::MIN_POSITIVE, f64::max);
    #[allow(clippy::cast_precision_loss)] // dozens
    let (step, parts) = (WIDTH / rows.len().max(1) as f64, series.len().max(1) as f64);
    let wide = ((step - 3.0) / parts).max(1.0);
    let every = rows.len().div_ceil(6).max(1);
    html! {
        figure.chart {
            figcaption id=(id) { (title) }
            (legend(id, series))
            svg viewBox="0 0 480 154" role="img" aria-labelledby=(id) {
                (patterns(id, series.len()))
                line.axis x1="0" x2="480" y1="134" y2="134" {}
                @for (n, row) in rows.iter().enumerate() {
                    @let x = f64::from(u32::try_from(n).unwrap_or(u32::MAX)) * step;
                    @for (part, (value, said)) in row.values.iter().enumerate() {
                        @let tall = value / most * HEIGHT;
                        @if tall > 0.0 {
                            rect class=(class(part)) x=(format!("{:.1}", x + f64::from(u32::try_from(part).unwrap_or(0)) * wide + 1.0)) y=(format!("{:.1}", HEIGHT + 14.0 - tall)) width=(format!("{wide:.1}")) height=(format!("{tall:.1}")) fill=[painted(id, part)] { title { (row.name) ": " (said) } }
                        }
                    }
                    @if n.is_multiple_of(every) { text.tick x=(format!("{:.1}", x + step / 2.0)) y="150" { (row.name) } }
                }
            }
            details.behind {
                summary { (v.t("chart-table")) }
                table {
                    @if series.len() > 1 { thead { tr { td {} @for name in series { th scope="col" { (name) } } } } }
                    tbody { @for row in rows { tr { th scope="row" { (row.name) } @for (_, said) in &row.values { td.n { (said) } } } } }
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
