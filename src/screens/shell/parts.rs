//! The pieces pages are put together from.

use maud::{Markup, html};

use super::icons::Icon;
use super::viewer::Viewer;
use crate::cases::rules::State;
use crate::deliveries::model::Status as Delivery;
use crate::orders::model::Status as Order;
use crate::parcels::model::Status;
use crate::web::ApiError;

/// A form that changes something: it shows that it is ours.
#[must_use]
pub fn post(v: &Viewer, action: &str, inside: &Markup) -> Markup {
    html! { form method="post" action=(action) { input type="hidden" name="csrf" value=(v.csrf); (inside) } }
}

/// The same, sent without leaving the page where scripts run.
#[must_use]
pub fn swap(v: &Viewer, action: &str, class: &str, inside: &Markup) -> Markup {
    html! {
        form method="post" action=(action) class=(class) data-swap {
            input type="hidden" name="csrf" value=(v.csrf);
            (inside)
        }
    }
}

/// A button that does one thing.
#[must_use]
pub fn button(v: &Viewer, action: &str, label: &str, class: &str) -> Markup {
    swap(v, action, "inline", &html! { button class=(class) { (label) } })
}

/// The revision a form was made from.
#[must_use]
pub fn version(n: u64) -> Markup {
    html! { input type="hidden" name="version" value=(n); }
}

/// What was refused, each place by its name.
#[must_use]
pub fn refusal(v: &Viewer, fail: Option<&ApiError>) -> Markup {
    let Some(e) = fail else { return html! {} };
    html! {
        div.notice.bad role="alert" {
            (Icon::Triangle)
            div {
                p { strong { (v.t("refused")) } }
                @if e.fields().is_empty() { p { (v.say(e.detail())) } }
                @else { ul { @for f in e.fields() { li { (v.place(&f.pointer)) " " (v.say(&f.detail)) } } } }
            }
        }
    }
}

/// What was just done, as the page before said it.
#[must_use]
pub fn done(v: &Viewer, done: Option<&str>) -> Markup {
    let said = match done {
        Some("saved") => v.t("done-saved"),
        Some("added") => v.t("done-added"),
        Some("removed") => v.t("done-removed"),
        Some("sent") => v.t("done-sent"),
        Some("begun") => v.t("done-begun"),
        Some("joined") => v.t("done-joined"),
        _ => return html! {},
    };
    html! { p.notice.good role="status" { (Icon::Tick) (said) } }
}

/// One line to fill in.
pub struct Field<'a> {
    /// Its name in the form; also its id.
    pub name: &'a str,
    /// What stands beside it.
    pub label: String,
    /// More on it.
    pub hint: String,
    /// Its type.
    pub kind: &'a str,
    /// What stands in it.
    pub value: &'a str,
    /// Whether it must be filled in.
    pub required: bool,
    /// What a browser may fill in.
    pub auto: &'a str,
}

impl<'a> Field<'a> {
    /// A line of text.
    #[must_use]
    pub fn text(name: &'a str, label: String, value: &'a str) -> Self {
        Self { name, label, hint: String::new(), kind: "text", value, required: false, auto: "off" }
    }

    /// It must be filled in.
    #[must_use]
    pub fn needed(self) -> Self {
        Self { required: true, ..self }
    }

    /// With more on it.
    #[must_use]
    pub fn hint(self, hint: String) -> Self {
        Self { hint, ..self }
    }

    /// Of another type, with what a browser may fill in.
    #[must_use]
    pub fn kind(self, kind: &'a str, auto: &'a str) -> Self {
        Self { kind, auto, ..self }
    }
}

impl maud::Render for Field<'_> {
    fn render(&self) -> Markup {
        let hint = format!("{}-hint", self.name);
        html! {
            div.field {
                label for=(self.name) { (self.label) }
                input id=(self.name) name=(self.name) type=(self.kind) value=(self.value) autocomplete=(self.auto)
                    required[self.required] aria-describedby=[(!self.hint.is_empty()).then_some(&hint)];
                @if !self.hint.is_empty() { small id=(hint) { (self.hint) } }
            }
        }
    }
}

/// A choice among words.
#[must_use]
pub fn choice(name: &str, label: &str, choices: &[(String, String)], chosen: &str) -> Markup {
    html! {
        div.field {
            label for=(name) { (label) }
            select id=(name) name=(name) {
                @for (value, said) in choices { option value=(value) selected[value == chosen] { (said) } }
            }
        }
    }
}

/// A box to tick.
#[must_use]
pub fn tick(name: &str, label: &str, on: bool) -> Markup {
    html! { label.tick { input type="checkbox" name=(name) value="1" checked[on]; span { (label) } } }
}

/// Nothing is there, and what to do about it.
#[must_use]
pub fn empty(title: &str, hint: &Markup) -> Markup {
    html! { div.empty { (Icon::Tick) h2 { (title) } div { (hint) } } }
}

/// The way to the next page of a list.
#[must_use]
pub fn more(v: &Viewer, path: &str, query: &str, next: Option<&str>) -> Markup {
    let Some(next) = next else { return html! {} };
    let kept: Vec<&str> = query
        .split('&')
        .filter(|p| !p.is_empty() && !p.starts_with("cursor=") && !p.starts_with("done="))
        .collect();
    let sep = if kept.is_empty() { "" } else { "&" };
    let to = format!("{path}?{}{sep}cursor={next}", kept.join("&"));
    html! { nav.more aria-label=(v.t("more")) { a.button rel="next" href=(to) { (v.t("more")) } } }
}

/// A parcel's status as word, colour and shape.
#[must_use]
pub fn status(v: &Viewer, s: Status) -> Markup {
    use Status as S;
    let (class, icon) = match s {
        S::Announced | S::Accepted => ("soon", Icon::Ring),
        S::InTransit | S::OutForDelivery => ("moves", Icon::Dot),
        S::AtDepot | S::ReadyForPickup | S::Customs => ("here", Icon::Square),
        S::Attempted | S::OnHold | S::Lost | S::Unknown => ("stuck", Icon::Triangle),
        S::Delivered => ("done", Icon::Tick),
        S::Returning | S::Returned => ("back", Icon::Back),
        S::Disposed | S::Cancelled => ("over", Icon::Cross),
    };
    html! { span class={ "state " (class) } { (icon) (v.word("status", s.as_str())) } }
}

/// Where a case stands as word, colour and shape.
#[must_use]
pub fn case_state(v: &Viewer, s: State, overdue: bool) -> Markup {
    let (class, icon) = match s {
        State::Open if overdue => ("stuck", Icon::Triangle),
        State::Open => ("soon", Icon::Ring),
        State::Acknowledged => ("here", Icon::Square),
        State::InProgress => ("moves", Icon::Dot),
        State::Waiting => ("back", Icon::Clock),
        State::Resolved => ("done", Icon::Tick),
        State::Merged => ("over", Icon::Cross),
    };
    html! { span class={ "state " (class) } { (icon) (v.word("case-state", &s.to_string())) } }
}

/// Where a delivery is as word, colour and shape.
#[must_use]
pub fn delivery_state(v: &Viewer, s: Delivery) -> Markup {
    let (class, icon) = match s {
        Delivery::Created => ("soon", Icon::Ring),
        Delivery::Assigned => ("here", Icon::Square),
        Delivery::InTransit => ("moves", Icon::Dot),
        Delivery::Completed => ("done", Icon::Tick),
        Delivery::Failed => ("stuck", Icon::Triangle),
        Delivery::Cancelled => ("over", Icon::Cross),
    };
    html! { span class={ "state " (class) } { (icon) (v.word("delivery-state", s.as_str())) } }
}

/// Where an order is as word, colour and shape.
#[must_use]
pub fn order_state(v: &Viewer, s: Order) -> Markup {
    let (class, icon) = match s {
        Order::Pending => ("soon", Icon::Ring),
        Order::Processing | Order::Packed => ("here", Icon::Square),
        Order::Shipped => ("moves", Icon::Dot),
        Order::Delivered => ("done", Icon::Tick),
        Order::Cancelled => ("over", Icon::Cross),
        Order::Returned => ("back", Icon::Back),
    };
    html! { span class={ "state " (class) } { (icon) (v.word("order-state", s.as_str())) } }
}

/// A mark with a word: good, bad or neither.
#[must_use]
pub fn mark(good: Option<bool>, word: &str) -> Markup {
    let (class, icon) = match good {
        Some(true) => ("done", Icon::Tick),
        Some(false) => ("stuck", Icon::Triangle),
        None => ("soon", Icon::Ring),
    };
    html! { span class={ "state " (class) } { (icon) (word) } }
}

/// A fact and its name, where there is one.
#[must_use]
pub fn fact(name: &str, value: Option<&Markup>) -> Markup {
    html! { @if let Some(value) = value { div { dt { (name) } dd { (value) } } } }
}
