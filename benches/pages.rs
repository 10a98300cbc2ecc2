//! Screens over a depot with many parcels: the real binary, somebody who is logged in, and pages one after the other.
//! Ratios are to `/healthz` of the same server, which does nothing.
//!
//! `cargo bench --bench pages -- [--quick] [word]`; `CROSSDOCK_PAGES_PARCELS` says how many parcels there are.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, missing_docs)]

mod harness;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crossdock::base::clock::Clock;
use crossdock::demo::seed;
use crossdock::web::control::FIRST_TENANT;
use harness::{Args, Lap, Rival, compare};

const BINARY: &str = env!("CARGO_BIN_EXE_crossdock");
const PASSWORD: &str = "correct horse battery";

/// Pages that list something, and what they are beside.
const PAGES: [(&str, &str); 18] = [
    ("healthz", "/healthz"),
    ("parcels", "/parcels"),
    ("parcels in a status", "/parcels?status=in_transit"),
    ("parcels by number", "/parcels?number=XD"),
    ("parcels of a distributor", "/parcels?distributor=aurora"),
    ("parcels with exceptions", "/parcels?exceptional=1"),
    ("parcels late", "/parcels?late=1"),
    ("cases", "/cases"),
    ("cases overdue", "/cases?view=overdue"),
    ("cases of a reason", "/cases?reason=damaged"),
    ("today", "/today"),
    ("manifests", "/manifests?all=1"),
    ("imports", "/imports"),
    ("status maps", "/maps"),
    ("reports", "/reports"),
    ("people", "/users"),
    ("jobs", "/jobs"),
    ("audit", "/audit"),
];

/// A depot that is set up and filled, and served by the binary.
struct Served {
    child: Child,
    address: String,
    _folder: tempfile::TempDir,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn filled(data: &Path, parcels: u32) {
    let password = data.with_extension("password");
    std::fs::write(&password, PASSWORD).unwrap();
    let init = [
        "init",
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
    ];
    let mut init_it = Command::new(BINARY);
    init_it.args(init).arg("--admin-password-file").arg(&password).arg("--data-dir").arg(data);
    assert!(init_it.stdout(Stdio::null()).status().unwrap().success());
    let begun = Instant::now();
    let store = harness::depot(data, 512);
    seed::fill(&store, FIRST_TENANT, 1, parcels, Clock::Wall.now()).unwrap();
    println!("{parcels} parcels made in {:.1} s", begun.elapsed().as_secs_f64());
}

fn served(parcels: u32) -> Served {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    filled(&data, parcels);
    let mut child = Command::new(BINARY)
        .args(["serve", "--listen", "127.0.0.1:0", "--no-tls", "--data-dir"])
        .arg(&data)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    let address = first.trim().rsplit_once("http://").unwrap().1.to_owned();
    Served { child, address, _folder: folder }
}

/// A browser's connection.
struct Line {
    stream: TcpStream,
    buffer: Vec<u8>,
    cookie: String,
}

impl Line {
    fn open(address: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, buffer: Vec::new(), cookie: String::new() }
    }

    /// Sends and returns status and header lines; the body stays behind them in the buffer.
    fn ask(&mut self, request: &str) -> (u16, String) {
        self.stream.write_all(request.as_bytes()).unwrap();
        self.buffer.clear();
        let mut part = [0; 65_536];
        loop {
            let n = self.stream.read(&mut part).unwrap();
            assert!(n > 0, "the server hung up");
            self.buffer.extend_from_slice(&part[..n]);
            let Some(end) = self.buffer.windows(4).position(|w| w == b"\r\n\r\n") else { continue };
            let head = String::from_utf8_lossy(&self.buffer[..end]).into_owned();
            let length: Option<usize> = head
                .lines()
                .find_map(|l| l.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
            let whole = match length {
                Some(length) => self.buffer.len() >= end + 4 + length,
                None => self.buffer.ends_with(b"0\r\n\r\n") || head.starts_with("HTTP/1.1 303"),
            };
            if whole {
                return (head[9..12].parse().unwrap(), head);
            }
        }
    }

    fn log_in(&mut self) {
        let body = format!("login=ana&password={}&next=%2F", PASSWORD.replace(' ', "+"));
        let request = format!(
            "POST /login HTTP/1.1\r\nhost: d\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let (status, head) = self.ask(&request);
        assert_eq!(status, 303, "{head}");
        let set = head.lines().find(|l| l.to_ascii_lowercase().starts_with("set-cookie: ")).unwrap();
        self.cookie = set[12..].split(';').next().unwrap().to_owned();
    }

    fn get(&mut self, path: &str) -> usize {
        let request = format!("GET {path} HTTP/1.1\r\nhost: d\r\ncookie: {}\r\n\r\n", self.cookie);
        let (status, head) = self.ask(&request);
        assert_eq!(status, 200, "{path}: {head}");
        self.buffer.len()
    }
}

fn lap(line: &mut Line, path: &str, time: Duration) -> Lap {
    let (begun, mut latencies) = (Instant::now(), Vec::new());
    while begun.elapsed() < time {
        let at = Instant::now();
        line.get(path);
        latencies.push(u64::try_from(at.elapsed().as_nanos()).unwrap());
    }
    Lap { ops: latencies.len() as u64, took: begun.elapsed(), latencies }
}

fn main() {
    let args = Args::read();
    let asked = std::env::var("CROSSDOCK_PAGES_PARCELS").ok().and_then(|n| n.parse().ok());
    let parcels: u32 = asked.unwrap_or(args.pick(10_000, 1_000_000));
    let depot = served(parcels);
    harness::MEASURED.store(depot.child.id(), Ordering::Relaxed);
    let mut first = Line::open(&depot.address);
    first.log_in();
    println!("\n{:<28}{:>12}", "", "bytes");
    for (name, path) in PAGES {
        println!("{name:<28}{:>12}", first.get(path));
    }
    let cookie = first.cookie.clone();
    let time = args.pick(Duration::from_millis(500), Duration::from_secs(5));
    let mut rivals: Vec<Rival<'_>> = PAGES
        .iter()
        .map(|(name, path)| {
            let mut line = Line { cookie: cookie.clone(), ..Line::open(&depot.address) };
            Rival::new(*name, move || lap(&mut line, path, time))
        })
        .collect();
    compare(&args, &format!("pages over {parcels} parcels"), args.pick(1, 3), &mut rivals);
}
