//! A printer's raw socket: connecting to private addresses only, asking how it is, sending a label.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use super::model::{HostStatus, Printer};
use super::printers::is_allowed;
use crate::config::sections::Printers;

/// Asks for the host status.
const ASK: &[u8] = b"~HS\r\n";
/// Cancels a label that lies half in the printer; one that is being printed goes on.
const CANCEL_HALF: &[u8] = b"~JX\r\n";
/// Bytes of a host status at the most; a real one has about 90.
const MAX_ANSWER: usize = 512;
const STX: u8 = 2;
const ETX: u8 = 3;

/// Where printers may stand and how long they may take.
#[derive(Clone, Copy, Debug)]
pub struct Manners {
    /// Whether printers may stand on this machine.
    pub loopback: bool,
    /// For a connection.
    pub connect: Duration,
    /// For taking a label, and for each answer.
    pub answer: Duration,
}

impl From<&Printers> for Manners {
    fn from(p: &Printers) -> Self {
        let Printers { loopback, connect_s, answer_s } = p;
        Self {
            loopback: *loopback,
            connect: Duration::from_secs(*connect_s),
            answer: Duration::from_secs(*answer_s),
        }
    }
}

/// How the sending of a label ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sent {
    /// All of its bytes were taken.
    Whole,
    /// Not all of them: what prints a label stands at its end.
    Partly(String),
}

/// A connection to a printer.
pub struct Wire {
    stream: TcpStream,
    answer: Duration,
}

impl Wire {
    /// Connects. The name is resolved here and the address it leads to is the one that is judged and used.
    ///
    /// # Errors
    /// Why it can't be reached, or may not.
    pub async fn open(printer: &Printer, manners: Manners) -> Result<Self, String> {
        let Printer { host, port, .. } = printer;
        let connecting = async {
            let address = resolved(host, *port, manners.loopback).await?;
            TcpStream::connect(address).await.map_err(|e| format!("{address} can't be reached: {e}"))
        };
        let took = || format!("{host}:{port} took no connection within {} s", manners.connect.as_secs_f64());
        let stream = timeout(manners.connect, connecting).await.map_err(|_| took())??;
        Ok(Self { stream, answer: manners.answer })
    }

    /// Asks the printer how it is.
    ///
    /// # Errors
    /// When it doesn't answer in time, or not with a host status.
    pub async fn status(&mut self) -> Result<HostStatus, String> {
        let asked = async {
            self.stream.write_all(ASK).await.map_err(|e| format!("the printer can't be asked: {e}"))?;
            let mut said = Vec::new();
            while said.iter().filter(|b| **b == ETX).count() < 3 {
                let mut chunk = [0; 128];
                match self.stream.read(&mut chunk).await {
                    Ok(0) => return Err("the printer closed the connection instead of answering".to_owned()),
                    Ok(n) => said.extend_from_slice(&chunk[..n]),
                    Err(e) => return Err(format!("the printer's answer broke off: {e}")),
                }
                if said.len() > MAX_ANSWER {
                    break;
                }
            }
            read_status(&said)
                .ok_or_else(|| "the printer answered something that is no host status".to_owned())
        };
        let silent = || format!("the printer did not answer within {} s", self.answer.as_secs_f64());
        let waited = timeout(self.answer, asked).await;
        waited.map_err(|_| silent())?
    }

    /// Sends a label.
    pub async fn send(&mut self, label: &str) -> Sent {
        let bytes = [CANCEL_HALF, label.trim_end().as_bytes()].concat();
        let mut taken = 0;
        let sending = async {
            while taken < bytes.len() {
                match self.stream.write(&bytes[taken..]).await {
                    Ok(0) => return Err("the printer takes nothing any more".to_owned()),
                    Ok(n) => taken += n,
                    Err(e) => return Err(format!("the connection broke off: {e}")),
                }
            }
            Ok(())
        };
        match timeout(self.answer, sending).await {
            Ok(Ok(())) => Sent::Whole,
            Ok(Err(why)) => Sent::Partly(why),
            Err(_) => Sent::Partly(format!(
                "the printer did not take the label within {} s",
                self.answer.as_secs_f64()
            )),
        }
    }

    /// Ends a connection to a printer that answers nothing: waits, as long as an answer may take, until it has taken all
    /// and closed.
    ///
    /// # Errors
    /// When the connection was broken off, and what was sent with it.
    pub async fn close(mut self) -> Result<(), String> {
        let ended = async {
            self.stream.shutdown().await?;
            while self.stream.read(&mut [0; 64]).await? > 0 {}
            Ok::<_, std::io::Error>(())
        };
        match timeout(self.answer, ended).await {
            // One that leaves its side open has taken everything all the same.
            Ok(Ok(())) | Err(_) => Ok(()),
            Ok(Err(e)) => Err(format!("the connection broke off: {e}")),
        }
    }
}

async fn resolved(host: &str, port: u16, loopback: bool) -> Result<SocketAddr, String> {
    let found = match host.parse::<IpAddr>() {
        Ok(ip) => vec![SocketAddr::new(ip, port)],
        Err(_) => lookup_host((host, port))
            .await
            .map_err(|e| format!("the name {host} leads nowhere: {e}"))?
            .collect(),
    };
    let allowed = found.iter().copied().find(|a| is_allowed(a.ip(), loopback));
    allowed.ok_or_else(|| match found.first() {
        Some(a) => format!("{host} leads to {}, which is no private address; nothing is sent there", a.ip()),
        None => format!("the name {host} leads nowhere"),
    })
}

/// Reads the three lines of a host status, strictly.
fn read_status(said: &[u8]) -> Option<HostStatus> {
    let lines = said.split(|b| *b == ETX).take(3).map(|line| {
        let at = line.iter().position(|b| *b == STX)?;
        let text = std::str::from_utf8(&line[at + 1..]).ok()?;
        Some(text.split(',').map(str::trim).collect::<Vec<_>>())
    });
    let lines = lines.collect::<Option<Vec<_>>>()?;
    let [first, second, third] = &lines[..] else { return None };
    if first.len() != 12 || second.len() != 11 || third.len() != 2 {
        return None;
    }
    let flag = |field: &str| match field {
        "0" => Some(false),
        "1" => Some(true),
        _ => None,
    };
    Some(HostStatus {
        paper_out: flag(first[1])?,
        paused: flag(first[2])?,
        buffer_full: flag(first[5])?,
        head_open: flag(second[2])?,
        ribbon_out: flag(second[3])?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const WELL: &str = "\u{2}030,0,0,1245,000,0,0,0,000,0,0,0\u{3}\r\n\u{2}000,0,0,0,0,2,4,0,00000000,1,000\u{3}\r\n\u{2}1234,0\u{3}\r\n";

    #[test]
    fn a_host_status_is_read_strictly() {
        assert_eq!(read_status(WELL.as_bytes()), Some(HostStatus::default()));
        let out = WELL.replace("030,0,0", "030,1,0").replace("000,0,0,0,0,2", "000,0,1,0,0,2");
        let status = read_status(out.as_bytes()).unwrap();
        assert_eq!((status.paper_out, status.head_open), (true, true));
        assert_eq!(status.trouble(), Some("its head is open: close it"));
        for wrong in ["", "HTTP/1.1 400 Bad Request\r\n", &WELL[..60], &WELL.replace("030,0", "030,7")] {
            assert_eq!(read_status(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[tokio::test]
    async fn the_address_a_name_leads_to_is_what_is_judged() {
        assert!(resolved("8.8.8.8", 9100, true).await.unwrap_err().contains("no private address"));
        assert!(resolved("localhost", 9100, false).await.unwrap_err().contains("no private address"));
        assert!(resolved("localhost", 9100, true).await.unwrap().ip().is_loopback());
    }
}
