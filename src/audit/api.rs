//! The routes of the audit log.

use actix_web::HttpResponse;
use actix_web::http::Method;
use actix_web::web::Bytes;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::queries::{self, Filter};
use super::{Changed, Class, Entry, Noted, Verified, note};
use crate::base::clock::Timestamp;
use crate::base::error::Kind;
use crate::base::ids::Id;
use crate::base::page::Page;
use crate::identity::features::{ExportAudit, Feature, ViewAudit};
use crate::identity::grant::{Grant, Scope};
use crate::parcels::queries::limit;
use crate::store::StoreError;
use crate::store::table::{cursor, position};
use crate::web::error::Refusal;
use crate::web::routes::Routes;
use crate::web::{Answer, ApiError, Call, Query};

type Response = Result<HttpResponse, ApiError>;

const FILTER: &[(&str, &str)] = &[
    ("table", "only of this kind of record"),
    ("record", "only of the record with this id"),
    ("user", "only by this user"),
    ("action", "only of this action"),
    ("from", "not before this moment"),
    ("to", "before this moment"),
    ("limit", "rows, at most 500"),
    ("cursor", "from the page before"),
];

/// These routes.
#[must_use]
pub fn routes() -> Routes {
    Routes::new("audit")
        .add::<ViewAudit, _, _>(Method::GET, "/audit-log", list, "Who did what, newest first")
        .query(FILTER)
        .answers::<Page<NotedView>>(200)
        .add::<ExportAudit, _, _>(
            Method::GET,
            "/audit-log/export.csv",
            export,
            "The audit log as CSV, safe to open in a spreadsheet",
        )
        .query(FILTER)
        .add::<ViewAudit, _, _>(
            Method::GET,
            "/audit-log/verify",
            verify,
            "Recompute the hash chain from end to end",
        )
        .answers::<Verified>(200)
}

/// An entry as it is shown.
#[derive(Serialize, ToSchema)]
pub struct NotedView {
    seq: u64,
    at: Timestamp,
    user: String,
    device: Option<String>,
    action: String,
    table: String,
    record: Id,
    /// The change that did it.
    event: Option<Id>,
    /// The changed fields: name, before, after.
    #[schema(value_type = Vec<Object>)]
    changed: Vec<Value>,
    via: String,
}

impl From<Noted> for NotedView {
    fn from(n: Noted) -> Self {
        let at = queries::at(&n);
        let changed =
            n.body.d.into_iter().map(
                |Changed(field, before, after)| json!({ "field": field, "before": before, "after": after }),
            );
        Self {
            seq: n.seq,
            at,
            user: n.body.by,
            device: n.body.dev,
            action: n.body.act,
            table: n.body.rec,
            record: n.header.id,
            event: n.body.ev.map(|e| Id(e.into_array())),
            changed: changed.collect(),
            via: n.body.via,
        }
    }
}

fn below(f: &Filter) -> Result<Option<u64>, StoreError> {
    let at = position(f.cursor.as_deref())?;
    at.map(|b| b.try_into().map(u64::from_be_bytes).map_err(|_| StoreError::Cursor)).transpose()
}

/// That the caller may see everybody's records, for the log names them all.
///
/// # Errors
/// When they may not.
pub fn whole<F: Feature>(grant: &Grant<F>) -> Result<(), Refusal> {
    if *grant.scope() == Scope::Tenant {
        return Ok(());
    }
    let detail = "the audit log takes access to the whole depot; ask its administrator";
    Err(Refusal::new(Kind::Forbidden, "audit.scope", detail))
}

async fn list(call: Call<ViewAudit>, f: Query<Filter>) -> Response {
    whole(&call.grant)?;
    let limit = limit(f.0.limit)?;
    call.read(|tx, _| -> Result<Answer, StoreError> {
        let (rows, next) = queries::list(tx, &f.0, below(&f.0)?, limit)?;
        let next = next.map(|seq| cursor(&seq.to_be_bytes().to_vec())).transpose()?;
        Answer::page(&Page { items: rows.into_iter().map(NotedView::from).collect(), next })
    })
}

/// Rows written into the export between two snapshots.
const EXPORT_PAGE: usize = 500;

async fn export(call: Call<ExportAudit>, f: Query<Filter>) -> Response {
    whole(&call.grant)?;
    let (store, tenant, now) = (call.app.store.clone(), call.grant.tenant(), call.app.clock.now());
    let actor = call.grant.actor().clone();
    let noted = store.write(tenant, crate::store::Lane::People, move |tx| -> Result<u64, StoreError> {
        let cx = crate::journal::Cx::new(tx, &actor, now, "http")?;
        let entry = Entry {
            class: Class::Always,
            action: "audit.exported",
            record: "audit",
            id: Id::NIL,
            event: None,
            changed: Vec::new(),
        };
        note(tx, &cx, &entry)
    });
    noted.await?;
    let head = "seq,at,user,device,action,table,record,event,changed,via\r\n";
    let first = (store, tenant, f.0, None, Some(head.as_bytes().to_vec()));
    let pages = futures_util::stream::unfold(Some(first), |state| async move {
        let (store, tenant, filter, before, head) = state?;
        if let Some(head) = head {
            return Some((Ok::<_, ApiError>(Bytes::from(head)), Some((store, tenant, filter, before, None))));
        }
        match store.read(tenant, |tx| queries::list(tx, &filter, before, EXPORT_PAGE)) {
            Err(e) => Some((Err(e.into()), None)),
            Ok((rows, _)) if rows.is_empty() => None,
            Ok((rows, next)) => {
                let mut out = csv::WriterBuilder::new()
                    .has_headers(false)
                    .terminator(csv::Terminator::CRLF)
                    .from_writer(Vec::new());
                for row in rows.into_iter().map(NotedView::from) {
                    let _ = out.write_record(cells(&row).iter().map(|c| guarded(c).into_owned()));
                }
                let bytes = out.into_inner().unwrap_or_default();
                Some((Ok(Bytes::from(bytes)), next.map(|n| (store, tenant, filter, Some(n), None))))
            }
        }
    });
    let mut response = HttpResponse::Ok();
    response
        .content_type("text/csv; charset=utf-8")
        .insert_header(("content-disposition", "attachment; filename=\"audit.csv\""));
    // A slow stream must not be held back by the compressor, which waits for full blocks.
    response.insert_header(("content-encoding", "identity"));
    Ok(response.streaming(pages))
}

fn cells(v: &NotedView) -> [String; 10] {
    [
        v.seq.to_string(),
        v.at.to_string(),
        v.user.clone(),
        v.device.clone().unwrap_or_default(),
        v.action.clone(),
        v.table.clone(),
        v.record.to_string(),
        v.event.map(|e| e.to_string()).unwrap_or_default(),
        if v.changed.is_empty() { String::new() } else { Value::from(v.changed.clone()).to_string() },
        v.via.clone(),
    ]
}

/// A cell that no spreadsheet takes for a formula.
fn guarded(cell: &str) -> std::borrow::Cow<'_, str> {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{cell}").into() } else { cell.into() }
}

async fn verify(call: Call<ViewAudit>) -> Response {
    let (store, tenant) = (call.app.store.clone(), call.grant.tenant());
    let verified = actix_web::web::block(move || super::verify_all(&store, tenant))
        .await
        .map_err(|_| StoreError::Closed)??;
    Ok(Answer::ok(&verified)?.respond("", ""))
}
