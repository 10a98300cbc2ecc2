//! The routes of templates, of the house's plan of who is told, and of what each user wants for themselves.

use actix_web::HttpResponse;
use actix_web::http::Method;
use actix_web::web::Path;
use serde::Serialize;
use utoipa::ToSchema;

use super::mail::{self, Letter};
use super::plan::{self, Plan, Wishes};
use super::templates::{self, Rendered, Shown, Template, Topic, Words};
use crate::base::error::{Fault, Invalid, Kind, Problem};
use crate::identity::features::{EditSettings, OwnProfile, ViewSettings};
use crate::identity::model::LANGUAGES;
use crate::identity::repo as users;
use crate::journal::reference;
use crate::store::{Expect, StoreError};
use crate::web::{Answer, ApiError, Body, Call, Routes};

type Response = Result<HttpResponse, ApiError>;

const WORDS: &str = r#"{"subject":"{{ count }} parcels need you","text":"{% for c in cases %}{{ c.label }}: {{ c.reason }}\n{% endfor %}{{ link }}"}"#;

/// Adds these routes.
#[must_use]
pub(super) fn add(routes: Routes) -> Routes {
    routes
        .add::<ViewSettings, _, _>(Method::GET, "/templates", list, "Every template in every language, shipped or the house's own")
        .answers::<Vec<TemplateView>>(200)
        .add::<ViewSettings, _, _>(Method::GET, "/templates/{topic}/{language}", show, "One template")
        .answers::<TemplateView>(200)
        .add::<EditSettings, _, _>(Method::PUT, "/templates/{topic}/{language}", change, "Give a template the house's own words")
        .body::<Words>(WORDS)
        .answers::<TemplateView>(200)
        .add::<EditSettings, _, _>(Method::DELETE, "/templates/{topic}/{language}", restore, "Go back to the shipped words")
        .status(204)
        .add::<ViewSettings, _, _>(
            Method::POST,
            "/templates/{topic}/{language}/preview",
            preview,
            "What words would make of invented cases; nothing is kept or sent",
        )
        .body::<Words>(WORDS)
        .answers::<Rendered>(200)
        .add::<EditSettings, _, _>(
            Method::POST,
            "/templates/{topic}/{language}/test",
            test,
            "Send oneself a template with invented cases",
        )
        .answers::<Rendered>(202)
        .add::<ViewSettings, _, _>(Method::GET, "/alert-plan", get_plan, "Who is told of what, and when nobody is written to")
        .answers::<Plan>(200)
        .add::<EditSettings, _, _>(Method::PUT, "/alert-plan", put_plan, "Set who is told of what, and when nobody is written to")
        .body::<Plan>(r#"{"topics":{"cases.escalated":{"roles":["supervisor"],"groups":[]}},"quiet":{"from":1320,"to":360}}"#)
        .answers::<Plan>(200)
        .add::<OwnProfile, _, _>(Method::GET, "/notifications/wishes", get_wishes, "What one wants to be written to about, and when")
        .answers::<Wishes>(200)
        .add::<OwnProfile, _, _>(Method::PUT, "/notifications/wishes", put_wishes, "Set what one wants to be written to about, and when")
        .body::<Wishes>(r#"{"mail":true,"off":["cases.new"],"quiet":{"from":1200,"to":420},"digest_minutes":60}"#)
        .answers::<Wishes>(200)
}

/// A template as it is shown.
#[derive(Serialize, ToSchema)]
struct TemplateView {
    /// Of what.
    topic: Topic,
    /// In which language.
    language: String,
    /// Whether the house has its own words; else these are the shipped ones.
    own: bool,
    /// What it says.
    #[serde(flatten)]
    words: Words,
}

/// Why a template can't be found, kept or sent.
#[derive(Debug, thiserror::Error)]
enum TemplateError {
    #[error("there is no template {0}; GET /templates lists them")]
    Unknown(String),
    #[error("{0}")]
    NoMail(&'static str),
    #[error(transparent)]
    Invalid(#[from] Invalid),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Fault for TemplateError {
    fn kind(&self) -> Kind {
        match self {
            Self::Unknown(_) => Kind::NotFound,
            Self::NoMail(_) => Kind::Conflict,
            Self::Invalid(e) => e.kind(),
            Self::Store(e) => e.kind(),
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Self::Unknown(_) => "template.unknown",
            Self::NoMail(_) => "template.no_mail",
            Self::Invalid(e) => e.code(),
            Self::Store(e) => e.code(),
        }
    }
    fn fields(&self) -> Vec<Problem> {
        if let Self::Invalid(e) = self { e.fields() } else { Vec::new() }
    }
    fn retry_after_s(&self) -> Option<u32> {
        if let Self::Store(e) = self { e.retry_after_s() } else { None }
    }
}

/// The template a path names.
fn named(path: &(String, String)) -> Result<(Topic, &'static str), TemplateError> {
    let (topic, language) = path;
    let found = Topic::named(topic).zip(LANGUAGES.into_iter().find(|l| l == language));
    found.ok_or_else(|| TemplateError::Unknown(format!("{topic}/{language}")))
}

async fn list(call: Call<ViewSettings>) -> Response {
    call.read(|tx, _| {
        let mut all = Vec::new();
        for topic in Topic::ALL {
            for language in LANGUAGES {
                let own = templates::own(tx, topic, language)?.map(|(words, _)| words);
                let (is_own, words) =
                    (own.is_some(), own.unwrap_or_else(|| templates::shipped(topic, language)));
                all.push(TemplateView { topic, language: language.into(), own: is_own, words });
            }
        }
        Answer::ok(&all)
    })
}

async fn show(call: Call<ViewSettings>, path: Path<(String, String)>) -> Response {
    let (topic, language) = named(&path)?;
    call.read(|tx, _| {
        let own = templates::own(tx, topic, language)?;
        let rev = own.as_ref().map_or(0, |(_, rev)| *rev);
        let (is_own, words) = match own {
            Some((words, _)) => (true, words),
            None => (false, templates::shipped(topic, language)),
        };
        let view = TemplateView { topic, language: language.into(), own: is_own, words };
        Ok::<_, StoreError>(Answer::ok(&view)?.rev(rev))
    })
}

fn current(coll: &'static str, seen: u64, found: u64) -> Result<(), StoreError> {
    if seen == found {
        return Ok(());
    }
    Err(StoreError::Unexpected { coll, expected: Expect::Rev(seen), found: Some(found) })
}

async fn change(call: Call<EditSettings>, path: Path<(String, String)>, body: Body<Words>) -> Response {
    let ((topic, language), seen) = (named(&path)?, call.expected_rev(None)?);
    call.write(move |tx, _, cx| {
        current("templates", seen, templates::own(tx, topic, language)?.map_or(0, |(_, rev)| rev))?;
        templates::check(&body.0)?;
        let template = Template { topic, language: language.into(), words: body.0.clone() };
        let written = reference::set(tx, cx, templates::id(topic, language), Some(template))?;
        let view = TemplateView { topic, language: language.into(), own: true, words: body.0.clone() };
        Ok::<_, TemplateError>(Answer::ok(&view)?.rev(written.rev))
    })
    .await
}

async fn restore(call: Call<EditSettings>, path: Path<(String, String)>) -> Response {
    let ((topic, language), seen) = (named(&path)?, call.expected_rev(None)?);
    call.write(move |tx, _, cx| {
        let own = templates::own(tx, topic, language)?;
        current("templates", seen, own.as_ref().map_or(0, |(_, rev)| *rev))?;
        if own.is_some() {
            reference::set::<Template>(tx, cx, templates::id(topic, language), None)?;
        }
        Ok::<_, TemplateError>(Answer::none())
    })
    .await
}

async fn preview(call: Call<ViewSettings>, path: Path<(String, String)>, body: Body<Words>) -> Response {
    named(&path)?;
    call.read(|_, _| {
        templates::check(&body.0)?;
        Ok::<_, TemplateError>(Answer::ok(&templates::render(&body.0, &Shown::sample("/cases".into()))?)?)
    })
}

async fn test(call: Call<EditSettings>, path: Path<(String, String)>) -> Response {
    let (topic, language) = named(&path)?;
    if !call.app.config.mail.is_on() {
        return Err(TemplateError::NoMail("no mail server is set: mail.host in the settings").into());
    }
    call.write(move |tx, grant, cx| {
        let me = users::standing(tx, grant.actor().user, cx.now)?.and_then(|s| s.user.email);
        let to = me.ok_or(TemplateError::NoMail("you have no mail address: set it in your profile"))?;
        let words = templates::current(tx, topic, language)?;
        let made = templates::render(&words, &Shown::sample("/cases".into()))?;
        mail::post(tx, cx.now, Letter::new(to, made.subject.clone(), made.text.clone()))?;
        Ok::<_, TemplateError>(Answer::json(202, &made)?)
    })
    .await
}

async fn get_plan(call: Call<ViewSettings>) -> Response {
    call.read(|tx, _| {
        let (plan, rev) = plan::plan(tx)?;
        Ok::<_, StoreError>(Answer::ok(&plan)?.rev(rev))
    })
}

async fn put_plan(call: Call<EditSettings>, body: Body<Plan>) -> Response {
    let seen = call.expected_rev(None)?;
    call.write(move |tx, _, cx| {
        current("alert_plan", seen, plan::plan(tx)?.1)?;
        body.0.check()?;
        let written = reference::set(tx, cx, plan::plan_id(), Some(body.0.clone()))?;
        Ok::<_, TemplateError>(Answer::ok(&body.0)?.rev(written.rev))
    })
    .await
}

async fn get_wishes(call: Call<OwnProfile>) -> Response {
    call.read(|tx, grant| Answer::ok(&plan::wishes(tx, grant.actor().user)?))
}

async fn put_wishes(call: Call<OwnProfile>, body: Body<Wishes>) -> Response {
    call.write(move |tx, grant, _| {
        body.0.check()?;
        plan::want(tx, grant.actor().user, &body.0)?;
        Ok::<_, TemplateError>(Answer::ok(&body.0)?)
    })
    .await
}
