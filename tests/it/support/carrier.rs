//! A carrier on this machine that behaves as badly as it is told to.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// What it does with one question.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Answers this JSON.
    Says(String),
    /// Answers this status with a head line of its own.
    Fails(u16, &'static str),
    /// Takes the question and says nothing.
    Hangs,
    /// Says it is elsewhere.
    Sends(String),
}

struct Inside {
    /// What it does next; the last one for ever.
    script: Mutex<VecDeque<Answer>>,
    /// The first line and the authorization of each question.
    asked: Mutex<Vec<(String, String)>>,
    closed: AtomicBool,
    /// Connections that hang, kept open until the end.
    hanging: Mutex<Vec<TcpStream>>,
}

/// It is there for as long as it is held.
pub struct Carrier {
    pub port: u16,
    inside: Arc<Inside>,
    thread: Option<JoinHandle<()>>,
}

impl Carrier {
    pub fn open(script: Vec<Answer>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let inside = Arc::new(Inside {
            script: Mutex::new(script.into()),
            asked: Mutex::default(),
            closed: AtomicBool::new(false),
            hanging: Mutex::default(),
        });
        let shared = Arc::clone(&inside);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.closed.load(Ordering::Acquire) {
                    return;
                }
                let inside = Arc::clone(&shared);
                let stream = stream.unwrap();
                std::thread::spawn(move || serve(stream, &inside));
            }
        });
        Self { port, inside, thread: Some(thread) }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// From now on it does this.
    pub fn now(&self, script: Vec<Answer>) {
        *self.inside.script.lock().unwrap() = script.into();
    }

    /// The first line and the authorization of each question.
    pub fn asked(&self) -> Vec<(String, String)> {
        self.inside.asked.lock().unwrap().clone()
    }
}

impl Drop for Carrier {
    fn drop(&mut self) {
        self.inside.closed.store(true, Ordering::Release);
        self.inside.hanging.lock().unwrap().clear();
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(mut stream: TcpStream, inside: &Inside) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let Some(Ok(first)) = lines.next() else { return };
    let mut login = String::new();
    for line in lines.map_while(Result::ok).take_while(|l| !l.is_empty()) {
        if let Some(value) = line.to_lowercase().strip_prefix("authorization: ") {
            login = line[line.len() - value.len()..].to_owned();
        }
    }
    inside.asked.lock().unwrap().push((first, login));
    let answer = {
        let mut script = inside.script.lock().unwrap();
        if script.len() > 1 { script.pop_front() } else { script.front().cloned() }
    };
    let said = match answer {
        Some(Answer::Says(json)) => format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{json}",
            json.len()
        ),
        Some(Answer::Fails(status, head)) => {
            format!("HTTP/1.1 {status} No\r\n{head}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
        }
        Some(Answer::Sends(to)) => {
            format!("HTTP/1.1 302 Found\r\nlocation: {to}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
        }
        Some(Answer::Hangs) | None => {
            inside.hanging.lock().unwrap().push(stream);
            return;
        }
    };
    let _ = stream.write_all(said.as_bytes());
}
