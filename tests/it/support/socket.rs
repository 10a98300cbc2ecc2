//! A WebSocket as a client holds it: just enough of RFC 6455 to talk to a depot.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

use super::Depot;

/// How long one waits to hear something.
const PATIENCE: Duration = Duration::from_secs(20);

/// What came in.
#[derive(Debug, PartialEq)]
pub enum Came {
    Text(Value),
    /// The code, and why.
    Close(u16, String),
}

/// One end of a connection.
pub struct Socket {
    line: TcpStream,
}

impl Socket {
    /// Opens `path` below the API, with these headers beside those of the upgrade.
    pub fn open(depot: &Depot, path: &str, headers: &[(&str, &str)]) -> Self {
        let mut line = TcpStream::connect(depot.running().address).unwrap();
        line.set_read_timeout(Some(PATIENCE)).unwrap();
        line.set_nodelay(true).unwrap();
        let more: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let ask = format!(
            "GET /api/v1{path} HTTP/1.1\r\nhost: depot\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more}\r\n"
        );
        line.write_all(ask.as_bytes()).unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            line.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap();
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        Self { line }
    }

    /// One whose holder shows `token`, greeted.
    pub fn of(depot: &Depot, token: &str) -> Self {
        let bearer = format!("Bearer {token}");
        let mut socket = Self::open(depot, "/ws", &[("authorization", &bearer)]);
        assert_eq!(socket.hears()["type"], "connection_established");
        socket
    }

    /// Sends a frame, masked as a client's must be.
    pub fn frame(&mut self, opcode: u8, payload: &[u8]) {
        let mask = [7_u8, 1, 2, 9];
        let mut frame = vec![0x80 | opcode];
        match u16::try_from(payload.len()) {
            Ok(n @ 0..=125) => frame.push(0x80 | n as u8),
            Ok(n) => {
                frame.push(0x80 | 126);
                frame.extend(n.to_be_bytes());
            }
            Err(_) => {
                frame.push(0x80 | 127);
                frame.extend((payload.len() as u64).to_be_bytes());
            }
        }
        frame.extend(mask);
        frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(b, m)| b ^ m));
        self.line.write_all(&frame).unwrap();
    }

    pub fn says(&mut self, message: &Value) {
        self.frame(1, message.to_string().as_bytes());
    }

    /// What comes next; pings are answered and not shown.
    pub fn next(&mut self) -> Came {
        loop {
            let mut head = [0; 2];
            self.line.read_exact(&mut head).unwrap();
            let length = match head[1] {
                126 => {
                    let mut n = [0; 2];
                    self.line.read_exact(&mut n).unwrap();
                    usize::from(u16::from_be_bytes(n))
                }
                127 => {
                    let mut n = [0; 8];
                    self.line.read_exact(&mut n).unwrap();
                    usize::try_from(u64::from_be_bytes(n)).unwrap()
                }
                n => usize::from(n),
            };
            let mut payload = vec![0; length];
            self.line.read_exact(&mut payload).unwrap();
            match head[0] & 0x0f {
                1 => return Came::Text(serde_json::from_slice(&payload).unwrap()),
                8 => {
                    let code = payload.get(..2).map_or(1005, |c| u16::from_be_bytes([c[0], c[1]]));
                    let why = String::from_utf8_lossy(payload.get(2..).unwrap_or_default()).into_owned();
                    return Came::Close(code, why);
                }
                9 => self.frame(10, &payload),
                _ => {}
            }
        }
    }

    /// The next message, which must be one.
    pub fn hears(&mut self) -> Value {
        match self.next() {
            Came::Text(message) => message,
            Came::Close(code, why) => panic!("closed: {code} {why}"),
        }
    }
}
