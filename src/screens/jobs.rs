//! What the depot does by itself: jobs that wait, those that were given up, and trying one again.

use maud::{Markup, html};
use serde::Deserialize;

use super::shell::icons::Icon;
use super::shell::parts::{self, button, empty, mark};
use super::shell::{Form, Group, Out, Reply, Screen, Viewer, Visit};
use crate::base::error::Invalid;
use crate::base::ids::Id;
use crate::base::page::DEFAULT_LIMIT;
use crate::identity::features::{ManageJobs, ViewJobs};
use crate::identity::grant::Grant;
use crate::jobs::api::note;
use crate::jobs::queue::{self, Filter, Job, JobsError};
use crate::jobs::rules::State;
use crate::store::StoreError;
use crate::store::table::{cursor, position};

/// This screen.
#[must_use]
pub fn screen() -> Screen {
    Screen::new()
        .nav(Group::House, Icon::Jobs, "nav-jobs")
        .get("/jobs", list)
        .post("/jobs/{id}/retry", retry)
        .post("/jobs/{id}/cancel", cancel)
}

#[derive(Default, Deserialize)]
struct Asked {
    state: Option<String>,
    cursor: Option<String>,
    done: Option<String>,
}

fn state(v: &Viewer, j: &Job) -> Markup {
    match j.state {
        State::Scheduled => mark(None, &v.t("job-scheduled")),
        State::Running => mark(None, &v.t("job-running")),
        State::Done => mark(Some(true), &v.t("job-done")),
        State::Dead => mark(Some(false), &v.t("job-dead")),
    }
}

#[allow(clippy::unused_async)] // the form of a handler
async fn list(visit: Visit<Grant<ViewJobs>>) -> Reply {
    let (asked, v) = (visit.query::<Asked>()?, &visit.viewer);
    let wanted = asked.state.as_deref().filter(|s| !s.is_empty());
    let wanted: Option<State> =
        wanted.map(str::parse).transpose().map_err(|e: String| Invalid::at("?state", e))?;
    let filter = Filter { state: wanted, kind: None, from: None, to: None };
    let (jobs, next) = visit.read(|tx| -> Result<_, StoreError> {
        let rows = queue::list(tx, &filter, position(asked.cursor.as_deref())?, DEFAULT_LIMIT)?;
        let next = rows.next.as_ref().map(cursor).transpose()?;
        Ok((rows.items.into_iter().map(|e| e.value).collect::<Vec<_>>(), next))
    })?;
    let chips = [
        ("", v.t("all")),
        ("dead", v.t("job-dead")),
        ("scheduled", v.t("job-scheduled")),
        ("running", v.t("job-running")),
        ("done", v.t("job-done")),
    ];
    let now = asked.state.as_deref().unwrap_or_default();
    let main = html! {
        div.head { h1 { (v.t("nav-jobs")) } }
        (parts::done(v, asked.done.as_deref()))
        nav.chips { @for (name, label) in &chips { a href={ "/jobs?state=" (name) } aria-current=[(*name == now).then_some("true")] { (label) } } }
        @if jobs.is_empty() { (empty(&v.t("jobs-none"), &html! { p { (v.t("jobs-none-hint")) } })) }
        @else { (table(v, &jobs)) (parts::more(v, "/jobs", visit.request.query_string(), next.as_deref())) }
    };
    Ok(Out::page(v.t("nav-jobs"), main))
}

fn table(v: &Viewer, jobs: &[Job]) -> Markup {
    html! {
        table.list {
            thead { tr { th { (v.t("job-kind")) } th { (v.t("state")) } th.n { (v.t("attempts")) } th { (v.t("when")) } th { (v.t("last-error")) } th { span.away { (v.t("actions")) } } } }
            tbody {
                @for j in jobs {
                    tr {
                        td { code { (j.kind) } }
                        td { (state(v, j)) }
                        td.n data-as=(v.t("attempts")) { (j.attempts) }
                        td.when { (v.time(j.finished_at.unwrap_or(j.next_run))) }
                        td.faint { (v.say(j.last_error.as_deref().unwrap_or_default())) }
                        td.act {
                            @if v.may::<ManageJobs>() {
                                @if matches!(j.state, State::Dead | State::Scheduled) { (button(v, &format!("/jobs/{}/retry", j.id), &v.t("job-retry"), "small")) }
                                @if j.state == State::Scheduled { " " (button(v, &format!("/jobs/{}/cancel", j.id), &v.t("job-cancel"), "small")) }
                            }
                        }
                    }
                }
            }
        }
    }
}

type Managing = Visit<Grant<ManageJobs>>;

fn id(visit: &Managing) -> Result<Id, Invalid> {
    visit.path("id").parse().map_err(|_| Invalid::at("/id", "is no job's id"))
}

async fn retry(visit: Managing, _: Form) -> Reply {
    let id = id(&visit)?;
    let tried = visit.write::<ManageJobs, _, _>(move |tx, _, cx| -> Result<(), JobsError> {
        let (before, _) = queue::find(tx, id)?;
        let (job, _) = queue::retry(tx, cx.now, id)?;
        Ok(note(tx, cx, "job.retried", &before, &job)?)
    });
    tried.await?;
    Ok(Out::See("/jobs?done=begun".into()))
}

async fn cancel(visit: Managing, _: Form) -> Reply {
    let id = id(&visit)?;
    let given_up = visit.write::<ManageJobs, _, _>(move |tx, grant, cx| -> Result<(), JobsError> {
        let (before, _) = queue::find(tx, id)?;
        let (job, _) = queue::cancel(tx, cx.now, id, &grant.actor().name)?;
        Ok(note(tx, cx, "job.cancelled", &before, &job)?)
    });
    given_up.await?;
    Ok(Out::See("/jobs?done=saved".into()))
}
