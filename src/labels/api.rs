//! The routes of labels and printers.

use actix_web::HttpResponse;
use actix_web::http::Method;
use actix_web::web::Path;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::error::LabelError;
use super::layout::Page as Sheet;
use super::model::{Dpi, LabelState, Queued, Size, What};
use super::printers::{self, NewPrinter, PrinterChange, PrinterView};
use super::queue::{self, Decision};
use super::service::{self, MAX_WAITING, PrintInput};
use super::{pdf, repo, svg, wall, zpl};
use crate::base::clock::Timestamp;
use crate::base::error::Invalid;
use crate::base::ids::Id;
use crate::base::page::Page;
use crate::identity::features::{EditPrinters, Feature, PrintLabels, ViewPrinters};
use crate::identity::grant::Scope;
use crate::parcels::service as parcels;
use crate::store::ReadTx;
use crate::web::{Answer, ApiError, Body, Call, Query, Routes};

type Response = Result<HttpResponse, ApiError>;

const PRINTER: &str =
    r#"{"name":"dock-1","host":"192.168.7.20","port":9100,"dpi":203,"media":"4x6","station":"Dock 1"}"#;
const LOOKS: &[(&str, &str)] = &[("size", "4x6 (the usual), 4x4 or 2x1 inch")];

/// This area's routes.
#[must_use]
pub fn routes() -> Routes {
    Routes::new("labels")
        .add::<PrintLabels, _, _>(
            Method::GET,
            "/parcels/{id}/label.zpl",
            label_zpl,
            "A parcel's label in ZPL",
        )
        .query(&[("size", "4x6 (the usual), 4x4 or 2x1 inch"), ("dpi", "203 (the usual) or 300")])
        .add::<PrintLabels, _, _>(
            Method::GET,
            "/parcels/{id}/label.svg",
            label_svg,
            "A parcel's label as SVG",
        )
        .query(LOOKS)
        .add::<PrintLabels, _, _>(
            Method::GET,
            "/parcels/{id}/label.pdf",
            label_pdf,
            "A parcel's label as PDF",
        )
        .query(LOOKS)
        .add::<PrintLabels, _, _>(
            Method::POST,
            "/parcels/{id}/print",
            print,
            "Print a parcel's label; from the second time on with a reason",
        )
        .body::<PrintInput>(r#"{"printer":"dock-1","reason":"torn"}"#)
        .answers::<QueuedView>(202)
        .add::<ViewPrinters, _, _>(Method::GET, "/printers", list, "Label printers, and how each does")
        .answers::<Page<PrinterView>>(200)
        .add::<EditPrinters, _, _>(Method::POST, "/printers", add, "Add a label printer")
        .body::<NewPrinter>(PRINTER)
        .answers::<PrinterView>(201)
        .add::<ViewPrinters, _, _>(Method::GET, "/printers/{id}", get, "One printer, by id or name")
        .answers::<PrinterView>(200)
        .add::<EditPrinters, _, _>(Method::PATCH, "/printers/{id}", change, "Change a printer")
        .body::<PrinterChange>(r#"{"station":"Dock 2"}"#)
        .answers::<PrinterView>(200)
        .add::<EditPrinters, _, _>(
            Method::DELETE,
            "/printers/{id}",
            remove,
            "Remove a printer whose queue is empty",
        )
        .status(204)
        .add::<ViewPrinters, _, _>(Method::POST, "/printers/{id}/test", test, "Print a test label")
        .answers::<QueuedView>(202)
        .add::<ViewPrinters, _, _>(
            Method::GET,
            "/printers/{id}/queue",
            waiting,
            "Labels to be printed, then those of which nobody knows whether they were",
        )
        .answers::<Page<QueuedView>>(200)
        .add::<PrintLabels, _, _>(
            Method::POST,
            "/printers/{id}/queue",
            decide,
            "Say of a label in the queue that it lies there, is to be printed again, or is dropped",
        )
        .body::<Decision>(r#"{"label":"019a0c2f-7b2c-7d10-a1b2-c3d4e5f60718","then":"again"}"#)
        .answers::<QueuedView>(200)
        .add::<PrintLabels, _, _>(
            Method::GET,
            "/labels/wall-sheet.svg",
            wall_svg,
            "Barcodes for the wall that say what to do",
        )
        .query(WALL)
        .add::<PrintLabels, _, _>(Method::GET, "/labels/wall-sheet.pdf", wall_pdf, "The same as PDF")
        .query(WALL)
}

const WALL: &[(&str, &str)] = &[(
    "codes",
    "CMD: and LOC: codes with commas between them, such as CMD:DAMAGED,LOC:A-03; the usual ones when absent",
)];

/// A label in a queue as it is shown.
#[derive(Serialize, ToSchema)]
struct QueuedView {
    id: Id,
    printer: Id,
    /// A parcel, or a test.
    what: What,
    size: Size,
    copies: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    by: String,
    asked_at: Timestamp,
    /// waiting, sending, unknown, printed or dropped.
    state: LabelState,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<String>,
}

impl From<Queued> for QueuedView {
    fn from(q: Queued) -> Self {
        let Queued { id, printer, what, size, copies, reason, by, asked_at, state, last_error, .. } = q;
        Self { id, printer, what, size, copies, reason, by, asked_at, state, last_error }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Look {
    #[serde(default)]
    size: Size,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ZplLook {
    #[serde(default)]
    size: Size,
    dpi: Option<String>,
}

/// A drawing that may hold a person's address: nobody keeps a copy on the way.
fn drawing(media: &str, body: impl Into<actix_web::web::Bytes>) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    response.content_type(media).insert_header(("cache-control", "no-store"));
    // An SVG that is opened by itself runs nothing.
    response.insert_header(("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'"));
    response.body(body.into())
}

fn sheet(call: &Call<PrintLabels>, name: &str, size: Size) -> Result<Sheet, ApiError> {
    let now = call.app.clock.now();
    let drawn = call
        .app
        .store
        .read(call.grant.tenant(), |tx| service::page(tx, call.grant.scope(), name, size, ("", now)));
    let (page, parcel) = drawn?;
    call.saw("parcel", [parcel]);
    Ok(page)
}

async fn label_zpl(call: Call<PrintLabels>, name: Path<String>, look: Query<ZplLook>) -> Response {
    let dpi = look.0.dpi.as_deref().map(str::parse::<Dpi>).transpose();
    let dpi = dpi.map_err(|e| Invalid::at("?dpi", e))?.unwrap_or_default();
    let page = sheet(&call, &name, look.0.size)?;
    Ok(drawing("text/plain; charset=utf-8", zpl::render(&page, dpi, 1)))
}

async fn label_svg(call: Call<PrintLabels>, name: Path<String>, look: Query<Look>) -> Response {
    Ok(drawing("image/svg+xml", svg::render(&[sheet(&call, &name, look.0.size)?])))
}

async fn label_pdf(call: Call<PrintLabels>, name: Path<String>, look: Query<Look>) -> Response {
    Ok(drawing("application/pdf", pdf::render(&[sheet(&call, &name, look.0.size)?])))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Codes {
    codes: Option<String>,
}

fn wall_sheet(codes: &Codes) -> Result<Vec<Sheet>, Invalid> {
    let owned = |codes: &mut dyn Iterator<Item = &str>| codes.map(str::to_owned).collect::<Vec<_>>();
    let codes = match &codes.codes {
        Some(codes) => owned(&mut codes.split(',').map(str::trim)),
        None => owned(&mut wall::USUAL.iter().copied()),
    };
    wall::sheet(&codes)
}

async fn wall_svg(_call: Call<PrintLabels>, codes: Query<Codes>) -> Response {
    Ok(drawing("image/svg+xml", svg::render(&wall_sheet(&codes.0)?)))
}

async fn wall_pdf(_call: Call<PrintLabels>, codes: Query<Codes>) -> Response {
    Ok(drawing("application/pdf", pdf::render(&wall_sheet(&codes.0)?)))
}

async fn print(call: Call<PrintLabels>, name: Path<String>, body: Body<PrintInput>) -> Response {
    call.write(move |tx, grant, cx| -> Result<Answer, LabelError> {
        let label = service::print(tx, grant, cx, &name, body.0.clone())?;
        Ok(Answer::json(202, &QueuedView::from(label))?)
    })
    .await
}

async fn list(call: Call<ViewPrinters>) -> Response {
    call.read(|tx, _| -> Result<Answer, LabelError> {
        Ok(Answer::ok(&Page { items: printers::list(tx)?, next: None })?)
    })
}

fn shown(view: &PrinterView) -> Result<Answer, LabelError> {
    Ok(Answer::ok(view)?.rev(view.version))
}

async fn get(call: Call<ViewPrinters>, name: Path<String>) -> Response {
    call.read(|tx, _| -> Result<Answer, LabelError> {
        let (id, printer, rev) = printers::find(tx, &name)?;
        shown(&printers::view(tx, id, printer, rev)?)
    })
}

/// Whether printers may stand on this machine.
fn loopback<F: Feature>(call: &Call<F>) -> bool {
    call.app.config.printers.loopback
}

async fn add(call: Call<EditPrinters>, body: Body<NewPrinter>) -> Response {
    let loopback = loopback(&call);
    call.write(move |tx, grant, cx| -> Result<Answer, LabelError> {
        let made = printers::add(tx, grant, cx, body.0.clone(), loopback)?;
        Ok(Answer::created(format!("/api/v1/printers/{}", made.id), &made)?.rev(made.version))
    })
    .await
}

async fn change(call: Call<EditPrinters>, name: Path<String>, body: Body<PrinterChange>) -> Response {
    let (loopback, seen) = (loopback(&call), call.expected_rev(body.0.version)?);
    call.write(move |tx, grant, cx| -> Result<Answer, LabelError> {
        shown(&printers::change(tx, grant, cx, &name, (seen, body.0.clone()), loopback)?)
    })
    .await
}

async fn remove(call: Call<EditPrinters>, name: Path<String>) -> Response {
    let seen = call.expected_rev(None)?;
    call.write(move |tx, grant, cx| -> Result<Answer, LabelError> {
        printers::remove(tx, grant, cx, &name, seen)?;
        Ok(Answer::none())
    })
    .await
}

async fn test(call: Call<ViewPrinters>, name: Path<String>) -> Response {
    call.write(move |tx, grant, cx| -> Result<Answer, LabelError> {
        Ok(Answer::json(202, &QueuedView::from(service::test(tx, grant, cx, &name)?))?)
    })
    .await
}

/// Whether `scope` may know of a label: of a parcel it does not see, it may not.
fn sees(tx: &dyn ReadTx, scope: &Scope, label: &Queued) -> bool {
    match label.what {
        _ if *scope == Scope::Tenant => true,
        What::Test => true,
        What::Parcel(id) => parcels::find(tx, scope, &id.to_string()).is_ok(),
    }
}

async fn waiting(call: Call<ViewPrinters>, name: Path<String>) -> Response {
    call.read(|tx, grant| -> Result<Answer, LabelError> {
        let (id, ..) = printers::find(tx, &name)?;
        let labels = repo::open(tx, id, usize::try_from(MAX_WAITING).unwrap_or(usize::MAX))?;
        let seen = labels.into_iter().filter(|l| sees(tx, grant.scope(), l));
        Ok(Answer::ok(&Page { items: seen.map(QueuedView::from).collect(), next: None })?)
    })
}

async fn decide(call: Call<PrintLabels>, name: Path<String>, body: Body<Decision>) -> Response {
    call.write(move |tx, grant, cx| -> Result<Answer, LabelError> {
        let label = queue::decide(tx, grant, cx, &name, &body.0)?;
        Ok(Answer::ok(&QueuedView::from(label))?)
    })
    .await
}
