//! Reading files of waybills: what each row says of a master, a house and a line of goods. Pure. A cell that is no figure
//! or date is understood when it says why there is none, or points to the row that has it; else the row is refused and
//! the cell named.

use jiff::civil::Date;

use super::awb::Awb;
use super::model::{Facts, HouseFacts, Line, Measure, Party};
use crate::base::clock::Timestamp;
use crate::base::error::Problem;
use crate::base::money::{Money, scaled};
use crate::base::text;
use crate::base::units::Grams;

/// What one row says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// The master it is about.
    pub master: Option<Awb>,
    /// What it says of it.
    pub facts: Facts,
    /// The house it is about.
    pub house: Option<String>,
    /// What it says of it.
    pub house_facts: HouseFacts,
    /// A line of the house's goods.
    pub line: Option<Line>,
}

/// What a column means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Master,
    House,
    LineId,
    Item,
    Quantity,
    LineValue,
    Weight,
    WeightWhy,
    Freight,
    FreightWhy,
    Value,
    Pieces,
    Mode,
    Country,
    Goods,
    Consignee,
    ConsigneeEmail,
    Origin,
    Destination,
    Flight,
    Etd,
    Eta,
    Scheduled,
    Delivered,
    Recorded,
    /// Kept under its own name.
    More(&'static str),
    /// A date that may be missing for a reason, kept under its own name.
    MoreDate(&'static str),
    /// Known, and of no use to a depot.
    Unused,
}

/// Names of columns, folded, and what they mean.
const NAMES: &[(&str, Column)] = &[
    ("mawb", Column::Master),
    ("mawb number", Column::Master),
    ("awb", Column::Master),
    ("master", Column::Master),
    ("shipment no", Column::House),
    ("asn dn", Column::House),
    ("hawb", Column::House),
    ("hawb number", Column::House),
    ("house", Column::House),
    ("id", Column::LineId),
    ("line", Column::LineId),
    ("item", Column::Item),
    ("item description", Column::Item),
    ("quantity", Column::Quantity),
    ("line item quantity", Column::Quantity),
    ("value usd", Column::LineValue),
    ("line item value", Column::LineValue),
    ("value usd cents", Column::Value),
    ("weight kg", Column::Weight),
    ("weight kilograms", Column::Weight),
    ("weight why empty", Column::WeightWhy),
    ("freight usd", Column::Freight),
    ("freight cost usd", Column::Freight),
    ("freight why empty", Column::FreightWhy),
    ("pieces", Column::Pieces),
    ("mode", Column::Mode),
    ("shipment mode", Column::Mode),
    ("country", Column::Country),
    ("goods", Column::Goods),
    ("consignee", Column::Consignee),
    ("consignee email", Column::ConsigneeEmail),
    ("origin", Column::Origin),
    ("destination", Column::Destination),
    ("flight", Column::Flight),
    ("etd", Column::Etd),
    ("eta", Column::Eta),
    ("scheduled", Column::Scheduled),
    ("scheduled delivery date", Column::Scheduled),
    ("delivered", Column::Delivered),
    ("delivered to client date", Column::Delivered),
    ("recorded", Column::Recorded),
    ("delivery recorded date", Column::Recorded),
    ("project", Column::More("project")),
    ("project code", Column::More("project")),
    ("managed by", Column::More("managed_by")),
    ("fulfil via", Column::More("fulfil_via")),
    ("fulfill via", Column::More("fulfil_via")),
    ("incoterm", Column::More("incoterm")),
    ("vendor inco term", Column::More("incoterm")),
    ("po so", Column::More("po_so")),
    ("pq", Column::More("pq")),
    ("vendor", Column::More("vendor")),
    ("product group", Column::More("product_group")),
    ("pq first sent to client date", Column::MoreDate("quoted_on")),
    ("quoted on", Column::MoreDate("quoted_on")),
    ("po sent to vendor date", Column::MoreDate("po_sent_on")),
    ("po sent on", Column::MoreDate("po_sent_on")),
    ("quoted why empty", Column::Unused),
    ("po why empty", Column::Unused),
    ("lines", Column::Unused),
    ("lines without weight", Column::Unused),
    ("sub class", Column::Unused),
    ("sub classification", Column::Unused),
    ("molecule test type", Column::Unused),
    ("brand", Column::Unused),
    ("dosage", Column::Unused),
    ("dosage form", Column::Unused),
    ("unit of measure per pack", Column::Unused),
    ("pack price", Column::Unused),
    ("unit price", Column::Unused),
    ("made at", Column::Unused),
    ("manufacturing site", Column::Unused),
    ("first line designation", Column::Unused),
    ("insurance usd", Column::Unused),
    ("line item insurance usd", Column::Unused),
];

/// A name of a column in small letters, with one blank for whatever stands between its words.
fn folded(name: &str) -> String {
    let plain: String =
        name.chars().map(|c| if c.is_alphanumeric() { c.to_ascii_lowercase() } else { ' ' }).collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The columns of a file.
#[derive(Clone, Debug)]
pub struct Columns {
    columns: Vec<Option<Column>>,
    names: Vec<String>,
    /// Whether its rows are lines of goods: a row's weight and worth are then the line's.
    lines: bool,
}

/// Whether a header names what a row is about: masters of a file of masters, houses of one of houses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// Masters, with their houses where a row names one.
    Masters,
    /// Houses, with their masters and lines of goods where a row names them.
    Houses,
}

impl Columns {
    /// What the columns of `header` mean, those of no meaning by position, and what is wrong with it.
    #[must_use]
    pub fn of(header: &[String], of: Of) -> (Self, Vec<usize>, Vec<Problem>) {
        let meaning = |name: &String| {
            let name = folded(name);
            NAMES.iter().find(|(n, _)| *n == name).map(|(_, c)| *c)
        };
        let columns: Vec<Option<Column>> = header.iter().map(meaning).collect();
        let unknown = columns.iter().enumerate().filter(|(_, c)| c.is_none()).map(|(n, _)| n).collect();
        let has = |c: Column| columns.contains(&Some(c));
        let mut wrong = Vec::new();
        let found = || header.iter().take(30).map(|h| format!("\"{h}\"")).collect::<Vec<_>>().join(", ");
        match of {
            Of::Masters if !has(Column::Master) => {
                let said = format!("no column of {} names the waybill: call one mawb", found());
                wrong.push(Problem::new("mawb", said));
            }
            Of::Houses if !has(Column::House) => {
                let said = format!("no column of {} names the house: call one hawb", found());
                wrong.push(Problem::new("hawb", said));
            }
            Of::Masters | Of::Houses => {}
        }
        let lines = has(Column::LineId) && has(Column::House);
        (Self { columns, names: header.to_vec(), lines }, unknown, wrong)
    }

    /// What a row of `cells` says.
    ///
    /// # Errors
    /// Every cell that is not understood.
    pub fn read(&self, cells: &[&str]) -> Result<Row, Vec<Problem>> {
        let (mut row, mut wrong) = (Row::default(), Vec::new());
        let mut line = Line {
            id: String::new(),
            item: String::new(),
            quantity: 0,
            value: None,
            weight: None,
            freight: None,
        };
        for (n, cell) in cells.iter().enumerate() {
            let (Some(Some(column)), text) = (self.columns.get(n), cell.trim()) else { continue };
            if text.is_empty() {
                continue;
            }
            if let Err(why) = self.cell(&mut row, &mut line, *column, text) {
                wrong.push(Problem::new(self.names.get(n).cloned().unwrap_or_default(), why));
            }
        }
        if row.master.is_none() && row.house.is_none() && wrong.is_empty() {
            wrong.push(Problem::new("", "names neither a master nor a house"));
        }
        if self.lines && line.id.is_empty() && wrong.is_empty() {
            wrong.push(Problem::new("", "has no number of its line"));
        }
        if self.lines {
            row.line = Some(line);
        }
        if wrong.is_empty() { Ok(row) } else { Err(wrong) }
    }

    fn cell(&self, row: &mut Row, line: &mut Line, column: Column, text: &str) -> Result<(), String> {
        let (m, h) = (&mut row.facts, &mut row.house_facts);
        match column {
            Column::Master => row.master = Some(Awb::parse(text).map_err(|e| e.to_string())?),
            Column::House => row.house = Some(short(text)?),
            Column::LineId => line.id = short(text)?,
            Column::Item => line.item = text::clipped(text.to_owned(), text::SHORT),
            Column::Quantity => line.quantity = count(text)?,
            Column::LineValue => line.value = Some(money(text)?),
            Column::Value => h.value = Some(dollars(count(text)?)),
            Column::Weight if self.lines => line.weight = Some(measure(text, 3, WEIGHTS)?),
            Column::Weight => h.weight = Some(Grams(figure(text, 3)?)),
            Column::WeightWhy if self.lines => line.weight = line.weight.take().or(Some(why(text, WEIGHTS)?)),
            Column::Freight if self.lines => line.freight = Some(measure(text, 2, FREIGHTS)?),
            Column::Freight => h.freight = Some(dollars(figure(text, 2)?)),
            Column::FreightWhy if self.lines => {
                line.freight = line.freight.take().or(Some(why(text, FREIGHTS)?));
            }
            Column::Pieces => {
                let n = u32::try_from(count(text)?).map_err(|_| format!("\"{text}\" are too many pieces"))?;
                (m.pieces, h.pieces) = (Some(n), Some(n));
            }
            Column::Mode => (m.mode, h.mode) = (Some(short(text)?), Some(short(text)?)),
            Column::Country => (m.country, h.country) = (Some(short(text)?), Some(short(text)?)),
            Column::Goods => (m.goods, h.goods) = (Some(short(text)?), Some(short(text)?)),
            Column::Consignee => {
                let party = Party { name: short(text)?, ..m.consignee.clone().unwrap_or_default() };
                (m.consignee, h.consignee) = (Some(party.clone()), Some(party));
            }
            Column::ConsigneeEmail => {
                let party = Party { email: Some(short(text)?), ..m.consignee.clone().unwrap_or_default() };
                (m.consignee, h.consignee) = (Some(party.clone()), Some(party));
            }
            Column::Origin => m.origin = Some(airport(text)?),
            Column::Destination => m.destination = Some(airport(text)?),
            Column::Flight => m.flight = Some(short(text)?),
            Column::Etd => m.etd = Some(moment(text)?),
            Column::Eta => m.eta = Some(moment(text)?),
            Column::Scheduled => h.scheduled = Some(date(text)?),
            Column::Delivered => h.delivered = Some(date(text)?),
            Column::Recorded => h.recorded = Some(date(text)?),
            Column::More(name) => {
                h.more.insert(name.to_owned(), short(text)?);
            }
            Column::MoreDate(name) => {
                let said = match date(text) {
                    Ok(day) => day.to_string(),
                    Err(_) if DATES.contains(&text) => text.to_owned(),
                    Err(why) => return Err(why),
                };
                h.more.insert(name.to_owned(), said);
            }
            Column::WeightWhy | Column::FreightWhy | Column::Unused => {}
        }
        Ok(())
    }
}

/// What stands where a date is not known.
const DATES: &[&str] = &["Pre-PQ Process", "Date Not Captured", "N/A - From RDC", "N/A"];
/// What stands where a weight is not known.
const WEIGHTS: &[&str] = &["Weight Captured Separately"];
/// What stands where a freight charge is not known.
const FREIGHTS: &[&str] = &["Freight Included in Commodity Cost", "Invoiced Separately"];

fn short(text: &str) -> Result<String, String> {
    if text.len() > text::SHORT {
        return Err(format!("is {} bytes long; at most {} are kept", text.len(), text::SHORT));
    }
    Ok(text.to_owned())
}

fn count(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("\"{}\" is no count", shown(text)))
}

fn shown(text: &str) -> String {
    text::clipped(text.to_owned(), 80)
}

/// A figure with at most `places` digits behind the point, as a whole number of the smallest.
fn figure(text: &str, places: u32) -> Result<u64, String> {
    let n = scaled(text, places).map_err(|why| format!("\"{}\" is no figure: {why}", shown(text)))?;
    u64::try_from(n).map_err(|_| format!("\"{}\" is less than nothing", shown(text)))
}

/// Money that may be written with more digits than there are cents: half cents and above become a cent.
fn money(text: &str) -> Result<u64, String> {
    Ok(figure(text, 6)?.saturating_add(5_000) / 10_000)
}

fn dollars(cents: u64) -> Money {
    Money { minor: i64::try_from(cents).unwrap_or(i64::MAX), currency: "USD".into() }
}

fn measure(text: &str, places: u32, reasons: &[&str]) -> Result<Measure, String> {
    if text.as_bytes().first().is_some_and(u8::is_ascii_digit) {
        return figure(text, places).map(Measure::Is);
    }
    why(text, reasons)
}

/// Why there is no figure: `See DN-304 (ID#:10589)`, or one of `reasons`.
fn why(text: &str, reasons: &[&str]) -> Result<Measure, String> {
    if let Some((house, line)) = text.strip_prefix("See ").and_then(|rest| rest.split_once(" (ID#:")) {
        let line = line.strip_suffix(')').unwrap_or(line);
        if !house.is_empty() && !line.is_empty() && line.bytes().all(|b| b.is_ascii_digit()) {
            return Ok(Measure::With { house: short(house)?, line: line.to_owned() });
        }
    }
    if reasons.contains(&text) {
        return Ok(Measure::None(text.to_owned()));
    }
    Err(format!(
        "\"{}\" is neither a figure nor a known reason for none: write a figure, leave it empty, or write \"{}\"",
        shown(text),
        reasons.first().unwrap_or(&"")
    ))
}

fn airport(text: &str) -> Result<String, String> {
    let upper = text.to_ascii_uppercase();
    let fits = upper.len() == 3 && upper.bytes().all(|b| b.is_ascii_uppercase());
    if fits { Ok(upper) } else { Err(format!("\"{}\" is no airport; write its three letters", shown(text))) }
}

fn moment(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text, &jiff::tz::TimeZone::UTC)
}

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// A day as `2009-11-14`, `02-Jun-06` or `8/27/14`, which names the month first. Two digits of a year are of this century.
fn date(text: &str) -> Result<Date, String> {
    let wrong = || format!("\"{}\" is no date; write 2014-08-27", shown(text));
    let parts: Vec<&str> = text.split(['-', '/']).collect();
    let [a, b, c] = parts[..] else { return Err(wrong()) };
    let n = |s: &str| s.parse::<i16>().ok().filter(|_| s.bytes().all(|b| b.is_ascii_digit()));
    let year = |s: &str| match s.len() {
        2 => n(s).map(|y| 2_000 + y),
        4 => n(s),
        _ => None,
    };
    let small = |s: &str| n(s).and_then(|v| i8::try_from(v).ok());
    let named =
        MONTHS.iter().position(|m| b.to_ascii_lowercase() == *m).and_then(|m| i8::try_from(m + 1).ok());
    let (y, m, d) = match (text.contains('/'), named) {
        (true, _) => (year(c), small(a), small(b)),
        (false, Some(month)) => (year(c), Some(month), small(a)),
        (false, None) if a.len() == 4 => (year(a), small(b), small(c)),
        (false, None) => return Err(wrong()),
    };
    match (y, m, d) {
        (Some(y), Some(m), Some(d)) => Date::new(y, m, d).map_err(|_| wrong()),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(header: &str, of: Of) -> (Columns, Vec<usize>, Vec<Problem>) {
        Columns::of(&header.split('|').map(str::to_owned).collect::<Vec<_>>(), of)
    }

    #[test]
    fn four_forms_of_a_date_are_read_and_no_fifth() {
        for (text, day) in [
            ("02-Jun-06", "2006-06-02"),
            ("2009-11-14", "2009-11-14"),
            ("8/27/14", "2014-08-27"),
            ("8/7/2014", "2014-08-07"),
        ] {
            assert_eq!(date(text).unwrap().to_string(), day);
        }
        for bad in [
            "Date Not Captured",
            "27/8/14",
            "2014-13-01",
            "31-Feb-10",
            "1-2",
            "02-Jun-006",
            "-1/2/14",
            "2014/08/27",
        ] {
            assert!(date(bad).unwrap_err().contains("no date"), "{bad}");
        }
    }

    #[test]
    fn a_cell_is_understood_or_named() {
        let (c, unknown, wrong) = columns(
            "ID|ASN/DN #|Weight (Kilograms)|Freight Cost (USD)|PO Sent to Vendor Date|odd",
            Of::Houses,
        );
        assert_eq!((unknown, wrong), (vec![5], vec![]));
        let row = c
            .read(&["7", "DN-1", "See DN-1 (ID#:82)", "Invoiced Separately", "N/A - From RDC", "x"])
            .unwrap();
        let line = row.line.unwrap();
        assert_eq!(line.weight, Some(Measure::With { house: "DN-1".into(), line: "82".into() }));
        assert_eq!(line.freight, Some(Measure::None("Invoiced Separately".into())));
        assert_eq!(row.house_facts.more["po_sent_on"], "N/A - From RDC");
        let wrong = c.read(&["7", "DN-1", "heavy", "1.234", "soon", ""]).unwrap_err();
        let names: Vec<&str> = wrong.iter().map(|p| p.pointer.as_str()).collect();
        assert_eq!(names, ["Weight (Kilograms)", "Freight Cost (USD)", "PO Sent to Vendor Date"]);
        assert!(c.read(&["7", "", "1", "", "", ""]).unwrap_err()[0].detail.contains("neither"));
        assert!(c.read(&["", "DN-1", "1", "", "", ""]).is_err());
    }

    #[test]
    fn a_header_that_names_nothing_is_refused_and_a_wrong_number_is_told_its_digit() {
        assert_eq!(columns("a|b", Of::Masters).2[0].pointer, "mawb");
        assert_eq!(columns("mawb|b", Of::Houses).2[0].pointer, "hawb");
        let (c, _, _) = columns("MAWB|HAWB|Pieces|Destination", Of::Masters);
        let row = c.read(&["020-12345675", "H1", "4", "lhr"]).unwrap();
        assert_eq!((row.facts.pieces, row.facts.destination.as_deref()), (Some(4), Some("LHR")));
        assert!(c.read(&["020-12345676", "H1", "", ""]).unwrap_err()[0].detail.contains("should be 5"));
    }
}
