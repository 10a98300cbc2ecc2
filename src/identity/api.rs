//! The routes of users, roles and features.

use actix_web::HttpResponse;
use actix_web::http::Method;
use actix_web::web::Path;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::IdentityError;
use super::auth::api::hashing;
use super::features::{ALL, Described, EditRoles, EditUsers, Feature, RevokeSessions, ViewUsers};
use super::grant::{Grant, Scope};
use super::model::{LANGUAGES, Role, User, normal_login};
use super::password;
use super::repo::{ROLES, USERS};
use super::roles::Reach;
use super::rules::Override;
use super::secret::Secret;
use super::service::{self, NewSecrets};
use crate::base::ids::Id;
use crate::base::page::{DEFAULT_LIMIT, MAX_LIMIT, Page};
use crate::journal::Cx;
use crate::store::{Dir, Ix, KeyRange, StoreError, WriteTx, table};
use crate::web::{Answer, ApiError, App, Body, Call, Query, Routes};

/// A user with its revision.
#[derive(Serialize, ToSchema)]
struct UserView {
    #[serde(flatten)]
    user: User,
    /// The revision, for `If-Match`.
    version: u64,
}

/// A role with its revision.
#[derive(Serialize, ToSchema)]
struct RoleView {
    #[serde(flatten)]
    role: Role,
    /// The revision, for `If-Match`.
    version: u64,
}

/// Writes, and lets the gate know.
pub(super) async fn change<F: Feature>(
    call: Call<F>,
    f: impl FnMut(&mut dyn WriteTx, &Grant<F>, &Cx) -> Result<Answer, IdentityError> + Send + 'static,
) -> Result<HttpResponse, ApiError> {
    let app = call.app.clone();
    let answer = call.write(f).await;
    app.gate.changed();
    answer
}

pub(super) fn id_in(path: &str, what: &'static str) -> Result<Id, IdentityError> {
    path.parse().map_err(|_| IdentityError::Unknown { what, name: path.to_owned() })
}

fn told(user: User, rev: u64) -> Result<Answer, IdentityError> {
    Ok(Answer::ok(&UserView { user, version: rev })?.rev(rev))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listing {
    limit: Option<usize>,
    cursor: Option<String>,
}

impl Listing {
    fn limit(&self) -> usize {
        self.limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT)
    }
}

const LISTING: &[(&str, &str)] = &[("limit", "rows, at most 500"), ("cursor", "`next` of the page before")];

async fn users(call: Call<ViewUsers>, query: Query<Listing>) -> Result<HttpResponse, ApiError> {
    call.read(|tx, _| -> Result<_, StoreError> {
        let range = KeyRange::all().resume(table::position(query.0.cursor.as_deref())?);
        let rows = USERS.scan(tx, Ix::Primary, &range, Dir::Up, query.0.limit())?;
        let views = rows
            .items
            .into_iter()
            .filter_map(|e| e.value.state.value.map(|user| UserView { user, version: e.rev }));
        let next = rows.next.map(|at| table::cursor(&at)).transpose()?;
        Answer::page(&Page { items: views.collect(), next })
    })
}

async fn get_user(call: Call<ViewUsers>, path: Path<String>) -> Result<HttpResponse, ApiError> {
    let id = id_in(&path, "user")?;
    call.read(|tx, _| {
        let (user, rev) = service::user(tx, id)?;
        told(user, rev)
    })
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewUser {
    login: String,
    name: String,
    #[serde(default)]
    email: Option<String>,
    role: String,
    /// Whose records; what the role reaches when absent.
    #[serde(default)]
    scope: Option<Scope>,
    #[serde(default)]
    language: Option<String>,
    /// Whether it is a device that people switch on to.
    #[serde(default)]
    is_station: bool,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    password: Option<Secret<String>>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pin: Option<Secret<String>>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    badge: Option<Secret<String>>,
}

async fn create_user(call: Call<EditUsers>, body: Body<NewUser>) -> Result<HttpResponse, ApiError> {
    let NewUser { login, name, email, role, scope, language, is_station, password, pin, badge } = body.0;
    let user = User {
        id: Id::fresh(),
        number: 0,
        login: normal_login(&login),
        name,
        email,
        role,
        overrides: Vec::new(),
        scope,
        language: language.unwrap_or_else(|| LANGUAGES[0].to_owned()),
        active: true,
        approved: true,
        is_station,
        created_at: call.app.clock.now(),
    };
    user.check().map_err(IdentityError::Invalid)?;
    let given = CredentialsBody { password, pin, badge };
    let secrets = secrets(&call.app, call.grant.tenant(), user.login.clone(), given).await?;
    change(call, move |tx, grant, cx| {
        let (user, rev) = service::create_user(tx, grant, cx, user.clone())?;
        service::set_secrets(tx, grant, cx, user.id, &secrets)?;
        Ok(Answer::created(format!("/api/v1/users/{}", user.id), &UserView { user, version: rev })?.rev(rev))
    })
    .await
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct EditUser {
    login: String,
    name: String,
    #[serde(default)]
    email: Option<String>,
    /// Whose records; what the role reaches when absent.
    #[serde(default)]
    scope: Option<Scope>,
    language: String,
    active: bool,
    approved: bool,
    /// The revision seen, instead of `If-Match`.
    #[serde(default)]
    version: Option<u64>,
}

async fn put_user(
    call: Call<EditUsers>,
    path: Path<String>,
    body: Body<EditUser>,
) -> Result<HttpResponse, ApiError> {
    let (id, new) = (id_in(&path, "user")?, body.0);
    let seen = call.expected_rev(new.version)?;
    change(call, move |tx, grant, cx| {
        let EditUser { login, name, email, scope, language, active, approved, version: _ } = &new;
        let (user, rev) = service::change_user(tx, grant, cx, id, seen, |u| {
            u.login = normal_login(login);
            u.name.clone_from(name);
            u.email.clone_from(email);
            u.scope.clone_from(scope);
            u.language.clone_from(language);
            (u.active, u.approved) = (*active, *approved);
        })?;
        told(user, rev)
    })
    .await
}

async fn deactivate_user(call: Call<EditUsers>, path: Path<String>) -> Result<HttpResponse, ApiError> {
    let (id, seen) = (id_in(&path, "user")?, call.expected_rev(None)?);
    change(call, move |tx, grant, cx| {
        service::change_user(tx, grant, cx, id, seen, |u| u.active = false)?;
        Ok(Answer::none())
    })
    .await
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RoleChange {
    role: String,
    #[serde(default)]
    version: Option<u64>,
}

async fn set_role(
    call: Call<EditUsers>,
    path: Path<String>,
    body: Body<RoleChange>,
) -> Result<HttpResponse, ApiError> {
    let (id, new) = (id_in(&path, "user")?, body.0);
    let seen = call.expected_rev(new.version)?;
    change(call, move |tx, grant, cx| {
        let (user, rev) = service::change_user(tx, grant, cx, id, seen, |u| u.role.clone_from(&new.role))?;
        told(user, rev)
    })
    .await
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Overrides {
    overrides: Vec<Override>,
    #[serde(default)]
    version: Option<u64>,
}

async fn set_overrides(
    call: Call<EditUsers>,
    path: Path<String>,
    body: Body<Overrides>,
) -> Result<HttpResponse, ApiError> {
    let (id, new) = (id_in(&path, "user")?, body.0);
    let seen = call.expected_rev(new.version)?;
    change(call, move |tx, grant, cx| {
        let (user, rev) =
            service::change_user(tx, grant, cx, id, seen, |u| u.overrides.clone_from(&new.overrides))?;
        told(user, rev)
    })
    .await
}

/// What a user proves themselves with; absent leaves it, an empty PIN or badge takes it away.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CredentialsBody {
    /// The password.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub password: Option<Secret<String>>,
    /// 4 to 6 digits.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub pin: Option<Secret<String>>,
    /// The code on the badge.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub badge: Option<Secret<String>>,
}

/// Checks and hashes off the request threads.
///
/// # Errors
/// When something is too easy or no PIN or badge.
pub async fn secrets(
    app: &App,
    tenant: u32,
    login: String,
    given: CredentialsBody,
) -> Result<NewSecrets, ApiError> {
    let gate = app.gate.clone();
    hashing(move || {
        let mut new = NewSecrets::default();
        if let Some(text) = &given.password {
            password::check(&login, text.reveal())?;
            new.password = Some(password::hash(text.reveal())?);
        }
        if let Some(text) = &given.pin {
            new.pin = Some(match text.reveal().as_str() {
                "" => None,
                pin => {
                    password::check_pin(pin)?;
                    Some(password::hash(pin)?)
                }
            });
        }
        if let Some(text) = &given.badge {
            new.badge = Some(match text.reveal().as_str() {
                "" => None,
                code => {
                    password::check_badge(code)?;
                    Some(gate.badge(tenant, code))
                }
            });
        }
        Ok(new)
    })
    .await
}

async fn set_credentials(
    call: Call<EditUsers>,
    path: Path<String>,
    body: Body<CredentialsBody>,
) -> Result<HttpResponse, ApiError> {
    let id = id_in(&path, "user")?;
    let (user, _) = call.app.store.read(call.grant.tenant(), |tx| service::user(tx, id))?;
    let new = secrets(&call.app, call.grant.tenant(), user.login, body.0).await?;
    change(call, move |tx, grant, cx| {
        service::set_secrets(tx, grant, cx, id, &new)?;
        Ok(Answer::none())
    })
    .await
}

async fn end_sessions(call: Call<RevokeSessions>, path: Path<String>) -> Result<HttpResponse, ApiError> {
    let id = id_in(&path, "user")?;
    change(call, move |tx, grant, cx| {
        service::end_sessions(tx, grant, cx, id)?;
        Ok(Answer::none())
    })
    .await
}

async fn roles(call: Call<ViewUsers>) -> Result<HttpResponse, ApiError> {
    call.read(|tx, _| -> Result<_, StoreError> {
        let rows = ROLES.scan(tx, Ix::Primary, &KeyRange::all(), Dir::Up, service::MAX_ROLES)?;
        let mut views: Vec<_> = rows
            .items
            .into_iter()
            .filter_map(|e| e.value.state.value.map(|role| RoleView { role, version: e.rev }))
            .collect();
        views.sort_by(|a, b| a.role.name.cmp(&b.role.name));
        Answer::ok(&views)
    })
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewRole {
    name: String,
    features: Vec<String>,
    reach: Reach,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct EditRole {
    features: Vec<String>,
    reach: Reach,
    #[serde(default)]
    version: Option<u64>,
}

async fn create_role(call: Call<EditRoles>, body: Body<NewRole>) -> Result<HttpResponse, ApiError> {
    let NewRole { name, features, reach } = body.0;
    let role = Role { features: service::features("/features", &features)?, name, reach };
    change(call, move |tx, grant, cx| {
        let (role, rev) = service::put_role(tx, grant, cx, role.clone(), None)?;
        Ok(Answer::created(format!("/api/v1/roles/{}", role.name), &RoleView { role, version: rev })?
            .rev(rev))
    })
    .await
}

async fn put_role(
    call: Call<EditRoles>,
    path: Path<String>,
    body: Body<EditRole>,
) -> Result<HttpResponse, ApiError> {
    let EditRole { features, reach, version } = body.0;
    let seen = call.expected_rev(version)?;
    let role = Role { name: path.into_inner(), features: service::features("/features", &features)?, reach };
    change(call, move |tx, grant, cx| {
        let (role, rev) = service::put_role(tx, grant, cx, role.clone(), Some(seen))?;
        Ok(Answer::ok(&RoleView { role, version: rev })?.rev(rev))
    })
    .await
}

async fn list_features(call: Call<ViewUsers>) -> Result<HttpResponse, ApiError> {
    call.read(|_, _| Answer::ok(&ALL))
}

const NEW_USER: &str = r#"{"login": "ana", "name": "Ana Müller", "email": "ana@example.com", "role": "clerk", "language": "en", "password": "correct horse battery", "pin": "2580", "badge": "B-0042"}"#;
const EDIT_USER: &str = r#"{"login": "ana", "name": "Ana Müller", "email": "ana@example.com", "language": "es", "active": true, "approved": true}"#;
const OVERRIDES: &str = r#"{"overrides": [{"feature": "parcels.force", "grant": true, "reason": "covers the night shift", "until": "2099-12-31T06:00:00Z"}]}"#;

/// The routes of this area; those of logins, API keys and tenants are with theirs.
pub fn routes() -> Routes {
    Routes::new("users")
        .add::<ViewUsers, _, _>(Method::GET, "/users", users, "Users, those switched off included")
        .query(LISTING)
        .answers::<Page<UserView>>(200)
        .add::<EditUsers, _, _>(Method::POST, "/users", create_user, "Add a user")
        .body::<NewUser>(NEW_USER)
        .answers::<UserView>(201)
        .add::<ViewUsers, _, _>(Method::GET, "/users/{id}", get_user, "One user")
        .answers::<UserView>(200)
        .add::<EditUsers, _, _>(
            Method::PUT,
            "/users/{id}",
            put_user,
            "Change a user; one switched off is logged out",
        )
        .body::<EditUser>(EDIT_USER)
        .answers::<UserView>(200)
        .add::<EditUsers, _, _>(
            Method::DELETE,
            "/users/{id}",
            deactivate_user,
            "Switch a user off and log them out",
        )
        .status(204)
        .add::<EditUsers, _, _>(Method::PATCH, "/users/{id}/role", set_role, "Give a user another role")
        .body::<RoleChange>(r#"{"role": "supervisor"}"#)
        .answers::<UserView>(200)
        .add::<EditUsers, _, _>(
            Method::PUT,
            "/users/{id}/overrides",
            set_overrides,
            "Set a user's exceptions from their role",
        )
        .body::<Overrides>(OVERRIDES)
        .answers::<UserView>(200)
        .add::<EditUsers, _, _>(
            Method::PUT,
            "/users/{id}/credentials",
            set_credentials,
            "Set a user's password, PIN or badge",
        )
        .body::<CredentialsBody>(r#"{"pin": "2580"}"#)
        .status(204)
        .add::<RevokeSessions, _, _>(
            Method::DELETE,
            "/users/{id}/sessions",
            end_sessions,
            "Log a user out everywhere",
        )
        .status(204)
        .add::<ViewUsers, _, _>(Method::GET, "/roles", roles, "Roles")
        .answers::<Vec<RoleView>>(200)
        .add::<EditRoles, _, _>(Method::POST, "/roles", create_role, "Add a role")
        .body::<NewRole>(
            r#"{"name": "night_shift", "features": ["parcels.view", "parcels.scan"], "reach": "tenant"}"#,
        )
        .answers::<RoleView>(201)
        .add::<EditRoles, _, _>(Method::PUT, "/roles/{name}", put_role, "Change a role")
        .body::<EditRole>(
            r#"{"features": ["parcels.view", "parcels.scan", "parcels.labels"], "reach": "tenant"}"#,
        )
        .answers::<RoleView>(200)
        .add::<ViewUsers, _, _>(
            Method::GET,
            "/features",
            list_features,
            "Everything a person can be allowed to do",
        )
        .answers::<Vec<Described>>(200)
}
