//! One delivery: what has to be done, what happened, its parcels, what shows that it was handed over, the attempts
//! before and after it.

use maud::{Markup, html};
use serde::Deserialize;

use super::deliveries::{Looking, people};
use super::shell::icons::Icon;
use super::shell::parts::{self, Field, choice, delivery_state, swap};
use super::shell::{Fail, Form, Out, Reply, Screen, Viewer, Visit};
use crate::attachments::model::{Attachment, hex, of_subject};
use crate::base::units::Grams;
use crate::deliveries::error::DeliveryError;
use crate::deliveries::model::{Delivery, Status, Taken};
use crate::deliveries::proof::Proof;
use crate::deliveries::repo;
use crate::deliveries::rules;
use crate::deliveries::service;
use crate::identity::features::{
    AssignDeliveries, CancelDeliveries, EditDeliveries, MoveDeliveries, ViewParcels,
};
use crate::identity::grant::{Grant, Scope};
use crate::notify::refusals;
use crate::parcels::service as parcels;

/// Adds this page to the board's.
pub(super) fn routes(screen: Screen) -> Screen {
    screen.get("/deliveries/{id}", show).post("/deliveries/messages", messages)
}

struct Page {
    delivery: Delivery,
    /// The numbers of its parcels, as they stand in it.
    numbers: Vec<String>,
    /// The attempts around it: their ids and numbers.
    before: Option<(String, u64)>,
    after: Option<(String, u64)>,
    files: Vec<Attachment>,
    people: Vec<(String, String)>,
    /// Whether its recipient may be written to, where they left a number or an address.
    is_wanted: Option<bool>,
}

#[derive(Default, Deserialize)]
struct Asked {
    done: Option<String>,
}

fn load(visit: &Looking) -> Result<Page, Fail> {
    let (name, who, now) = (visit.path("id"), &visit.principal, visit.viewer.now);
    let assigns = visit.viewer.may::<AssignDeliveries>() && visit.viewer.sees_all();
    let page = visit.read(|tx| -> Result<_, DeliveryError> {
        let delivery = service::find(tx, who, &name)?.value.state;
        let number = |id: crate::base::ids::Id| {
            let found = parcels::find(tx, &Scope::Tenant, &id.to_string());
            found.map_or_else(|_| id.to_string(), |(p, _)| p.value.state.number)
        };
        // Another attempt may be somebody else's, whom one does not see.
        let other = |id: String| -> Option<(String, u64)> {
            let found = service::find(tx, who, &id).ok()?.value.state;
            Some((id, found.number))
        };
        let next = repo::next_attempt(tx, delivery.id.0)?;
        Ok(Page {
            numbers: delivery.legs.iter().map(|l| number(l.parcel)).collect(),
            before: delivery.previous.and_then(|id| other(id.to_string())),
            after: next.and_then(|id| other(id.to_string())),
            files: of_subject(tx, delivery.id.0)?.into_iter().map(|e| e.value.state).collect(),
            people: if assigns { people(tx, now)? } else { Vec::new() },
            is_wanted: refusals::wanted(tx, &delivery)?,
            delivery,
        })
    })?;
    visit.saw("delivery", [page.delivery.id.0]);
    Ok(page)
}

#[allow(clippy::unused_async)] // the form of a handler
async fn show(visit: Looking) -> Reply {
    let asked: Asked = visit.query().unwrap_or_default();
    let page = load(&visit)?;
    let v = &visit.viewer;
    let d = &page.delivery;
    let title = format!("{} {}", v.t("delivery"), d.number);
    let main = html! {
        div.head { h1 { (title) } span data-region="state" data-kinds="delivery" { (delivery_state(v, d.status)) } }
        (parts::done(v, asked.done.as_deref()))
        @for issue in &d.issues { p.notice.bad role="alert" { (Icon::Triangle) (v.say(&issue.detail)) } }
        div.columns {
            div {
                section.card { h2 { (d.facts.customer) } (facts(v, &page)) }
                (acts(v, &page))
                (pieces(v, &page))
            }
            div data-region="course" data-kinds="delivery attachment" {
                (proofs(v, &page))
                section.card { h2 { (v.t("timeline")) } ol.timeline { @for t in d.steps.iter().rev() { (taken(v, t)) } } }
            }
        }
    };
    Ok(Out::page(title, main))
}

fn facts(v: &Viewer, page: &Page) -> Markup {
    let (d, f) = (&page.delivery, &page.delivery.facts);
    let text = |t: &Option<String>| t.as_ref().map(|t| html! { (t) });
    let attempt = |other: &Option<(String, u64)>| {
        other.as_ref().map(|(id, n)| html! { a href={ "/deliveries/" (id) } { (v.t("delivery")) " " (n) } })
    };
    let needs: Vec<String> = f.needs.iter().map(|k| v.named("proof", k)).collect();
    html! {
        dl.facts {
            (parts::fact(&v.t("to"), Some(&html! { (f.address) })))
            (parts::fact(&v.t("from"), Some(&html! { (f.pickup) })))
            (parts::fact(&v.t("phone"), text(&f.phone).as_ref()))
            (parts::fact(&v.t("email"), text(&f.email).as_ref()))
            (parts::fact(&v.t("delivery-messages"), page.is_wanted.map(|is| told(v, d, is)).as_ref()))
            (parts::fact(&v.t("delivery-window"), f.window.map(|w| html! { (v.moment(w.from)) "–" (v.clock(w.to)) }).as_ref()))
            (parts::fact(&v.t("delivery-priority"), Some(&html! { (v.named("priority", f.priority)) })))
            (parts::fact(&v.t("weight"), f.weight_g.map(|g| html! { (v.weight(Grams(g))) }).as_ref()))
            (parts::fact(&v.t("deliveries-with"), d.assignee.as_ref().map(|a| html! { (a.name) }).as_ref()))
            (parts::fact(&v.t("delivery-vehicle"), text(&d.vehicle).as_ref()))
            (parts::fact(&v.t("distributor"), text(&f.distributor).as_ref()))
            (parts::fact(&v.t("delivery-needs"), (!needs.is_empty()).then(|| html! { (needs.join(", ")) }).as_ref()))
            (parts::fact(&v.t("delivery-note"), text(&f.note).as_ref()))
            (parts::fact(&v.t("delivery-why"), d.reason.as_ref().map(|r| html! { (v.word("reason", r)) }).as_ref()))
            (parts::fact(&v.t("attempts"), (d.attempt > 1).then(|| html! { (d.attempt) }).as_ref()))
            (parts::fact(&v.t("delivery-before"), attempt(&page.before).as_ref()))
            (parts::fact(&v.t("delivery-after"), attempt(&page.after).as_ref()))
        }
    }
}

/// Whether the recipient wants messages, and the button by which somebody notes that it is otherwise.
fn told(v: &Viewer, d: &Delivery, is_wanted: bool) -> Markup {
    let (now, other) = if is_wanted {
        ("delivery-messages-wanted", "delivery-messages-stop")
    } else {
        ("delivery-messages-refused", "delivery-messages-begin")
    };
    html! {
        (v.t(now))
        @if v.may::<EditDeliveries>() {
            " "
            (swap(v, "/deliveries/messages", "inline", &html! {
                input type="hidden" name="id" value=(d.id);
                button.small name="wanted" value=(if is_wanted { "no" } else { "yes" }) { (v.t(other)) }
            }))
        }
    }
}

async fn messages(visit: Visit<Grant<EditDeliveries>>, form: Form) -> Reply {
    let (id, is_wanted): (String, bool) = (form.text("id").to_owned(), form.text("wanted") == "yes");
    let to = format!("/deliveries/{id}?done=saved");
    let done = visit.write::<EditDeliveries, _, _>(move |tx, grant, cx| {
        refusals::set(tx, grant, cx, &id, is_wanted).map(drop)
    });
    done.await?;
    Ok(Out::See(to))
}

/// What can be done with it now, by who may.
fn acts(v: &Viewer, page: &Page) -> Markup {
    let d = &page.delivery;
    let can = |to: Status| rules::admits(d.status, to);
    let assigns = v.may::<AssignDeliveries>() && can(Status::Assigned);
    let cancels = v.may::<CancelDeliveries>() && can(Status::Cancelled);
    let moves = v.may::<MoveDeliveries>() && (can(Status::InTransit) || can(Status::Completed));
    if !(assigns || cancels || moves) {
        return html! {};
    }
    let back = format!("/deliveries/{}", d.id);
    html! {
        section.card {
            h2 { (v.t("next-steps")) }
            @if moves { p { a.button.primary href={ "/driver/stops/" (d.id) } { (Icon::Van) (v.t("delivery-carry-out")) } } }
            @if assigns {
                (swap(v, "/deliveries/assign", "", &html! {
                    input type="hidden" name="id" value=(d.id);
                    input type="hidden" name="back" value=(back);
                    @if page.people.is_empty() { (Field::text("to", v.t("deliveries-to"), "")) }
                    @else { (choice("to", &v.t("deliveries-to"), &page.people, &d.assignee.as_ref().map(|a| a.id.to_string()).unwrap_or_default())) }
                    button name="step" value="assign" { (v.t("deliveries-assign")) }
                    @if d.status == Status::Assigned { " " button name="step" value="unassign" { (v.t("deliveries-unassign")) } }
                }))
            }
            @if cancels {
                details.confirm {
                    summary.button { (v.t("deliveries-cancel")) }
                    (swap(v, "/deliveries/cancel", "", &html! {
                        input type="hidden" name="id" value=(d.id);
                        input type="hidden" name="back" value=(back);
                        (Field::text("reason", v.t("delivery-why"), "").needed())
                        button.danger { (v.t("deliveries-cancel")) }
                    }))
                }
            }
        }
    }
}

fn pieces(v: &Viewer, page: &Page) -> Markup {
    let d = &page.delivery;
    if d.legs.is_empty() {
        return html! {};
    }
    html! {
        section.card {
            h2 { (v.t("nav-parcels")) span.faint { (d.legs.len()) } }
            table.list {
                thead { tr { th { (v.t("parcel-number")) } th { (v.t("state")) } th { (v.t("reason")) } } }
                tbody {
                    @for (leg, number) in d.legs.iter().zip(&page.numbers) {
                        tr {
                            td.id { @if v.may::<ViewParcels>() { a href={ "/parcels/" (leg.parcel) } { (number) } } @else { (number) } }
                            td { @match &leg.outcome {
                                Some(o) => (parts::mark(Some(o.delivered), &v.t(if o.delivered { "delivery-handed" } else { "delivery-kept" }))),
                                None => "–",
                            } }
                            td { @if let Some(r) = leg.outcome.as_ref().and_then(|o| o.reason.as_ref()) { (v.word("reason", r)) } }
                        }
                    }
                }
            }
        }
    }
}

fn proofs(v: &Viewer, page: &Page) -> Markup {
    let d = &page.delivery;
    if d.proofs.is_empty() && page.files.is_empty() {
        return html! {};
    }
    let known = |hash: &str| page.files.iter().any(|f| hex(&f.hash) == hash);
    let named: Vec<&str> = d.proofs.iter().flat_map(|p| &p.photos).map(|h| h.0.as_str()).collect();
    let more: Vec<String> =
        page.files.iter().map(|f| hex(&f.hash)).filter(|h| !named.contains(&h.as_str())).collect();
    let at = format!("/api/v1/deliveries/{}/proof", d.id);
    let photo = |hash: &str| html! { a href={ (at) "/files/" (hash) } { img src={ (at) "/files/" (hash) } alt=(v.t("proof-photo")) loading="lazy"; } };
    html! {
        section.card.proof {
            h2 { (v.t("delivery-proof")) a.all href={ (at) ".zip" } { (v.t("delivery-download")) } }
            @for p in &d.proofs {
                (proof(v, p))
                div.photos { @for h in &p.photos { @if known(&h.0) { (photo(&h.0)) } @else { p.faint { (Icon::Clock) " " (v.t("delivery-photo-comes")) } } } }
            }
            @if !more.is_empty() { div.photos { @for h in &more { (photo(h)) } } }
        }
    }
}

fn proof(v: &Viewer, p: &Proof) -> Markup {
    let text = |t: &Option<String>| t.as_ref().map(|t| html! { (t) });
    let spot = p.position.map(|at| {
        let (lat, lon) = (f64::from(at.lat) / 1e6, f64::from(at.lon) / 1e6);
        html! { (format!("{lat:.5}, {lon:.5}")) @if let Some(m) = p.accuracy_m { " ± " (m) " m" } }
    });
    html! {
        @if let Some(strokes) = &p.signature {
            svg.signature viewBox="0 0 600 240" role="img" aria-label=(v.t("proof-signature")) { path d=(strokes) {} }
        }
        dl.facts {
            (parts::fact(&v.t("proof-name"), text(&p.name).as_ref()))
            (parts::fact(&v.t("proof-code"), text(&p.code).as_ref()))
            (parts::fact(&v.t("proof-scan"), text(&p.scan).as_ref()))
            (parts::fact(&v.t("when"), p.at.map(|t| v.time(t)).as_ref()))
            (parts::fact(&v.t("place"), spot.as_ref()))
        }
    }
}

fn taken(v: &Viewer, t: &Taken) -> Markup {
    html! {
        li {
            span.when { (v.time(t.at)) }
            (delivery_state(v, t.to))
            @if let Some(name) = &t.assignee { " " (name) }
            @if let Some(r) = &t.reason { " " (v.word("reason", r)) }
            @if let Some(note) = &t.note { " " q { (note) } }
        }
    }
}
