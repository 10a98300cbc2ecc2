//! A file of addresses: comma separated, with a heading. Columns are known by their usual names: `zip` (or `postcode`,
//! `postal_code`, `cep`, `plz`), `city` (`town`), `state` (`province`, `region`), `street` (`address`), `lat`
//! (`latitude`), `lon` (`lng`, `longitude`). A row gives its street where it names one, else its postcode, and its town.

use std::collections::BTreeMap;

use super::model::{Known, normal};
use crate::base::error::Invalid;
use crate::base::units::Position;

/// Rows of one file.
pub const MAX_ROWS: usize = 500_000;
/// Bytes of one file.
pub const MAX_BYTES: usize = 64 << 20;
/// Rows whose trouble is told one by one.
const MAX_TOLD: usize = 20;

/// What a file comes to.
#[derive(Debug, Default)]
pub struct Read {
    /// What is to be kept, by key.
    pub places: BTreeMap<String, Known>,
    /// Rows that were taken.
    pub taken: usize,
    /// Rows that were not.
    pub refused: usize,
    /// The first of those, each with its line and why.
    pub why: Vec<String>,
}

/// The key of a postcode.
#[must_use]
pub fn zip_key(zip: &str) -> String {
    format!("z:{}", normal(zip).replace(' ', ""))
}

/// The key of a street in a postcode.
#[must_use]
pub fn street_key(street: &str, zip: &str) -> String {
    format!("s:{}|{}", normal(street), normal(zip).replace(' ', ""))
}

/// The key of a town; the state may be empty.
#[must_use]
pub fn city_key(city: &str, state: &str) -> String {
    format!("c:{}|{}", normal(city), normal(state))
}

/// Which column is which.
struct Columns {
    zip: Option<usize>,
    city: Option<usize>,
    state: Option<usize>,
    street: Option<usize>,
    lat: usize,
    lon: usize,
}

impl Columns {
    fn of(heading: &csv::StringRecord) -> Result<Self, Invalid> {
        let find = |names: &[&str]| {
            heading.iter().position(|h| {
                names.contains(&h.trim().trim_start_matches('\u{feff}').to_lowercase().as_str())
            })
        };
        let needed = |names: &[&str]| {
            find(names).ok_or_else(|| {
                Invalid::at(
                    "heading",
                    format!("has no column \"{}\"; positions are needed to place addresses", names[0]),
                )
            })
        };
        let (lat, lon) = (needed(&["lat", "latitude"])?, needed(&["lon", "lng", "longitude"])?);
        let zip = find(&["zip", "postcode", "postal_code", "zipcode", "cep", "plz"]);
        let city = find(&["city", "town", "place"]);
        if zip.is_none() && city.is_none() {
            return Err(Invalid::at("heading", "has neither a column \"zip\" nor a column \"city\""));
        }
        let (state, street) = (find(&["state", "province", "region"]), find(&["street", "address"]));
        Ok(Self { zip, city, state, street, lat, lon })
    }
}

/// The middle of some positions.
#[derive(Default)]
struct Middle {
    lat: i64,
    lon: i64,
    n: i64,
}

/// Reads a file.
///
/// # Errors
/// When its heading names no positions, or it has more than [`MAX_ROWS`] rows. A row that can't be read is counted and
/// told, and the others are taken.
pub fn read(bytes: &[u8]) -> Result<Read, Invalid> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(bytes);
    let heading = reader.headers().map_err(|e| Invalid::at("heading", e.to_string()))?.clone();
    let columns = Columns::of(&heading)?;
    let (mut out, mut towns) = (Read::default(), BTreeMap::<String, Middle>::new());
    for (n, row) in reader.records().enumerate() {
        if n >= MAX_ROWS {
            return Err(Invalid::at("file", format!("has more than {MAX_ROWS} rows; split it")));
        }
        let taken = row.map_err(|e| e.to_string()).and_then(|row| take(&columns, &row, &mut out, &mut towns));
        match taken {
            Ok(()) => out.taken += 1,
            Err(why) => {
                out.refused += 1;
                if out.why.len() < MAX_TOLD {
                    out.why.push(format!("line {}: {why}", n + 2));
                }
            }
        }
    }
    for (key, Middle { lat, lon, n }) in towns {
        let part = |sum: i64| i32::try_from(sum / n.max(1)).unwrap_or_default();
        out.places.insert(key, Known { position: Position { lat: part(lat), lon: part(lon) } });
    }
    Ok(out)
}

fn take(
    columns: &Columns,
    row: &csv::StringRecord,
    out: &mut Read,
    towns: &mut BTreeMap<String, Middle>,
) -> Result<(), String> {
    let cell = |at: Option<usize>| at.and_then(|at| row.get(at)).map_or("", str::trim);
    let number = |at: usize, what: &str| {
        let text = cell(Some(at));
        text.parse::<f64>().map_err(|_| {
            format!("{what} is \"{}\", which is no number", crate::base::text::clipped(text.into(), 40))
        })
    };
    let position =
        Position::from_degrees(number(columns.lat, "latitude")?, number(columns.lon, "longitude")?)?;
    let (zip, city, state) = (cell(columns.zip), cell(columns.city), cell(columns.state));
    let street = cell(columns.street);
    if zip.is_empty() && city.is_empty() {
        return Err("names neither a postcode nor a town".into());
    }
    if [zip, city, state, street].iter().any(|t| t.len() > crate::base::text::SHORT) {
        return Err(format!("has a text longer than {} bytes", crate::base::text::SHORT));
    }
    let found = Known { position };
    if !street.is_empty() {
        out.places.insert(street_key(street, zip), found);
    }
    if !zip.is_empty() {
        // Of several rows of one postcode the first one stands for it.
        out.places.entry(zip_key(zip)).or_insert(found);
    }
    if !city.is_empty() {
        for state in [state, ""] {
            let middle = towns.entry(city_key(city, state)).or_default();
            middle.lat += i64::from(position.lat);
            middle.lon += i64::from(position.lon);
            middle.n += 1;
            if state.is_empty() {
                break;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_gives_postcodes_streets_and_the_middle_of_towns() {
        let csv = "zip,city,state,lat,lon,tz\n00601,Adjuntas,PR,18.2,-66.8,x\n00602,Adjuntas,PR,18.4,-66.6,x\nbad,X,PR,91,0,x\n,,PR,1,1,x\n";
        let read = read(csv.as_bytes()).unwrap();
        assert_eq!((read.taken, read.refused), (2, 2));
        assert!(read.why[0].starts_with("line 4: 91"), "{:?}", read.why);
        let at = |key: String| read.places[&key].position;
        assert_eq!(at(zip_key("00601")), Position { lat: 18_200_000, lon: -66_800_000 });
        assert_eq!(at(city_key("adjuntas", "pr")), Position { lat: 18_300_000, lon: -66_700_000 });
        assert_eq!(at(city_key("Adjuntas", "")), at(city_key("adjuntas", "PR")));
    }

    #[test]
    fn a_file_without_positions_is_refused_as_a_whole() {
        let why = |csv: &str| read(csv.as_bytes()).unwrap_err().to_string();
        assert!(why("cep,state,city\n1,SP,X\n").contains("\"lat\""));
        assert!(why("lat,lon\n1,1\n").contains("zip"));
        let street = read(b"street,zip,lat,lng\nMain St,12345,1,2\n").unwrap();
        assert!(street.places.contains_key(&street_key("main st.", "12345")));
    }
}
