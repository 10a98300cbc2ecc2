//! Opening a case: about one thing, or about many parcels at once.

use maud::{Markup, html};
use serde::Deserialize;

use super::Worker;
use crate::base::error::Invalid;
use crate::cases::api::parcels_named;
use crate::cases::bulk::{self, MAX_PARCELS, NewBulk};
use crate::cases::model::About;
use crate::cases::reasons::{self, Reason};
use crate::cases::rules::CaseId;
use crate::cases::service::{self, CaseError};
use crate::identity::features::{BulkCases, WorkCases};
use crate::identity::grant::Grant;
use crate::parcels::service as parcels;
use crate::screens::shell::parts::{self, Field, choice, refusal};
use crate::screens::shell::{Fail, Form, Out, Reply, Viewer, Visit};
use crate::web::ApiError;

#[derive(Default, Deserialize)]
struct AboutWhat {
    subject: Option<String>,
}

fn new_form(v: &Viewer, given: &Form, fail: Option<&ApiError>) -> Markup {
    let mut reasons: Vec<_> = Reason::ALL
        .iter()
        .filter(|r| r.rule().group != reasons::Group::Operation)
        .map(|r| (r.code().to_owned(), v.word("reason", r.code())))
        .collect();
    reasons.sort_by(|a, b| a.1.cmp(&b.1));
    html! {
        h1 { (v.t("case-new")) }
        (refusal(v, fail))
        section.card.narrow {
            (parts::post(v, "/cases/new", &html! {
                (choice("reason", &v.t("reason"), &reasons, given.text("reason")))
                (Field::text("subject", v.t("case-subject"), given.text("subject")).hint(v.t("case-subject-hint")))
                div.field { label for="detail" { (v.t("case-detail")) } textarea #detail name="detail" rows="3" { (given.text("detail")) } }
                button.primary { (v.t("case-open")) }
            }))
        }
        @if v.may::<BulkCases>() && v.sees_all() { (many_form(v, given, &reasons)) }
    }
}

/// One case for many parcels: a storm, a truck that burnt. Its fields have names of their own beside the other form's.
fn many_form(v: &Viewer, given: &Form, reasons: &[(String, String)]) -> Markup {
    html! {
        section.card.narrow {
            h2 { (v.t("case-many")) }
            (parts::post(v, "/cases/many", &html! {
                (choice("why", &v.t("reason"), reasons, given.text("why")))
                (Field::text("name", v.t("case-name"), given.text("name")).hint(v.t("case-name-hint")).needed())
                div.field {
                    label for="numbers" { (v.t("case-numbers")) }
                    textarea #numbers name="numbers" rows="6" required spellcheck="false" aria-describedby="numbers-hint" { (given.text("numbers")) }
                    small #numbers-hint { (v.count("case-numbers-hint", MAX_PARCELS as u64)) }
                }
                div.field { label for="matter" { (v.t("case-detail")) } textarea #matter name="matter" rows="2" { (given.text("matter")) } }
                (parts::tick("take_in", &v.t("case-take-in"), given.ticked("take_in")))
                button.primary { (v.t("case-many-open")) }
            }))
        }
    }
}

#[allow(clippy::unused_async)] // the form of a handler
pub(super) async fn blank(visit: Worker) -> Reply {
    let asked: AboutWhat = visit.query().unwrap_or_default();
    let given = Form(vec![("subject".into(), asked.subject.unwrap_or_default())]);
    Ok(Out::page(visit.viewer.t("case-new"), new_form(&visit.viewer, &given, None)))
}

pub(super) async fn open(visit: Worker, form: Form) -> Reply {
    let reason: Result<Reason, Invalid> = form.one_of("reason");
    let done = match reason {
        Ok(reason) => {
            let (subject, detail) = (form.some("subject"), form.text("detail").to_owned());
            let opened = visit.write::<WorkCases, _, _>(move |tx, grant, cx| -> Result<CaseId, CaseError> {
                let about = match &subject {
                    None => None,
                    Some(name) => {
                        let none = || CaseError::NoSubject(name.clone());
                        let p = parcels::find(tx, grant.scope(), name).map_err(|_| none())?.0.value.state;
                        let (label, distributor) = (p.number, p.facts.distributor);
                        Some(About { kind: "parcel".into(), id: p.id.0, label, distributor })
                    }
                };
                Ok(service::open(tx, grant, cx, reason, about, &detail)?.state.id)
            });
            opened.await
        }
        Err(e) => Err(e.into()),
    };
    opened(&visit, &form, done)
}

/// The case that was opened, or the form again with why it was not.
fn opened<P>(visit: &Visit<P>, form: &Form, done: Result<CaseId, Fail>) -> Reply {
    match done {
        Ok(id) => Ok(Out::See(format!("/cases/{id}?done=added"))),
        Err(Fail::Refused(e)) => {
            let main = new_form(&visit.viewer, form, Some(&e));
            Ok(Out::page(visit.viewer.t("case-new"), main).after(Some(&e)))
        }
        Err(fail) => Err(fail),
    }
}

pub(super) async fn open_many(visit: Visit<Grant<BulkCases>>, form: Form) -> Reply {
    let done = match form.one_of::<Reason>("why") {
        Ok(reason) => {
            let names = form.text("numbers").split(['\n', ',', ';', '\t']).map(str::trim);
            let names: Vec<String> = names.filter(|n| !n.is_empty()).map(str::to_owned).collect();
            let (name, detail) = (form.text("name").to_owned(), form.text("matter").to_owned());
            let takes_in = form.ticked("take_in");
            let made = visit.write::<BulkCases, _, _>(move |tx, grant, cx| -> Result<CaseId, CaseError> {
                let parcels = parcels_named(tx, grant.scope(), "/numbers", &names)?;
                let new = NewBulk { reason, name: name.clone(), detail: detail.clone(), parcels, takes_in };
                Ok(bulk::open(tx, grant, cx, &new)?.0.state.id)
            });
            made.await
        }
        Err(e) => Err(e.into()),
    };
    opened(&visit, &form, done)
}
