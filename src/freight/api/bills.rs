//! Bills.

use actix_web::http::Method;
use actix_web::web::Path;
use jiff::civil::Date;
use serde::Deserialize;
use utoipa::ToSchema;

use super::Response;
use crate::base::clock::Timestamp;
use crate::base::error::Invalid;
use crate::base::ids::Id;
use crate::base::page::Page;
use crate::freight::accounts::{self, Decision};
use crate::freight::bills::{Bill, BillLine};
use crate::freight::error::Result;
use crate::freight::model::BillKind;
use crate::freight::repo::{BILL_BY_DUE, BILL_BY_MASTER, BILLS};
use crate::freight::service;
use crate::freight::views::BillView;
use crate::identity::features::{EditBills, PayCharges, ViewBills};
use crate::journal::Folded;
use crate::parcels::queries::limit;
use crate::store::table::{Entry, cursor, position};
use crate::store::{Dir, Ix, KeyRange, ReadTx};
use crate::web::{Answer, Body, Call, Query, Routes};

const BILL: &str = r#"{"number":"4711","from":"Handler","kind":"other","currency":"EUR","lines":[{"text":"handling","minor":5000}],"due":"2026-12-01"}"#;

pub(super) fn routes(r: Routes) -> Routes {
    r.add::<ViewBills, _, _>(
        Method::GET,
        "/bills",
        list_bills,
        "Bills, newest first; unpaid ones by the day they are due; or those of a waybill",
    )
    .query(&[
        ("mawb", "of this waybill"),
        ("open", "true: unpaid ones"),
        ("limit", "rows, at most 500"),
        ("cursor", "from the page before"),
    ])
    .answers::<Page<BillView>>(200)
    .add::<EditBills, _, _>(Method::POST, "/bills", enter_bill, "Enter a bill")
    .body::<BillInput>(BILL)
    .answers::<BillView>(201)
    .add::<ViewBills, _, _>(Method::GET, "/bills/{id}", show_bill, "One bill")
    .answers::<BillView>(200)
    .add::<EditBills, _, _>(Method::PUT, "/bills/{id}", change_bill, "Change a bill")
    .body::<BillInput>(BILL)
    .answers::<BillView>(200)
    .add::<PayCharges, _, _>(
        Method::POST,
        "/bills/{id}/pay",
        pay_bill,
        "Note that a bill was paid; one that is no import service charge takes the right to all bills",
    )
    .body::<PayInput>("{}")
    .answers::<BillView>(200)
    .add::<EditBills, _, _>(Method::POST, "/bills/{id}/match", match_bill, "Its sum is what was agreed")
    .answers::<BillView>(200)
    .add::<EditBills, _, _>(Method::POST, "/bills/{id}/void", void_bill, "Withdraw a bill that is not paid")
    .answers::<BillView>(200)
}

/// A bill that is entered or changed.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct BillInput {
    /// Its number at whoever wrote it.
    number: String,
    /// Who wrote it.
    #[serde(default)]
    from: String,
    /// What it is for.
    #[serde(default)]
    kind: BillKind,
    /// The waybill it is for, by id or number.
    #[serde(default)]
    mawb: Option<String>,
    /// ISO 4217.
    currency: String,
    /// Its lines, in minor units.
    lines: Vec<BillLine>,
    /// The day it is due.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    due: Option<Date>,
    /// The revision that was seen.
    #[serde(default)]
    version: Option<u64>,
}

impl BillInput {
    fn bill(&self, tx: &dyn ReadTx) -> Result<Bill> {
        let Self { number, from, kind, mawb, currency, lines, due, version: _ } = self.clone();
        let mawb = mawb.map(|name| service::find_id(tx, &name)).transpose()?;
        Ok(Bill { number, from, kind, mawb, currency, lines, due, ..Bill::default() })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BillListing {
    mawb: Option<String>,
    #[serde(default)]
    open: bool,
    limit: Option<usize>,
    cursor: Option<String>,
}

async fn list_bills(call: Call<ViewBills>, q: Query<BillListing>) -> Response {
    let q = q.0;
    call.read(|tx, grant| -> Result<Answer> {
        service::whole(grant)?;
        let (most, at) = (limit(q.limit)?, position(q.cursor.as_deref())?);
        let rows = match (&q.mawb, q.open) {
            (Some(name), _) => {
                let prefix = service::find_id(tx, name)?.0;
                BILLS.scan(tx, BILL_BY_MASTER, &KeyRange::prefix(&prefix).resume(at), Dir::Up, most)?
            }
            (None, true) => BILLS.scan(tx, BILL_BY_DUE, &KeyRange::all().resume(at), Dir::Up, most)?,
            (None, false) => BILLS.scan(tx, Ix::Primary, &KeyRange::all().resume(at), Dir::Down, most)?,
        };
        let next = rows.next.as_ref().map(cursor).transpose()?;
        let open =
            |e: &Entry<Folded<Bill>>| !q.open || (e.value.state.paid_at.is_none() && !e.value.state.void);
        let items: Vec<BillView> = rows.items.into_iter().filter(open).map(BillView::from).collect();
        Ok(Answer::page(&Page { items, next })?)
    })
}

fn billed(entry: Entry<Folded<Bill>>) -> Result<Answer> {
    let view = BillView::from(entry);
    Ok(Answer::ok(&view)?.rev(view.version))
}

async fn enter_bill(call: Call<EditBills>, body: Body<BillInput>) -> Response {
    call.write(move |tx, grant, cx| -> Result<Answer> {
        let bill = body.0.bill(tx)?;
        let view = BillView::from(accounts::enter(tx, grant, cx, bill)?);
        Ok(Answer::created(format!("/api/v1/bills/{}", view.id), &view)?.rev(view.version))
    })
    .await
}

async fn show_bill(call: Call<ViewBills>, name: Path<String>) -> Response {
    call.read(|tx, grant| -> Result<Answer> {
        service::whole(grant)?;
        billed(accounts::find(tx, &name)?)
    })
}

async fn change_bill(call: Call<EditBills>, name: Path<String>, body: Body<BillInput>) -> Response {
    let seen = call.expected_rev(body.0.version)?;
    call.write(move |tx, grant, cx| -> Result<Answer> {
        let bill = body.0.bill(tx)?;
        billed(accounts::change(tx, grant, cx, &name, (seen, bill))?)
    })
    .await
}

/// A payment.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PayInput {
    /// When; now when absent.
    #[serde(default)]
    at: Option<Timestamp>,
    /// The receipt, an attachment.
    #[serde(default)]
    receipt: Option<Id>,
}

async fn pay_bill(call: Call<PayCharges>, name: Path<String>, body: Body<PayInput>) -> Response {
    call.write(move |tx, grant, cx| -> Result<Answer> {
        if let Some(receipt) = body.0.receipt
            && crate::attachments::service::find(tx, &receipt.to_string()).is_err()
        {
            return Err(Invalid::at("/receipt", format!("there is no attachment {receipt}")).into());
        }
        billed(accounts::pay(tx, grant, cx, &name, (body.0.at, body.0.receipt))?)
    })
    .await
}

async fn match_bill(call: Call<EditBills>, name: Path<String>) -> Response {
    call.write(move |tx, grant, cx| -> Result<Answer> {
        billed(accounts::decide(tx, grant, cx, &name, Decision::Match)?)
    })
    .await
}

async fn void_bill(call: Call<EditBills>, name: Path<String>) -> Response {
    call.write(move |tx, grant, cx| -> Result<Answer> {
        billed(accounts::decide(tx, grant, cx, &name, Decision::Void)?)
    })
    .await
}
