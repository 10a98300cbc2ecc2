//! The route of exports.

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::Method;
use actix_web::web::{Bytes, Path};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::table::Format;
use crate::audit::api::NotedView;
use crate::audit::{self, Changed};
use crate::base::clock::Timestamp;
use crate::base::error::{Invalid, Kind};
use crate::base::ids::Id;
use crate::base::page::MAX_LIMIT;
use crate::cases;
use crate::cases::reasons::Reason;
use crate::cases::view::CaseView;
use crate::customers::{self, api::CustomerView};
use crate::deliveries;
use crate::identity::features::{
    ExportAudit, ReadEvents, RunExports, ViewCarriers, ViewCases, ViewDeliveries, ViewImports, ViewManifests,
    ViewOrders, ViewParcels, ViewStatusMaps, ViewUsers,
};
use crate::identity::grant::{Principal, Scope};
use crate::identity::repo::USERS;
use crate::imports::{self, api::ImportView};
use crate::journal::log;
use crate::journal::{Cx, change};
use crate::manifests::{self, views::ManifestView};
use crate::orders::{self, views::OrderView};
use crate::parcels::cards::Cards;
use crate::parcels::event::ParcelEvent;
use crate::parcels::{queries, unmapped};
use crate::store::table::{cursor, position};
use crate::store::{Dir, Ix, KeyRange, ReadTx, Store, StoreError, Tenant, WriteTx};
use crate::web::error::Refusal;
use crate::web::routes::Routes;
use crate::web::{ApiError, Call};

/// This route.
#[must_use]
pub fn routes() -> Routes {
    Routes::new("exports")
        .add::<RunExports, _, _>(
            Method::GET,
            "/exports/{kind}",
            export,
            "A list as a file: parcels, cases, manifests, deliveries, orders, customers, events, imports, audit, users, carriers or unmapped; the list's own feature is needed too",
        )
        .query(&[
            ("format", "csv (the usual) or ndjson"),
            ("…", "the filters of the list, by the same names"),
        ])
}

/// A list that can be exported.
struct List {
    name: &'static str,
    columns: &'static [&'static str],
    /// Reads the filters and says whether the reader may see the list.
    open: fn(&Arc<Principal>, &str) -> Result<Wanted, ApiError>,
}

/// What is exported.
#[derive(Clone)]
enum Wanted {
    Parcels(Arc<queries::Filter>),
    Cases(Arc<cases::repo::Wanted>),
    Events,
    Imports,
    Audit(Arc<audit::queries::Filter>),
    Users,
    Carriers,
    Unmapped(Option<String>),
    Manifests(Arc<manifests::service::Wanted>),
    Deliveries(deliveries::service::Filter),
    Orders(Option<orders::model::Status>),
    Customers,
}

const LISTS: &[List] = &[
    List {
        name: "parcels",
        columns: &[
            "id",
            "tracking_number",
            "status",
            "since",
            "raw_status",
            "raw_at",
            "source",
            "order_ref",
            "distributor",
            "carrier",
            "service",
            "recipient.name",
            "recipient.phone",
            "recipient.email",
            "to.line",
            "to.zip",
            "to.city",
            "to.state",
            "to.country",
            "from.city",
            "from.country",
            "items",
            "category",
            "weight_g",
            "volume_cm3",
            "value.minor",
            "value.currency",
            "freight.minor",
            "freight.currency",
            "promised_at",
            "ship_by",
            "delivered_at",
            "location.city",
            "remark",
            "flags",
            "issues",
            "events",
            "notes",
            "created_at",
            "updated_at",
            "version",
            "origin_site",
            "custody_site",
            "next_site",
        ],
        open: |who, query| {
            who.grant::<ViewParcels>()?;
            Ok(Wanted::Parcels(Arc::new(read(query)?)))
        },
    },
    List {
        name: "cases",
        columns: &[
            "id",
            "version",
            "subject.kind",
            "subject.id",
            "subject.label",
            "subject.distributor",
            "reason",
            "group",
            "fault",
            "desk",
            "role",
            "action_required",
            "retryable",
            "detail",
            "state",
            "opened_at",
            "age_hours",
            "sla_due",
            "overdue",
            "escalation_level",
            "owner.name",
            "waiting_until",
            "resolution",
            "closed_at",
        ],
        open: |who, query| {
            who.grant::<ViewCases>()?;
            let f: CaseFilter = read(query)?;
            let which = cases::api::which(f.state.as_deref())?;
            let CaseFilter { state: _, reason, distributor, overdue } = f;
            Ok(Wanted::Cases(Arc::new(cases::repo::Wanted {
                which,
                reason,
                distributor,
                overdue,
                ..Default::default()
            })))
        },
    },
    List {
        name: "events",
        columns: &["seq", "id", "record", "record_id", "kind", "site", "written_at", "event"],
        open: |who, query| {
            who.grant::<ReadEvents>()?;
            who.grant::<ViewParcels>()?;
            nothing(query)?;
            whole(who)?;
            Ok(Wanted::Events)
        },
    },
    List {
        name: "imports",
        columns: &[
            "id",
            "kind",
            "source",
            "file",
            "bytes",
            "dry_run",
            "state",
            "progress",
            "rows",
            "created",
            "updated",
            "unchanged",
            "duplicate",
            "refused",
            "error",
            "by",
            "created_at",
            "finished_at",
        ],
        open: |who, query| {
            who.grant::<ViewImports>()?;
            nothing(query)?;
            whole(who)?;
            Ok(Wanted::Imports)
        },
    },
    List {
        name: "audit",
        columns: &["seq", "at", "user", "device", "action", "table", "record", "event", "changed", "via"],
        open: |who, query| {
            who.grant::<ExportAudit>()?;
            whole(who)?;
            Ok(Wanted::Audit(Arc::new(read(query)?)))
        },
    },
    List {
        name: "users",
        columns: &["id", "login", "name", "email", "role", "language", "active", "approved", "version"],
        open: |who, query| {
            who.grant::<ViewUsers>()?;
            nothing(query)?;
            whole(who)?;
            Ok(Wanted::Users)
        },
    },
    List {
        name: "carriers",
        columns: &["code", "name", "adapter", "words", "patterns", "endpoint", "poll_s", "active", "version"],
        open: |who, query| {
            who.grant::<ViewCarriers>()?;
            nothing(query)?;
            Ok(Wanted::Carriers)
        },
    },
    List {
        name: "unmapped",
        columns: &["source", "code", "sub", "text", "count", "parcel", "first_at", "last_at"],
        open: |who, query| {
            who.grant::<ViewStatusMaps>()?;
            whole(who)?;
            Ok(Wanted::Unmapped(read::<SourceFilter>(query)?.source))
        },
    },
    List {
        name: "manifests",
        columns: &[
            "id",
            "number",
            "kind",
            "carrier",
            "vehicle",
            "distributor",
            "from",
            "expected_at",
            "state",
            "late_since",
            "cancelled",
            "unloading",
            "parcels",
            "pieces",
            "created_at",
            "version",
        ],
        open: |who, query| {
            who.grant::<ViewManifests>()?;
            let ManifestFilter { state, distributor, from } = read(query)?;
            Ok(Wanted::Manifests(Arc::new(manifests::service::Wanted { state, distributor, from })))
        },
    },
    List {
        name: "deliveries",
        columns: DELIVERY_COLUMNS,
        open: |who, query| {
            who.grant::<ViewDeliveries>()?;
            let DeliveryFilter { status, assigned_to } = read(query)?;
            let status = status.as_deref().map(str::parse).transpose();
            let status = status.map_err(|why: String| Invalid::at("?status", why))?;
            Ok(Wanted::Deliveries(deliveries::service::Filter { status, assignee: assigned_to }))
        },
    },
    List {
        name: "orders",
        columns: &[
            "id",
            "number",
            "reference",
            "source",
            "depot",
            "status",
            "raw_status",
            "last_transition_time",
            "created_at",
            "customer_name",
            "customer_email",
            "customer_phone",
            "delivery_address",
            "delivery_zip",
            "total.minor",
            "total.currency",
            "promised_at",
            "shipped_at",
            "delivered_at",
            "backordered",
            "version",
        ],
        open: |who, query| {
            who.grant::<ViewOrders>()?;
            whole(who)?;
            let status = read::<StatusFilter>(query)?.status.as_deref().map(str::parse).transpose();
            Ok(Wanted::Orders(status.map_err(|why: String| Invalid::at("?status", why))?))
        },
    },
    List {
        name: "customers",
        columns: &[
            "id",
            "source",
            "reference",
            "name",
            "phone",
            "email",
            "address",
            "zip",
            "city",
            "state",
            "country",
            "note",
            "version",
        ],
        open: |who, query| {
            who.grant::<ViewDeliveries>()?;
            nothing(query)?;
            whole(who)?;
            Ok(Wanted::Customers)
        },
    },
];

const DELIVERY_COLUMNS: &[&str] = &[
    "id",
    "number",
    "status",
    "last_transition_time",
    "created_at",
    "depot",
    "pickup_address",
    "delivery_address",
    "customer_name",
    "customer_phone",
    "customer_email",
    "package_weight",
    "priority",
    "note",
    "distributor",
    "assigned_to.name",
    "vehicle",
    "attempt",
    "previous",
    "next",
    "reason",
    "version",
];

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct ManifestFilter {
    state: Option<manifests::model::State>,
    distributor: Option<String>,
    from: Option<Timestamp>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct DeliveryFilter {
    status: Option<String>,
    assigned_to: Option<Id>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct StatusFilter {
    status: Option<String>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseFilter {
    state: Option<String>,
    reason: Option<Reason>,
    distributor: Option<String>,
    overdue: Option<bool>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct SourceFilter {
    source: Option<String>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct NoFilter {}

fn read<T: DeserializeOwned>(query: &str) -> Result<T, Invalid> {
    let read = actix_web::web::Query::<T>::from_query(query);
    read.map(actix_web::web::Query::into_inner).map_err(|e| Invalid::at("?", e.to_string()))
}

fn nothing(query: &str) -> Result<(), Invalid> {
    read::<NoFilter>(query).map(drop)
}

/// That the reader may see everybody's records.
fn whole(who: &Principal) -> Result<(), Refusal> {
    if who.scope == Scope::Tenant {
        return Ok(());
    }
    let detail = "this list takes access to the whole depot; ask its administrator";
    Err(Refusal::new(Kind::Forbidden, "export.scope", detail))
}

/// A file as it is written.
#[derive(Clone)]
struct Pages {
    store: Store,
    tenant: Tenant,
    who: Arc<Principal>,
    cards: Cards,
    wanted: Wanted,
    now: Timestamp,
}

type Page = (Vec<Value>, Option<String>);

fn json_of(value: &impl serde::Serialize) -> Result<Value, StoreError> {
    serde_json::to_value(value).map_err(|e| StoreError::Codec { what: "export", why: e.to_string() })
}

impl Pages {
    fn page(&self, at: Option<String>) -> Result<Page, ApiError> {
        self.store.read(self.tenant, |tx| match &self.wanted {
            Wanted::Parcels(f) => {
                let f = queries::Filter { limit: Some(MAX_LIMIT), cursor: at, ..(**f).clone() };
                let found = queries::list(tx, &self.who.scope, &self.cards, &f)?;
                let rows = found.items.iter().map(|c| json_of(&c.json)).collect::<Result<_, _>>()?;
                Ok((rows, found.next))
            }
            Wanted::Cases(w) => {
                let grant = self.who.grant::<ViewCases>()?;
                let reader = cases::service::reader(&grant);
                let (rows, next) = cases::repo::list(tx, &reader, w, self.now, at.as_deref(), MAX_LIMIT)?;
                let row = |e: &crate::store::table::Entry<_>| {
                    let e: &crate::store::table::Entry<crate::journal::Folded<cases::model::Case>> = e;
                    let steps = cases::service::steps_of(&grant, &e.value.state);
                    json_of(&CaseView::of(&e.value.state, e.rev, self.now, steps))
                };
                Ok((rows.iter().map(row).collect::<Result<_, _>>()?, next))
            }
            Wanted::Events => events(tx, at.as_deref()),
            Wanted::Imports => {
                let rows = imports::service::list(tx, position(at.as_deref())?, MAX_LIMIT)?;
                let next = rows.next.as_ref().map(cursor).transpose()?;
                let row = rows.items.into_iter().map(|e| json_of(&ImportView::from(e.value)));
                Ok((row.collect::<Result<_, _>>()?, next))
            }
            Wanted::Audit(f) => {
                let before = at.map(|a| a.parse().map_err(|_| StoreError::Cursor)).transpose()?;
                let (rows, next) = audit::queries::list(tx, f, before, MAX_LIMIT)?;
                let row = rows.into_iter().map(|n| json_of(&NotedView::from(n)));
                Ok((row.collect::<Result<_, _>>()?, next.map(|n| n.to_string())))
            }
            Wanted::Users => {
                let range = KeyRange::all().resume(position(at.as_deref())?);
                let rows = USERS.scan(tx, Ix::Primary, &range, Dir::Up, MAX_LIMIT)?;
                let next = rows.next.as_ref().map(cursor).transpose()?;
                let mut out = Vec::with_capacity(rows.items.len());
                for e in rows.items {
                    if let Some(user) = e.value.state.value {
                        let mut row = json_of(&user)?;
                        row["version"] = e.rev.into();
                        out.push(row);
                    }
                }
                Ok((out, next))
            }
            Wanted::Carriers => {
                let all = crate::carriers::repo::all(tx)?.into_iter();
                let row = |(c, rev): (crate::carriers::model::Carrier, u64)| {
                    let mut row = json_of(&c)?;
                    row["version"] = rev.into();
                    Ok::<_, StoreError>(row)
                };
                Ok((all.map(row).collect::<Result<_, _>>()?, None))
            }
            Wanted::Unmapped(source) => {
                let rows = unmapped::list(tx, source.as_deref(), position(at.as_deref())?, MAX_LIMIT)?;
                let next = rows.next.as_ref().map(cursor).transpose()?;
                let row = rows.items.iter().map(|e| json_of(&e.value));
                Ok((row.collect::<Result<_, _>>()?, next))
            }
            Wanted::Manifests(w) => {
                let grant = self.who.grant::<ViewManifests>()?;
                let (rows, next) = manifests::service::list(tx, &grant, w, at.as_deref(), MAX_LIMIT)?;
                let row = rows.iter().map(|e| json_of(&ManifestView::of(&e.value.state, e.rev)));
                Ok((row.collect::<Result<_, _>>()?, next))
            }
            Wanted::Deliveries(f) => {
                let (rows, next) = deliveries::service::list(tx, &self.who, f, MAX_LIMIT, at.as_deref())?;
                let row = rows.iter().map(|e| json_of(&deliveries::api::view(tx, &e.value.state, e.rev)?));
                Ok((row.collect::<Result<_, _>>()?, next))
            }
            Wanted::Orders(status) => {
                let scope = &self.who.scope;
                let (rows, next) = orders::queries::list(tx, scope, *status, MAX_LIMIT, at.as_deref())?;
                let row = rows.iter().map(|e| json_of(&OrderView::of(&e.value.state, e.rev)));
                Ok((row.collect::<Result<_, _>>()?, next))
            }
            Wanted::Customers => {
                let (rows, next) = customers::service::list(tx, position(at.as_deref())?, MAX_LIMIT)?;
                let next = next.as_ref().map(cursor).transpose()?;
                let row = rows.into_iter().map(|found| json_of(&CustomerView::from(found)));
                Ok((row.collect::<Result<_, _>>()?, next))
            }
        })
    }
}

/// What happened to parcels, in the order this node came to know of it.
fn events(tx: &dyn ReadTx, at: Option<&str>) -> Result<Page, ApiError> {
    let after = at.map_or(Ok(0), str::parse).map_err(|_| StoreError::Cursor)?;
    let entries = log::applied_after(tx, after, MAX_LIMIT)?;
    let next = (entries.len() == MAX_LIMIT).then(|| entries.last().map(|(seq, _)| seq.to_string())).flatten();
    let mut rows = Vec::with_capacity(entries.len());
    for (seq, entry) in entries {
        let (header, body) = change::decode(&entry.blob)?;
        // Other records have lists of their own, and features of their own.
        let Ok(event) = ParcelEvent::decode(header.k, header.v, &body) else { continue };
        let written_at = Timestamp::from_millis(i64::try_from(header.t >> 16).unwrap_or(i64::MAX));
        rows.push(json!({
            "seq": seq,
            "id": Id(change::eid(&entry.blob)),
            "record": "parcel",
            "record_id": header.id,
            "kind": crate::journal::Event::name(&event),
            "site": header.o,
            "written_at": written_at,
            "event": crate::parcels::views::content(&event),
        }));
    }
    Ok((rows, next))
}

/// The query without what is the export's own, and the format it names.
fn split(query: &str) -> Result<(Format, String), Invalid> {
    let mut format = Format::Csv;
    let mut rest = Vec::new();
    for pair in query.split('&').filter(|p| !p.is_empty()) {
        match pair.split_once('=').unwrap_or((pair, "")) {
            ("format", name) => {
                let wrong = || Invalid::at("?format", format!("\"{name}\" is no format; csv and ndjson are"));
                format = Format::named(name).ok_or_else(wrong)?;
            }
            ("limit" | "cursor", _) => {
                return Err(Invalid::at("?", "an export has neither limit nor cursor: it is the whole list"));
            }
            _ => rest.push(pair),
        }
    }
    Ok((format, rest.join("&")))
}

async fn export(call: Call<RunExports>, kind: Path<String>) -> Result<HttpResponse, ApiError> {
    let names = || LISTS.iter().map(|l| l.name).collect::<Vec<_>>().join(", ");
    let list = LISTS.iter().find(|l| l.name == kind.as_str());
    let list = list.ok_or_else(|| {
        let detail = format!("\"{}\" is no list; {} are", kind.as_str(), names());
        Refusal::new(Kind::NotFound, "export.unknown", detail)
    })?;
    let (format, query) = split(call.request().query_string())?;
    let who = Arc::clone(call.grant.principal());
    let wanted = (list.open)(&who, &query)?;
    let pages = Pages {
        store: call.app.store.clone(),
        tenant: call.grant.tenant(),
        who,
        cards: call.app.cards.clone(),
        wanted,
        now: call.app.clock.now(),
    };
    // What is wrong with the filters is said before the file begins.
    let first = pages.page(None)?;
    noted(&call, list.name, format, &query).await?;
    let columns = list.columns;
    let state = Some((pages, Some(format.head(columns)), Ok(first)));
    let body = futures_util::stream::unfold(state, move |state| async move {
        let (pages, head, page) = state?;
        match page {
            // The head has gone out with 200: a file that can't be ended is cut off, and the reader sees that it is.
            Err(e) => Some((Err::<Bytes, ApiError>(e), None)),
            Ok((rows, next)) => {
                let bytes = [head.unwrap_or_default(), format.rows(columns, &rows)].concat();
                let more = next.map(|at| {
                    let page = pages.page(Some(at));
                    (pages, None, page)
                });
                Some((Ok(Bytes::from(bytes)), more))
            }
        }
    });
    let mut response = HttpResponse::Ok();
    let name = format!("attachment; filename=\"{}.{}\"", list.name, format.ending());
    response.content_type(format.media()).insert_header(("content-disposition", name));
    // A slow stream must not be held back by the compressor, which waits for full blocks.
    response.insert_header(("content-encoding", "identity"));
    Ok(response.streaming(body))
}

async fn noted(call: &Call<RunExports>, list: &str, format: Format, query: &str) -> Result<(), ApiError> {
    let (actor, now) = (call.grant.actor().clone(), call.app.clock.now());
    let told = [("list", list), ("format", format.ending()), ("filter", query)];
    let told = told.map(|(field, value)| Changed::new(field, Value::Null, value.to_owned())).to_vec();
    let write = move |tx: &mut dyn WriteTx| -> Result<u64, StoreError> {
        let cx = Cx::new(tx, &actor, now, "http")?;
        let entry = audit::Entry {
            class: audit::Class::Always,
            action: "export.run",
            record: "export",
            id: Id::NIL,
            event: None,
            changed: told.clone(),
        };
        audit::note(tx, &cx, &entry)
    };
    call.app.store.write(call.grant.tenant(), crate::store::Lane::People, write).await?;
    Ok(())
}
