//! People and what they may do: users with their role, credentials and sessions, and roles as a matrix of rights.

use maud::{Markup, html};
use serde::Deserialize;

use super::setup::languages;
use super::shell::icons::Icon;
use super::shell::parts::{self, Field, choice, mark, refusal};
use super::shell::{Fail, Form, Group, Out, Reply, Screen, Viewer, Visit};
use crate::base::clock::Timestamp;
use crate::base::error::Invalid;
use crate::base::ids::Id;
use crate::base::page::MAX_LIMIT;
use crate::identity::IdentityError;
use crate::identity::api::{CredentialsBody, secrets};
use crate::identity::features::{ALL, EditRoles, EditUsers, RevokeSessions, ViewUsers};
use crate::identity::grant::{Grant, Scope};
use crate::identity::model::{Role, User, normal_login};
use crate::identity::repo::{ROLES, USERS};
use crate::identity::roles::Reach;
use crate::identity::rules::Override;
use crate::identity::secret::Secret;
use crate::identity::service;
use crate::store::table::{cursor, position};
use crate::store::{Dir, Ix, KeyRange, ReadTx, StoreError};
use crate::web::ApiError;

type Looking = Visit<Grant<ViewUsers>>;
type Editing = Visit<Grant<EditUsers>>;

/// Users of a page.
const PAGE: usize = 100;

/// This screen.
#[must_use]
pub fn screen() -> Screen {
    Screen::new()
        .nav(Group::House, Icon::Users, "nav-users")
        .get("/users", list)
        .get("/users/new", blank)
        .post("/users/new", add)
        .get("/users/roles", roles)
        .post("/users/roles", add_role)
        .get("/users/roles/{name}", role)
        .post("/users/roles/{name}", put_role)
        .get("/users/{id}", show)
        .post("/users/{id}", change)
        .post("/users/{id}/overrides", set_overrides)
        .post("/users/{id}/secrets", set_secrets)
        .post("/users/{id}/out", out)
}

#[derive(Default, Deserialize)]
struct Asked {
    cursor: Option<String>,
    done: Option<String>,
}

fn all_roles(tx: &dyn ReadTx) -> Result<Vec<(Role, u64)>, StoreError> {
    let rows = ROLES.scan(tx, Ix::Primary, &KeyRange::all(), Dir::Up, MAX_LIMIT)?;
    let mut roles: Vec<_> =
        rows.items.into_iter().filter_map(|e| e.value.state.value.map(|r| (r, e.rev))).collect();
    let place = |name: &str| crate::identity::roles::NAMES.iter().position(|n| *n == name);
    roles.sort_by_key(|(r, _)| (place(&r.name).unwrap_or(usize::MAX), r.name.clone()));
    Ok(roles)
}

fn tabs(v: &Viewer, here: &str) -> Markup {
    let tab = |to: &str, label: String| html! { a href=(to) aria-current=[(to == here).then_some("true")] { (label) } };
    html! { nav.chips { (tab("/users", v.t("users"))) (tab("/users/roles", v.t("roles"))) } }
}

fn standing(v: &Viewer, u: &User) -> Markup {
    match (u.active, u.approved) {
        (false, _) => mark(Some(false), &v.t("user-off")),
        (true, false) => mark(None, &v.t("user-waits")),
        (true, true) => mark(Some(true), &v.t("user-on")),
    }
}

#[allow(clippy::unused_async)] // the form of a handler
async fn list(visit: Looking) -> Reply {
    let (asked, v) = (visit.query::<Asked>()?, &visit.viewer);
    let (users, next) = visit.read(|tx| -> Result<_, StoreError> {
        let range = KeyRange::all().resume(position(asked.cursor.as_deref())?);
        let rows = USERS.scan(tx, Ix::Primary, &range, Dir::Up, PAGE)?;
        let next = rows.next.as_ref().map(cursor).transpose()?;
        Ok((rows.items.into_iter().filter_map(|e| e.value.state.value).collect::<Vec<_>>(), next))
    })?;
    let main = html! {
        div.head { h1 { (v.t("nav-users")) } @if v.may::<EditUsers>() { a.button.primary href="/users/new" { (Icon::Plus) (v.t("user-new")) } } }
        (tabs(v, "/users"))
        (parts::done(v, asked.done.as_deref()))
        div data-region="users" data-kinds="user" {
            table.list {
                thead { tr { th { (v.t("name")) } th { (v.t("login-name")) } th { (v.t("role")) } th { (v.t("state")) } th { (v.t("language")) } } }
                tbody {
                    @for u in &users {
                        tr data-row {
                            td { a href={ "/users/" (u.id) } { (u.name) } @if u.is_station { " " small.faint { (v.t("user-station")) } } }
                            td { (u.login) } td { (v.word("role", &u.role)) } td { (standing(v, u)) } td { (u.language) }
                        }
                    }
                }
            }
        }
        (parts::more(v, "/users", visit.request.query_string(), next.as_deref()))
    };
    Ok(Out::page(v.t("nav-users"), main))
}

fn role_choices(v: &Viewer, roles: &[(Role, u64)]) -> Vec<(String, String)> {
    roles.iter().map(|(r, _)| (r.name.clone(), v.word("role", &r.name))).collect()
}

fn scope_text(scope: Option<&Scope>) -> String {
    match scope {
        Some(Scope::Distributors(d)) => d.join(", "),
        _ => String::new(),
    }
}

/// The distributors somebody is limited to; none where they see what their role reaches.
fn scope_of(f: &Form) -> Option<Scope> {
    let names = f.text("distributors").split(',').map(str::trim).filter(|n| !n.is_empty());
    let names: Vec<String> = names.map(str::to_owned).collect();
    (!names.is_empty()).then_some(Scope::Distributors(names))
}

fn fields(v: &Viewer, f: &Form, roles: &[(Role, u64)]) -> Markup {
    html! {
        div.two { (Field::text("name", v.t("name"), f.text("name")).needed()) (Field::text("login", v.t("login-name"), f.text("login")).needed()) }
        div.two { (choice("role", &v.t("role"), &role_choices(v, roles), f.text("role"))) (choice("language", &v.t("language"), &languages(), f.text("language"))) }
        div.two {
            (Field::text("email", v.t("email"), f.text("email")).kind("email", "off"))
            (Field::text("distributors", v.t("user-distributors"), f.text("distributors")).hint(v.t("user-distributors-hint")))
        }
    }
}

fn new_form(v: &Viewer, f: &Form, roles: &[(Role, u64)], fail: Option<&ApiError>) -> Markup {
    html! {
        h1 { (v.t("user-new")) }
        (refusal(v, fail))
        section.card.narrow {
            (parts::post(v, "/users/new", &html! {
                (fields(v, f, roles))
                (parts::tick("is_station", &v.t("user-is-station"), f.ticked("is_station")))
                (secret_fields(v))
                button.primary { (v.t("user-add")) }
            }))
        }
    }
}

fn secret_fields(v: &Viewer) -> Markup {
    html! {
        div.three {
            (Field::text("password", v.t("password"), "").kind("password", "new-password").hint(v.t("password-hint")))
            (Field::text("pin", v.t("pin"), "").kind("password", "new-password").hint(v.t("pin-hint")))
            (Field::text("badge", v.t("badge"), "").kind("password", "new-password").hint(v.t("badge-hint")))
        }
    }
}

#[allow(clippy::unused_async)] // the form of a handler
async fn blank(visit: Editing) -> Reply {
    let roles = visit.read(all_roles)?;
    let usual =
        Form(vec![("role".into(), "clerk".into()), ("language".into(), visit.viewer.words.tag.into())]);
    Ok(Out::page(visit.viewer.t("user-new"), new_form(&visit.viewer, &usual, &roles, None)))
}

fn given(f: &Form) -> CredentialsBody {
    let secret = |name: &str| Some(f.raw(name)).filter(|t| !t.is_empty()).map(|t| Secret::new(t.to_owned()));
    CredentialsBody { password: secret("password"), pin: secret("pin"), badge: secret("badge") }
}

async fn add(visit: Editing, f: Form) -> Reply {
    let user = User {
        id: Id::fresh(),
        number: 0,
        login: normal_login(f.text("login")),
        name: f.text("name").to_owned(),
        email: f.some("email"),
        role: f.text("role").to_owned(),
        overrides: Vec::new(),
        scope: scope_of(&f),
        language: f.text("language").to_owned(),
        active: true,
        approved: true,
        is_station: f.ticked("is_station"),
        created_at: visit.viewer.now,
    };
    let made = async {
        user.check().map_err(IdentityError::Invalid)?;
        let kept = secrets(&visit.app, visit.principal.tenant, user.login.clone(), given(&f)).await?;
        let made = visit.write::<EditUsers, _, _>(move |tx, grant, cx| -> Result<Id, IdentityError> {
            let (user, _) = service::create_user(tx, grant, cx, user.clone())?;
            service::set_secrets(tx, grant, cx, user.id, &kept)?;
            Ok(user.id)
        });
        made.await
    };
    let made: Result<Id, Fail> = made.await;
    visit.app.gate.changed();
    match made {
        Ok(id) => Ok(Out::See(format!("/users/{id}?done=added"))),
        Err(Fail::Refused(e)) => {
            let roles = visit.read(all_roles)?;
            let main = new_form(&visit.viewer, &f, &roles, Some(&e));
            Ok(Out::page(visit.viewer.t("user-new"), main).after(Some(&e)))
        }
        Err(fail) => Err(fail),
    }
}

struct One {
    user: User,
    version: u64,
    roles: Vec<(Role, u64)>,
}

fn load<P: super::shell::visit::Pass>(visit: &Visit<P>) -> Result<One, Fail> {
    let name = visit.path("id");
    let unknown = || IdentityError::Unknown { what: "user", name: name.clone() };
    let id: Id = name.parse().map_err(|_| unknown())?;
    visit.read(|tx| -> Result<_, IdentityError> {
        let (user, version) = service::user(tx, id)?;
        Ok(One { user, version, roles: all_roles(tx)? })
    })
}

#[allow(clippy::unused_async)] // the form of a handler
async fn show(visit: Looking) -> Reply {
    let asked: Asked = visit.query().unwrap_or_default();
    let one = load(&visit)?;
    let main = markup(&visit.viewer, &one, &Form::default(), asked.done.as_deref(), None);
    Ok(Out::page(one.user.name, main))
}

fn filled(one: &One) -> Form {
    let u = &one.user;
    let on = |b: bool| if b { "1".to_owned() } else { String::new() };
    let all = [
        ("name", u.name.clone()),
        ("login", u.login.clone()),
        ("role", u.role.clone()),
        ("language", u.language.clone()),
        ("email", u.email.clone().unwrap_or_default()),
        ("distributors", scope_text(u.scope.as_ref())),
        ("active", on(u.active)),
        ("approved", on(u.approved)),
    ];
    Form(all.into_iter().map(|(n, t)| (n.to_owned(), t)).collect())
}

/// What a right allows, in words; its name when this release does not know it.
fn right(v: &Viewer, name: &str) -> Markup {
    match ALL.iter().find(|f| f.name == name) {
        Some(f) => v.say(f.about),
        None => html! { code { (name) } },
    }
}

/// Exceptions from the role, each with its end; more can be made.
fn overrides(v: &Viewer, one: &One, f: &Form) -> Markup {
    let (u, edits) = (&one.user, v.may::<EditUsers>());
    let at = format!("/users/{}/overrides", u.id);
    let features: Vec<_> = ALL.iter().map(|x| (x.name.to_owned(), v.retold(x.about))).collect();
    let ways =
        [("give", v.t("override-give")), ("take", v.t("override-take"))].map(|(n, t)| (n.to_owned(), t));
    html! {
        @if edits || !u.overrides.is_empty() {
            section.card.narrow aria-labelledby="overrides" {
                h2 id="overrides" { (v.t("user-overrides")) }
                p.faint { (v.t("user-overrides-hint")) }
                @if !u.overrides.is_empty() {
                    table.list {
                        thead { tr { th { (v.t("right")) } th { (v.t("reason")) } th { (v.t("override-until")) } @if edits { th { span.away { (v.t("actions")) } } } } }
                        tbody { @for o in &u.overrides { tr {
                            td { (mark(Some(o.grant), &v.t(if o.grant { "override-given" } else { "override-taken" }))) " " (right(v, &o.feature)) }
                            td { (o.reason) }
                            td.when { @match o.until { Some(until) => { (v.time(until)) @if !o.is_live(v.now) { " " small.faint { (v.t("override-over")) } } }, None => (v.t("override-no-end")) } }
                            @if edits { td.act { (parts::post(v, &at, &html! { (parts::version(one.version)) input type="hidden" name="end" value=(o.feature); button.small aria-label={ (v.t("remove")) " " (o.feature) } { (v.t("remove")) } })) } }
                        } } }
                    }
                }
                @if edits {
                    details open[f.ticked("way")] {
                        summary { (v.t("override-new")) }
                        (parts::post(v, &at, &html! {
                            (parts::version(one.version))
                            div.two {
                                (choice("way", &v.t("override-way"), &ways, f.text("way")))
                                (choice("feature", &v.t("right"), &features, f.text("feature")))
                                (Field::text("reason", v.t("reason"), f.text("reason")).needed())
                                (Field::text("until", v.t("override-until"), f.text("until")).kind("datetime-local", "off").hint(v.t("override-until-hint")))
                            }
                            button { (v.t("save")) }
                        }))
                    }
                }
            }
        }
    }
}

fn markup(v: &Viewer, one: &One, given: &Form, done: Option<&str>, fail: Option<&ApiError>) -> Markup {
    let (u, f) = (&one.user, filled(one));
    let at = format!("/users/{}", u.id);
    html! {
        div.head { h1 { (u.name) } (standing(v, u)) a.all href="/users" { (v.t("users")) } }
        (parts::done(v, done))
        (refusal(v, fail))
        @if v.may::<EditUsers>() {
            section.card.narrow {
                (parts::post(v, &at, &html! {
                    (parts::version(one.version))
                    (fields(v, &f, &one.roles))
                    (parts::tick("active", &v.t("user-active"), u.active))
                    (parts::tick("approved", &v.t("user-approved"), u.approved))
                    button.primary { (v.t("save")) }
                }))
            }
            section.card.narrow {
                h2 { (v.t("user-secrets")) }
                p.faint { (v.t("user-secrets-hint")) }
                (parts::post(v, &format!("{at}/secrets"), &html! { (secret_fields(v)) button { (v.t("save")) } }))
            }
        } @else {
            dl.facts { (parts::fact(&v.t("login-name"), Some(&html! { (u.login) }))) (parts::fact(&v.t("role"), Some(&html! { (v.word("role", &u.role)) }))) }
        }
        (overrides(v, one, given))
        @if v.may::<RevokeSessions>() { (parts::post(v, &format!("{at}/out"), &html! { button { (v.t("user-log-out")) } })) }
    }
}

fn back<P: super::shell::visit::Pass>(visit: &Visit<P>, form: &Form, done: Result<(), Fail>) -> Reply {
    visit.app.gate.changed();
    match done {
        Ok(()) => Ok(Out::See(format!("/users/{}?done=saved", visit.path("id")))),
        Err(Fail::Refused(e)) if visit.viewer.may::<ViewUsers>() => {
            let one = load(visit)?;
            let main = markup(&visit.viewer, &one, form, None, Some(&e));
            Ok(Out::page(one.user.name, main).after(Some(&e)))
        }
        Err(fail) => Err(fail),
    }
}

async fn change(visit: Editing, f: Form) -> Reply {
    let (one, seen) = (load(&visit)?, f.version()?);
    let id = one.user.id;
    let own_scope = one.user.scope.filter(|s| !matches!(s, Scope::Distributors(_)));
    let f = std::sync::Arc::new(f);
    let sent = std::sync::Arc::clone(&f);
    let changed = visit.write::<EditUsers, _, _>(move |tx, grant, cx| -> Result<(), IdentityError> {
        let edit = |u: &mut User| {
            u.name = f.text("name").to_owned();
            u.login = normal_login(f.text("login"));
            u.role = f.text("role").to_owned();
            u.language = f.text("language").to_owned();
            u.email = f.some("email");
            u.scope = scope_of(&f).or_else(|| own_scope.clone());
            (u.active, u.approved) = (f.ticked("active"), f.ticked("approved"));
        };
        service::change_user(tx, grant, cx, id, seen, edit).map(drop)
    });
    let done = changed.await;
    back(&visit, &sent, done)
}

/// Makes an exception from the role, or ends one.
async fn set_overrides(visit: Editing, f: Form) -> Reply {
    let id = load(&visit)?.user.id;
    let read = || -> Result<_, Invalid> {
        let until = f.some("until").map(|t| Timestamp::parse(&t, &visit.viewer.zone));
        let until = until.transpose().map_err(|e| Invalid::at("/until", e))?;
        let new = f.ticked("feature").then(|| Override {
            feature: f.text("feature").to_owned(),
            grant: f.text("way") != "take",
            reason: f.text("reason").to_owned(),
            until,
        });
        Ok((new, f.text("end").to_owned(), f.version()?))
    };
    let done = match read() {
        Err(e) => Err(e.into()),
        Ok((new, end, seen)) => {
            let done = visit.write::<EditUsers, _, _>(move |tx, grant, cx| -> Result<(), IdentityError> {
                let edit = |u: &mut User| {
                    let replaced = new.as_ref().map_or(end.as_str(), |n| n.feature.as_str());
                    // What is over says nothing any more, and is not to keep a new one from being made.
                    u.overrides.retain(|o| o.feature != replaced && o.is_live(cx.now));
                    u.overrides.extend(new.clone());
                };
                service::change_user(tx, grant, cx, id, seen, edit).map(drop)
            });
            done.await
        }
    };
    back(&visit, &f, done)
}

async fn set_secrets(visit: Editing, f: Form) -> Reply {
    let user = load(&visit)?.user;
    let done = async {
        let kept = secrets(&visit.app, visit.principal.tenant, user.login.clone(), given(&f)).await?;
        let set = visit.write::<EditUsers, _, _>(move |tx, grant, cx| -> Result<(), IdentityError> {
            service::set_secrets(tx, grant, cx, user.id, &kept)
        });
        set.await
    };
    let done: Result<(), Fail> = done.await;
    back(&visit, &Form::default(), done)
}

async fn out(visit: Visit<Grant<RevokeSessions>>, _: Form) -> Reply {
    let id = load(&visit)?.user.id;
    let ended = visit.write::<RevokeSessions, _, _>(move |tx, grant, cx| -> Result<(), IdentityError> {
        service::end_sessions(tx, grant, cx, id).map(drop)
    });
    let done = ended.await;
    back(&visit, &Form::default(), done)
}

#[allow(clippy::unused_async)] // the form of a handler
async fn roles(visit: Looking) -> Reply {
    let roles = visit.read(all_roles)?;
    Ok(Out::page(visit.viewer.t("roles"), roles_markup(&visit.viewer, &roles, &Form::default(), None)))
}

/// Makes a role: at first it may what another may.
async fn add_role(visit: Visit<Grant<EditRoles>>, f: Form) -> Reply {
    let (name, like) = (f.text("name").to_owned(), f.text("like").to_owned());
    let of = name.clone();
    let made = visit.write::<EditRoles, _, _>(move |tx, grant, cx| -> Result<(), IdentityError> {
        let unknown = || IdentityError::Unknown { what: "role", name: like.clone() };
        let (known, _) = crate::identity::repo::role(tx, &like)?.ok_or_else(unknown)?;
        service::put_role(tx, grant, cx, Role { name: of.clone(), ..known }, None).map(drop)
    });
    match made.await {
        Ok(()) => {
            visit.app.gate.changed();
            Ok(Out::See(format!("/users/roles/{name}")))
        }
        Err(Fail::Refused(e)) => {
            let roles = visit.read(all_roles)?;
            let main = roles_markup(&visit.viewer, &roles, &f, Some(&e));
            Ok(Out::page(visit.viewer.t("roles"), main).after(Some(&e)))
        }
        Err(fail) => Err(fail),
    }
}

fn roles_markup(v: &Viewer, roles: &[(Role, u64)], f: &Form, fail: Option<&ApiError>) -> Markup {
    html! {
        div.head { h1 { (v.t("nav-users")) } }
        (tabs(v, "/users/roles"))
        (refusal(v, fail))
        p.faint { (v.t("roles-hint")) }
        @if v.may::<EditRoles>() {
            details.card.narrow open[fail.is_some()] {
                summary { (v.t("role-new")) }
                (parts::post(v, "/users/roles", &html! {
                    div.two {
                        (Field::text("name", v.t("name"), f.text("name")).needed().hint(v.t("role-name-hint")))
                        (choice("like", &v.t("role-like"), &role_choices(v, roles), f.text("like")))
                    }
                    button { (v.t("role-add")) }
                }))
            }
        }
        div.scroll tabindex="0" role="region" aria-label=(v.t("roles")) {
            table.list.matrix {
                thead { tr { th { (v.t("right")) } @for (r, _) in roles { th scope="col" { a href={ "/users/roles/" (r.name) } { (v.word("role", &r.name)) } } } } }
                tbody {
                    @for feature in ALL {
                        tr { th scope="row" title=(feature.name) { (v.say(feature.about)) }
                            @for (r, _) in roles { td { @if r.features.contains_name(feature.name) { (Icon::Tick) span.away { (v.t("yes")) } } } } }
                    }
                }
            }
        }
    }
}

fn one_role<P: super::shell::visit::Pass>(visit: &Visit<P>) -> Result<(Role, u64), Fail> {
    let name = visit.path("name");
    visit.read(|tx| -> Result<_, IdentityError> {
        let known = crate::identity::repo::role(tx, &name)?;
        known.ok_or_else(|| IdentityError::Unknown { what: "role", name: name.clone() })
    })
}

fn role_markup(v: &Viewer, role: &Role, version: u64, fail: Option<&ApiError>) -> Markup {
    let edits = v.may::<EditRoles>();
    let reaches = [
        ("tenant", v.t("reach-tenant")),
        ("distributors", v.t("reach-distributors")),
        ("own", v.t("reach-own")),
    ];
    let reaches = reaches.map(|(n, t)| (n.to_owned(), t));
    let reach = match role.reach {
        Reach::Tenant => "tenant",
        Reach::Distributors => "distributors",
        Reach::Own => "own",
    };
    let rights = html! {
        fieldset.rights disabled[!edits] {
            legend { (v.t("rights")) }
            @for f in ALL {
                label.tick { input type="checkbox" name="feature" value=(f.name) checked[role.features.contains_name(f.name)]; span { (v.say(f.about)) " " small.faint { code { (f.name) } } } }
            }
        }
    };
    html! {
        div.head { h1 { (v.word("role", &role.name)) } a.all href="/users/roles" { (v.t("roles")) } }
        (refusal(v, fail))
        @if edits {
            (parts::post(v, &format!("/users/roles/{}", role.name), &html! {
                (parts::version(version))
                (choice("reach", &v.t("reach"), &reaches, reach))
                (rights)
                button.primary { (v.t("save")) }
            }))
        } @else { (rights) }
    }
}

#[allow(clippy::unused_async)] // the form of a handler
async fn role(visit: Looking) -> Reply {
    let (role, version) = one_role(&visit)?;
    let main = role_markup(&visit.viewer, &role, version, None);
    Ok(Out::page(visit.viewer.word("role", &role.name), main))
}

async fn put_role(visit: Visit<Grant<EditRoles>>, f: Form) -> Reply {
    let (old, _) = one_role(&visit)?;
    let read = || -> Result<_, Fail> {
        let names: Vec<String> = f.all("feature").map(str::to_owned).collect();
        let features = service::features("/feature", &names)?;
        Ok((Role { name: old.name.clone(), features, reach: f.one_of("reach")? }, f.version()?))
    };
    let done = match read() {
        Err(fail) => Err(fail),
        Ok((role, seen)) => {
            let put = visit.write::<EditRoles, _, _>(move |tx, grant, cx| -> Result<(), IdentityError> {
                service::put_role(tx, grant, cx, role.clone(), Some(seen)).map(drop)
            });
            put.await
        }
    };
    visit.app.gate.changed();
    match done {
        Ok(()) => Ok(Out::See("/users/roles".into())),
        Err(Fail::Refused(e)) => {
            let (role, version) = one_role(&visit)?;
            let main = role_markup(&visit.viewer, &role, version, Some(&e));
            Ok(Out::page(visit.viewer.word("role", &role.name), main).after(Some(&e)))
        }
        Err(fail) => Err(fail),
    }
}
