//! A distributor's real file, imported the way an operator does it, held against figures computed elsewhere.

use serde_json::{Value, json};

use crate::support::cli::Folder;
use crate::support::shared::{OLIST, facts, shared};

fn sum(counts: &Value) -> u64 {
    counts.as_object().unwrap().values().map(|v| v.as_u64().unwrap()).sum()
}

#[test]
fn the_parcels_file_gives_the_figures_that_are_true_of_it_and_a_second_run_changes_nothing() {
    let (Some(file), Some(facts)) = (shared("data/olist/parcels.csv"), facts("olist")) else { return };
    let depot = Folder::depot("America/Sao_Paulo");
    depot.map("olist", &OLIST);
    let first = depot.import("parcels", "olist", &file);
    assert_eq!(
        (&first["rows"], &first["created"], &first["refused"]),
        (&json!(4122), &json!(4122), &json!(0)),
        "{first}"
    );

    let now = depot.json("stats", &["--at", "2018-10-18T00:00:00", "--json"]);
    assert_eq!(now["parcels"], facts["parcels"]);
    assert_eq!(now["by_raw_status"], facts["by_status"]);
    assert_eq!(now["by_distributor"], facts["by_distributor"]);
    assert_eq!(now["delivered_late_by_clock"], facts["delivered_late_by_timestamp"]);
    assert_eq!(now["delivered_late_by_day"], facts["delivered_late_by_calendar_day"]);
    assert_eq!(now["delivered_without_time"], facts["delivered_without_delivered_at"]);
    assert_eq!(now["open"], facts["open_at_now"]);
    assert_eq!(now["open_past_promise"], facts["open_and_past_promise_at_now"]);
    assert_eq!(now["older_than_days_by_raw_status"]["shipped"]["60"], 560);
    for (raw, ages) in facts["stuck_more_than_days_at_now"].as_object().unwrap() {
        for (days, n) in ages.as_object().unwrap() {
            let ours =
                now["older_than_days_by_raw_status"][raw].get(days).and_then(Value::as_u64).unwrap_or(0);
            assert_eq!(ours, n.as_u64().unwrap(), "{raw} for over {days} days");
        }
    }
    assert_eq!(now["value"]["BRL"], facts["sums"]["value_brl_cents"]);
    assert_eq!(now["freight"]["BRL"], facts["sums"]["freight_brl_cents"]);
    assert_eq!(now["weight_g"], facts["sums"]["weight_g"]);

    let anomalies = &facts["order_anomalies"];
    let issues = now["issues"]["shipper_data_error"].as_u64().unwrap();
    assert!(
        issues
            >= anomalies["carrier_before_approval"].as_u64().unwrap()
                + anomalies["delivered_before_carrier"].as_u64().unwrap(),
        "{issues}"
    );

    let again = depot.import("parcels", "olist", &file);
    assert_eq!(
        (&again["unchanged"], &again["created"], &again["updated"]),
        (&json!(4122), &json!(0), &json!(0)),
        "{again}"
    );
    assert_eq!(depot.json("stats", &["--at", "2018-10-18T00:00:00", "--json"]), now);
}

#[test]
fn the_status_log_gives_the_states_of_earlier_moments() {
    let (Some(file), Some(facts)) = (shared("data/olist/status-log.csv"), facts("olist")) else { return };
    let depot = Folder::depot("America/Sao_Paulo");
    depot.map("olist", &OLIST);
    let done = depot.import("status", "olist", &file);
    assert_eq!((&done["rows"], &done["refused"]), (&facts["log_rows"], &json!(0)), "{done}");
    for (moment, states) in facts["state_by_log_at"].as_object().unwrap() {
        let then = depot.json("stats", &["--at", &moment.replace(' ', "T"), "--json"]);
        assert_eq!(&then["by_raw_status"], states, "at {moment}");
        assert_eq!(sum(&then["by_status"]), sum(states));
        for (raw, ages) in
            facts["stuck_by_log_at"].get(moment).and_then(Value::as_object).into_iter().flatten()
        {
            for (days, n) in ages.as_object().unwrap() {
                let ours =
                    then["older_than_days_by_raw_status"][raw].get(days).and_then(Value::as_u64).unwrap_or(0);
                assert_eq!(ours, n.as_u64().unwrap(), "{raw} for over {days} days at {moment}");
            }
        }
    }
}

#[test]
fn a_brazilian_spreadsheet_gives_the_same_parcels_as_the_file_it_was_made_from() {
    let (Some(file), Some(sheet)) =
        (shared("data/olist/parcels.csv"), shared("data/olist/parcels-excel-br.csv"))
    else {
        return;
    };
    let all = std::fs::read_to_string(file).unwrap();
    let mut reader = csv::Reader::from_reader(all.as_bytes());
    let mut cut = csv::Writer::from_writer(Vec::new());
    cut.write_record(reader.headers().unwrap()).unwrap();
    reader.records().take(1000).for_each(|r| cut.write_record(&r.unwrap()).unwrap());
    let (here, there) = (Folder::depot("America/Sao_Paulo"), Folder::depot("America/Sao_Paulo"));
    here.map("olist", &OLIST);
    let words = [
        "criado",
        "aprovado",
        "faturado",
        "em separação",
        "enviado",
        "entregue",
        "cancelado",
        "indisponível",
    ];
    let words: Vec<(&str, &str)> = words.into_iter().zip(OLIST.map(|w| w.1)).collect();
    there.map("olist-br", &words);
    let head = here.file("head.csv", &cut.into_inner().unwrap());
    assert_eq!(here.import("parcels", "olist", &head)["created"], 1000);
    assert_eq!(there.import("parcels", "olist-br", &sheet)["created"], 1000);
    let (a, b) = (
        here.json("stats", &["--json", "--at", "2018-10-18T00:00:00"]),
        there.json("stats", &["--json", "--at", "2018-10-18T00:00:00"]),
    );
    for figure in ["parcels", "by_status", "by_distributor", "open", "open_past_promise", "value", "weight_g"]
    {
        assert_eq!(a[figure], b[figure], "{figure}");
    }
}
