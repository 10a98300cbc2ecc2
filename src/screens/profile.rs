//! Oneself: name, language, password, and where one is logged in.

use maud::{Markup, html};
use serde::Deserialize;

use super::setup::languages;
use super::shell::parts::{self, Field, choice, refusal, swap};
use super::shell::{Fail, Form, Out, Reply, Screen, Viewer, Visit};
use crate::identity::IdentityError;
use crate::identity::auth::api::hashing;
use crate::identity::auth::{change_password, logout};
use crate::identity::features::OwnProfile;
use crate::identity::grant::Grant;
use crate::identity::model::{Session, User};
use crate::identity::repo::{self, SESSIONS};
use crate::identity::secret::Secret;
use crate::identity::service;
use crate::journal::reference;
use crate::store::StoreError;
use crate::web::ApiError;

type Own = Visit<Grant<OwnProfile>>;

/// Sessions that are listed.
const LISTED: usize = 50;

/// This screen.
#[must_use]
pub fn screen() -> Screen {
    Screen::new()
        .get("/profile", show)
        .post("/profile/language", language)
        .post("/profile/password", password)
        .post("/profile/sessions/{id}/end", end)
}

struct Model {
    user: Option<User>,
    sessions: Vec<(Session, bool)>,
    done: Option<String>,
}

#[derive(Default, Deserialize)]
struct Asked {
    done: Option<String>,
}

fn model(visit: &Own) -> Result<Model, Fail> {
    let (me, now, current) = (visit.principal.actor.user, visit.viewer.now, visit.principal.session);
    let done = visit.query::<Asked>().unwrap_or_default().done;
    visit.read(|tx| -> Result<_, StoreError> {
        let sessions = repo::sessions(tx, Some(me), LISTED)?.into_iter().filter(|s| now < s.expires);
        Ok(Model {
            user: reference::get::<User>(tx, me)?.map(|(user, _)| user),
            sessions: sessions
                .map(|s| {
                    let mine = current == Some(s.id);
                    (s, mine)
                })
                .collect(),
            done,
        })
    })
}

fn markup(v: &Viewer, m: &Model, fail: Option<&ApiError>) -> Markup {
    html! {
        h1 { (v.t("nav-profile")) }
        (parts::done(v, m.done.as_deref()))
        (refusal(v, fail))
        @if let Some(user) = &m.user {
            dl.facts {
                (parts::fact(&v.t("name"), Some(&html! { (user.name) })))
                (parts::fact(&v.t("login-name"), Some(&html! { (user.login) })))
                (parts::fact(&v.t("role"), Some(&html! { (v.word("role", &user.role)) })))
            }
        }
        div.columns {
            section.card {
                h2 { (v.t("language")) }
                (parts::post(v, "/profile/language", &html! {
                    (choice("language", &v.t("language"), &languages(), v.words.tag))
                    button { (v.t("save")) }
                }))
            }
            section.card {
                h2 { (v.t("password-change")) }
                (parts::post(v, "/profile/password", &html! {
                    (Field::text("current", v.t("password-current"), "").kind("password", "current-password").needed())
                    (Field::text("password", v.t("password-new"), "").kind("password", "new-password").hint(v.t("password-hint")).needed())
                    button { (v.t("save")) }
                }))
            }
        }
        section {
            h2 { (v.t("sessions")) }
            table.list {
                thead { tr { th { (v.t("device")) } th { (v.t("address")) } th { (v.t("seen")) } th { span.away { (v.t("actions")) } } } }
                tbody {
                    @for (s, mine) in &m.sessions {
                        tr {
                            td { (s.device.as_deref().unwrap_or("–")) @if *mine { " " small.faint { (v.t("this-one")) } } }
                            td { (s.address.as_deref().unwrap_or("–")) }
                            td { (v.time(s.seen_at)) }
                            td.act { @if !mine { (swap(v, &format!("/profile/sessions/{}/end", s.id), "inline", &html! { button.small { (v.t("log-out")) } })) } }
                        }
                    }
                }
            }
        }
    }
}

#[allow(clippy::unused_async)] // the form of a handler
async fn show(visit: Own) -> Reply {
    let model = model(&visit)?;
    Ok(Out::page(visit.viewer.t("nav-profile"), markup(&visit.viewer, &model, None)))
}

async fn language(visit: Own, form: Form) -> Reply {
    let language = form.text("language").to_owned();
    visit
        .write::<OwnProfile, _, _>(move |tx, grant, cx| -> Result<(), IdentityError> {
            service::set_own_language(tx, grant, cx, &language)
        })
        .await?;
    visit.app.gate.changed();
    Ok(Out::See("/profile?done=saved".into()))
}

async fn password(visit: Own, form: Form) -> Reply {
    let (store, gate, now) = (visit.app.store.clone(), visit.app.gate.clone(), visit.viewer.now);
    let principal = visit.principal.clone();
    let secret = |name: &str| Secret::new(form.raw(name).to_owned());
    let (current, next) = (secret("current"), secret("password"));
    match hashing(move || change_password(&store, &gate, &principal, &current, &next, now)).await {
        Ok(()) => Ok(Out::See("/profile?done=saved".into())),
        Err(e) => {
            let model = model(&visit)?;
            let main = markup(&visit.viewer, &model, Some(&e));
            Ok(Out::page(visit.viewer.t("nav-profile"), main).after(Some(&e)))
        }
    }
}

async fn end(visit: Own, _: Form) -> Reply {
    let name = visit.path("id");
    let unknown = move || IdentityError::Unknown { what: "session", name: name.clone() };
    let id = visit.path("id").parse().map_err(|_| unknown())?;
    let ended = visit.write::<OwnProfile, _, _>(move |tx, grant, cx| -> Result<(), IdentityError> {
        let session = SESSIONS.get(tx, &id)?.filter(|s| s.user == grant.actor().user);
        session.ok_or_else(&unknown)?;
        logout(tx, &cx.actor, id, cx.now)
    });
    ended.await?;
    visit.app.gate.changed();
    Ok(Out::See("/profile?done=saved".into()))
}
