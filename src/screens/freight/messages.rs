//! Status messages of airlines: handed in here, mailed in, or sent; what came, and the lines nobody understood.

use fluent_bundle::FluentValue;
use maud::{Markup, html};
use serde::Deserialize;

use crate::base::page::Page;
use crate::freight::error::FreightError;
use crate::freight::inbox::{self, Heard};
use crate::freight::repo::{HEARD, UNKNOWN};
use crate::freight::service;
use crate::identity::features::{SendAirMessages, ViewAirFreight};
use crate::identity::grant::Grant;
use crate::screens::shell::parts::{self, empty, refusal};
use crate::screens::shell::visit::Pass;
use crate::screens::shell::{Fail, Form, Out, Reply, Viewer, Visit};
use crate::store::table::{cursor, position};
use crate::store::{Dir, Ix, KeyRange};
use crate::web::ApiError;

/// Texts on a page.
const SHOWN: usize = 25;
/// Lines shown of one text.
const LINES: usize = 20;

#[derive(Default, Deserialize)]
struct Asked {
    odd: Option<String>,
    cursor: Option<String>,
    done: Option<String>,
}

impl Asked {
    fn is_odd(&self) -> bool {
        self.odd.as_deref().is_some_and(|o| !o.is_empty())
    }
}

fn page<P: Pass>(visit: &Visit<P>, asked: &Asked) -> Result<Page<Heard>, Fail> {
    visit.read(|tx| -> Result<Page<Heard>, FreightError> {
        let range = KeyRange::all().resume(position(asked.cursor.as_deref())?);
        let ix = if asked.is_odd() { UNKNOWN } else { Ix::Primary };
        let rows = HEARD.scan(tx, ix, &range, Dir::Down, SHOWN)?;
        let next = rows.next.as_ref().map(cursor).transpose()?;
        Ok(Page { items: rows.items.into_iter().map(|e| e.value).collect(), next })
    })
}

#[allow(clippy::unused_async)] // the form of a handler
pub(super) async fn show(visit: Visit<Grant<ViewAirFreight>>) -> Reply {
    service::whole(&visit.pass)?;
    let asked: Asked = visit.query()?;
    let found = page(&visit, &asked)?;
    let main = markup(&visit.viewer, &asked, &found, (visit.request.query_string(), &Form::default(), None));
    Ok(Out::page(visit.viewer.t("air-messages"), main))
}

pub(super) async fn send(visit: Visit<Grant<SendAirMessages>>, f: Form) -> Reply {
    let text = f.raw("text").to_owned();
    let write = visit.write::<SendAirMessages, _, _>(move |tx, grant, cx| -> Result<(), FreightError> {
        inbox::take(tx, grant, cx, &text).map(drop)
    });
    match write.await {
        Ok(()) => Ok(Out::See("/mawbs/messages?done=added".into())),
        Err(Fail::Refused(e)) => {
            let asked = Asked::default();
            let found = page(&visit, &asked)?;
            let main = markup(&visit.viewer, &asked, &found, ("", &f, Some(&e)));
            Ok(Out::page(visit.viewer.t("air-messages"), main).after(Some(&e)))
        }
        Err(fail) => Err(fail),
    }
}

fn form(v: &Viewer, f: &Form) -> Markup {
    let inside = html! {
        div.field {
            label for="text" { (v.t("air-messages-text")) }
            textarea #text name="text" rows="6" required spellcheck="false" aria-describedby="text-hint" placeholder="FSU/14" { (f.raw("text")) }
            small #text-hint { (v.t("air-messages-hint")) }
        }
        button.primary { (v.t("air-messages-take")) }
    };
    html! { section.card.narrow { (parts::post(v, "/mawbs/messages", &inside)) } }
}

fn markup(
    v: &Viewer,
    asked: &Asked,
    page: &Page<Heard>,
    (query, f, fail): (&str, &Form, Option<&ApiError>),
) -> Markup {
    let odd = asked.is_odd();
    html! {
        div.head { h1 { (v.t("air-messages")) } }
        (super::tabs(v, "/mawbs/messages"))
        (parts::done(v, asked.done.as_deref()))
        (refusal(v, fail))
        @if v.may::<SendAirMessages>() { (form(v, f)) }
        nav.chips aria-label=(v.t("filter")) {
            a href="/mawbs/messages" aria-current=[(!odd).then_some("true")] { (v.t("all")) }
            a href="/mawbs/messages?odd=1" aria-current=[odd.then_some("true")] { (v.t("air-messages-odd")) }
        }
        @if page.items.is_empty() { (empty(&v.t("air-messages-none"), &html! { p { (v.t("air-messages-none-hint")) } })) }
        @else {
            table.list data-rows {
                thead { tr { th { (v.t("air-messages-came")) } th { (v.t("from")) } th { (v.t("air-messages-outcome")) } th { (v.t("air-messages-odd")) } } }
                tbody { @for h in &page.items { tr data-row { (row(v, h)) } } }
            }
        }
        (parts::more(v, "/mawbs/messages", query, page.next.as_deref()))
    }
}

fn row(v: &Viewer, h: &Heard) -> Markup {
    let n = |n: u64| FluentValue::from(v.number(n));
    let came = v.with(
        "air-messages-of",
        &[("messages", n(h.messages)), ("reports", n(h.reports)), ("created", n(h.created))],
    );
    html! {
        td.when { (v.time(h.at)) }
        td { (h.by) }
        td { (came) }
        td {
            @if h.unknown.is_empty() { "–" } @else {
                details {
                    summary { span.level { (v.count("air-messages-lines", h.unknown.len() as u64)) } }
                    ul.rows {
                        @for line in h.unknown.iter().take(LINES) { li { code { (line.text) } br; small.faint { (line.line) ": " (v.say(&line.why)) } } }
                    }
                    @if h.unknown.len() > LINES { p.more { (v.count("rows-more", (h.unknown.len() - LINES) as u64)) } }
                }
            }
        }
    }
}
