//! Hundreds who follow what happens on one depot, and one of them who reads nothing. The same with ten thousand is a bench:
//! `cargo bench --bench live`.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::json;

use crate::support::cli::Folder;
use crate::support::crowd::{Crowd, stuck};
use crate::support::served::{Asker, Served};

/// How long a busy machine may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// Clients.
const CROWD: usize = 300;
/// MiB by which the server's memory may differ between the first events and the last.
const FLAT_MIB: u64 = 24;

#[test]
fn hundreds_hear_of_everything_though_one_of_them_reads_nothing_and_memory_stays_flat() {
    let folder = Folder::depot("UTC");
    let served = Served::start(&folder.data(), &[]);
    let address: SocketAddr = served.url.trim_start_matches("http://").parse().unwrap();
    let token = folder.token();
    let boss = Asker::new(&served.url, &token);
    boss.post("/api/v1/products", &json!({ "name": "thing", "price": 1, "stock": 100_000 }));
    // More than fits into the buffers on its way: whoever asks for it and reads nothing holds the server up at once.
    let order = json!({ "customer_name": "A", "delivery_address": "x".repeat(1_500), "items": [{ "product_id": 1, "quantity": 1 }] });
    let orders = json!(vec![order; 500]);
    for _ in 0..8 {
        boss.post("/api/v1/orders/bulk", &orders);
    }
    let held: Vec<_> = (0..3).map(|_| stuck(address, &token, "order.", 0)).collect();
    let crowd = Crowd::join(address, &token, CROWD, "delivery.", PATIENCE);
    let mut memory = Vec::new();
    for n in 1..=20 {
        let new = json!({ "pickup_address": "here", "delivery_address": "there", "customer_name": format!("c{n}") });
        crowd.mark();
        boss.post("/api/v1/deliveries", &new);
        assert!(
            crowd.hears(n * CROWD, PATIENCE),
            "{} of {} were told of event {n}",
            crowd.events() - (n - 1) * CROWD,
            CROWD
        );
        memory.push(served.memory_mib());
    }
    assert_eq!(crowd.events(), 20 * CROWD, "each event once");
    assert_eq!(crowd.gone(), 0, "nobody who reads was let go");
    let (first, last) = (memory[4], memory[19]);
    assert!(last <= first + FLAT_MIB, "{memory:?}");
    drop(held);
}
