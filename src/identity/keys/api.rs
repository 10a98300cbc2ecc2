//! The routes of API keys.

use actix_web::HttpResponse;
use actix_web::http::Method;
use actix_web::web::Path;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::identity::api::{change, id_in};
use crate::identity::features::{Features, ManageApiKeys};
use crate::identity::grant::Scope;
use crate::identity::model::ApiKey;
use crate::identity::opaque::{Opaque, Purpose};
use crate::identity::repo::API_KEYS;
use crate::identity::service;
use crate::store::{Dir, Ix, KeyRange, StoreError};
use crate::web::{Answer, ApiError, Body, Call, Routes};

/// How long an API key is good for when nobody says.
const KEY_DAYS: u64 = 365;

#[derive(Serialize, ToSchema)]
struct KeyView {
    id: Id,
    name: String,
    #[schema(value_type = Vec<String>)]
    features: Features,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<Scope>,
    user: Id,
    created_at: Timestamp,
    expires: Timestamp,
    /// The key itself, shown in the first answer alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
}

impl From<ApiKey> for KeyView {
    fn from(key: ApiKey) -> Self {
        let ApiKey { id, name, digest: _, features, scope, expires, user, created_at } = key;
        Self { id, name, features, scope, user, created_at, expires, key: None }
    }
}

async fn api_keys(call: Call<ManageApiKeys>) -> Result<HttpResponse, ApiError> {
    call.read(|tx, _| -> Result<_, StoreError> {
        let rows = API_KEYS.scan(tx, Ix::Primary, &KeyRange::all(), Dir::Up, super::MAX_API_KEYS)?;
        let views: Vec<KeyView> = rows.items.into_iter().map(|e| e.value.into()).collect();
        Answer::ok(&views)
    })
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewKey {
    /// What it is for.
    name: String,
    features: Vec<String>,
    #[serde(default)]
    scope: Option<Scope>,
    /// A year from now when absent.
    #[serde(default)]
    expires: Option<Timestamp>,
    /// In whose name it acts; the caller's when absent.
    #[serde(default)]
    user: Option<Id>,
}

async fn create_api_key(call: Call<ManageApiKeys>, body: Body<NewKey>) -> Result<HttpResponse, ApiError> {
    let NewKey { name, features, scope, expires, user } = body.0;
    let now = call.app.clock.now();
    let made = Opaque::fresh(call.grant.tenant(), Purpose::ApiKey)?;
    let key = ApiKey {
        id: Id::fresh(),
        name,
        digest: made.digest(),
        features: service::features("/features", &features)?,
        scope,
        expires: expires.unwrap_or_else(|| now.after(std::time::Duration::from_secs(KEY_DAYS * 86_400))),
        user: user.unwrap_or(call.grant.actor().user),
        created_at: now,
    };
    let shown = made.reveal().to_owned();
    change(call, move |tx, grant, cx| {
        super::add_api_key(tx, grant, cx, &key)?;
        let location = format!("/api/v1/api-keys/{}", key.id);
        Ok(Answer::created(location, &KeyView::from(key.clone()))?.once("key", shown.clone()))
    })
    .await
}

async fn delete_api_key(call: Call<ManageApiKeys>, path: Path<String>) -> Result<HttpResponse, ApiError> {
    let id = id_in(&path, "API key")?;
    change(call, move |tx, grant, cx| {
        super::remove_api_key(tx, grant, cx, id)?;
        Ok(Answer::none())
    })
    .await
}

/// The routes of this subject.
pub fn routes() -> Routes {
    Routes::new("api keys")
        .add::<ManageApiKeys, _, _>(Method::GET, "/api-keys", api_keys, "API keys, without their text")
        .answers::<Vec<KeyView>>(200)
        .add::<ManageApiKeys, _, _>(
            Method::POST,
            "/api-keys",
            create_api_key,
            "Make an API key; its text is shown this once",
        )
        .body::<NewKey>(r#"{"name": "web shop", "features": ["parcels.view", "parcels.create"]}"#)
        .answers::<KeyView>(201)
        .add::<ManageApiKeys, _, _>(Method::DELETE, "/api-keys/{id}", delete_api_key, "Withdraw an API key")
        .status(204)
}
