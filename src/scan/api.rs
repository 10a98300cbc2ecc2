//! The routes of scanning. No decisions, no database.

use actix_web::HttpResponse;
use actix_web::http::Method;
use serde::Deserialize;

use super::error::ScanError;
use super::inputs::{BatchInput, ScanInput};
use super::lookup::Meant;
use super::model::Outcome;
use super::service::{self, Answered, RowVerdict};
use super::views::{BatchView, ResolvedView, RowView, ScanView};
use crate::identity::features::ScanParcels;
use crate::parcels::views::ParcelView;
use crate::web::{Answer, ApiError, Body, Call, Query, Routes};

type Response = Result<HttpResponse, ApiError>;

/// This area's routes.
#[must_use]
pub fn routes() -> Routes {
    Routes::new("scan")
        .add::<ScanParcels, _, _>(
            Method::POST,
            "/scan",
            scan,
            "Scan a code: say what it is, find its parcel and do what the station was told to do",
        )
        .body::<ScanInput>(r#"{"code":"RB123456785GB","scan_id":"gate-2-000417","station":"gate 2"}"#)
        .answers::<ScanView<'_>>(200)
        .add::<ScanParcels, _, _>(
            Method::POST,
            "/scan/batch",
            batch,
            "Scans kept while a scanner was offline, with their own times and a verdict for each",
        )
        .body::<BatchInput>(
            r#"{"station":"hand 4","rows":[{"code":"RB123456785GB","scan_id":"h4-1"},{"code":"CMD:UNDO","scan_id":"h4-2"}]}"#,
        )
        .answers::<BatchView>(200)
        .add::<ScanParcels, _, _>(
            Method::GET,
            "/scan/resolve",
            resolve,
            "What a code may be and whose it is, without any effect",
        )
        .query(&[("code", "what the scanner read")])
        .answers::<ResolvedView<'_>>(200)
}

async fn scan(call: Call<ScanParcels>, body: Body<ScanInput>) -> Response {
    call.write(move |tx, grant, cx| -> Result<Answer, ScanError> {
        let Answered { told, repeated, parcel } = service::scan(tx, grant, cx, &body.0)?;
        let parcel = parcel.as_ref().map(|(p, rev)| ParcelView::of(p, *rev));
        Ok(Answer::ok(&ScanView { told: &told, parcel, repeated })?)
    })
    .await
}

async fn batch(call: Call<ScanParcels>, body: Body<BatchInput>) -> Response {
    let BatchInput { station, rows } = body.0;
    let here = |row: ScanInput| ScanInput { station: row.station.or_else(|| station.clone()), ..row };
    let rows: Vec<ScanInput> = rows.into_iter().map(here).collect();
    call.write(move |tx, grant, cx| -> Result<Answer, ScanError> {
        let verdicts = service::batch(tx, grant, cx, &rows)?;
        Ok(Answer::ok(&verdict(&rows, verdicts))?)
    })
    .await
}

fn verdict(rows: &[ScanInput], verdicts: Vec<RowVerdict>) -> BatchView {
    let mut view = BatchView::default();
    for (row, (sent, verdict)) in rows.iter().zip(verdicts).enumerate() {
        let scan_id = sent.scan_id.clone();
        let result = match verdict {
            Ok(Answered { told, repeated, .. }) => {
                let count = match told.outcome {
                    Outcome::Ok => &mut view.ok,
                    Outcome::Exception => &mut view.exceptions,
                    Outcome::Unknown => &mut view.unknown,
                    Outcome::Duplicate => &mut view.duplicates,
                };
                *count += 1;
                RowView { row, scan_id, scan: Some(told), repeated, refused: None }
            }
            Err(refused) => {
                view.refused += 1;
                RowView { row, scan_id, scan: None, repeated: false, refused: Some(refused) }
            }
        };
        view.results.push(result);
    }
    view
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    #[serde(default)]
    code: String,
}

async fn resolve(call: Call<ScanParcels>, asked: Query<Asked>) -> Response {
    call.read(|tx, grant| -> Result<Answer, ScanError> {
        let (resolved, meant) = service::look(tx, grant, &asked.0.code)?;
        let (row, choices) = match meant {
            Meant::Nothing => (None, Vec::new()),
            Meant::One(row) => (Some(row), Vec::new()),
            Meant::Several(choices) => (None, choices),
        };
        call.saw("parcel", row.iter().map(|r| r.value.state.id.0));
        let parcel = row.as_ref().map(|r| ParcelView::of(&r.value.state, r.rev));
        Ok(Answer::ok(&ResolvedView { resolved: &resolved, parcel, choices })?)
    })
}
