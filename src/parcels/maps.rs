//! What a carrier's words mean in ours: one editable list per source, shipped for 29 of them, and the look-up.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, LazyLock};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::model::Status;

/// The code of a row that stands for every code the map doesn't hold.
pub const ANY: &str = "*";

/// What a code does to a parcel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mapped {
    /// It is there now.
    Status(Status),
    /// Nothing: the event is kept, the parcel stays where it is.
    Info,
}

/// One code of a source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MapRow {
    /// The source's code, or [`ANY`].
    pub code: String,
    /// Its second-level code; a row without one stands for all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub: Option<String>,
    /// The row counts only when the event's text has these words, in either case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text_contains: Option<String>,
    /// What the code means, in our words.
    #[serde(default)]
    pub meaning: String,
    /// What it does.
    pub status: Mapped,
    /// The reason that comes with it, one of [`REASONS`](super::issues::REASONS).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The vocabulary of one source. Its rows are in the order in which they were written: the first that fits counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Map {
    /// Whose words they are: a carrier or the name of a file's source.
    pub source: String,
    /// What they mean.
    pub rows: Vec<MapRow>,
}

/// What a look-up found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning<'a> {
    /// A row of the map.
    Row(&'a MapRow),
    /// No row, but it is one of our own words.
    OwnWord(Status),
    /// Nobody has said what it means.
    Unmapped,
}

impl<'a> Meaning<'a> {
    /// The status it stands for, if it stands for one.
    #[must_use]
    pub fn to(self) -> Option<Status> {
        match self {
            Self::Row(MapRow { status: Mapped::Status(status), .. }) => Some(*status),
            Self::OwnWord(status) => Some(status),
            Self::Row(_) | Self::Unmapped => None,
        }
    }

    /// Whether it is known to change nothing.
    #[must_use]
    pub fn is_info(self) -> bool {
        matches!(self, Self::Row(MapRow { status: Mapped::Info, .. }))
    }

    /// The reason that comes with it.
    #[must_use]
    pub fn reason(self) -> Option<&'a str> {
        match self {
            Self::Row(row) => row.reason.as_deref(),
            Self::OwnWord(_) | Self::Unmapped => None,
        }
    }
}

/// A map made ready for look-ups: one hash of the code, whatever its size.
///
/// The first row that fits counts. They are looked at in this order: rows for the code before those for any code, this
/// depot's own before the tenant's, and these before the shipped ones beneath; among rows for one code those with the event's second-level code before
/// those without one, among these the ones that look at the text before the others, and else as they stand in the map.
#[derive(Clone, Debug, Default)]
pub struct Compiled {
    map: Arc<Map>,
    /// Rows by normal code, in the order in which they are looked at.
    by_code: HashMap<String, Vec<Entry>>,
    /// The rows of this depot alone, which count first.
    above: Option<Arc<Compiled>>,
    /// The shipped rows that count where the map says nothing.
    below: Option<&'static Compiled>,
    /// The revision of the tenant's own map; 0 for none.
    pub rev: u64,
}

/// Whose a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// This depot's.
    Site,
    /// The tenant's.
    Own,
    /// Shipped, beneath the tenant's.
    Shipped,
}

#[derive(Clone, Debug)]
struct Entry {
    row: usize,
    sub: Option<String>,
    text: Option<String>,
}

/// An event's words in the form in which they are compared.
struct Said {
    sub: Option<String>,
    text: Option<String>,
}

/// Whether a row fits an event, and why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fit {
    /// It fits and is the first that does: it counts.
    Counts,
    /// It fits, but another one came first.
    Later,
    /// It is for another second-level code.
    OtherSub,
    /// The text hasn't its words.
    OtherText,
}

/// A row for a code, as it was looked at.
#[derive(Clone, Copy, Debug)]
pub struct Considered<'a> {
    /// The row.
    pub row: &'a MapRow,
    /// Its place in its map, from 0.
    pub place: usize,
    /// Whose it is.
    pub layer: Layer,
    /// What became of it.
    pub fit: Fit,
}

impl Entry {
    fn fit(&self, said: &Said) -> Option<Fit> {
        if self.sub.is_some() && self.sub != said.sub {
            return Some(Fit::OtherSub);
        }
        match (&self.text, &said.text) {
            (None, _) => None,
            (Some(words), Some(text)) if text.contains(words) => None,
            (Some(_), _) => Some(Fit::OtherText),
        }
    }
}

impl Said {
    fn new(sub: Option<&str>, text: Option<&str>) -> Self {
        let sub = sub.map(normal).filter(|s| !s.is_empty()).map(Cow::into_owned);
        Self { sub, text: text.map(str::to_lowercase) }
    }
}

impl Compiled {
    /// Makes `map` ready.
    #[must_use]
    pub fn new(map: Arc<Map>) -> Self {
        let mut by_code: HashMap<String, Vec<Entry>> = HashMap::with_capacity(map.rows.len());
        for (row, MapRow { code, sub, text_contains, .. }) in map.rows.iter().enumerate() {
            let sub = sub.as_deref().map(|s| normal(s).into_owned());
            let text = text_contains.as_deref().map(str::to_lowercase);
            by_code.entry(normal(code).into_owned()).or_default().push(Entry { row, sub, text });
        }
        for entries in by_code.values_mut() {
            entries.sort_by_key(|e| (e.sub.is_none(), e.text.is_none()));
        }
        Self { map, by_code, above: None, below: None, rev: 0 }
    }

    /// The same beneath the rows of a depot, which are at revision `rev`.
    #[must_use]
    pub fn beneath(self, site: Map, rev: u64) -> Self {
        let above = Compiled { rev, ..Self::new(Arc::new(site)) };
        Self { above: (rev > 0 || !above.map.rows.is_empty()).then(|| Arc::new(above)), ..self }
    }

    /// The same without the rows of a depot.
    #[must_use]
    pub fn alone(&self) -> Self {
        Self { above: None, ..self.clone() }
    }

    /// The revision of the depot's rows; 0 for none.
    #[must_use]
    pub fn site_rev(&self) -> u64 {
        self.above.as_ref().map_or(0, |above| above.rev)
    }

    /// The same above the shipped rows of its source.
    #[must_use]
    pub fn over_shipped(self) -> Self {
        let below = shipped_compiled(&self.map.source);
        Self { below, ..self }
    }

    /// The map it was made from.
    #[must_use]
    pub fn map(&self) -> &Arc<Map> {
        &self.map
    }

    /// Its layers, as they are looked at.
    fn layers(&self) -> impl Iterator<Item = (Layer, &Self)> {
        let layers =
            [(Layer::Site, self.above.as_deref()), (Layer::Own, Some(self)), (Layer::Shipped, self.below)];
        layers.into_iter().filter_map(|(layer, c)| Some((layer, c?)))
    }

    /// The rows for one normal code, layer by layer, as they are looked at.
    fn rows(&self, code: &str) -> impl Iterator<Item = (Layer, &Entry, &MapRow)> {
        self.layers().flat_map(move |(layer, c)| {
            let entries = c.by_code.get(code).into_iter().flatten();
            entries.filter_map(move |e| Some((layer, e, c.map.rows.get(e.row)?)))
        })
    }

    /// What `code` means with this second-level code and event text: by the rows for the code, then by our own words,
    /// then by the rows for any code.
    #[must_use]
    pub fn find(&self, code: &str, sub: Option<&str>, text: Option<&str>) -> Meaning<'_> {
        let said = Said::new(sub, text);
        let first = |code: &str| {
            let mut rows = self.rows(code).filter(|(_, e, _)| e.fit(&said).is_none());
            rows.next().map(|(_, _, row)| Meaning::Row(row))
        };
        let code = normal(code);
        first(&code)
            .or_else(|| code.parse().ok().map(Meaning::OwnWord))
            .or_else(|| first(ANY))
            .unwrap_or(Meaning::Unmapped)
    }

    /// The rows that [`Compiled::find`] looks at, in its order, and what becomes of each; at most `limit`.
    #[must_use]
    pub fn explain(
        &self,
        code: &str,
        sub: Option<&str>,
        text: Option<&str>,
        limit: usize,
    ) -> Vec<Considered<'_>> {
        let said = Said::new(sub, text);
        let code = normal(code);
        let any: &[&str] =
            if self.rows(&code).any(|(_, e, _)| e.fit(&said).is_none()) || code.parse::<Status>().is_ok() {
                &[]
            } else {
                &[ANY]
            };
        let mut found = false;
        let codes = std::iter::once(&*code).chain(any.iter().copied());
        let considered = codes.flat_map(|c| self.rows(c).collect::<Vec<_>>()).map(|(layer, e, row)| {
            let fit = e.fit(&said).unwrap_or(if found { Fit::Later } else { Fit::Counts });
            found |= fit == Fit::Counts;
            Considered { row, place: e.row, layer, fit }
        });
        considered.take(limit).collect()
    }

    /// The rows that count, this depot's before the tenant's and these before the shipped ones; with each whose it is.
    pub fn all_rows(&self) -> impl Iterator<Item = (Layer, &MapRow)> {
        self.layers().flat_map(|(layer, c)| c.map.rows.iter().map(move |r| (layer, r)))
    }
}

/// The form in which codes are compared: trimmed, upper case, and without leading zeros when it is a number
/// (Canada Post pads its codes to four digits, and not everybody keeps them).
#[must_use]
pub fn normal(code: &str) -> Cow<'_, str> {
    let code = code.trim();
    if !code.is_empty() && code.bytes().all(|b| b.is_ascii_digit()) {
        let digits = code.trim_start_matches('0');
        return Cow::Borrowed(if digits.is_empty() { "0" } else { digits });
    }
    if code.bytes().all(|b| b.is_ascii() && !b.is_ascii_lowercase()) {
        return Cow::Borrowed(code);
    }
    Cow::Owned(code.to_uppercase())
}

static SHIPPED: LazyLock<BTreeMap<String, Compiled>> = LazyLock::new(|| {
    let mut maps: BTreeMap<String, Vec<MapRow>> = BTreeMap::new();
    let mut reader = csv::Reader::from_reader(include_str!("data/status-map.csv").as_bytes());
    // A test counts the rows, so none is lost here unseen.
    for row in reader.records().flatten() {
        let cell = |n: usize| row.get(n).unwrap_or_default();
        let Ok(status) = cell(4).parse() else { continue };
        maps.entry(cell(0).to_owned()).or_default().push(MapRow {
            code: cell(1).to_owned(),
            sub: filled(cell(2)),
            text_contains: None,
            meaning: cell(3).to_owned(),
            status,
            reason: filled(cell(5)),
        });
    }
    let ready = |(source, rows): (String, Vec<MapRow>)| {
        (source.clone(), Compiled::new(Arc::new(Map { source, rows })))
    };
    maps.into_iter().map(ready).collect()
});

/// The map we ship for `source`.
#[must_use]
pub fn shipped(source: &str) -> Option<&'static Map> {
    SHIPPED.get(source).map(|compiled| &**compiled.map())
}

/// The map we ship for `source`, ready for look-ups.
#[must_use]
pub fn shipped_compiled(source: &str) -> Option<&'static Compiled> {
    SHIPPED.get(source)
}

/// The sources we ship a map for, by name.
pub fn sources() -> impl Iterator<Item = &'static str> {
    SHIPPED.keys().map(String::as_str)
}

pub(super) fn filled(cell: &str) -> Option<String> {
    (!cell.is_empty()).then(|| cell.to_owned())
}

impl Mapped {
    /// Its name: a status, or `info`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Status(status) => status.as_str(),
            Self::Info => "info",
        }
    }
}

impl fmt::Display for Mapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Mapped {
    type Err = String;

    /// Reads a status in either case, or `info`.
    fn from_str(s: &str) -> Result<Self, String> {
        if s.trim().eq_ignore_ascii_case("info") {
            return Ok(Self::Info);
        }
        s.parse().map(Self::Status).map_err(|why| format!("{why}, or info"))
    }
}

impl Serialize for Mapped {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Mapped {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Cow::<str>::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parcels::issues::REASONS;

    fn compiled(csv: &str) -> Compiled {
        Compiled::new(Arc::new(Map::read_csv("test", csv.as_bytes()).unwrap()))
    }

    #[test]
    fn the_shipped_lists_are_complete_and_say_only_what_we_know() {
        assert_eq!(sources().count(), 29);
        assert_eq!(sources().map(|s| shipped(s).unwrap().rows.len()).sum::<usize>(), 1371);
        let rows = || sources().flat_map(|s| &shipped(s).unwrap().rows);
        assert_eq!(rows().filter(|r| r.status == Mapped::Info).count(), 75);
        for row in rows() {
            let reason = row.reason.as_deref();
            assert!(reason.is_none_or(|r| REASONS.contains(&r)), "{row:?}");
            assert!(!row.code.is_empty() && !row.meaning.is_empty(), "{row:?}");
        }
        assert!(shipped("nobody").is_none());
    }

    #[test]
    fn every_shipped_row_is_found_by_its_own_code() {
        for source in sources() {
            let map = shipped_compiled(source).unwrap();
            for row in &map.map().rows {
                let found = map.find(&row.code.to_lowercase(), row.sub.as_deref(), None);
                assert_eq!(found, Meaning::Row(row), "{source}");
            }
        }
    }

    #[test]
    fn codes_are_compared_without_case_blanks_and_leading_zeros() {
        let map =
            compiled("code,status\n0042,at_depot\nab1,lost\n0,info\nem separa\u{e7}\u{e3}o,announced\n");
        for code in ["42", " 0042 ", "00042"] {
            assert_eq!(map.find(code, None, None).to(), Some(Status::AtDepot), "{code}");
        }
        assert_eq!(map.find("AB1 ", Some(" "), Some("any text")).to(), Some(Status::Lost));
        assert!(map.find("000", None, None).is_info());
        assert_eq!(map.find("EM SEPARA\u{c7}\u{c3}O", None, None).to(), Some(Status::Announced));
        assert_eq!(map.find("0AB1", None, None), Meaning::Unmapped);
    }

    #[test]
    fn the_second_code_counts_before_the_first_and_the_text_before_the_plain_row() {
        let map = compiled(
            "code,sub,status,reason,text_contains\n\
             X,,in_transit,,\n\
             X,,returning,refused,Return\n\
             X,2,on_hold,,\n\
             X,2,on_hold,damaged,box open\n\
             X,,lost,,\n\
             Y,1,at_depot,,\n",
        );
        let to = |code, sub, text| map.find(code, sub, text).to();
        assert_eq!(to("x", None, None), Some(Status::InTransit));
        assert_eq!(to("x", None, Some("on its RETURN leg")), Some(Status::Returning));
        assert_eq!(to("x", Some("9"), Some("going on")), Some(Status::InTransit));
        assert_eq!(map.find("x", Some("02"), Some("return, BOX OPEN")).reason(), Some("damaged"));
        assert_eq!(map.find("x", Some("2"), Some("return")).reason(), None);
        assert_eq!(to("y", Some("1"), None), Some(Status::AtDepot));
        assert_eq!(map.find("y", None, None), Meaning::Unmapped);
    }

    #[test]
    fn own_rows_count_before_the_shipped_ones_beneath_and_the_rest_still_counts() {
        let own = Map::read_csv("upu_emsevt", b"code,status,text_contains\nEMI,at_depot,locker\n*,info,\n")
            .unwrap();
        let map = Compiled::new(Arc::new(own)).over_shipped();
        assert_eq!(map.find("EMI", None, Some("in the LOCKER")).to(), Some(Status::AtDepot));
        assert_eq!(map.find("EMI", None, Some("at the door")).to(), Some(Status::Delivered));
        assert_eq!(map.find("EMG", None, None).to(), Some(Status::AtDepot));
        assert!(map.find("nobody's", None, None).is_info());
        let looked = map.explain("emi", None, Some("at the door"), 10);
        let told: Vec<_> = looked.iter().map(|c| (c.layer == Layer::Shipped, c.fit)).collect();
        assert_eq!(told, [(false, Fit::OtherText), (true, Fit::Counts)]);
        assert_eq!(map.all_rows().filter(|(layer, _)| *layer == Layer::Own).count(), 2);
    }

    #[test]
    fn a_depots_rows_are_looked_at_first_and_only_where_they_say_something() {
        let house = compiled("code,status\nEMI,on_hold\nEMH,lost\n*,info\n");
        let site =
            Map::read_csv("test", b"code,status,text_contains\nEMI,at_depot,door\n*,customs,\n").unwrap();
        let both = house.clone().beneath(site, 3);
        assert_eq!(both.find("EMI", None, Some("at the door")).to(), Some(Status::AtDepot));
        assert_eq!(both.find("EMI", None, None).to(), Some(Status::OnHold));
        assert_eq!(
            both.find("EMH", None, None).to(),
            Some(Status::Lost),
            "a row for the code before any for all"
        );
        assert_eq!(
            both.find("other", None, None).to(),
            Some(Status::Customs),
            "of those for all the depot's"
        );
        assert_eq!((both.site_rev(), house.site_rev()), (3, 0));
        assert_eq!(both.alone().find("other", None, None), house.find("other", None, None));
        let layers: Vec<_> = both.all_rows().map(|(layer, _)| layer).collect();
        assert_eq!(layers, [Layer::Site, Layer::Site, Layer::Own, Layer::Own, Layer::Own]);
    }

    #[test]
    fn what_is_explained_is_what_is_found() {
        let map = compiled(
            "code,sub,status,text_contains\nX,,in_transit,\nX,,returning,Return\nX,2,on_hold,\nX,2,lost,box\n*,,info,\n",
        );
        for (code, sub, text) in [
            ("x", None, None),
            ("X", Some("2"), Some("the BOX")),
            ("X", Some("02"), Some("return")),
            ("X", Some("3"), Some("on its return")),
            ("Y", None, Some("return")),
            ("lost", None, None),
        ] {
            let counts: Vec<_> =
                map.explain(code, sub, text, 10).into_iter().filter(|c| c.fit == Fit::Counts).collect();
            match map.find(code, sub, text) {
                Meaning::Row(row) => assert!(counts.len() == 1 && counts[0].row == row, "{code} {sub:?}"),
                _ => assert!(counts.is_empty(), "{code} {counts:?}"),
            }
        }
        assert_eq!(map.explain("X", Some("2"), None, 1).len(), 1, "no more than asked for");
    }

    #[test]
    fn our_own_words_need_no_map_but_a_map_may_say_otherwise() {
        let map = compiled("code,status\nreturned,returning\n");
        assert_eq!(map.find("At_Depot", None, None), Meaning::OwnWord(Status::AtDepot));
        assert_eq!(map.find("returned", None, None).to(), Some(Status::Returning));
        let map = compiled("code,status\n*,info\n");
        assert!(map.find("whatever", None, None).is_info());
        assert_eq!(map.find("lost", None, None).to(), Some(Status::Lost));
    }
}
