//! Who did what: entry by entry, with what was before and what was after side by side, and whether the chain holds.

use fluent_bundle::FluentValue;
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::Value;

use super::shell::icons::Icon;
use super::shell::parts::{self, Field, empty, mark};
use super::shell::{Form, Group, Out, Reply, Screen, Viewer, Visit};
use crate::audit::api::whole;
use crate::audit::queries::{self, Filter};
use crate::audit::{Changed, Noted, verify_all};
use crate::base::page::DEFAULT_LIMIT;
use crate::identity::features::{ExportAudit, ViewAudit};
use crate::identity::grant::Grant;
use crate::store::StoreError;
use crate::store::table::{cursor, position};

type Looking = Visit<Grant<ViewAudit>>;

/// Letters of a value that are shown.
const SHOWN: usize = 200;

/// This screen.
#[must_use]
pub fn screen() -> Screen {
    Screen::new()
        .nav(Group::House, Icon::Audit, "nav-audit")
        .when(Viewer::sees_all)
        .get("/audit", list)
        .post("/audit/verify", verify)
}

#[derive(Default, Deserialize)]
struct Asked {
    table: Option<String>,
    user: Option<String>,
    action: Option<String>,
    cursor: Option<String>,
}

fn filled(text: &Option<String>) -> Option<String> {
    text.as_deref().map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned)
}

#[allow(clippy::unused_async)] // the form of a handler
async fn list(visit: Looking) -> Reply {
    whole(&visit.pass)?;
    let (asked, v) = (visit.query::<Asked>()?, &visit.viewer);
    let filter = Filter {
        table: filled(&asked.table),
        user: filled(&asked.user),
        action: filled(&asked.action),
        ..Filter::default()
    };
    let (rows, next) = visit.read(|tx| -> Result<_, StoreError> {
        let at = position(asked.cursor.as_deref())?;
        let below =
            at.map(|b| b.try_into().map(u64::from_be_bytes).map_err(|_| StoreError::Cursor)).transpose()?;
        let (rows, next) = queries::list(tx, &filter, below, DEFAULT_LIMIT)?;
        Ok((rows, next.map(|seq| cursor(&seq.to_be_bytes().to_vec())).transpose()?))
    })?;
    let main = html! {
        div.head {
            h1 { (v.t("nav-audit")) }
            (parts::swap(v, "/audit/verify", "inline", &html! { button { (v.t("audit-verify")) } }))
            @if v.may::<ExportAudit>() { a.button href="/api/v1/audit-log/export.csv" download { "CSV" } }
        }
        form.filters role="search" action="/audit" {
            (Field::text("table", v.t("audit-table"), asked.table.as_deref().unwrap_or_default()))
            (Field::text("user", v.t("by"), asked.user.as_deref().unwrap_or_default()))
            (Field::text("action", v.t("audit-action"), asked.action.as_deref().unwrap_or_default()))
            button { (v.t("show")) }
        }
        @if rows.is_empty() { (empty(&v.t("audit-none"), &html! { p { (v.t("audit-none-hint")) } })) }
        @else {
            ol.audit { @for n in &rows { (entry(v, n)) } }
            (parts::more(v, "/audit", visit.request.query_string(), next.as_deref()))
        }
    };
    Ok(Out::page(v.t("nav-audit"), main))
}

/// A value as it is read; a long one is cut.
fn value(value: &Value) -> Markup {
    let text = match value {
        Value::Null => return html! { span.faint { "–" } },
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let cut: String = text.chars().take(SHOWN).collect();
    html! { (cut) @if cut.len() < text.len() { "…" } }
}

fn entry(v: &Viewer, n: &Noted) -> Markup {
    html! {
        li {
            p.what {
                span.when { (v.time(queries::at(n))) }
                strong { (n.body.by) } @if let Some(device) = &n.body.dev { " " span.faint { (device) } }
                code { (n.body.act) }
                span.faint { (n.body.rec) " " (n.header.id) }
                span.seq { "#" (n.seq) }
            }
            @if !n.body.d.is_empty() {
                table.diff {
                    thead { tr { th { (v.t("audit-field")) } th { (v.t("audit-before")) } th { (v.t("audit-after")) } } }
                    tbody { @for Changed(field, before, after) in &n.body.d { tr { th scope="row" { (field) } td.before { (value(before)) } td.after { (value(after)) } } } }
                }
            }
        }
    }
}

async fn verify(visit: Looking, _: Form) -> Reply {
    whole(&visit.pass)?;
    let (store, tenant) = (visit.app.store.clone(), visit.principal.tenant);
    let found = visit.aside(move || Ok(verify_all(&store, tenant)?)).await?;
    let v = &visit.viewer;
    let words = match found.broken_at {
        None => v.count("audit-holds", found.entries),
        Some(at) => v.with("audit-broken", &[("at", FluentValue::from(at))]),
    };
    let main = html! {
        h1 { (v.t("audit-verify")) }
        p.big { (mark(Some(found.broken_at.is_none()), &words)) }
        p { a.button href="/audit" { (v.t("back")) } }
    };
    Ok(Out::page(v.t("audit-verify"), main))
}
