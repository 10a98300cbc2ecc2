//! A line to a depot that can be cut and mended, byte by byte: for whoever keeps several connections open at once.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};

/// What the line does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum State {
    /// Brings everything.
    Good,
    /// Nobody gets through, and whoever was through is cut off.
    Cut,
    /// What is asked arrives, what is answered does not.
    Deaf,
    /// It is over.
    Gone,
}

struct Shared {
    state: AtomicU8,
    upstream: Mutex<SocketAddr>,
    open: Mutex<Vec<TcpStream>>,
}

impl Shared {
    fn is(&self, state: State) -> bool {
        self.state.load(Ordering::Acquire) == state as u8
    }
}

/// The line; it ends with its test.
pub struct Line {
    shared: Arc<Shared>,
    pub address: SocketAddr,
}

impl Line {
    /// A good line to `upstream`.
    pub fn to(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = AtomicU8::new(State::Good as u8);
        let shared = Arc::new(Shared { state, upstream: Mutex::new(upstream), open: Mutex::default() });
        let of = Arc::clone(&shared);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                if of.is(State::Gone) {
                    return;
                }
                let Ok(client) = client else { continue };
                if of.is(State::Cut) {
                    continue;
                }
                let upstream = *of.upstream.lock().unwrap();
                let Ok(server) = TcpStream::connect(upstream) else { continue };
                connect(&of, client, server);
            }
        });
        Self { shared, address }
    }

    /// From now on it leads there: whoever was at its end has moved.
    pub fn leads_to(&self, upstream: SocketAddr) {
        *self.shared.upstream.lock().unwrap() = upstream;
    }

    /// From now on the line does this; what was open is cut off.
    pub fn set(&self, state: State) {
        self.shared.state.store(state as u8, Ordering::Release);
        for stream in self.shared.open.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.set(State::Gone);
        // Wakes the one that waits for the next caller.
        let _ = TcpStream::connect(self.address);
    }
}

fn connect(shared: &Arc<Shared>, client: TcpStream, server: TcpStream) {
    let pairs =
        [(client.try_clone(), server.try_clone(), false), (server.try_clone(), client.try_clone(), true)];
    shared.open.lock().unwrap().extend([client, server]);
    for (from, to, answers) in pairs {
        let (Ok(mut from), Ok(mut to)) = (from, to) else { continue };
        let shared = Arc::clone(shared);
        std::thread::spawn(move || {
            let mut bytes = [0; 16 * 1024];
            while let Ok(n @ 1..) = from.read(&mut bytes) {
                if answers && shared.is(State::Deaf) || to.write_all(&bytes[..n]).is_err() {
                    break;
                }
            }
            let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
        });
    }
}
