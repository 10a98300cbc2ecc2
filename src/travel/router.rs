//! A map server in the house's own network: OSRM's table service or Valhalla's matrix. What it says is held against the
//! straight line before it is believed.

use std::time::Duration;

use futures_util::future::BoxFuture;
use reqwest::redirect::Policy;
use reqwest::{Client, Response, Url};
use serde::Deserialize;

use super::geometry;
use super::sources::{Grid, NO_WAY, TravelTimes};
use super::straight::whole;
use crate::base::units::Position;
use crate::config::choices::MapServer;
use crate::config::sections::Maps;
use crate::places::model::degrees;

/// Bytes of one answer.
const MAX_ANSWER: usize = 64 << 20;
/// A road is hardly shorter than this part of the line between its ends, rounding and snapping aside.
const LEAST_CIRCUITY: f64 = 0.9;
/// Metres by which snapping to a road may shorten a way.
const SNAPPING: f64 = 500.0;
/// Metres a second that nothing on a road does.
const TOO_FAST: f64 = 70.0;

/// A map server.
pub struct Router {
    client: Client,
    base: Url,
    kind: MapServer,
    profile: String,
    /// Places on one side of one question.
    side: usize,
}

impl Router {
    /// As the settings say; none when they name no server.
    ///
    /// # Errors
    /// In words.
    pub fn new(config: &Maps) -> Result<Option<Self>, String> {
        if config.url.is_empty() {
            return Ok(None);
        }
        let base: Url = config.url.parse().map_err(|e| format!("maps.url: {e}"))?;
        let client = Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .timeout(Duration::from_secs(config.answer_s))
            .build()
            .map_err(|e| e.to_string())?;
        let side = (config.table_max / 2).max(1);
        Ok(Some(Self { client, base, kind: config.kind, profile: config.profile.clone(), side }))
    }

    async fn block(&self, from: &[Position], to: &[Position]) -> Result<Block, String> {
        let answer = match self.kind {
            MapServer::Osrm => self.client.get(self.osrm(from, to)?).send().await,
            MapServer::Valhalla => {
                let url = self.base.join("sources_to_targets").map_err(|e| e.to_string())?;
                self.client.post(url).json(&self.valhalla(from, to)).send().await
            }
        };
        let bytes = body(answer.map_err(|e| words(&e))?, MAX_ANSWER).await?;
        match self.kind {
            MapServer::Osrm => osrm_block(&bytes),
            MapServer::Valhalla => valhalla_block(&bytes),
        }
    }

    fn osrm(&self, from: &[Position], to: &[Position]) -> Result<Url, String> {
        let all: Vec<String> = from
            .iter()
            .chain(to)
            .map(|at| {
                let (lat, lon) = degrees(*at);
                format!("{lon:.6},{lat:.6}")
            })
            .collect();
        let list = |range: std::ops::Range<usize>| range.map(|n| n.to_string()).collect::<Vec<_>>().join(";");
        let path = format!(
            "table/v1/{}/{}?annotations=duration,distance&sources={}&destinations={}",
            self.profile,
            all.join(";"),
            list(0..from.len()),
            list(from.len()..all.len()),
        );
        self.base.join(&path).map_err(|e| e.to_string())
    }

    fn valhalla(&self, from: &[Position], to: &[Position]) -> serde_json::Value {
        let list = |points: &[Position]| -> Vec<serde_json::Value> {
            let one = |at: &Position| {
                let (lat, lon) = degrees(*at);
                serde_json::json!({ "lat": lat, "lon": lon })
            };
            points.iter().map(one).collect()
        };
        let costing = if self.profile == "driving" { "auto" } else { &self.profile };
        serde_json::json!({ "sources": list(from), "targets": list(to), "costing": costing, "units": "kilometers" })
    }
}

/// Metres and seconds from some places to some others, row by row; none where there is no way.
struct Block {
    metres: Vec<Vec<Option<f64>>>,
    seconds: Vec<Vec<Option<f64>>>,
}

fn osrm_block(bytes: &[u8]) -> Result<Block, String> {
    #[derive(Deserialize)]
    struct Table {
        code: String,
        #[serde(default)]
        durations: Vec<Vec<Option<f64>>>,
        #[serde(default)]
        distances: Vec<Vec<Option<f64>>>,
    }
    let table: Table = serde_json::from_slice(bytes).map_err(|e| format!("its answer can't be read: {e}"))?;
    if table.code != "Ok" {
        return Err(format!("it says {}", crate::base::text::clipped(table.code, 80)));
    }
    Ok(Block { metres: table.distances, seconds: table.durations })
}

fn valhalla_block(bytes: &[u8]) -> Result<Block, String> {
    #[derive(Deserialize)]
    struct Pair {
        distance: Option<f64>,
        time: Option<f64>,
    }
    #[derive(Deserialize)]
    struct Matrix {
        sources_to_targets: Vec<Vec<Pair>>,
    }
    let matrix: Matrix =
        serde_json::from_slice(bytes).map_err(|e| format!("its answer can't be read: {e}"))?;
    let take = |f: &dyn Fn(&Pair) -> Option<f64>| {
        matrix.sources_to_targets.iter().map(|row| row.iter().map(f).collect()).collect()
    };
    Ok(Block { metres: take(&|p| p.distance.map(|km| km * 1_000.0)), seconds: take(&|p| p.time) })
}

/// What an answer brings, of at most `most` bytes.
///
/// # Errors
/// In words.
pub(super) async fn body(mut answer: Response, most: usize) -> Result<Vec<u8>, String> {
    if !answer.status().is_success() {
        return Err(format!("it answers {}", answer.status()));
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|e| words(&e))? {
        if bytes.len() + chunk.len() > most {
            return Err(format!("its answer is larger than the {most} bytes that are taken"));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// Why nothing was answered.
pub(super) fn words(e: &reqwest::Error) -> String {
    let mut deepest: &dyn std::error::Error = e;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    if e.is_timeout() { "no answer in time".into() } else { deepest.to_string() }
}

/// One pair as the solver takes it.
///
/// # Errors
/// When it can't be true.
fn believed(
    a: Position,
    b: Position,
    metres: Option<f64>,
    seconds: Option<f64>,
) -> Result<(i32, i32), String> {
    let (Some(metres), Some(seconds)) = (metres, seconds) else { return Ok((NO_WAY, NO_WAY)) };
    let line = geometry::metres(a, b);
    let sound = metres.is_finite() && seconds.is_finite() && metres >= 0.0 && seconds >= 0.0;
    if !sound || metres + SNAPPING < line * LEAST_CIRCUITY {
        return Err(format!("it says {metres:.0} m where the straight line has {line:.0} m"));
    }
    if seconds * TOO_FAST + 1.0 < metres {
        return Err(format!("it says {metres:.0} m in {seconds:.0} s, which nothing drives"));
    }
    Ok((whole(metres).min(NO_WAY), whole(seconds).min(NO_WAY)))
}

impl TravelTimes for Router {
    fn words(&self) -> String {
        format!("map server {}", self.base.host_str().unwrap_or_default())
    }

    fn grid<'a>(&'a self, points: &'a [Position]) -> BoxFuture<'a, Result<Grid, String>> {
        Box::pin(async move {
            let n = points.len();
            let mut grid = Grid { size: n, metres: vec![0; n * n], seconds: vec![0; n * n] };
            for (row, from) in points.chunks(self.side).enumerate() {
                for (column, to) in points.chunks(self.side).enumerate() {
                    let block = self.block(from, to).await?;
                    for (i, a) in from.iter().enumerate() {
                        for (j, b) in to.iter().enumerate() {
                            let cell = |rows: &[Vec<Option<f64>>]| {
                                rows.get(i).and_then(|r| r.get(j)).copied().ok_or("its answer is cut short")
                            };
                            let (metres, seconds) = (cell(&block.metres)?, cell(&block.seconds)?);
                            let at = (row * self.side + i) * n + column * self.side + j;
                            (grid.metres[at], grid.seconds[at]) = believed(*a, *b, metres, seconds)?;
                        }
                    }
                }
            }
            (0..n).for_each(|i| (grid.metres[i * n + i], grid.seconds[i * n + i]) = (0, 0));
            Ok(grid)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_true_is_not_believed() {
        let at = |lat, lon| Position::from_degrees(lat, lon).unwrap();
        let (a, b) = (at(52.5, 13.4), at(52.5, 13.5));
        assert_eq!(believed(a, b, Some(8_000.0), Some(600.0)), Ok((8_000, 600)));
        assert_eq!(believed(a, b, None, Some(1.0)), Ok((NO_WAY, NO_WAY)));
        assert!(believed(a, b, Some(100.0), Some(60.0)).unwrap_err().contains("straight line"));
        assert!(believed(a, b, Some(8_000.0), Some(10.0)).unwrap_err().contains("nothing drives"));
        assert!(believed(a, b, Some(-1.0), Some(10.0)).is_err());
    }

    #[test]
    fn both_servers_answers_are_read() {
        let osrm = br#"{"code":"Ok","durations":[[0,61.2]],"distances":[[0,null]]}"#;
        let block = osrm_block(osrm).unwrap();
        assert_eq!((block.seconds[0][1], block.metres[0][1]), (Some(61.2), None));
        assert!(osrm_block(br#"{"code":"NoTable"}"#).is_err_and(|e| e.contains("NoTable")));
        let valhalla =
            br#"{"sources_to_targets":[[{"distance":1.5,"time":90,"from_index":0,"to_index":0}]]}"#;
        let block = valhalla_block(valhalla).unwrap();
        assert_eq!((block.metres[0][0], block.seconds[0][0]), (Some(1_500.0), Some(90.0)));
    }
}
