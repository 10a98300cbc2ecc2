//! Where masters stand in their procedure, and the steps of it.

use actix_web::http::Method;
use actix_web::web::Path;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Response;
use crate::freight::desk;
use crate::freight::error::Result;
use crate::freight::service::{self, Advance};
use crate::freight::sop::{Sop, Step};
use crate::freight::views::{self, WorkflowView};
use crate::identity::features::{AdvanceWorkflows, EditWorkflows, ViewWorkflows};
use crate::web::{Answer, Body, Call, Routes};

const STEPS: &str = r#"{"steps":[{"key":"created","name":"Create the waybill","role":"import_agent","guards":["number_ok"],"auto":true}]}"#;

pub(super) fn routes(r: Routes) -> Routes {
    r.add::<ViewWorkflows, _, _>(
        Method::GET,
        "/workflows/mawb/{id}",
        workflow,
        "Where a master stands in its procedure",
    )
    .answers::<WorkflowView>(200)
    .add::<AdvanceWorkflows, _, _>(
        Method::POST,
        "/workflows/mawb/{id}/advance",
        advance,
        "Take a step; 409 with what is missing, forced only by right and with a reason",
    )
    .body::<Advance>("{}")
    .answers::<WorkflowView>(200)
    .add::<ViewWorkflows, _, _>(Method::GET, "/workflow-steps", steps, "The steps new waybills begin with")
    .answers::<SopView>(200)
    .add::<EditWorkflows, _, _>(
        Method::PUT,
        "/workflow-steps",
        put_steps,
        "Set them as the next version; running procedures keep theirs",
    )
    .body::<StepsInput>(STEPS)
    .answers::<SopView>(200)
}

async fn workflow(call: Call<ViewWorkflows>, name: Path<String>) -> Response {
    call.read(|tx, grant| -> Result<Answer> {
        service::whole(grant)?;
        Ok(Answer::ok(&views::workflow(tx, &service::find(tx, &name)?.value)?)?)
    })
}

async fn advance(call: Call<AdvanceWorkflows>, name: Path<String>, body: Body<Advance>) -> Response {
    call.write(move |tx, grant, cx| -> Result<Answer> {
        let entry = service::advance(tx, grant, cx, &name, &body.0)?;
        Ok(Answer::ok(&views::workflow(tx, &entry.value)?)?)
    })
    .await
}

/// The steps new waybills begin with.
#[derive(Serialize, ToSchema)]
struct SopView {
    /// Which version.
    version: u32,
    /// The record's revision.
    revision: u64,
    /// The steps.
    steps: Vec<Step>,
}

/// Steps that are set.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct StepsInput {
    /// In their order.
    steps: Vec<Step>,
    /// The revision that was seen.
    #[serde(default)]
    version: Option<u64>,
}

async fn steps(call: Call<ViewWorkflows>) -> Response {
    call.read(|tx, _| -> Result<Answer> {
        let (Sop { version, steps }, revision) = desk::present(tx)?;
        Ok(Answer::ok(&SopView { version, revision, steps })?.rev(revision))
    })
}

async fn put_steps(call: Call<EditWorkflows>, body: Body<StepsInput>) -> Response {
    let seen = call.if_match()?.or(body.0.version);
    call.write(move |tx, grant, cx| -> Result<Answer> {
        service::whole(grant)?;
        let (Sop { version, steps }, revision) = desk::put(tx, cx, body.0.steps.clone(), seen)?;
        Ok(Answer::ok(&SopView { version, revision, steps })?.rev(revision))
    })
    .await
}
