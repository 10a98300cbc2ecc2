//! The socket: one connection on which a program or a browser follows deliveries, or everything it may see. Whoever reads
//! too slowly is let go and comes back with the last `seq` it has.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::Method;
use actix_web::http::header::{HOST, ORIGIN};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse, rt};
use actix_ws::{AggregatedMessage, AggregatedMessageStream, CloseCode, CloseReason, Closed, Session};
use futures_util::StreamExt;
use serde_json::json;

use super::feed::{self, Item, Wanted};
use super::talk::{self, Ear, Heard, MAX_BACK, MAX_FOLLOWED, message, refusal};
use crate::base::clock::Timestamp;
use crate::base::error::{Fault, Kind};
use crate::base::ids::Id;
use crate::deliveries::error::DeliveryError;
use crate::deliveries::service as deliveries;
use crate::identity::features::{ReadEvents, ViewDeliveries, ViewRoutes, ViewTracking};
use crate::identity::gate::Shown;
use crate::identity::grant::Principal;
use crate::store::{ReadTx, StoreError};
use crate::tracking::error::TrackingError;
use crate::tracking::model::StopState;
use crate::tracking::service as tracking;
use crate::web::call::{app, shown};
use crate::web::error::Refusal;
use crate::web::follow::{Follower, Hall, Turn};
use crate::web::routes::Routes;
use crate::web::{ApiError, App};

/// Connections one process holds open at once.
pub const MAX_SOCKETS: usize = 12_000;
/// Bytes of one message of a client's.
pub const MAX_MESSAGE: usize = 16 * 1024;
/// How long a message of ours may wait for a slow reader.
const PATIENCE: Duration = Duration::from_secs(10);
/// After so long without a word from the other side it is asked, and after twice as long let go.
const SILENCE: Duration = Duration::from_secs(30);
/// How often it is looked where vehicles are.
const LOOK: Duration = Duration::from_secs(1);
/// Events told in one go.
const AT_ONCE: usize = 100;

static SOCKETS: Hall = Hall::new(MAX_SOCKETS);

/// The route of the socket.
#[must_use]
pub fn routes() -> Routes {
    Routes::new("integration")
        .open(
            Method::GET,
            "/ws",
            connect,
            "A WebSocket: subscribe_delivery, unsubscribe_delivery, subscribe, unsubscribe, ping; without a good token it is closed with 1008",
        )
        .query(&[("token", "an access token or API key, for clients that can't send Authorization")])
        .status(101)
}

/// Who is on the line, by token, key or the cookie of a page of our own.
fn admitted(req: &HttpRequest, app: &App) -> Result<Arc<Principal>, ApiError> {
    let query: Vec<(String, String)> = serde_urlencoded::from_str(req.query_string()).unwrap_or_default();
    let token = query.iter().find(|(name, _)| name == "token").map(|(_, token)| token.as_str());
    let seen = shown(req);
    let bearer = seen.bearer.or(token);
    let ours = bearer.is_some() || is_own_page(req);
    let with = Shown { bearer, session: seen.session.filter(|_| ours), ..seen };
    let principal = app.gate.admit(&app.store, &with, app.clock.now())?;
    principal.grant::<ReadEvents>()?;
    Ok(principal)
}

/// Whether a browser says that a page of our own asks: any other page could use the cookie of whoever looks at it.
fn is_own_page(req: &HttpRequest) -> bool {
    let header = |name| req.headers().get(name).and_then(|v| v.to_str().ok());
    let origin = header(ORIGIN).and_then(|o| o.split_once("://")).map(|(_, host)| host);
    shown(req).same_origin && (origin.is_none() || origin == header(HOST))
}

#[allow(clippy::unused_async)] // the form of a handler
async fn connect(req: HttpRequest, body: Payload) -> Result<HttpResponse, ApiError> {
    let app = app(&req)?;
    let (response, session, stream) = actix_ws::handle(&req, body).map_err(|_| {
        let detail = "this address speaks WebSocket: ask for an upgrade to it";
        Refusal::new(Kind::Malformed, "live.no_upgrade", detail)
    })?;
    let stream = stream.max_frame_size(MAX_MESSAGE).aggregate_continuations();
    let stream = stream.max_continuation_size(MAX_MESSAGE);
    let admitted = admitted(&req, &app).and_then(|who| {
        let follower = Follower::new(&req, app.clone(), who.tenant, None, Timestamp::MAX, &SOCKETS)?;
        Ok((who, follower))
    });
    match admitted {
        Ok((who, follower)) => {
            let heard_at = app.clock.now();
            let (ear, seen_at) = (Ear::default(), BTreeMap::new());
            let line =
                Line { req, app, session, who, follower, ear, heard_at, asked: false, moved: 0, seen_at };
            rt::spawn(line.hold(stream));
        }
        Err(refused) => {
            let code = if refused.code() == "live.full" { CloseCode::Again } else { CloseCode::Policy };
            rt::spawn(session.close(Some(CloseReason { code, description: Some(refused.to_string()) })));
        }
    }
    Ok(response)
}

/// One connection.
struct Line {
    req: HttpRequest,
    app: Data<App>,
    session: Session,
    who: Arc<Principal>,
    follower: Follower,
    ear: Ear,
    heard_at: Timestamp,
    asked: bool,
    /// How often positions had been told when they were last looked at.
    moved: u64,
    /// The latest position of each followed delivery that was told.
    seen_at: BTreeMap<Id, Timestamp>,
}

/// Why a connection ends.
enum End {
    /// The other side is gone, or too slow: nothing more is said.
    Gone,
    /// It is told why.
    Said(CloseCode, &'static str),
}

impl From<Closed> for End {
    fn from(_: Closed) -> Self {
        Self::Gone
    }
}

impl Line {
    async fn hold(mut self, mut stream: AggregatedMessageStream) {
        let end = self.run(&mut stream).await;
        if let Err(End::Said(code, why)) = end {
            let reason = CloseReason { code, description: Some(why.to_owned()) };
            // A reader that stands still would keep it waiting for ever.
            let _ = tokio::time::timeout(PATIENCE, self.session.close(Some(reason))).await;
        }
    }

    async fn run(&mut self, stream: &mut AggregatedMessageStream) -> Result<(), End> {
        self.ear.hears_of_plans = self.who.grant::<ViewRoutes>().is_ok();
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let greeting = json!({ "clientId": Id::fresh(), "seq": self.follower.at });
        self.say(message("connection_established", &greeting, self.app.clock.now())).await?;
        loop {
            tokio::select! {
                heard = stream.next() => match heard {
                    Some(Ok(heard)) => self.heard(heard).await?,
                    Some(Err(_)) => return Err(End::Said(CloseCode::Protocol, "no message of this form is taken")),
                    None => return Err(End::Gone),
                },
                _ = look.tick(), if !self.ear.deliveries.is_empty() => self.places().await?,
                turn = self.follower.turn() => match turn {
                    Turn::Over => return Err(End::Said(CloseCode::Away, "the server stops; come back")),
                    Turn::More => self.more().await?,
                    Turn::Quiet => self.quiet().await?,
                },
            }
        }
    }

    /// Says something; one who does not take it in time is let go.
    async fn say(&mut self, text: String) -> Result<(), End> {
        let said = tokio::time::timeout(PATIENCE, self.session.text(text)).await;
        said.map_err(|_| End::Gone)?.map_err(End::from)
    }

    async fn heard(&mut self, heard: AggregatedMessage) -> Result<(), End> {
        (self.heard_at, self.asked) = (self.app.clock.now(), false);
        match heard {
            AggregatedMessage::Text(text) => self.answer(&text).await,
            AggregatedMessage::Ping(bytes) => Ok(self.session.pong(&bytes).await?),
            AggregatedMessage::Pong(_) => Ok(()),
            AggregatedMessage::Close(_) => Err(End::Said(CloseCode::Normal, "goodbye")),
            AggregatedMessage::Binary(_) => Err(End::Said(CloseCode::Unsupported, "send text")),
        }
    }

    async fn answer(&mut self, text: &str) -> Result<(), End> {
        let now = self.app.clock.now();
        let told = match talk::heard(text) {
            Ok(Heard::Ping) => message("pong", &json!({}), now),
            Ok(Heard::SubscribeDelivery { delivery_id, after }) => match self.delivery(&delivery_id) {
                Ok(id) if self.ear.deliveries.len() < MAX_FOLLOWED || self.ear.deliveries.contains(&id) => {
                    self.back(Ear { deliveries: [id].into(), ..Ear::default() }, after).await?;
                    self.ear.deliveries.insert(id);
                    self.moved = 0;
                    let data = json!({ "deliveryId": id, "seq": self.follower.at });
                    message("subscribed_delivery", &data, self.app.clock.now())
                }
                Ok(_) => {
                    refusal("live.too_many", &format!("{MAX_FOLLOWED} deliveries are followed already"), now)
                }
                Err(e) => refusal(e.code(), &e.to_string(), now),
            },
            Ok(Heard::UnsubscribeDelivery { delivery_id }) => {
                let id = delivery_id.parse().ok().or_else(|| self.delivery(&delivery_id).ok());
                let was = id.is_some_and(|id| self.ear.deliveries.remove(&id));
                message("unsubscribed_delivery", &json!({ "deliveryId": delivery_id, "followed": was }), now)
            }
            Ok(Heard::Subscribe { types, .. }) if types.len() > feed::MAX_TYPES => {
                refusal("live.too_many", &format!("at most {} types are named", feed::MAX_TYPES), now)
            }
            Ok(Heard::Subscribe { types, after }) => {
                self.back(Ear { all: Some(Wanted(types.clone())), ..Ear::default() }, after).await?;
                self.ear.all = Some(Wanted(types));
                message("subscribed", &json!({ "seq": self.follower.at }), self.app.clock.now())
            }
            Ok(Heard::Unsubscribe) => {
                self.ear.all = None;
                message("unsubscribed", &json!({}), now)
            }
            Err(why) => refusal("live.message", &why, now),
        };
        self.say(told).await
    }

    /// The delivery of this id or number, if whoever is on the line may see it.
    fn delivery(&self, name: &str) -> Result<Id, DeliveryError> {
        self.who.grant::<ViewDeliveries>()?;
        self.app.store.read(self.who.tenant, |tx| Ok(deliveries::find(tx, &self.who, name)?.value.state.id.0))
    }

    /// Tells `ear` what lies between `after` and the place this connection is at.
    async fn back(&mut self, ear: Ear, after: Option<u64>) -> Result<(), End> {
        let Some(mut at) = after else { return Ok(()) };
        if self.follower.at.saturating_sub(at) > MAX_BACK {
            let detail =
                format!("that is more than {MAX_BACK} entries ago: read GET /events?after={at} first");
            return self.say(refusal("live.too_far_back", &detail, self.app.clock.now())).await;
        }
        while at < self.follower.at {
            let (items, last) = self.read(at, &ear)?;
            let end = self.follower.at;
            for item in items.iter().filter(|item| item.seq <= end) {
                self.tell(&ear, item).await?;
            }
            at = last;
        }
        Ok(())
    }

    fn read(&self, after: u64, ear: &Ear) -> Result<(Vec<Item>, u64), End> {
        let read = self
            .app
            .store
            .read(self.who.tenant, |tx| feed::after(tx, &self.who, after, AT_ONCE, |told| ear.hears(told)));
        read.map_err(|_| End::Said(CloseCode::Error, "the depot can't read its log now; come back"))
    }

    async fn tell(&mut self, ear: &Ear, item: &Item) -> Result<(), End> {
        for text in ear.messages(item, self.app.clock.now()) {
            self.say(text).await?;
        }
        Ok(())
    }

    /// Tells where the vehicles of followed deliveries are that have moved since.
    async fn places(&mut self) -> Result<(), End> {
        let (app, tenant) = (self.app.clone(), self.who.tenant);
        let told = app.tracker.told(tenant);
        if told == self.moved || self.who.grant::<ViewTracking>().is_err() {
            return Ok(());
        }
        self.moved = told;
        self.admit()?;
        let read = app.store.read(tenant, |tx| self.vehicles(tx));
        let vehicles =
            read.map_err(|_| End::Said(CloseCode::Error, "the depot can't read its log now; come back"))?;
        for (delivery, vehicle) in vehicles {
            let Some(latest) = app.tracker.latest_of(tenant, vehicle) else { continue };
            if self.seen_at.insert(delivery, latest.fix.at) != Some(latest.fix.at) {
                self.say(talk::location(delivery, &latest.fix, app.clock.now())).await?;
            }
        }
        self.seen_at.retain(|id, _| self.ear.deliveries.contains(id));
        Ok(())
    }

    /// The followed deliveries that are under way, each with its vehicle's track.
    fn vehicles(&self, tx: &dyn ReadTx) -> Result<Vec<(Id, Id)>, StoreError> {
        let mut found = Vec::new();
        for id in &self.ear.deliveries {
            let known = match deliveries::find(tx, &self.who, &id.to_string()) {
                Ok(known) => known.value.state,
                Err(DeliveryError::Store(e)) => return Err(e),
                Err(_) => continue,
            };
            for name in [id.to_string(), known.number.to_string()] {
                match tracking::find(tx, &self.who, &name) {
                    Ok(stop) if stop.state != StopState::Over => {
                        found.push((*id, stop.vehicle));
                        break;
                    }
                    Err(TrackingError::Store(e)) => return Err(e),
                    Ok(_) | Err(_) => {}
                }
            }
        }
        Ok(found)
    }

    /// Tells what is behind the place, with the rights of this moment.
    async fn more(&mut self) -> Result<(), End> {
        self.admit()?;
        let ear = self.ear.clone();
        let (items, last) = self.read(self.follower.at, &ear)?;
        self.follower.at = last;
        for item in &items {
            self.tell(&ear, item).await?;
        }
        Ok(())
    }

    fn admit(&mut self) -> Result<(), End> {
        let who = admitted(&self.req, &self.app);
        self.who =
            who.map_err(|_| End::Said(CloseCode::Policy, "the token is no good any more: log in again"))?;
        Ok(())
    }

    /// Asks whether the other side is there, when nothing was heard of it for long.
    async fn quiet(&mut self) -> Result<(), End> {
        self.admit()?;
        let silent = self.app.clock.now().since(self.heard_at);
        if silent >= SILENCE * 2 && self.asked {
            return Err(End::Gone);
        }
        if silent >= SILENCE {
            self.asked = true;
            let asked = tokio::time::timeout(PATIENCE, self.session.ping(b"")).await;
            asked.map_err(|_| End::Gone)??;
        }
        Ok(())
    }
}
