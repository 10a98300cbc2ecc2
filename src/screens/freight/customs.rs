//! What customs says of a master.

use maud::{Markup, html};

use super::waybill::{self, Page};
use crate::freight::error::FreightError;
use crate::freight::service::{self, Customs};
use crate::identity::features::ClearCustoms;
use crate::identity::grant::Grant;
use crate::screens::shell::parts::{Field, swap};
use crate::screens::shell::{Form, Reply, Viewer, Visit};

pub(super) fn card(v: &Viewer, p: &Page) -> Markup {
    if !v.may::<ClearCustoms>() || !p.m.state.is_open() {
        return html! {};
    }
    let at = format!("/mawbs/{}/customs", p.m.id);
    let known = p.m.facts.entry_number.as_deref().unwrap_or_default();
    html! {
        section.card aria-labelledby="customs" {
            h2 id="customs" { (v.t("air-customs")) }
            (swap(v, &at, "stacked", &html! {
                (Field::text("entry_number", v.t("air-entry"), known).needed())
                button { (v.t("save")) }
            }))
            div.buttons {
                (swap(v, &at, "inline", &html! { button.primary[p.m.hold.is_some()] name="release" value="1" { (v.t("air-release")) } }))
            }
            details {
                summary { (v.t("air-hold")) }
                (swap(v, &at, "stacked", &html! {
                    (Field::text("hold", v.t("reason"), "").needed())
                    button.danger { (v.t("air-hold")) }
                }))
            }
        }
    }
}

pub(super) async fn note(visit: Visit<Grant<ClearCustoms>>, f: Form) -> Reply {
    let name = visit.path("id");
    let said =
        Customs { entry_number: f.some("entry_number"), hold: f.some("hold"), release: f.ticked("release") };
    let done = visit.write::<ClearCustoms, _, _>(move |tx, grant, cx| -> Result<(), FreightError> {
        service::customs(tx, grant, cx, &name, &said).map(drop)
    });
    let done = done.await;
    waybill::after(&visit, done)
}
