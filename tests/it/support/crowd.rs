//! Many clients on WebSockets at once, on a thread and a runtime of their own: they count what they hear. Benches use it
//! as well, so it knows nothing of a test's depot.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::{Semaphore, watch};

/// Clients that connect at the same time.
const AT_ONCE: usize = 128;

#[derive(Default)]
struct Heard {
    joined: AtomicUsize,
    events: AtomicUsize,
    gone: AtomicUsize,
    /// When what they hear was said, in nanoseconds since the crowd began.
    marked: AtomicU64,
    /// How long it took to each, in nanoseconds.
    waits: Mutex<Vec<u64>>,
}

/// Clients that follow.
pub struct Crowd {
    heard: Arc<Heard>,
    began: Instant,
    leave: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
    #[allow(dead_code)] // the bench tells it
    pub size: usize,
}

impl Crowd {
    /// `size` clients that show `token` and want these events; returns when all of them follow, or panics after `patience`.
    pub fn join(address: SocketAddr, token: &str, size: usize, types: &str, patience: Duration) -> Self {
        let (heard, began) = (Arc::new(Heard::default()), Instant::now());
        let (leave, left) = watch::channel(false);
        let (all, token, types) = (Arc::clone(&heard), token.to_owned(), types.to_owned());
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let turns = Arc::new(Semaphore::new(AT_ONCE));
                for _ in 0..size {
                    let turn = Arc::clone(&turns).acquire_owned().await.unwrap();
                    let (all, token, types) = (Arc::clone(&all), token.clone(), types.clone());
                    tokio::spawn(async move {
                        let mut line = open(address, &token, &types).await;
                        all.joined.fetch_add(1, Ordering::AcqRel);
                        drop(turn);
                        while let Some(frame) = line.next().await {
                            if is_event(&frame) {
                                all.hear(began);
                            }
                        }
                        all.gone.fetch_add(1, Ordering::AcqRel);
                    });
                }
                let mut left = left;
                let _ = left.wait_for(|left| *left).await;
            });
        });
        let crowd = Self { heard, began, leave, thread: Some(thread), size };
        let end = Instant::now() + patience;
        while crowd.heard.joined.load(Ordering::Acquire) < size {
            let joined = crowd.heard.joined.load(Ordering::Acquire);
            assert!(Instant::now() < end, "only {joined} of {size} clients were let in");
            std::thread::sleep(Duration::from_millis(5));
        }
        crowd
    }

    /// What is said from now on counts from this moment.
    pub fn mark(&self) {
        let at = u64::try_from(self.began.elapsed().as_nanos()).unwrap();
        self.heard.marked.store(at, Ordering::Release);
    }

    /// Events heard so far, all clients together.
    pub fn events(&self) -> usize {
        self.heard.events.load(Ordering::Acquire)
    }

    /// Clients whose connection ended.
    pub fn gone(&self) -> usize {
        self.heard.gone.load(Ordering::Acquire)
    }

    /// Waits until `events` were heard in all; false when they were not within `patience`.
    pub fn hears(&self, events: usize, patience: Duration) -> bool {
        let end = Instant::now() + patience;
        while self.events() < events && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(1));
        }
        self.events() >= events
    }

    /// How long each event took from the last mark to each client, in nanoseconds; they are forgotten here.
    #[allow(dead_code)] // the bench tells them
    pub fn waits(&self) -> Vec<u64> {
        std::mem::take(&mut *self.heard.waits.lock().unwrap())
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        let _ = self.leave.send(true);
        drop(self.thread.take().map(JoinHandle::join));
    }
}

impl Heard {
    fn hear(&self, began: Instant) {
        let now = u64::try_from(began.elapsed().as_nanos()).unwrap();
        let wait = now.saturating_sub(self.marked.load(Ordering::Acquire));
        self.waits.lock().unwrap().push(wait);
        self.events.fetch_add(1, Ordering::AcqRel);
    }
}

/// One that asks for everything behind `after` and reads nothing at all: it stays connected while it is held.
pub fn stuck(address: SocketAddr, token: &str, types: &str, after: u64) -> std::net::TcpStream {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let mut line = Line { stream: socket.connect(address).await.unwrap(), buffer: Vec::new() };
        line.upgrade(token).await;
        let ask = format!(r#"{{"type":"subscribe","types":["{types}"],"after":{after}}}"#);
        line.say(ask.as_bytes()).await;
        line.stream.into_std().unwrap()
    })
}

async fn open(address: SocketAddr, token: &str, types: &str) -> Line {
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let mut line = Line { stream, buffer: Vec::new() };
    line.upgrade(token).await;
    line.say(format!(r#"{{"type":"subscribe","types":["{types}"]}}"#).as_bytes()).await;
    let mut greeted = 0;
    while greeted < 2 {
        let frame = line.next().await.expect("the server hung up");
        let text = String::from_utf8_lossy(&frame);
        assert!(text.contains("connection_established") || text.contains("subscribed"), "{text}");
        greeted += 1;
    }
    line
}

fn is_event(frame: &[u8]) -> bool {
    const MARK: &[u8] = br#""type":"event""#;
    frame.windows(MARK.len()).any(|part| part == MARK)
}

/// One end of a connection.
struct Line {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Line {
    async fn upgrade(&mut self, token: &str) {
        let ask = format!(
            "GET /api/v1/ws HTTP/1.1\r\nhost: depot\r\nauthorization: Bearer {token}\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        self.stream.write_all(ask.as_bytes()).await.unwrap();
        loop {
            if let Some(end) = self.buffer.windows(4).position(|w| w == b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&self.buffer[..end]).into_owned();
                assert!(head.starts_with("HTTP/1.1 101"), "{head}");
                self.buffer.drain(..end + 4);
                return;
            }
            assert!(self.stream.read_buf(&mut self.buffer).await.unwrap() > 0, "the server hung up");
        }
    }

    /// Sends a text, masked as a client's must be.
    async fn say(&mut self, text: &[u8]) {
        let mask = [7_u8, 1, 2, 9];
        let mut frame = vec![0x81, 0x80 | u8::try_from(text.len()).unwrap()];
        assert!(text.len() < 126, "a short text");
        frame.extend(mask);
        frame.extend(text.iter().zip(mask.iter().cycle()).map(|(b, m)| b ^ m));
        self.stream.write_all(&frame).await.unwrap();
    }

    /// The next text; pings are passed over, none at the end.
    async fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some((opcode, at, length)) = head(&self.buffer)
                && self.buffer.len() >= at + length
            {
                let frame = self.buffer[at..at + length].to_vec();
                self.buffer.drain(..at + length);
                match opcode {
                    1 => return Some(frame),
                    8 => return None,
                    _ => continue,
                }
            }
            match self.stream.read_buf(&mut self.buffer).await {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }
}

/// The opcode of the frame that begins here, where its payload begins and how long it is.
fn head(bytes: &[u8]) -> Option<(u8, usize, usize)> {
    let (first, second) = (*bytes.first()?, *bytes.get(1)?);
    let (at, length) = match second & 0x7f {
        126 => (4, usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?))),
        127 => (10, usize::try_from(u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)).ok()?),
        n => (2, usize::from(n)),
    };
    Some((first & 0x0f, at, length))
}
