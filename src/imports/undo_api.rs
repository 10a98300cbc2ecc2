//! One route to take back what was told in bulk: an import, or a bulk report on parcels.

use actix_web::HttpResponse;
use actix_web::http::Method;
use actix_web::web::Path;
use serde::Serialize;
use utoipa::ToSchema;

use super::model::{Import, State};
use super::service::{self, ServiceError};
use crate::base::ids::Id;
use crate::identity::features::UndoImports;
use crate::identity::grant::Grant;
use crate::parcels::undo::{self, Bulk, Kept};
use crate::store::ReadTx;
use crate::web::routes::Routes;
use crate::web::{Answer, ApiError, Call};

type Response = Result<HttpResponse, ApiError>;

/// These routes.
#[must_use]
pub fn routes() -> Routes {
    Routes::new("imports")
        .add::<UndoImports, _, _>(
            Method::POST,
            "/undo/{id}",
            begin,
            "Take back an import or a bulk report, all but the rows on which later facts stand; each of these with its reason",
        )
        .answers::<UndoView>(200)
        .add::<UndoImports, _, _>(
            Method::GET,
            "/undo/{id}",
            show,
            "How far taking back is, and which rows stay",
        )
        .answers::<UndoView>(200)
}

/// What was taken back and what stays.
#[derive(Serialize, ToSchema)]
struct UndoView {
    id: Id,
    /// `import` or `bulk`.
    kind: &'static str,
    /// `not_begun`, `undoing` or `undone`.
    state: &'static str,
    /// Rows that lost their effect.
    taken_back: u64,
    /// Rows that stay.
    kept: u64,
    /// The rows that stay with the reason of each, at most 1,000.
    rows: Vec<Kept>,
}

fn of_import(tx: &dyn ReadTx, import: &Import) -> Result<UndoView, ServiceError> {
    let state = match import.state {
        State::Undoing => "undoing",
        State::Undone => "undone",
        State::Queued | State::Running | State::Done | State::Failed => "not_begun",
    };
    let rows = service::stays(tx, import)?;
    let Import { id, taken_back, kept, .. } = *import;
    Ok(UndoView { id, kind: "import", state, taken_back, kept, rows })
}

fn of_bulk(bulk: &Bulk, rows: Vec<Kept>) -> UndoView {
    let state = if bulk.undone_at.is_some() { "undone" } else { "not_begun" };
    let kept = rows.len() as u64;
    let taken_back = if bulk.undone_at.is_some() { bulk.rows.len() as u64 - kept } else { 0 };
    UndoView { id: bulk.id, kind: "bulk", state, taken_back, kept, rows }
}

/// The bulk report `id`; none when it is none, or somebody else's.
fn bulk(tx: &dyn ReadTx, grant: &Grant<UndoImports>, id: &str) -> Result<Option<Bulk>, ServiceError> {
    let id = id.parse::<Id>().ok();
    Ok(id.map(|id| undo::bulk(tx, grant, id)).transpose()?.flatten())
}

async fn begin(call: Call<UndoImports>, id: Path<String>) -> Response {
    call.write(move |tx, grant, cx| -> Result<Answer, ServiceError> {
        if let Some(found) = bulk(tx, grant, &id)? {
            if found.undone_at.is_some() {
                return Err(ServiceError::Undone(found.id));
            }
            let kept = undo::undo_bulk(tx, grant, cx, &found)?;
            let done = Bulk { undone_at: Some(cx.now), kept: kept.clone(), ..found };
            return Ok(Answer::ok(&of_bulk(&done, kept))?);
        }
        let import = service::undo(tx, grant, cx, &id, true)?;
        let location = format!("/api/v1/undo/{}", import.id);
        Ok(Answer { location: Some(location), ..Answer::json(202, &of_import(tx, &import)?)? })
    })
    .await
}

async fn show(call: Call<UndoImports>, id: Path<String>) -> Response {
    call.read(|tx, grant| -> Result<Answer, ServiceError> {
        if let Some(found) = bulk(tx, grant, &id)? {
            let kept = found.kept.clone();
            return Ok(Answer::ok(&of_bulk(&found, kept))?);
        }
        service::whole(grant)?;
        let import = service::find(tx, &id)?;
        Ok(Answer::ok(&of_import(tx, &import)?)?)
    })
}
