//! Bills: those that are to be paid by the day they are due, and all of them.

use maud::{Markup, html};
use serde::Deserialize;

use super::{money, waybill};
use crate::attachments::service as attachments;
use crate::base::error::Invalid;
use crate::base::ids::Id;
use crate::base::money::parse_minor;
use crate::base::page::{DEFAULT_LIMIT, Page};
use crate::freight::accounts::{self, Decision};
use crate::freight::bills::{Bill, BillLine};
use crate::freight::error::FreightError;
use crate::freight::repo::{BILL_BY_DUE, BILLS, MAWBS};
use crate::freight::service;
use crate::freight::views::BillView;
use crate::identity::features::{EditBills, PayCharges, ViewAirFreight, ViewBills};
use crate::identity::grant::Grant;
use crate::screens::shell::icons::Icon;
use crate::screens::shell::parts::{self, empty};
use crate::screens::shell::{Form, Group, Out, Reply, Screen, Viewer, Visit};
use crate::store::table::{cursor, position};
use crate::store::{Dir, Ix, KeyRange};

/// This screen.
#[must_use]
pub fn screen() -> Screen {
    Screen::new()
        .nav(Group::Work, Icon::Bills, "nav-bills")
        .when(Viewer::sees_all)
        .get("/bills", list)
        .post("/bills/{id}/pay", pay)
        .post("/bills/{id}/match", matched)
        .post("/bills/{id}/void", withdraw)
}

#[derive(Default, Deserialize)]
struct Asked {
    all: Option<String>,
    cursor: Option<String>,
    done: Option<String>,
}

/// A bill and the number of its waybill.
type Row = (BillView, Option<String>);

#[allow(clippy::unused_async)] // the form of a handler
async fn list(visit: Visit<Grant<ViewBills>>) -> Reply {
    let (asked, pass) = (visit.query::<Asked>()?, &visit.pass);
    let all = asked.all.as_deref().is_some_and(|a| !a.is_empty());
    let page = visit.read(|tx| -> Result<Page<Row>, FreightError> {
        service::whole(pass)?;
        let at = position(asked.cursor.as_deref())?;
        let (ix, dir) = if all { (Ix::Primary, Dir::Down) } else { (BILL_BY_DUE, Dir::Up) };
        let rows = BILLS.scan(tx, ix, &KeyRange::all().resume(at), dir, DEFAULT_LIMIT)?;
        let next = rows.next.as_ref().map(cursor).transpose()?;
        let mut items = Vec::new();
        for e in rows.items {
            let b = BillView::from(e);
            let number = match b.mawb {
                Some(id) => MAWBS.get(tx, &id)?.map(|row| row.state.number.to_string()),
                None => None,
            };
            items.push((b, number));
        }
        Ok(Page { items, next })
    })?;
    let v = &visit.viewer;
    let main = markup(v, &page, all, (asked.done.as_deref(), visit.request.query_string()));
    Ok(Out::page(v.t("nav-bills"), main))
}

fn markup(v: &Viewer, page: &Page<Row>, all: bool, (done, query): (Option<&str>, &str)) -> Markup {
    html! {
        div.head { h1 { (v.t("nav-bills")) } }
        (super::tabs(v, "/bills"))
        (parts::done(v, done))
        nav.chips aria-label=(v.t("filter")) {
            a href="/bills" aria-current=[(!all).then_some("true")] { (v.t("air-bills-open")) }
            a href="/bills?all=1" aria-current=[all.then_some("true")] { (v.t("all")) }
        }
        div data-region="bills" data-kinds="bill" {
            @if page.items.is_empty() { (empty(&v.t("air-bills-none"), &html! { p { (v.t("air-bills-none-hint")) } })) }
            @else {
                table.list data-rows {
                    thead { tr { th { (v.t("due")) } th { (v.t("air-bill-for")) } th { (v.t("air-bill-number")) } th { (v.t("air-number")) } th.n { (v.t("air-amount")) } th { (v.t("state")) } th { span.away { (v.t("actions")) } } } }
                    tbody {
                        @for (b, number) in &page.items {
                            @let late = b.paid_at.is_none() && !b.void && b.due.is_some_and(|d| d < v.now.day(&v.zone));
                            tr data-row {
                                td.when.late[late] { @match b.due { Some(d) => (v.date(d)), None => "–" } }
                                td { (v.named("bill", b.kind)) @if !b.from.is_empty() { " " span.faint { (b.from) } } }
                                td.id { (b.number) }
                                td.id { @if let (Some(id), Some(number)) = (b.mawb, number) { @if v.may::<ViewAirFreight>() { a href={ "/mawbs/" (id) } { (number) } } @else { (number) } } @else { "–" } }
                                td.n { (v.money(&money::total(b))) }
                                td { (money::state(v, b)) }
                                td.act { (money::decide(v, b)) }
                            }
                        }
                    }
                }
            }
            (parts::more(v, "/bills", query, page.next.as_deref()))
        }
    }
}

/// A bill that a form names.
fn entered(f: &Form, mawb: Id) -> Result<Bill, Invalid> {
    let currency = f.text("currency").to_uppercase();
    let minor = parse_minor(f.text("amount"), &currency).map_err(|why| Invalid::at("/amount", why))?;
    let number = f.text("bill").to_owned();
    Ok(Bill {
        lines: vec![BillLine { text: number.clone(), minor }],
        number,
        from: f.text("from").to_owned(),
        kind: f.one_of("kind")?,
        mawb: Some(mawb),
        currency,
        due: f.parsed("due")?,
        ..Bill::default()
    })
}

pub(super) async fn enter(visit: Visit<Grant<EditBills>>, f: Form) -> Reply {
    let name = visit.path("id");
    let done = visit.write::<EditBills, _, _>(move |tx, grant, cx| -> Result<(), FreightError> {
        let bill = entered(&f, service::find_id(tx, &name)?)?;
        accounts::enter(tx, grant, cx, bill).map(drop)
    });
    let done = done.await;
    waybill::after(&visit, done)
}

/// Where the form came from.
fn back(f: &Form) -> String {
    match f.text("mawb").parse::<Id>() {
        Ok(id) => format!("/mawbs/{id}?done=saved"),
        Err(_) => "/bills?done=saved".into(),
    }
}

async fn pay(visit: Visit<Grant<PayCharges>>, f: Form) -> Reply {
    let (name, to, receipt) = (visit.path("id"), back(&f), f.parsed::<Id>("receipt")?);
    let done = visit.write::<PayCharges, _, _>(move |tx, grant, cx| -> Result<(), FreightError> {
        if let Some(id) = receipt.filter(|id| attachments::find(tx, &id.to_string()).is_err()) {
            return Err(Invalid::at("/receipt", format!("there is no attachment {id}")).into());
        }
        accounts::pay(tx, grant, cx, &name, (None, receipt)).map(drop)
    });
    done.await?;
    Ok(Out::See(to))
}

async fn decide(visit: &Visit<Grant<EditBills>>, f: &Form, decision: Decision) -> Reply {
    let (name, to) = (visit.path("id"), back(f));
    let done = visit.write::<EditBills, _, _>(move |tx, grant, cx| -> Result<(), FreightError> {
        accounts::decide(tx, grant, cx, &name, decision).map(drop)
    });
    done.await?;
    Ok(Out::See(to))
}

async fn matched(visit: Visit<Grant<EditBills>>, f: Form) -> Reply {
    decide(&visit, &f, Decision::Match).await
}

async fn withdraw(visit: Visit<Grant<EditBills>>, f: Form) -> Reply {
    decide(&visit, &f, Decision::Void).await
}
