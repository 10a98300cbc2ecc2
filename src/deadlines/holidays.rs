//! Public holidays as files carry them: `country,subdivision,date,name`.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::opening::MAX_HOLIDAYS;
use crate::base::error::{Invalid, Problem};
use crate::base::text;

/// Problems named before reading gives up on the file.
const MAX_PROBLEMS: usize = 20;

/// Reads the days that are holidays in all of `country` or in its `subdivision`. Only the column `date`
/// (`YYYY-MM-DD`) is needed: a file without `country` or `subdivision` is taken to be about the right place.
/// Two holidays on one day are one day with both names.
///
/// # Errors
/// Names each line that can't be read (the first 20), or the limit of [`MAX_HOLIDAYS`] days.
pub fn parse(
    file: &[u8],
    country: &str,
    subdivision: Option<&str>,
) -> Result<BTreeMap<Date, String>, Invalid> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(file);
    let headers = reader.headers().map_err(|e| Invalid::at("line 1", format!("cannot be read: {e}")))?;
    let column = |name: &str| headers.iter().position(|h| h.eq_ignore_ascii_case(name));
    let (nation, region, name) = (column("country"), column("subdivision"), column("name"));
    let Some(date) = column("date") else {
        return Err(Invalid::at(
            "line 1",
            "has no column \"date\"; the columns are country,subdivision,date,name",
        ));
    };

    let mut days: BTreeMap<Date, String> = BTreeMap::new();
    let mut problems = Vec::new();
    for record in reader.records() {
        let record = match record {
            Ok(record) => record,
            Err(e) => {
                problems.push(Problem::new("file", e.to_string()));
                break; // what follows a broken record can't be trusted
            }
        };
        let cell = |at: Option<usize>| at.and_then(|i| record.get(i)).unwrap_or("");
        let elsewhere = nation.is_some() && !cell(nation).eq_ignore_ascii_case(country);
        let other_part =
            !cell(region).is_empty() && !subdivision.is_some_and(|s| s.eq_ignore_ascii_case(cell(region)));
        if elsewhere || other_part {
            continue;
        }
        let line = record.position().map_or(0, csv::Position::line);
        match cell(Some(date)).parse::<Date>() {
            Ok(day) => add(&mut days, day, cell(name)),
            Err(_) => {
                let said = format!("\"{}\" is not a date; write YYYY-MM-DD", cell(Some(date)));
                problems.push(Problem::new(format!("line {line}, date"), said));
            }
        }
        if days.len() > MAX_HOLIDAYS {
            problems.push(Problem::new(
                "file",
                format!("has more than {MAX_HOLIDAYS} holidays; leave out past years"),
            ));
            break;
        }
        if problems.len() >= MAX_PROBLEMS {
            break;
        }
    }
    if problems.is_empty() { Ok(days) } else { Err(Invalid(problems)) }
}

/// Adds a name to its day, as long as the names together stay short.
fn add(days: &mut BTreeMap<Date, String>, day: Date, name: &str) {
    let names = days.entry(day).or_default();
    if names.split(", ").any(|n| n == name) || names.len() + name.len() + 2 > text::SHORT {
        return;
    }
    if !names.is_empty() && !name.is_empty() {
        names.push_str(", ");
    }
    names.push_str(name);
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    const FILE: &[u8] =
        b"country,subdivision,date,name\nBR,,2026-01-01,New Year\nBR,SP,2026-07-09,State Day\n\
        BR,RJ,2026-04-23,Saint George\nUS,,2026-07-04,Independence Day\nbr,SP,2026-01-01,\"City Day\"\n";

    #[test]
    fn a_place_has_its_country_s_holidays_and_its_own() {
        let sp = parse(FILE, "BR", Some("SP")).unwrap();
        assert_eq!(sp.keys().copied().collect::<Vec<_>>(), [date(2026, 1, 1), date(2026, 7, 9)]);
        assert_eq!(sp[&date(2026, 1, 1)], "New Year, City Day");
        assert_eq!(parse(FILE, "BR", None).unwrap().len(), 1);
        assert_eq!(parse(b"date\n2026-12-24\n", "DE", None).unwrap()[&date(2026, 12, 24)], "");
    }

    #[test]
    fn a_bad_date_is_named_with_its_line() {
        let err = parse(b"date,name\n2026-01-01,A\n24.12.2026,B\n", "DE", None).unwrap_err();
        assert_eq!(err.to_string(), "line 3, date: \"24.12.2026\" is not a date; write YYYY-MM-DD");
        assert!(
            parse(b"day\n2026-01-01\n", "DE", None).unwrap_err().to_string().contains("no column \"date\"")
        );
        assert!(parse(b"date,name\n2026-01-01,A,B\n", "DE", None).is_err());
    }

    #[test]
    fn one_holiday_past_the_limit_is_refused() {
        let mut file = String::from("date\n");
        for (i, day) in date(2000, 1, 1).series(jiff::Span::new().days(1)).take(MAX_HOLIDAYS + 1).enumerate()
        {
            file.push_str(&format!("{day}\n"));
            if i + 1 == MAX_HOLIDAYS {
                assert_eq!(parse(file.as_bytes(), "", None).unwrap().len(), MAX_HOLIDAYS);
            }
        }
        assert!(parse(file.as_bytes(), "", None).unwrap_err().to_string().contains("5000"));
    }
}
