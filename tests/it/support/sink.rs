//! A mail server on this machine that keeps what it is given.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// It takes every mail, for as long as it is held.
pub struct Sink {
    pub port: u16,
    mails: Arc<Mutex<Vec<String>>>,
    closed: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Sink {
    /// On `port`; 0 is any.
    pub fn open(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (mails, closed) = (Arc::<Mutex<Vec<String>>>::default(), Arc::<AtomicBool>::default());
        let (kept, over) = (Arc::clone(&mails), Arc::clone(&closed));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if over.load(Ordering::Acquire) {
                    return;
                }
                let (kept, stream) = (Arc::clone(&kept), stream.unwrap());
                std::thread::spawn(move || serve(stream, &kept));
            }
        });
        Self { port, mails, closed, thread: Some(thread) }
    }

    /// A port nobody listens on.
    pub fn free_port() -> u16 {
        TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
    }

    /// What it was given, headers and all.
    pub fn mails(&self) -> Vec<String> {
        self.mails.lock().unwrap().clone()
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::Release);
        // Somebody has to knock for the closed door to be noticed.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(mut stream: TcpStream, mails: &Mutex<Vec<String>>) {
    let lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let mut data: Option<String> = None;
    let _ = stream.write_all(b"220 sink\r\n");
    for line in lines.map_while(Result::ok) {
        let answer = match &mut data {
            Some(mail) if line == "." => {
                mails.lock().unwrap().push(std::mem::take(mail));
                data = None;
                "250 taken"
            }
            Some(mail) => {
                mail.push_str(&line);
                mail.push('\n');
                continue;
            }
            None if line.starts_with("EHLO") => "250-sink\r\n250 AUTH PLAIN LOGIN",
            None if line.starts_with("AUTH") => "235 come in",
            None if line.starts_with("DATA") => {
                data = Some(String::new());
                "354 go on"
            }
            None if line.starts_with("QUIT") => return,
            None => "250 ok",
        };
        if stream.write_all(format!("{answer}\r\n").as_bytes()).is_err() {
            return;
        }
    }
}
