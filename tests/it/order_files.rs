//! Real files of other systems become products, categories, stock and orders, and the figures are those that are true of
//! them.

use std::collections::{BTreeMap, BTreeSet};

use crossdock::web::control::FIRST_TENANT;
use serde_json::{Value, json};

use crate::support::Depot;
use crate::support::people::{depot, text};
use crate::support::shared::{facts, shared};

type Row = BTreeMap<String, String>;

fn rows(path: &std::path::Path) -> Vec<Row> {
    let mut reader = csv::Reader::from_path(path).unwrap();
    let header = reader.headers().unwrap().clone();
    let row =
        |r: csv::StringRecord| header.iter().map(str::to_owned).zip(r.iter().map(str::to_owned)).collect();
    reader.records().map(|r| row(r.unwrap())).collect()
}

/// Says what the columns of `source` mean.
fn mapped(depot: &Depot, source: &str, columns: &[(&str, &str)], currency: &str) {
    let columns: BTreeMap<&str, &str> = columns.iter().copied().collect();
    let mapping = json!({ "mapping": { "columns": columns, "currency": currency } });
    let path = format!("/import-mappings/{source}");
    depot.itself(FIRST_TENANT, "PUT", &path).body(&mapping).gives(200);
}

/// Imports `file` and returns what was said of it.
fn import(depot: &Depot, kind: &str, source: &str, file: &std::path::Path) -> Value {
    let path = format!("/imports?kind={kind}&source={source}&file={kind}.csv");
    let body = std::fs::read_to_string(file).unwrap();
    let begun = depot.itself(FIRST_TENANT, "POST", &path).text("text/csv", body).gives(202).json;
    let path = format!("/imports/{}", text(&begun, "id"));
    let end = std::time::Instant::now() + std::time::Duration::from_secs(300);
    loop {
        let seen = get(depot, &path);
        match seen["state"].as_str() {
            Some("done") => return seen,
            Some("failed") => panic!("{seen}"),
            _ => assert!(std::time::Instant::now() < end, "in vain: {seen}"),
        }
        std::thread::yield_now();
    }
}

fn get(depot: &Depot, path: &str) -> Value {
    depot.itself(FIRST_TENANT, "GET", path).gives(200).json
}

fn all_new(done: &Value, n: usize) {
    assert_eq!(
        (&done["rows"], &done["created"], &done["refused"]),
        (&json!(n), &json!(n), &json!(0)),
        "{done}"
    );
}

#[test]
fn the_raw_tables_of_a_shop_become_products_categories_stock_and_orders() {
    let raw = |name: &str| shared(&format!("data/olist/raw/{name}.csv"));
    let (Some(orders), Some(items), Some(products), Some(names), Some(facts)) = (
        raw("olist_orders_dataset"),
        raw("olist_order_items_dataset"),
        raw("olist_products_dataset"),
        raw("product_category_name_translation"),
        facts("olist"),
    ) else {
        return;
    };
    let depot = depot();
    mapped(
        &depot,
        "olist",
        &[
            ("product_category_name", "category"),
            ("product_category_name_english", "category_english"),
            ("product_weight_g", "weight_g"),
            ("order_status", "status"),
            ("order_item_id", "line_id"),
            ("price", "value"),
            ("customer_id", "customer_id"),
        ],
        "BRL",
    );
    let translated = rows(&names);
    all_new(&import(&depot, "categories", "olist", &names), translated.len());
    let told = rows(&products);
    all_new(&import(&depot, "products", "olist", &products), told.len());
    // What was sold was there: as many of each as the lines say.
    let lines = rows(&items);
    let mut sold: BTreeMap<&str, u32> = BTreeMap::new();
    for line in &lines {
        *sold.entry(&line["product_id"]).or_default() += 1;
    }
    let stock: String = sold.iter().map(|(p, n)| format!("{p},{n}\n")).collect();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("stock.csv");
    std::fs::write(&file, format!("product_id,items\n{stock}")).unwrap();
    let stock = file;
    let known: BTreeSet<&str> = told.iter().map(|p| p["product_id"].as_str()).collect();
    assert!(sold.keys().all(|p| known.contains(p)));
    all_new(&import(&depot, "stock", "olist", &stock), sold.len());
    assert_eq!(import(&depot, "stock", "olist", &stock)["unchanged"], sold.len());

    let all = rows(&orders);
    all_new(&import(&depot, "orders", "olist", &orders), all.len());
    assert_eq!(json!(all.len()), facts["orders"]);
    let done = import(&depot, "orders", "olist", &items);
    assert_eq!(
        (&done["rows"], &done["updated"], &done["refused"]),
        (&json!(lines.len()), &json!(lines.len()), &json!(0))
    );

    let now = get(&depot, "/orders/stats?at=2018-10-18T00:00:00");
    assert_eq!((&now["orders"], &now["lines"]), (&facts["orders"], &json!(lines.len())));
    let cents = |v: &str| (v.parse::<f64>().unwrap() * 100.0).round() as i64;
    assert_eq!(now["value"]["BRL"], lines.iter().map(|l| cents(&l["price"])).sum::<i64>());
    let mut by_raw: BTreeMap<&str, u64> = BTreeMap::new();
    let (mut late, mut late_day, mut open, mut past) = (0, 0, 0, 0);
    for o in &all {
        *by_raw.entry(&o["order_status"]).or_default() += 1;
        let (promised, arrived) = (&o["order_estimated_delivery_date"], &o["order_delivered_customer_date"]);
        if o["order_status"] == "delivered" && !arrived.is_empty() {
            late += u64::from(arrived > promised);
            late_day += u64::from(arrived[..10] > promised[..10]);
        }
        if !["delivered", "canceled", "unavailable"].contains(&o["order_status"].as_str()) {
            open += 1;
            past += u64::from(promised.as_str() < "2018-10-18 00:00:00");
        }
    }
    assert_eq!(now["by_raw_status"], json!(by_raw));
    assert_eq!(
        (&now["delivered_late_by_clock"], &now["delivered_late_by_day"]),
        (&json!(late), &json!(late_day))
    );
    assert_eq!((&now["open"], &now["open_past_promise"]), (&json!(open), &json!(past)));
    // Nothing is new in the same files a second time.
    assert_eq!(import(&depot, "orders", "olist", &orders)["unchanged"], all.len());
    assert_eq!(import(&depot, "orders", "olist", &items)["unchanged"], lines.len());
    assert_eq!(get(&depot, "/orders/stats?at=2018-10-18T00:00:00"), now);
}

#[test]
fn a_file_with_american_dates_lost_zeros_and_blackened_cells_gives_its_real_shipping_days() {
    let (Some(file), Some(facts)) = (shared("data/dataco/orders.csv"), facts("dataco")) else { return };
    let depot = depot();
    mapped(
        &depot,
        "dataco",
        &[
            ("Order Id", "order_id"),
            ("Order Item Id", "line_id"),
            ("Product Card Id", "product_id"),
            ("Product Name", "product_name"),
            ("Category Name", "category"),
            ("Product Price", "value"),
            ("Order Item Total", "total"),
            ("Order Item Quantity", "items"),
            ("Order Status", "status"),
            ("order date (DateOrders)", "purchased_at"),
            ("shipping date (DateOrders)", "carrier_at"),
            ("Days for shipment (scheduled)", "scheduled_days"),
            ("Customer Id", "customer_id"),
            ("Customer Fname", "recipient_name"),
            ("Customer Lname", "recipient_surname"),
            ("Customer Email", "recipient_email"),
            ("Customer Street", "to_line"),
            ("Customer Zipcode", "to_zip"),
            ("Customer City", "to_city"),
            ("Customer State", "to_state"),
            ("Customer Country", "to_country"),
        ],
        "USD",
    );
    let products = import(&depot, "products", "dataco", &file);
    assert_eq!((&products["created"], &products["refused"]), (&facts["products"], &json!(0)), "{products}");
    let categories = get(&depot, "/categories?limit=500");
    assert_eq!(
        categories["items"].as_array().unwrap().len(),
        facts["category_names"].as_u64().unwrap() as usize
    );
    let done = import(&depot, "orders", "dataco", &file);
    assert_eq!(
        (&done["rows"], &done["created"], &done["refused"]),
        (&facts["lines"], &facts["orders"], &json!(0)),
        "{done}"
    );
    let now = get(&depot, "/orders/stats");
    assert_eq!(
        (&now["orders"], &now["lines"], &now["quantity"]),
        (&facts["orders"], &facts["lines"], &facts["quantity"])
    );
    let cents = (facts["item_total_usd"].as_f64().unwrap() * 100.0).round() as i64;
    // Each line is rounded to the cent here; the fact is the rounded sum of the file's longer figures.
    let off = now["value"]["USD"].as_i64().unwrap() - cents;
    assert!(off.abs() <= 1, "{off}");
    assert_eq!(now["lines_shipped_late"], facts["lines_real_days_over_scheduled"]);
    assert_eq!(now["lines_shipped_late_and_kept"], facts["of_those_marked_late"]);
    let told = rows(&file);
    let mut by_raw: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for line in &told {
        by_raw.entry(&line["Order Status"]).or_default().insert(&line["Order Id"]);
    }
    let by_raw: BTreeMap<&str, usize> = by_raw.into_iter().map(|(raw, orders)| (raw, orders.len())).collect();
    assert_eq!(now["by_raw_status"], json!(by_raw));
    // Nothing of what was blacked out is kept, and every code has its zeros back.
    let (mut seen, mut zeros, mut next) = (0, 0, String::new());
    loop {
        let page = get(&depot, &format!("/orders?limit=500{next}"));
        for o in page["items"].as_array().unwrap() {
            seen += 1;
            assert_eq!(o["customer_email"], Value::Null);
            assert!(!o.to_string().contains("XXXX"), "{o}");
            zeros += u64::from(o["delivery_zip"].as_str().is_some_and(|z| z.starts_with('0')));
        }
        match page["next"].as_str() {
            Some(cursor) => next = format!("&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(json!(seen), facts["orders"]);
    let lost: BTreeSet<&str> = told
        .iter()
        .filter(|l| l["Customer Zipcode"].trim_end_matches(".0").len() < 5)
        .map(|l| l["Order Id"].as_str())
        .collect();
    assert_eq!(zeros as usize, lost.len());
}
