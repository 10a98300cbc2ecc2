use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

use super::*;
use crate::base::clock::Clock;
use crate::jobs::alarm::Silent;
use crate::jobs::queue::{JOBS, Job};
use crate::jobs::rules::State;
use crate::jobs::runner::{House, Runner, Running, Stop, Wake};
use crate::store::redb::Redb;
use crate::store::{Dir, Ix, KeyRange, Lane, Store};

/// What the sink does with a recipient of this name beyond taking the mail.
const REFUSED: &str = "refused@example.com";
const GREYLISTED: &str = "later@example.com";

/// A mail server that takes what it gets on one port, for as long as it is held.
struct Sink {
    port: u16,
    mails: Arc<Mutex<Vec<String>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Sink {
    async fn open(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let (port, mails) = (listener.local_addr().unwrap().port(), Arc::<Mutex<Vec<String>>>::default());
        let kept = Arc::clone(&mails);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&kept)));
            }
        });
        Self { port, mails, task }
    }

    fn mails(&self) -> Vec<String> {
        self.mails.lock().unwrap().clone()
    }
}

async fn serve(stream: tokio::net::TcpStream, mails: Arc<Mutex<Vec<String>>>) {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    let mut data: Option<String> = None;
    let _ = write.write_all(b"220 sink\r\n").await;
    while let Ok(Some(line)) = lines.next_line().await {
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
            None if line.contains(REFUSED) => "550 no such person",
            None if line.contains(GREYLISTED) => "451 come back later",
            None if line.starts_with("DATA") => {
                data = Some(String::new());
                "354 go on"
            }
            None if line.starts_with("QUIT") => break,
            None => "250 ok",
        };
        let _ = write.write_all(format!("{answer}\r\n").as_bytes()).await;
    }
}

fn settings(port: u16) -> sections::Mail {
    sections::Mail {
        host: "127.0.0.1".into(),
        port,
        security: MailSecurity::None,
        from: "Depot North <depot@example.com>".into(),
        timeout_s: 5,
        ..sections::Mail::default()
    }
}

fn at(s: u64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000).after(Duration::from_secs(s))
}

/// A depot that sends mail to a port.
struct Depot {
    store: Store,
    clock: Clock,
    wake: Wake,
    running: Running,
}

impl Depot {
    async fn open(mailer: impl Mailer, settings: &sections::Mail) -> Self {
        let (store, clock, wake) = (Store::new(Redb::memory().unwrap()), Clock::hand(at(0)), Wake::default());
        let house = House {
            store: store.clone(),
            clock: clock.clone(),
            wake: wake.clone(),
            tenants: Arc::new(|_| Ok(vec![1])),
            alarm: Arc::new(Silent),
            stop: Stop::default(),
        };
        let handlers: Vec<Arc<dyn Handler>> = vec![Arc::new(SendMail::new(Arc::new(mailer), settings))];
        let patience = Duration::from_millis(100);
        let runner = Runner { house, slots: 1, patience, handlers, workers: Vec::new() };
        Self { store, clock, wake, running: runner.start().await.unwrap() }
    }

    async fn post(&self, to: &str, subject: &str) {
        let (now, to, subject) = (self.clock.now(), to.to_owned(), subject.to_owned());
        let posted = self.store.write(1, Lane::People, move |tx| {
            let text: String = "first line\n.second begins with a dot".into();
            post(tx, now, Letter::new(to.clone(), subject.clone(), text))
        });
        posted.await.unwrap();
        self.wake.wake();
    }

    /// The one job, as soon as it is as it should be.
    async fn job(&self, is: impl Fn(&Job) -> bool) -> Job {
        for _ in 0..2_000 {
            let rows =
                self.store.read(1, |tx| JOBS.scan(tx, Ix::Primary, &KeyRange::all(), Dir::Up, 2)).unwrap();
            match &rows.items[..] {
                [one] if is(&one.value) => return one.value.clone(),
                _ => tokio::time::sleep(Duration::from_millis(1)).await,
            }
        }
        panic!("it never came to that");
    }
}

#[tokio::test]
async fn a_mail_arrives_as_it_was_written() {
    let sink = Sink::open(0).await;
    let settings = settings(sink.port);
    let depot = Depot::open(Smtp::new(settings.clone()), &settings).await;
    depot.post("Ana <ana@example.com>", "37 casos\r\nBcc: all@example.com").await;
    let job = depot.job(|j| j.state == State::Done).await;
    let [mail] = &sink.mails()[..] else { panic!("one mail: {:?}", sink.mails()) };
    assert!(mail.contains(&format!("Message-ID: <{}@example.com>", job.id)), "{mail}");
    assert!(
        mail.contains("Auto-Submitted: auto-generated") && mail.contains("Subject: 37 casos  Bcc:"),
        "{mail}"
    );
    assert!(!mail.lines().any(|l| l.starts_with("Bcc:")), "{mail}");
    assert!(mail.contains("first line\n..second begins with a dot"), "{mail}");
    depot.running.stop().await;
}

#[tokio::test]
async fn a_server_that_is_down_costs_a_delay_and_no_attempt() {
    let free = Sink::open(0).await;
    let port = free.port;
    drop(free);
    let settings = settings(port);
    let depot = Depot::open(Smtp::new(settings.clone()), &settings).await;
    depot.post("ana@example.com", "hello").await;
    for n in 1..=30 {
        let job = depot.job(|j| j.state == State::Scheduled && j.waits == n).await;
        assert_eq!(job.attempts, 0);
        depot.clock.set(job.next_run);
        if n < 30 {
            depot.wake.wake();
        }
    }
    let sink = Sink::open(port).await;
    depot.wake.wake();
    let job = depot.job(|j| j.state == State::Done).await;
    assert_eq!((job.attempts, sink.mails().len()), (1, 1));
    depot.running.stop().await;
}

#[tokio::test]
async fn a_mail_nobody_will_take_is_given_up_at_once_and_one_for_later_is_not() {
    let sink = Sink::open(0).await;
    let settings = settings(sink.port);
    for (to, state) in [(REFUSED, State::Dead), (GREYLISTED, State::Scheduled), ("nonsense", State::Dead)] {
        let depot = Depot::open(Smtp::new(settings.clone()), &settings).await;
        depot.post(to, "hello").await;
        let job = depot.job(|j| j.attempts == 1 && j.state != State::Running).await;
        assert_eq!((job.state, job.waits), (state, 0), "{to}: {:?}", job.last_error);
        depot.running.stop().await;
    }
    assert!(sink.mails().is_empty());
}

#[tokio::test]
async fn a_mail_sent_again_carries_the_same_message_id() {
    let outbox = Outbox::default();
    let depot = Depot::open(outbox.clone(), &sections::Mail::default()).await;
    depot.post("ana@example.com", "hello").await;
    depot.job(|j| j.state == State::Done).await;
    let mail = outbox.mails().remove(0);
    let bytes = |m: &Mail| {
        let text = String::from_utf8(message(m, "depot@example.com").unwrap().formatted()).unwrap();
        text.lines()
            .filter(|l| l.starts_with("Message-ID") || l.starts_with("Date"))
            .collect::<Vec<_>>()
            .join("\n")
    };
    assert_eq!(bytes(&mail), bytes(&mail.clone()));
    assert!(bytes(&mail).contains("Date: Tue, 14 Nov 2023"), "{}", bytes(&mail));
    depot.running.stop().await;
}

#[test]
fn a_refused_login_is_no_fault_of_the_mail() {
    let of = |status| classify(status, String::new());
    for status in [None, Some(421), Some(535)] {
        assert!(matches!(of(status), MailError::Unreachable(_)), "{status:?}");
    }
    assert!(matches!(of(Some(450)), MailError::Later(_)) && matches!(of(Some(550)), MailError::Never(_)));
}
