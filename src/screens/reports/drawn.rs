//! A counted table as charts and as rows. Charts tell their parts apart by pattern and figure, not by colour alone.

use std::time::Duration;

use maud::{Markup, html};

use crate::base::money::Money;
use crate::base::units::Grams;
use crate::reports::dimension::Dimension;
use crate::reports::measure::{How, Measure};
use crate::reports::model::{Column, Kind, Row, Table};
use crate::screens::shell::Viewer;
use crate::screens::shell::charts::{Stack, columns, stacks};

/// Rows of a page: each of their numbers is a link.
const ROWS: usize = 40;
/// Rows a chart shows; beyond them it would be read by nobody.
const DRAWN: usize = 14;
/// Steps of time a chart shows.
const STEPS: usize = 31;
/// Parts of a spread that a table shows; its file has all.
const PARTS: [&str; 2] = ["median", "p90"];

/// The first row of a page.
#[must_use]
pub fn from(cursor: Option<&str>) -> usize {
    cursor.and_then(|c| c.parse().ok()).unwrap_or(0)
}

/// The cursor of the page behind.
#[must_use]
pub fn next(table: &Table, cursor: Option<&str>) -> Option<String> {
    let at = from(cursor) + ROWS;
    (at < table.rows.len()).then(|| at.to_string())
}

const fn is_time(d: Dimension) -> bool {
    matches!(d, Dimension::Day | Dimension::Week | Dimension::Month | Dimension::DeliveredDay)
}

/// A value of a dimension in the reader's words.
#[must_use]
pub fn key(v: &Viewer, d: Dimension, k: &str) -> String {
    if k.is_empty() {
        return v.t("report-not-known");
    }
    match d {
        Dimension::Status | Dimension::Stay => v.word("status", k),
        Dimension::Reason => v.word("reason", k),
        Dimension::Fault => v.word("fault", k),
        Dimension::Group => v.word("group", k),
        Dimension::Desk => v.word("desk", k),
        Dimension::State => v.word("case-state", k),
        Dimension::Age if k.starts_with("over") => v.t("age-over"),
        Dimension::Age => k.replace('-', "–"),
        _ => k.to_owned(),
    }
}

fn name(v: &Viewer, table: &Table, row: &Row) -> String {
    let parts: Vec<String> = row.key.iter().zip(&table.by).map(|(k, d)| key(v, *d, k)).collect();
    parts.join(" · ")
}

fn part(c: &Column) -> Option<&str> {
    (c.measure.how() == How::Spread)
        .then(|| c.name.strip_prefix(c.measure.code()).map(|p| p.trim_start_matches('_')))
        .flatten()
}

fn label(v: &Viewer, c: &Column) -> String {
    let name = v.word("measure", c.measure.code());
    match (part(c), c.measure.how()) {
        (Some(part), _) => format!("{name}, {}", v.word("part", part)),
        (None, How::Money) => format!("{name} {}", c.unit),
        _ => name,
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // what is shown, after it was made positive
fn whole(n: f64) -> u64 {
    n.abs().round() as u64
}

/// A number in its unit.
fn shown(v: &Viewer, c: &Column, n: f64) -> String {
    let sign = if n < 0.0 { "−" } else { "" };
    match c.unit.as_str() {
        "percent" => format!("{} %", v.decimal(&format!("{n:.1}"))),
        "seconds" => format!("{sign}{}", v.span(Duration::from_secs(whole(n)))),
        "grams" => v.weight(Grams(whole(n))),
        unit if c.measure.how() == How::Money => {
            let minor = i64::try_from(whole(n)).unwrap_or(i64::MAX);
            v.money(&Money { minor: if n < 0.0 { -minor } else { minor }, currency: unit.to_owned() })
        }
        _ => format!("{sign}{}", v.number(whole(n))),
    }
}

/// What one parcel adds to a figure.
#[must_use]
#[allow(clippy::cast_precision_loss)] // what is shown
pub fn value(v: &Viewer, m: Measure, n: i64) -> String {
    match (m.how(), m.unit()) {
        (How::Spread, _) | (How::Sum, "grams") => {
            let c = Column { name: String::new(), unit: m.unit().to_owned(), measure: m };
            shown(v, &c, n as f64)
        }
        (How::Sum, _) => v.number(n.unsigned_abs()),
        _ => "1".into(),
    }
}

/// The charts of a kind: of each the columns that are drawn side by side.
const fn drawn(kind: Kind) -> &'static [&'static [&'static str]] {
    match kind {
        Kind::Exceptions => &[&["exceptions_open", "exceptions_resolved"], &["age_median"], &["cost"]],
        Kind::Dwell => &[&["there"], &["stayed_median"]],
        Kind::Lateness => &[&["on_time_by_clock", "on_time_by_day"], &["open_past_promise"]],
        Kind::FirstAttempt => &[&["first_attempt_rate"], &["failed_attempts"]],
        Kind::Volumes => &[&["parcels", "delivered"], &["weight"]],
        Kind::Transit => &[&["transit_median", "transit_p90"]],
        Kind::Scorecard => {
            &[&["on_time_by_clock", "on_time_by_day"], &["first_attempt_rate"], &["exception_rate"]]
        }
    }
}

/// Columns of a chart by name; of amounts the first currency.
fn picked(table: &Table, names: &[&str]) -> Vec<usize> {
    let is =
        |c: &Column, name: &str| c.name == name || c.measure.how() == How::Money && c.measure.code() == name;
    names.iter().filter_map(|name| table.columns.iter().position(|c| is(c, name))).collect()
}

/// The charts of a table.
#[must_use]
pub fn charts(v: &Viewer, table: &Table) -> Markup {
    let time = table.by.len() == 1 && table.by.iter().all(|d| is_time(*d));
    let all = drawn(table.definition.kind);
    html! {
        div.columns.charts {
            @for (n, names) in all.iter().enumerate() {
                @let at = picked(table, names);
                @if !at.is_empty() && table.rows.iter().any(|r| at.iter().any(|c| r.cells[*c].is_some_and(|x| x > 0.0))) {
                    section.card { (if time { over_time(v, table, n, &at) } else { side_by_side(v, table, n, &at) }) }
                }
            }
        }
    }
}

fn heading(v: &Viewer, table: &Table, at: &[usize]) -> String {
    let all: Vec<String> = at.iter().map(|c| label(v, &table.columns[*c])).collect();
    all.join(" / ")
}

fn over_time(v: &Viewer, table: &Table, n: usize, at: &[usize]) -> Markup {
    let steps = table.rows.iter().filter(|r| r.key.iter().all(|k| !k.is_empty()));
    let steps: Vec<&Row> = steps.collect();
    let last = steps.iter().skip(steps.len().saturating_sub(STEPS));
    let rows: Vec<Stack> = last.map(|r| stack(v, table, r, at)).collect();
    let series: Vec<String> = at.iter().map(|c| label(v, &table.columns[*c])).collect();
    columns(v, &format!("chart-{n}"), &heading(v, table, at), &series, &rows)
}

fn stack(v: &Viewer, table: &Table, row: &Row, at: &[usize]) -> Stack {
    let cell = |c: &usize| {
        let n = row.cells[*c];
        (n.unwrap_or(0.0).max(0.0), n.map_or_else(|| "–".into(), |n| shown(v, &table.columns[*c], n)))
    };
    Stack { name: name(v, table, row), values: at.iter().map(cell).collect() }
}

fn side_by_side(v: &Viewer, table: &Table, n: usize, at: &[usize]) -> Markup {
    let mut rows: Vec<&Row> = table.rows.iter().collect();
    let weight = |r: &Row| at.iter().filter_map(|c| r.cells[*c]).sum::<f64>();
    // Ages stand in their own order.
    if !table.by.contains(&Dimension::Age) {
        rows.sort_by(|a, b| weight(b).total_cmp(&weight(a)));
    }
    let rows: Vec<Stack> = rows.into_iter().take(DRAWN).map(|r| stack(v, table, r, at)).collect();
    let series: Vec<String> = at.iter().map(|c| label(v, &table.columns[*c])).collect();
    let percent = at.iter().all(|c| table.columns[*c].unit == "percent");
    stacks(&format!("chart-{n}"), &heading(v, table, at), &series, &rows, percent.then_some(100.0))
}

/// Columns a table shows.
fn visible(table: &Table) -> Vec<usize> {
    let all = table.columns.iter().enumerate();
    all.filter(|(_, c)| part(c).is_none_or(|p| PARTS.contains(&p))).map(|(n, _)| n).collect()
}

/// The rows from `first` on; with a query each number leads to what it was counted from.
#[must_use]
pub fn table(v: &Viewer, table: &Table, first: usize, query: Option<&str>) -> Markup {
    let shows = visible(table);
    let mut rows: Vec<&Row> = table.rows.iter().collect();
    if !table.by.iter().any(|d| is_time(*d) || *d == Dimension::Age) {
        rows.sort_by(|a, b| b.cells[0].unwrap_or(0.0).total_cmp(&a.cells[0].unwrap_or(0.0)));
    }
    let to = |row: Option<&Row>, c: usize| -> Option<String> {
        let keys = row.map(|r| r.key.iter().map(String::as_str).zip(["k", "k2"]).collect::<Vec<_>>());
        let keys = keys.unwrap_or_default().into_iter().map(|(k, n)| (n, k));
        let mut pairs = vec![("m", table.columns[c].measure.code())];
        pairs.extend(keys);
        Some(format!("/reports/trace?{}&{}", query?, serde_urlencoded::to_string(pairs).ok()?))
    };
    let cell = |row: Option<&Row>, cells: &[Option<f64>], c: usize| {
        html! {
            td.n { @match (cells[c], to(row, c)) {
                (None, _) => "–",
                (Some(n), Some(to)) if n != 0.0 => a href=(to) { (shown(v, &table.columns[c], n)) },
                (Some(n), _) => (shown(v, &table.columns[c], n)),
            } }
        }
    };
    html! {
        div.scroll tabindex="0" role="region" aria-label=(v.t("report")) {
            table.list.matrix.counted {
                thead { tr {
                    @for d in &table.by { th scope="col" { (v.word("by", d.as_str())) } }
                    @for c in &shows { th.n scope="col" { (label(v, &table.columns[*c])) } }
                } }
                tbody {
                    @for row in rows.into_iter().skip(first).take(ROWS) {
                        tr {
                            @for (n, (k, d)) in row.key.iter().zip(&table.by).enumerate() { @if n == 0 { th scope="row" { (key(v, *d, k)) } } @else { td.key { (key(v, *d, k)) } } }
                            @for c in &shows { (cell(Some(row), &row.cells, *c)) }
                        }
                    }
                }
                tfoot { tr {
                    th scope="row" { (v.t("report-total")) }
                    @for _ in table.by.iter().skip(1) { td {} }
                    @for c in &shows { (cell(None, &table.total, *c)) }
                } }
            }
        }
    }
}
