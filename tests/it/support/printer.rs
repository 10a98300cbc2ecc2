//! A label printer on this machine that behaves as badly as it is told to.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// How it behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// Answers and prints.
    Well,
    /// Takes connections and says nothing.
    Hangs,
    /// Answers that it has no paper, and prints nothing.
    PaperOut,
    /// Answers everything, but only after so many ms.
    Late(u64),
    /// Prints, and never answers once a label came in.
    SilentAfter,
    /// Prints, and never answers anything at all.
    Mute,
}

struct Inside {
    mood: Mutex<Mood>,
    labels: Mutex<Vec<String>>,
    /// The most connections there ever were at once.
    most: AtomicUsize,
    closed: AtomicBool,
}

/// It stands there for as long as it is held.
pub struct Printer {
    pub port: u16,
    inside: Arc<Inside>,
    thread: Option<JoinHandle<()>>,
}

impl Printer {
    /// On `port`; 0 is any.
    pub fn open(port: u16, mood: Mood) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let inside = Arc::new(Inside {
            mood: Mutex::new(mood),
            labels: Mutex::default(),
            most: AtomicUsize::new(0),
            closed: AtomicBool::new(false),
        });
        let shared = Arc::clone(&inside);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.closed.load(Ordering::Acquire) {
                    return;
                }
                let (stream, inside) = (stream.unwrap(), Arc::clone(&shared));
                inside.most.fetch_max(established(port).max(1), Ordering::AcqRel);
                std::thread::spawn(move || serve(stream, &inside));
            }
        });
        Self { port, inside, thread: Some(thread) }
    }

    pub fn mood(&self, mood: Mood) {
        *self.inside.mood.lock().unwrap() = mood;
    }

    /// What it printed, each from `^XA` to `^XZ`.
    pub fn labels(&self) -> Vec<String> {
        self.inside.labels.lock().unwrap().clone()
    }

    /// The most connections it had at once.
    pub fn most(&self) -> usize {
        self.inside.most.load(Ordering::Acquire)
    }
}

impl Drop for Printer {
    fn drop(&mut self) {
        self.inside.closed.store(true, Ordering::Release);
        // Somebody has to knock for the closed door to be noticed.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Connections to `port` that whoever opened them has not closed, as the kernel counts them: our own threads hear of an end
/// later, when the next one has long begun.
fn established(port: u16) -> usize {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap_or_default();
    let ours = format!("0100007F:{port:04X}");
    let open = |line: &&str| {
        let mut words = line.split_whitespace().skip(1);
        words.next() == Some(ours.as_str()) && words.nth(1) == Some("01")
    };
    table.lines().filter(open).count()
}

fn status(paper_out: bool) -> String {
    let paper = u8::from(paper_out);
    format!(
        "\u{2}030,{paper},0,1245,000,0,0,0,000,0,0,0\u{3}\r\n\u{2}000,0,0,0,0,2,4,0,00000000,1,000\u{3}\r\n\u{2}1234,0\u{3}\r\n"
    )
}

fn serve(mut stream: TcpStream, inside: &Inside) {
    stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let (mut data, mut printed) = (Vec::new(), false);
    let mut chunk = [0; 1024];
    loop {
        let mood = *inside.mood.lock().unwrap();
        match stream.read(&mut chunk) {
            Ok(0) => return,
            Ok(n) => data.extend_from_slice(&chunk[..n]),
            Err(_) if inside.closed.load(Ordering::Acquire) => return,
            Err(e) if matches!(e.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {}
            Err(_) => return,
        }
        if mood == Mood::Hangs {
            data.clear();
            continue;
        }
        loop {
            let text = String::from_utf8_lossy(&data).into_owned();
            // ~HS is answered as it comes, a label is printed at its end.
            if let Some(rest) = text.strip_prefix("~HS\r\n") {
                data = rest.as_bytes().to_vec();
                let answer = status(mood == Mood::PaperOut);
                match mood {
                    Mood::Mute => continue,
                    Mood::SilentAfter if printed => continue,
                    Mood::Late(ms) => std::thread::sleep(Duration::from_millis(ms)),
                    _ => {}
                }
                if stream.write_all(answer.as_bytes()).is_err() {
                    return;
                }
            } else if let Some(rest) = text.strip_prefix("~JX\r\n") {
                data = rest.as_bytes().to_vec();
            } else if let Some(end) = text.find("^XZ") {
                let (label, rest) = text.split_at(end + 3);
                inside.labels.lock().unwrap().push(label.to_owned());
                data = rest.trim_start().as_bytes().to_vec();
                printed = true;
            } else {
                break;
            }
        }
    }
}
