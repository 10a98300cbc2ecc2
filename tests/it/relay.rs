//! A line between a depot and headquarters that does what lines do: it cuts a request before it arrives, in the middle
//! of its body or after it was answered, repeats it, and holds it up. One request at a time, HTTP/1.1.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What the line does to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Brings it and its answer.
    Pass,
    /// It never arrives.
    Lost,
    /// Half of its body arrives.
    Torn,
    /// It arrives; its answer doesn't.
    Unanswered,
    /// It arrives twice.
    Twice,
    /// It arrives later.
    Late,
}

/// One request that came by.
#[derive(Clone, Debug)]
pub struct Passed {
    pub path: String,
    pub fate: Fate,
    /// Its body as it came.
    pub body: Vec<u8>,
    /// What it showed of its session; empty without one.
    pub token: String,
    /// Bytes of the request and its answer, heads included; 0 when there was none.
    pub bytes: usize,
}

type Plan = Box<dyn FnMut(&str) -> Fate + Send>;

struct Line {
    upstream: Mutex<SocketAddr>,
    plan: Mutex<Plan>,
    passed: Mutex<Vec<Passed>>,
    closed: AtomicBool,
}

/// The line; it ends with its test.
pub struct Relay {
    line: Arc<Line>,
    address: SocketAddr,
}

impl Relay {
    /// A line to `upstream`.
    pub fn to(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let line = Arc::new(Line {
            upstream: Mutex::new(upstream),
            plan: Mutex::new(Box::new(|_| Fate::Pass)),
            passed: Mutex::default(),
            closed: AtomicBool::new(false),
        });
        let theirs = Arc::clone(&line);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if theirs.closed.load(Ordering::Acquire) {
                    return;
                }
                let (Ok(stream), line) = (stream, Arc::clone(&theirs)) else { continue };
                std::thread::spawn(move || drop(serve(&line, stream)));
            }
        });
        Self { line, address }
    }

    /// Where a depot finds headquarters.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Headquarters was started again elsewhere.
    pub fn lead_to(&self, upstream: SocketAddr) {
        *self.line.upstream.lock().unwrap() = upstream;
    }

    /// What becomes of each request from now on, by its path.
    pub fn plan(&self, plan: impl FnMut(&str) -> Fate + Send + 'static) {
        *self.line.plan.lock().unwrap() = Box::new(plan);
    }

    /// Everything goes through.
    pub fn mend(&self) {
        self.plan(|_| Fate::Pass);
    }

    /// Nothing goes through.
    pub fn cut(&self) {
        self.plan(|_| Fate::Lost);
    }

    /// The sessions' tokens shown while `f` runs; what came by stays to be taken.
    pub fn tokens_of(&self, f: impl FnOnce()) -> Vec<String> {
        let before = self.line.passed.lock().unwrap().len();
        f();
        let passed = self.line.passed.lock().unwrap();
        passed[before..].iter().map(|p| p.token.clone()).filter(|t| !t.is_empty()).collect()
    }

    /// What came by since the last look.
    pub fn take(&self) -> Vec<Passed> {
        std::mem::take(&mut self.line.passed.lock().unwrap())
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.line.closed.store(true, Ordering::Release);
        let _ = TcpStream::connect(self.address);
    }
}

/// Head and body of one message.
fn message(from: &mut BufReader<TcpStream>) -> std::io::Result<Option<(Vec<u8>, Vec<u8>)>> {
    let (mut head, mut length) = (Vec::new(), 0);
    loop {
        let begun = head.len();
        if from.read_until(b'\n', &mut head)? == 0 {
            return Ok(None);
        }
        let line = String::from_utf8_lossy(&head[begun..]).to_ascii_lowercase();
        if let Some(n) = line.strip_prefix("content-length:") {
            length = n.trim().parse().unwrap();
        }
        assert!(!line.starts_with("transfer-encoding"), "the relay knows lengths alone");
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    from.read_exact(&mut body)?;
    Ok(Some((head, body)))
}

fn asked(line: &Line, head: &[u8], body: &[u8]) -> std::io::Result<Option<(Vec<u8>, Vec<u8>)>> {
    let mut up = TcpStream::connect(*line.upstream.lock().unwrap())?;
    up.set_read_timeout(Some(Duration::from_secs(60)))?;
    up.write_all(head)?;
    up.write_all(body)?;
    message(&mut BufReader::new(up))
}

fn serve(line: &Line, mut down: TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(down.try_clone()?);
    while let Some((head, body)) = message(&mut reader)? {
        let text = String::from_utf8_lossy(&head);
        let path = text.split(' ').nth(1).unwrap_or_default().to_owned();
        let fate = (line.plan.lock().unwrap())(&path);
        let bearer = text.lines().find_map(|l| l.strip_prefix("authorization: Bearer "));
        let token = bearer.unwrap_or_default().trim().to_owned();
        line.passed.lock().unwrap().push(Passed { path, fate, body: body.clone(), token, bytes: 0 });
        let asked_bytes = head.len() + body.len();
        match fate {
            Fate::Lost => return Ok(()),
            Fate::Torn => {
                let mut up = TcpStream::connect(*line.upstream.lock().unwrap())?;
                up.write_all(&head)?;
                up.write_all(&body[..body.len() / 2])?;
                return Ok(());
            }
            Fate::Unanswered => {
                asked(line, &head, &body)?;
                return Ok(());
            }
            Fate::Twice => drop(asked(line, &head, &body)?),
            Fate::Late => std::thread::sleep(Duration::from_millis(20)),
            Fate::Pass => {}
        }
        let Some((head, body)) = asked(line, &head, &body)? else { return Ok(()) };
        if let Some(passed) = line.passed.lock().unwrap().last_mut() {
            passed.bytes = asked_bytes + head.len() + body.len();
        }
        down.write_all(&head)?;
        down.write_all(&body)?;
    }
    Ok(())
}
