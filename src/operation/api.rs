//! The routes of an operator.

use actix_web::HttpResponse;
use actix_web::http::Method;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::backups;
use crate::base::clock::Timestamp;
use crate::base::error::Kind;
use crate::identity::auth::token_for;
use crate::identity::features::{DetailedHealth, EditUsers, RunBackups};
use crate::store::backup::{self, BackupError, Target};
use crate::store::{StoreError, check};
use crate::web::error::Refusal;
use crate::web::routes::Routes;
use crate::web::{Answer, ApiError, Body, Call};

type Response = Result<HttpResponse, ApiError>;

/// These routes.
#[must_use]
pub fn routes() -> Routes {
    Routes::new("operation")
        .add::<RunBackups, _, _>(
            Method::GET,
            "/backups",
            list,
            "Backups there are, and how the schedule stands",
        )
        .answers::<BackupsView>(200)
        .add::<RunBackups, _, _>(Method::POST, "/backups", make, "Make a backup now")
        .body::<Wanted>("{}")
        .answers::<MadeView>(201)
        .add::<EditUsers, _, _>(
            Method::POST,
            "/control/token",
            token,
            "An access token for a user, for the owner of the data folder",
        )
        .body::<TokenFor>(r#"{"login":"admin"}"#)
        .answers::<TokenView>(200)
        .add::<DetailedHealth, _, _>(
            Method::GET,
            "/check",
            check_store,
            "Read everything in the store and hold it against itself",
        )
        .answers::<ReportView>(200)
}

/// A backup to be made.
#[derive(Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct Wanted {
    /// The folder; the settings' place without it. Only the operator on the machine itself may name one.
    to: Option<String>,
}

/// A backup that was made.
#[derive(Serialize, ToSchema)]
struct MadeView {
    name: String,
    folder: String,
    rows: u64,
    chunks: u64,
    chunks_new: u64,
    bytes_new: u64,
}

/// A backup there is.
#[derive(Serialize, ToSchema)]
struct BackupView {
    name: String,
    label: String,
    made_at: Timestamp,
}

/// All of them.
#[derive(Serialize, ToSchema)]
struct BackupsView {
    folder: String,
    #[serde(flatten)]
    state: backups::State,
    items: Vec<BackupView>,
}

/// What the check found.
#[derive(Serialize, ToSchema)]
struct ReportView {
    clean: bool,
    #[serde(flatten)]
    #[schema(value_type = Object)]
    report: check::Report,
}

fn refused(e: &BackupError) -> ApiError {
    Refusal::new(Kind::Conflict, "backup.failed", e.to_string()).into()
}

async fn list(call: Call<RunBackups>) -> Response {
    let (store, config, now) = (call.app.store.clone(), call.app.config.clone(), call.app.clock.now());
    let work = move || -> Result<Answer, ApiError> {
        let target = backups::own_target(&config);
        let state = backups::state(&store, &config, now)?;
        let all = if target.folder.join("repository.json").exists() {
            backup::list(&target).map_err(|e| refused(&e))?
        } else {
            Vec::new()
        };
        let items = all
            .into_iter()
            .map(|(name, m)| BackupView { name, label: m.label, made_at: m.made_at })
            .collect();
        Ok(Answer::ok(&BackupsView { folder: target.folder.display().to_string(), state, items })?)
    };
    let answer = actix_web::web::block(work).await.map_err(|_| StoreError::Closed)??;
    Ok(answer.respond("", ""))
}

async fn make(call: Call<RunBackups>, wanted: Body<Wanted>) -> Response {
    let mut target = backups::own_target(&call.app.config);
    if let Some(to) = wanted.0.to {
        // A path is a way into the machine's files: it is taken from whoever owns the data folder, and nobody else.
        if !call.grant.actor().is_system() {
            let detail = "a folder is named on the machine itself: crossdock backup --to DIR";
            return Err(Refusal::new(Kind::Forbidden, "backup.folder", detail).into());
        }
        target = Target { folder: to.into(), ..target };
    }
    let (store, config, now) = (call.app.store.clone(), call.app.config.clone(), call.app.clock.now());
    let work = move || -> Result<Answer, ApiError> {
        let keep = config.backup.keep;
        let made = backups::make(&store, &target, keep, "asked-for", now).map_err(|e| refused(&e))?;
        let folder = target.folder.display().to_string();
        let view = MadeView {
            name: made.name,
            folder,
            rows: made.rows,
            chunks: made.chunks,
            chunks_new: made.chunks_new,
            bytes_new: made.bytes_new,
        };
        Ok(Answer::json(201, &view)?)
    };
    let answer = actix_web::web::block(work).await.map_err(|_| StoreError::Closed)??;
    Ok(answer.respond("", ""))
}

async fn check_store(call: Call<DetailedHealth>) -> Response {
    let (store, tables) = (call.app.store.clone(), call.app.tables);
    let report = actix_web::web::block(move || check::run(&store, &tables()))
        .await
        .map_err(|_| StoreError::Closed)??;
    Ok(Answer::ok(&ReportView { clean: report.is_clean(), report })?.respond("", ""))
}

/// Whose token.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TokenFor {
    login: String,
}

/// A token.
#[derive(Serialize, ToSchema)]
struct TokenView {
    access_token: String,
    expires_in: u64,
}

async fn token(call: Call<EditUsers>, wanted: Body<TokenFor>) -> Response {
    if !call.grant.actor().is_system() {
        let detail = "tokens for others are made on the machine itself: crossdock token --user U";
        return Err(Refusal::new(Kind::Forbidden, "control.only", detail).into());
    }
    let (store, gate, now) = (call.app.store.clone(), call.app.gate.clone(), call.app.clock.now());
    let entered = actix_web::web::block(move || token_for(&store, gate.tokens(), &wanted.0.login, now)).await;
    let entered = entered.map_err(|_| StoreError::Closed)??;
    let expires_in = entered.expires_in();
    Ok(Answer::ok(&TokenView { access_token: entered.access.unwrap_or_default(), expires_in })?
        .respond("", ""))
}
