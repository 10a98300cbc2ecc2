//! The depot over its own API: the real binary, its real checks, and clients that wait for each answer. Ratios are to
//! `/healthz` of the same server, which does nothing: what is below 1 is what the work costs.
//!
//! `cargo bench --bench http -- [--quick] [word]`
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, missing_docs)]

mod harness;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use harness::{Args, Lap, Rival, compare};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const BINARY: &str = env!("CARGO_BIN_EXE_crossdock");

/// A depot that serves, in a folder of its own.
struct Depot {
    child: Child,
    address: String,
    token: String,
    dir: tempfile::TempDir,
}

impl Depot {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (data, password) = (dir.path().join("data"), dir.path().join("password"));
        std::fs::write(&password, "correct horse battery").unwrap();
        let data = data.to_str().unwrap();
        let init = [
            "init",
            "--data-dir",
            data,
            "--role",
            "depot",
            "--tenant",
            "bench",
            "--depot",
            "d",
            "--zone",
            "UTC",
            "--admin-user",
            "ana",
            "--admin-password-file",
            password.to_str().unwrap(),
        ];
        assert!(Command::new(BINARY).args(init).stdout(Stdio::null()).status().unwrap().success());
        let serve = ["serve", "--data-dir", data, "--listen", "127.0.0.1:0", "--no-tls"];
        let mut child =
            Command::new(BINARY).args(serve).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut first = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
        let address = first.trim().rsplit_once("http://").unwrap().1.to_owned();
        let token = Command::new(BINARY)
            .args(["token", "--data-dir", data, "--user", "ana"])
            .output()
            .unwrap()
            .stdout;
        Self { child, address, token: String::from_utf8(token).unwrap().trim().to_owned(), dir }
    }

    fn request(&self, method: &str, path: &str, body: &str) -> Vec<u8> {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: d\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            self.token,
            body.len()
        );
        [head.as_bytes(), body.as_bytes()].concat()
    }
}

impl Drop for Depot {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One connection that sends a request when it has the answer to the last.
struct Line {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Line {
    async fn open(address: &str) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, buffer: Vec::with_capacity(64 * 1024) }
    }

    /// Sends and returns the status.
    async fn ask(&mut self, request: &[u8]) -> u16 {
        self.stream.write_all(request).await.unwrap();
        self.buffer.clear();
        loop {
            assert!(self.stream.read_buf(&mut self.buffer).await.unwrap() > 0, "the server hung up");
            let Some(end) = self.buffer.windows(4).position(|w| w == b"\r\n\r\n") else { continue };
            let head = std::str::from_utf8(&self.buffer[..end]).unwrap().to_ascii_lowercase();
            let length = head
                .lines()
                .find_map(|l| l.strip_prefix("content-length: "))
                .map_or(0, |n| n.parse().unwrap());
            while self.buffer.len() < end + 4 + length {
                assert!(self.stream.read_buf(&mut self.buffer).await.unwrap() > 0, "the answer broke off");
            }
            return head[9..12].parse().unwrap();
        }
    }
}

/// `connections` clients for `time`, each sending what `next` makes for its number and turn.
fn lap(depot: &Depot, connections: usize, time: Duration, next: impl Fn(usize, usize) -> Vec<u8>) -> Lap {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let begun = Instant::now();
    let clients = (0..connections).map(|me| {
        let next = &next;
        async move {
            let (mut line, mut latencies) = (Line::open(&depot.address).await, Vec::new());
            while begun.elapsed() < time {
                let request = next(me, latencies.len());
                let at = Instant::now();
                let status = line.ask(&request).await;
                assert!(status < 300, "{status}: {}", String::from_utf8_lossy(&line.buffer));
                latencies.push(u64::try_from(at.elapsed().as_nanos()).unwrap());
            }
            latencies
        }
    });
    let latencies = runtime.block_on(futures_util::future::join_all(clients)).concat();
    Lap { ops: latencies.len() as u64, took: begun.elapsed(), latencies }
}

fn create(n: usize) -> String {
    format!(
        r#"{{"tracking_number":"HT{n:09}","distributor":"d{}","recipient":{{"name":"Ana Souza","phone":"+55 11 5555"}},"to":{{"line":"Rua A 1","city":"Sao Paulo"}},"weight_g":1200,"promised_at":"2026-01-0{}T00:00:00Z"}}"#,
        n % 20,
        n % 9 + 1
    )
}

fn main() {
    let args = Args::read();
    let depot = Depot::start();
    harness::MEASURED.store(depot.child.id(), Ordering::Relaxed);
    let (time, rounds) = (args.pick(Duration::from_millis(1500), Duration::from_secs(5)), args.pick(1, 3));
    let made = AtomicUsize::new(0);
    let new = || depot.request("POST", "/api/v1/parcels", &create(made.fetch_add(1, Ordering::Relaxed)));
    let seeded = args.pick(2_000, 10_000);
    println!("{} in {}", seeded, depot.dir.path().display());
    while made.load(Ordering::Relaxed) < seeded {
        lap(&depot, 64, Duration::from_millis(300), |_, _| new());
    }
    let number = |n: usize| format!("HT{:09}", n % seeded);
    let status = |me: usize, turn: usize| {
        // Each client owns its share of the parcels, so no step is refused; a lap goes on where the last one ended.
        let mine = 64 * (turn % 30) + me;
        depot.request(
            "POST",
            &format!("/api/v1/parcels/{}/events", number(mine)),
            r#"{"status":"in_transit"}"#,
        )
    };
    let get = |me: usize, turn: usize| {
        depot.request("GET", &format!("/api/v1/parcels/{}", number(me * 7919 + turn * 104_729)), "")
    };
    let list = |_: usize, _: usize| depot.request("GET", "/api/v1/parcels?status=in_transit&limit=50", "");
    let overdue = |_: usize, _: usize| depot.request("GET", "/api/v1/parcels/overdue?limit=50", "");
    let mix = |me: usize, turn: usize| match turn % 20 {
        0..=13 => get(me, turn),
        14..=16 => status(me, turn),
        17..=18 => list(me, turn),
        _ => new(),
    };
    for connections in [1, 16, 64] {
        let run = |next: &dyn Fn(usize, usize) -> Vec<u8>| lap(&depot, connections, time, next);
        let mut rivals = vec![
            Rival::new("healthz", || run(&|_, _| depot.request("GET", "/healthz", ""))),
            Rival::new("create", || run(&|_, _| new())),
            Rival::new("status", || run(&status)),
            Rival::new("get", || run(&get)),
            Rival::new("list 50", || run(&list)),
            Rival::new("overdue 50", || run(&overdue)),
            Rival::new("mix", || run(&mix)),
        ];
        compare(&args, &format!("{connections} connections"), rounds, &mut rivals);
    }
}
