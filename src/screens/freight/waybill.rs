//! One master: its number and pieces, flights and houses, its clocks and what each day costs, its procedure, papers, bills
//! and story.

use jiff::civil::Date;
use maud::{Markup, html};
use serde::Deserialize;

use super::{facts, flow, money, papers, story};
use crate::attachments::api::still_at;
use crate::attachments::model::of_subject;
use crate::attachments::vault::Vault;
use crate::base::money::Money;
use crate::deadlines::policy::Policy;
use crate::freight::board::{self, Running};
use crate::freight::error::FreightError;
use crate::freight::event::MawbEvent;
use crate::freight::model::{Hawb, Mawb};
use crate::freight::repo::{self, BILL_BY_MASTER, BILLS};
use crate::freight::views::{self, BillView, MawbView, WorkflowView};
use crate::freight::{clocks, desk, service};
use crate::identity::features::{ViewAirFreight, ViewBills, ViewDocuments, ViewWorkflows};
use crate::identity::grant::Grant;
use crate::journal::{Stamped, history};
use crate::screens::shell::icons::Icon;
use crate::screens::shell::parts::{self, refusal};
use crate::screens::shell::visit::Pass;
use crate::screens::shell::{Fail, Out, Reply, Viewer, Visit};
use crate::store::{Dir, KeyRange, ReadTx};
use crate::web::ApiError;

/// Days whose cost is shown.
const DAYS: usize = 7;
/// Houses that are shown.
const HOUSES: usize = 100;
/// Entries of the story that are shown.
const STORY: usize = 100;

#[derive(Default, Deserialize)]
struct Asked {
    on: Option<String>,
    done: Option<String>,
}

/// What collecting on a day costs.
pub(super) struct OnDay {
    pub(super) day: Date,
    pub(super) cost: Option<Money>,
    pub(super) charged: u32,
}

/// Everything the page says.
pub(super) struct Page {
    pub(super) m: MawbView,
    pub(super) row: Mawb,
    pub(super) houses: Vec<Hawb>,
    pub(super) flow: Option<WorkflowView>,
    pub(super) clocks: Vec<Running>,
    pub(super) costs: Vec<OnDay>,
    pub(super) papers: Option<Vec<papers::Paper>>,
    pub(super) bills: Option<Vec<BillView>>,
    story: Vec<Stamped<MawbEvent>>,
    done: Option<String>,
}

fn costs(m: &Mawb, t: &crate::freight::terminals::Terminal, days: impl Iterator<Item = Date>) -> Vec<OnDay> {
    let on = |day: Date| {
        let found = clocks::storage(m, t, day);
        let charged = found.as_ref().map_or(0, |(c, _)| c.days);
        OnDay { day, cost: found.map(|(c, currency)| Money { minor: c.minor, currency }), charged }
    };
    days.map(on).collect()
}

fn bills_of(tx: &dyn ReadTx, m: &Mawb) -> Result<Vec<BillView>, FreightError> {
    let most = crate::freight::model::MAX_BILLS;
    let rows = BILLS.scan(tx, BILL_BY_MASTER, &KeyRange::prefix(&m.id.0), Dir::Up, most)?;
    Ok(rows.items.into_iter().map(BillView::from).collect())
}

fn papers_of<P: Pass>(
    tx: &dyn ReadTx,
    visit: &Visit<P>,
    m: &Mawb,
) -> Result<Vec<papers::Paper>, FreightError> {
    let vault = Vault::under(&visit.app.folder);
    let mut out = Vec::new();
    for e in of_subject(tx, m.id)? {
        let at = still_at(tx, &vault, visit.principal.tenant, &e.value.state)?;
        out.push((e, at));
    }
    Ok(out)
}

pub(super) fn load<P: Pass>(visit: &Visit<P>, name: &str) -> Result<Page, Fail> {
    let v = &visit.viewer;
    let asked: Asked = visit.query().unwrap_or_default();
    if !v.sees_all() {
        return Err(FreightError::Scope.into());
    }
    let wanted: Option<Date> = asked.on.as_deref().and_then(|d| d.trim().parse().ok());
    let page = visit.read(|tx| -> Result<Page, FreightError> {
        let entry = service::find(tx, name)?;
        let zone = Policy::current(tx)?.rules.opening.zone.clone();
        let row = entry.value.state.clone();
        let terminal = desk::terminal_of(tx, &zone, &row)?;
        let today = v.now.day(&terminal.time_zone());
        let ahead = std::iter::successors(Some(today), |d| d.tomorrow().ok()).take(DAYS);
        let days = ahead.chain(wanted.filter(|d| *d >= today));
        let flow = v.may::<ViewWorkflows>().then(|| views::workflow(tx, &entry.value)).transpose()?;
        let papers = v.may::<ViewDocuments>().then(|| papers_of(tx, visit, &row)).transpose()?;
        let bills = v.may::<ViewBills>().then(|| bills_of(tx, &row)).transpose()?;
        let mut story: Vec<_> = history::<Mawb>(tx, &entry.value.line)?.into_iter().map(|(_, e)| e).collect();
        story.reverse();
        story.truncate(STORY);
        Ok(Page {
            houses: repo::houses_of(tx, row.id, HOUSES)?,
            flow,
            clocks: board::of(&row, &terminal, v.now),
            costs: costs(&row, &terminal, days),
            papers,
            bills,
            story,
            done: asked.done.clone(),
            m: views::mawb(tx, &zone, v.now, entry)?,
            row,
        })
    })?;
    visit.saw("mawb", [page.m.id]);
    Ok(page)
}

#[allow(clippy::unused_async)] // the form of a handler
pub(super) async fn show(visit: Visit<Grant<ViewAirFreight>>) -> Reply {
    let page = load(&visit, &visit.path("id"))?;
    Ok(Out::page(page.m.number.clone(), markup(&visit.viewer, &page, None)))
}

/// Back to the page when it was done; the page again, with what was refused, when it was not.
pub(super) fn after<P: Pass>(visit: &Visit<P>, done: Result<(), Fail>) -> Reply {
    let name = visit.path("id");
    match done {
        Ok(()) => Ok(Out::See(format!("/mawbs/{name}?done=saved"))),
        Err(Fail::Refused(e)) if visit.viewer.may::<ViewAirFreight>() => {
            // A page that can't be shown says the same.
            let Ok(page) = load(visit, &name) else { return Err(Fail::Refused(e)) };
            Ok(Out::page(page.m.number.clone(), markup(&visit.viewer, &page, Some(&e))).after(Some(&e)))
        }
        Err(fail) => Err(fail),
    }
}

pub(super) fn markup(v: &Viewer, p: &Page, fail: Option<&ApiError>) -> Markup {
    let m = &p.m;
    html! {
        div.head { h1.id { (m.number) } span.big { (super::state(v, m.state)) } (digit(v, &p.row)) span { (super::pieces(v, &m.pieces)) } }
        (super::tabs(v, ""))
        (parts::done(v, p.done.as_deref()))
        (refusal(v, fail))
        div data-region="mawb" data-kinds="mawb bill attachment hawb" {
            @if let Some(hold) = &m.hold { p.notice.warn { (Icon::Clock) span { strong { (v.t("air-held")) } ": " (hold.reason) } } }
            @if !m.issues.is_empty() {
                div.notice.bad { (Icon::Triangle) ul { @for issue in &m.issues { li { (v.say(issue)) } } } }
            }
            div.air-grid {
                div {
                    @if let Some(flow) = &p.flow { (flow::card(v, p, flow)) }
                    (facts::card(v, p))
                    (story::card(v, &p.story))
                }
                div {
                    (facts::clocks_card(v, p))
                    @if let Some(papers) = &p.papers { (papers::card(v, p, papers)) }
                    @if let Some(bills) = &p.bills { (money::card(v, p, bills)) }
                    (facts::news_card(v, p))
                    (super::customs::card(v, p))
                }
            }
        }
    }
}

/// What the check digit says.
fn digit(v: &Viewer, m: &Mawb) -> Markup {
    let n = m.number.expected();
    if m.number.holds() {
        html! { small.faint { (Icon::Tick) " " (v.with("air-digit-good", &[("n", n.into())])) } }
    } else {
        let why = m.as_written.clone().unwrap_or_default();
        html! { small.level title=(why) { (Icon::Triangle) " " (v.with("air-digit-wrong", &[("n", n.into())])) @if !why.is_empty() { " · " q { (why) } } } }
    }
}
