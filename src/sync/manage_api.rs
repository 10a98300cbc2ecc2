//! The routes by which people see and steer the exchange: a depot's own (`exchange`), what lies on headquarters' desk
//! (`desk`), and headquarters' depots (`depots`).

mod depots;
mod desk;
mod exchange;

use actix_web::HttpResponse;
use actix_web::http::Method;

pub use self::depots::add_site;
use self::depots::{NewSite, add, code, list, release, revoke};
use self::desk::{Asides, Decision, Proposals, Requeued, proposed, requeue, set_aside, settle};
use self::exchange::{Comparison, Exchange, FileTaken, Join, export, import, join_it, now, show, verify};
pub use self::exchange::{exchange, join_as};
use super::join;
use super::status::{self, SiteView};
use crate::base::error::{Fault, Kind};
use crate::identity::features::{ManageSync, ViewSync};
use crate::store::StoreError;
use crate::web::error::Refusal;
use crate::web::routes::Routes;
use crate::web::{ApiError, App};

type Response = Result<HttpResponse, ApiError>;

/// The media type of a file of the exchange.
const FILE: &str = "application/octet-stream";

/// These routes.
#[must_use]
pub fn routes() -> Routes {
    let own = Routes::new("sync")
        .add::<ViewSync, _, _>(
            Method::GET,
            "/sync",
            show,
            "How the exchange with headquarters, or with the depots, stands",
        )
        .answers::<Exchange>(200)
        .add::<ManageSync, _, _>(
            Method::POST,
            "/sync/now",
            now,
            "Exchange with headquarters at once, and wait for it",
        )
        .answers::<status::DepotView>(200)
        .add::<ManageSync, _, _>(
            Method::POST,
            "/sync/verify",
            verify,
            "Exchange, then compare what both hold",
        )
        .answers::<Comparison>(200)
        .add::<ManageSync, _, _>(
            Method::POST,
            "/sync/join",
            join_it,
            "Join a headquarters, for the owner of the data folder",
        )
        .body::<Join>(r#"{"url":"https://hq.example.com:8443","code":"0123456789abcdef0123456789abcdef"}"#)
        .answers::<join::Joining>(200)
        .add::<ManageSync, _, _>(
            Method::POST,
            "/sync/export",
            export,
            "A signed file of what headquarters does not know yet",
        )
        .add::<ManageSync, _, _>(
            Method::POST,
            "/sync/import",
            import,
            "Take in a file: a depot's at headquarters, headquarters' answer at a depot",
        )
        .raw_body(FILE, "a file of the exchange")
        .answers::<FileTaken>(200);
    own.add::<ViewSync, _, _>(
        Method::GET,
        "/sync/quarantine",
        set_aside,
        "Changes of depots that could not be taken in",
    )
    .query(&[("cursor", "the `next` of the page before")])
    .answers::<Asides>(200)
    .add::<ManageSync, _, _>(
        Method::POST,
        "/sync/quarantine/{eid}/requeue",
        requeue,
        "Try such a change again",
    )
    .answers::<Requeued>(200)
    .add::<ViewSync, _, _>(
        Method::GET,
        "/sync/proposals",
        proposed,
        "What depots would like to have of what headquarters owns",
    )
    .query(&[("cursor", "the `next` of the page before")])
    .answers::<Proposals>(200)
    .add::<ManageSync, _, _>(Method::POST, "/sync/proposals/{eid}", settle, "Accept or decline a proposal")
    .body::<Decision>(r#"{"accept":true}"#)
    .status(204)
    .add::<ViewSync, _, _>(Method::GET, "/sites", list, "The depots of this headquarters")
    .answers::<Vec<SiteView>>(200)
    .add::<ManageSync, _, _>(
        Method::POST,
        "/sites",
        add,
        "Add a depot and give out the code by which it joins",
    )
    .body::<NewSite>(r#"{"name":"North"}"#)
    .answers::<join::SiteCode>(201)
    .add::<ManageSync, _, _>(Method::POST, "/sites/{number}/code", code, "Give out another code for a depot")
    .answers::<join::SiteCode>(201)
    .add::<ManageSync, _, _>(Method::POST, "/sites/{number}/release", release, "Let a depot on hold go on")
    .status(204)
    .add::<ManageSync, _, _>(
        Method::DELETE,
        "/sites/{number}",
        revoke,
        "Take a depot's key away; it goes on working by itself",
    )
    .status(204)
}

fn no_hq() -> Refusal {
    Refusal::new(Kind::NotFound, "sync.no_headquarters", "this is a depot: ask that of headquarters")
}

fn headquarters(app: &App) -> Result<&super::hq::Hq, Refusal> {
    app.sync.hq.as_ref().ok_or_else(no_hq)
}

fn not_joined() -> Refusal {
    let detail = "this depot has joined no headquarters: crossdock sync join --hq URL --code CODE";
    Refusal::new(Kind::Conflict, "sync.not_joined", detail)
}

/// A change that was refused, or could not be written.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Fault for Failed {
    fn kind(&self) -> Kind {
        match self {
            Self::Refused(r) => r.kind,
            Self::Store(e) => e.kind(),
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Self::Refused(r) => r.code,
            Self::Store(e) => e.code(),
        }
    }
}

/// Runs `f` where waiting does no harm.
async fn aside<T: Send + 'static>(
    f: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    actix_web::web::block(f).await.map_err(|_| StoreError::Closed)?
}
