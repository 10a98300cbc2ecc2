//! Travel times from whoever can say them: the map server while it answers, what it last said for an hour, the imported
//! road map, the straight line for ever.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::conditions::{Area, Weather};
use super::roads::shelf::{Roads, Said, Shelf};
use super::router::Router;
use super::straight::Straight;
use super::weather::{Heard, WEATHER};
use crate::base::breaker::{Breaker, Standing, Terms};
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::base::units::Position;
use crate::config::sections::Maps;
use crate::first_record;
use crate::outside::{self, ServiceView};
use crate::store::table::Checked;
use crate::store::{Home, Lane, ReadTx, Result as Stored, Store, StoreError, Table, Tenant, WriteTx};

/// How long an answer of the map server stands for a new one.
pub const FRESH: Duration = Duration::from_secs(3_600);
/// Answers that are remembered.
const MAX_REMEMBERED: usize = 8;
/// Places of an answer that is remembered.
const MAX_SIZE: usize = 500;

/// Seconds or metres that stand for no way at all: kept out of every plan, and not beyond what the solver takes.
pub const NO_WAY: i32 = 1 << 24;

/// Places whose straight lines are measured where they are asked for.
const AT_ONCE: usize = 200;

/// Metres and seconds between all pairs of some places, `from * size + to`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grid {
    /// How many places.
    pub size: usize,
    /// Metres.
    pub metres: Vec<i32>,
    /// Seconds.
    pub seconds: Vec<i32>,
}

/// Whoever can say how far it is and how long it takes.
pub trait TravelTimes: Send + Sync {
    /// Who that is, in words.
    fn words(&self) -> String;
    /// Between all of `points`.
    ///
    /// # Errors
    /// In words, when it can't say.
    fn grid<'a>(&'a self, points: &'a [Position]) -> BoxFuture<'a, Result<Grid, String>>;
}

/// What travel times rest on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = TravelSource)]
pub enum Source {
    /// The map server, now.
    MapServer,
    /// The map server, within the last hour.
    Cached,
    /// The imported road map.
    OwnMap,
    /// The straight line.
    Estimated,
}

/// What is known of the map server and of roads, kept so that a restart forgets nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Known {
    /// Whether the map server is asked.
    pub breaker: Breaker,
    /// When it last answered.
    pub answered_at: Option<Timestamp>,
    /// Why it last did not.
    pub trouble: Option<String>,
    /// Roads against straight lines.
    pub straight: Straight,
    /// Which record holds the conditions of this depot.
    #[serde(default)]
    pub conditions: Option<Id>,
    /// The weather as it was last said.
    #[serde(default)]
    pub weather: Heard,
}
first_record!(Known);

/// What is known, by its one name.
pub const KNOWN: Table<str, Known> = Table::new(209, "travel", Home::Local);
/// Its one name.
const NAME: &str = "travel";

/// What is known of the map server and of roads.
///
/// # Errors
/// Storage failures.
pub fn known(tx: &dyn ReadTx) -> Stored<Known> {
    Ok(KNOWN.get(tx, NAME)?.unwrap_or_default())
}

/// Keeps what is known.
///
/// # Errors
/// Storage failures.
pub fn keep(tx: &mut dyn WriteTx, known: &Known) -> Stored<()> {
    KNOWN.put(tx, NAME, known).map(drop)
}

/// Where travel times come from, as it is shown.
#[derive(Debug, Serialize, ToSchema)]
pub struct TravelView {
    /// Whether a map server is set up.
    pub map_server: bool,
    /// closed (it is asked), half_open (asked once, to see) or open (left alone).
    pub breaker: &'static str,
    /// Until when it is left alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_until: Option<Timestamp>,
    /// When it last answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answered_at: Option<Timestamp>,
    /// Why it last did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
    /// The imported road map that is used without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub map: Option<String>,
    /// What is used without either.
    pub estimate: String,
    /// How the weather service does.
    pub weather: ServiceView,
    /// What it last said, and how long that stands: absent when it said nothing, or long ago, or that the roads are dry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub measured: Option<Weather>,
}

/// Where travel times come from at `now`, and the weather where a service is asked.
///
/// # Errors
/// Storage failures.
pub fn standing(
    tx: &dyn ReadTx,
    now: Timestamp,
    sources: &Sources,
    asks_weather: bool,
) -> Stored<TravelView> {
    let Known { breaker, answered_at, trouble, straight, conditions: _, weather } = known(tx)?;
    let (breaker, open_until) = breaker.standing(now).words();
    let (map_server, map) = (sources.has_server(), sources.roads().map(|r| r.words()));
    let measured = weather.said.and_then(|said| said.counts_at(now));
    let weather = ServiceView::of(WEATHER, asks_weather, outside::known(tx, WEATHER)?, now);
    let estimate = straight.words();
    Ok(TravelView { map_server, breaker, open_until, answered_at, trouble, map, estimate, weather, measured })
}

/// Travel times and what they rest on.
#[derive(Clone, Debug)]
pub struct Times {
    /// The figures.
    pub grid: Grid,
    /// What they rest on.
    pub source: Source,
    /// The same in words.
    pub basis: String,
    /// Whether the ways lead round what is closed.
    pub is_round: bool,
}

impl Times {
    /// Of a source that knows of no closures.
    const fn of(grid: Grid, source: Source, basis: String) -> Self {
        Self { grid, source, basis, is_round: false }
    }

    fn by_map(said: Said, roads: &Roads, straight: &Straight) -> Self {
        let Said { grid, off, is_round } = said;
        let basis = match off {
            0 => roads.words(),
            n => format!("{}; {n} of the places lie off it: {}", roads.words(), straight.words()),
        };
        Self { grid, source: Source::OwnMap, basis, is_round }
    }
}

struct Remembered {
    points: Vec<Position>,
    grid: Arc<Grid>,
    at: Timestamp,
}

/// All sources in their order.
pub struct Sources {
    router: Option<Box<dyn TravelTimes>>,
    terms: Terms,
    patience: Duration,
    last: Mutex<Vec<Remembered>>,
    shelf: Shelf,
}

impl Sources {
    /// As the settings say, with the road map in the data folder. A map server that can't be asked at all is left out,
    /// and that is logged.
    #[must_use]
    pub fn new(config: &Maps, folder: &Path) -> Self {
        let router = Router::new(config).unwrap_or_else(|why| {
            tracing::error!(%why, "the map server can't be asked");
            None
        });
        let router = router.map(|r| Box::new(r) as Box<dyn TravelTimes>);
        let probe = Some(Duration::from_secs(config.probe_s));
        let terms = Terms { failures: config.failures, open: Duration::from_secs(config.open_s), probe };
        let (patience, shelf) = (Duration::from_secs(config.budget_s), Shelf::open(folder));
        Self { router, terms, patience, last: Mutex::default(), shelf }
    }

    /// Whether a map server is set up.
    #[must_use]
    pub fn has_server(&self) -> bool {
        self.router.is_some()
    }

    /// The imported road map, to be asked and replaced.
    #[must_use]
    pub fn shelf(&self) -> &Shelf {
        &self.shelf
    }

    /// The imported road map in use.
    #[must_use]
    pub fn roads(&self) -> Option<Arc<Roads>> {
        self.shelf.current()
    }

    fn remembered(&self, points: &[Position], now: Timestamp) -> Option<(Arc<Grid>, Timestamp)> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let found = last.iter().rev().find(|r| r.points == points && now.since(r.at) <= FRESH)?;
        Some((Arc::clone(&found.grid), found.at))
    }

    fn remember(&self, points: &[Position], grid: &Grid, at: Timestamp) {
        if points.len() > MAX_SIZE {
            return;
        }
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.retain(|r| r.points != points);
        if last.len() >= MAX_REMEMBERED {
            last.remove(0);
        }
        last.push(Remembered { points: points.to_vec(), grid: Arc::new(grid.clone()), at });
    }

    /// Between all of `points`, from the best source that answers; a source that knows roads leads round what is `closed`.
    ///
    /// # Errors
    /// Storage failures; that the map server does not answer is none.
    pub async fn times(
        &self,
        store: &Store,
        tenant: Tenant,
        now: Timestamp,
        (points, closed): (&[Position], Vec<Area>),
    ) -> Stored<Times> {
        let known = store.read(tenant, known)?;
        if let Some(router) = &self.router {
            if !matches!(known.breaker.standing(now), Standing::Open(_)) {
                let asked = tokio::time::timeout(self.patience, router.grid(points)).await;
                let asked = asked.unwrap_or_else(|_| Err("no whole answer in time".into()));
                if let Some(grid) = self.heard(store, tenant, now, points, asked).await? {
                    return Ok(Times::of(grid, Source::MapServer, router.words()));
                }
            }
            if let Some((grid, at)) = self.remembered(points, now) {
                let basis = format!("{}, as of {at}", router.words());
                return Ok(Times::of(Grid::clone(&grid), Source::Cached, basis));
            }
        }
        let (straight, points) = (known.straight, points.to_vec());
        if let Some(roads) = self.roads() {
            let points = points.clone();
            let work = move || Some((roads.grid(&points, &closed, &straight)?, roads));
            // However large the map: nobody else waits for it.
            let said = tokio::task::spawn_blocking(work).await.map_err(|e| StoreError::Io(e.to_string()))?;
            if let Some((said, roads)) = said {
                return Ok(Times::by_map(said, &roads, &straight));
            }
        }
        let basis = straight.words();
        let grid = if points.len() <= AT_ONCE {
            straight.grid(&points)
        } else {
            // Of thousands of places that takes a while, and this thread has requests to serve.
            let work = tokio::task::spawn_blocking(move || straight.grid(&points));
            work.await.map_err(|e| StoreError::Io(e.to_string()))?
        };
        Ok(Times::of(grid, Source::Estimated, basis))
    }

    /// Writes down how the map server did; what it said, if it said anything.
    async fn heard(
        &self,
        store: &Store,
        tenant: Tenant,
        now: Timestamp,
        points: &[Position],
        asked: Result<Grid, String>,
    ) -> Stored<Option<Grid>> {
        let (terms, points) = (self.terms, points.to_vec());
        let said = asked.as_ref().ok().cloned();
        if let Some(grid) = &said {
            self.remember(&points, grid, now);
        }
        let write = move |tx: &mut dyn WriteTx| -> Stored<()> {
            let was = known(tx)?;
            let is = match &asked {
                Ok(grid) => Known {
                    breaker: was.breaker.succeeded(),
                    answered_at: Some(now),
                    trouble: None,
                    straight: was.straight.learned(&points, grid),
                    ..was
                },
                Err(why) => {
                    tracing::info!(%why, "the map server did not answer");
                    Known { breaker: was.breaker.failed(now, terms, None), trouble: Some(why.clone()), ..was }
                }
            };
            keep(tx, &is)
        };
        store.write(tenant, Lane::Bulk, write).await?;
        Ok(said)
    }
}

/// This area's tables, for `check`.
#[must_use]
pub fn tables() -> Vec<&'static dyn Checked> {
    vec![&KNOWN, &super::conditions::CONDITIONS]
}
