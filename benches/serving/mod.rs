//! The real binary that serves, and clients that wait for each answer.
#![allow(dead_code, reason = "each bench is a program of its own and uses a part")]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::Lap;

const BINARY: &str = env!("CARGO_BIN_EXE_crossdock");

/// A depot that serves, in a folder of its own.
pub struct Depot {
    child: Child,
    pub address: String,
    pub token: String,
    pub dir: tempfile::TempDir,
}

impl Depot {
    /// With the usual settings.
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// With these settings in its environment.
    pub fn with(settings: &[(&str, &str)]) -> Self {
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
        let mut command = Command::new(BINARY);
        let command = command.args(serve).envs(settings.iter().copied());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
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

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Memory it holds, in MiB.
    pub fn memory_mib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap_or_default();
        let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).unwrap_or_default();
        line.split_whitespace().next().and_then(|n| n.parse::<u64>().ok()).unwrap_or_default() / 1024
    }

    /// What it answers to one request, which must be taken.
    pub fn ask(&self, method: &str, path: &str, body: &str) -> serde_json::Value {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut line = Line::open(&self.address).await;
            let status = line.ask(&self.request(method, path, body)).await;
            assert!(status < 300, "{path}: {status}: {}", line.said());
            serde_json::from_str(&line.said()).unwrap_or_default()
        })
    }

    /// A request as it goes over the line.
    pub fn request(&self, method: &str, path: &str, body: &str) -> Vec<u8> {
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
pub struct Line {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Line {
    pub async fn open(address: &str) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, buffer: Vec::with_capacity(64 * 1024) }
    }

    /// Sends and returns the status.
    pub async fn ask(&mut self, request: &[u8]) -> u16 {
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

    /// The body of the last answer.
    pub fn said(&self) -> String {
        let end = self.buffer.windows(4).position(|w| w == b"\r\n\r\n").map_or(0, |at| at + 4);
        String::from_utf8_lossy(&self.buffer[end..]).into_owned()
    }
}

/// `connections` clients for `time`, each sending what `next` makes for its number and turn.
pub fn lap(depot: &Depot, connections: usize, time: Duration, next: impl Fn(usize, usize) -> Vec<u8>) -> Lap {
    run(depot, connections, |begun, _| begun.elapsed() < time, next)
}

/// The same with so many turns each.
pub fn turns(depot: &Depot, connections: usize, n: usize, next: impl Fn(usize, usize) -> Vec<u8>) -> Lap {
    run(depot, connections, |_, turn| turn < n, next)
}

fn run(
    depot: &Depot,
    connections: usize,
    goes_on: impl Fn(Instant, usize) -> bool,
    next: impl Fn(usize, usize) -> Vec<u8>,
) -> Lap {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let begun = Instant::now();
    let clients = (0..connections).map(|me| {
        let (next, goes_on) = (&next, &goes_on);
        async move {
            let (mut line, mut latencies) = (Line::open(&depot.address).await, Vec::new());
            while goes_on(begun, latencies.len()) {
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
