//! The sections of the settings: each key once, with its meaning, type, default and allowed range.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Secret;
use super::choices::{LogFormat, MailSecurity, MapServer, Role, TlsMode};

/// Which values a key admits beyond its type.
#[derive(Clone, Copy, Debug)]
pub(super) enum Rule {
    /// A whole number from the first to the second, both included.
    Whole(i64, i64),
    /// One of these words.
    OneOf(&'static [&'static str]),
}
use Rule::{OneOf, Whole};

/// Declares a section: `key: Type = default, rule;`, so that no figure stands in two places.
macro_rules! section {
    ($(#[$doc:meta])* $name:ident {
        $($(#[$field_doc:meta])* $field:ident : $type:ty = $default:expr $(, $rule:expr)?;)*
    }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub struct $name { $($(#[$field_doc])* pub $field: $type,)* }

        impl Default for $name {
            fn default() -> Self { Self { $($field: $default,)* } }
        }

        impl $name {
            const RULES: &'static [(&'static str, Rule)] = &[$($((stringify!($field), $rule),)?)*];
        }
    };
}

/// The rules of every section, by the path of the section.
const RULES: &[(&str, &[(&str, Rule)])] = &[
    ("server", Server::RULES),
    ("server.tls", Tls::RULES),
    ("limits", Limits::RULES),
    ("store", Store::RULES),
    ("backup", Backup::RULES),
    ("mail", Mail::RULES),
    ("logs", Logs::RULES),
    ("jobs", Jobs::RULES),
    ("printers", Printers::RULES),
    ("carriers", Carriers::RULES),
    ("freight", Freight::RULES),
    ("orders", Orders::RULES),
    ("deliveries", Deliveries::RULES),
    ("webhooks", Webhooks::RULES),
    ("maps", Maps::RULES),
    ("weather", Weather::RULES),
    ("sms", Sms::RULES),
    ("routing", Routing::RULES),
    ("retention", Retention::RULES),
    ("depot", Depot::RULES),
    ("audit", Audit::RULES),
    ("sync", Sync::RULES),
];

/// The rule of the key at `path`, when its type alone does not say enough.
pub(super) fn rule(path: &str) -> Option<Rule> {
    let (section, key) = path.rsplit_once('.')?;
    let (_, rules) = RULES.iter().find(|(name, _)| *name == section)?;
    rules.iter().find(|(name, _)| *name == key).map(|(_, rule)| *rule)
}

section! {
    /// The process and its door.
    Server {
        /// What this process is.
        role: Role = Role::Depot, OneOf(&["depot", "hq"]);
        /// Address and port to listen on.
        listen: String = "0.0.0.0:8443".into();
        /// The one folder that holds everything: store, attachments, keys, certificates. Relative to where the
        /// process starts.
        data_dir: PathBuf = "data".into();
        /// Origins (`https://desk.example.com`) whose pages may call the API; none by default.
        cors_origins: Vec<String> = Vec::new();
        /// Addresses or networks (`10.0.0.0/8`) whose `Forwarded` and `X-Forwarded-For` are believed; none by default.
        trusted_proxies: Vec<String> = Vec::new();
        /// Seconds that requests and jobs under way get to finish at a stop.
        shutdown_s: u64 = 20, Whole(0, 600);
        /// Threads that serve requests; 0 is one per core.
        workers: usize = 0, Whole(0, 1024);
        /// The certificate.
        tls: Tls = Tls::default();
    }
}

section! {
    /// HTTPS on the local network, from the first start.
    Tls {
        /// Where the certificate comes from.
        mode: TlsMode = TlsMode::Own, OneOf(&["own", "files", "off"]);
        /// The certificate chain in PEM, for mode `files`.
        cert_file: PathBuf = PathBuf::new();
        /// The key in PEM, for mode `files`.
        key_file: PathBuf = PathBuf::new();
        /// Names and addresses in the own certificate beside the machine's.
        names: Vec<String> = Vec::new();
    }
}

section! {
    /// What one caller may cost the others. A rate of 0 switches that limit off.
    Limits {
        /// Bytes of a request's body.
        body_max_bytes: u64 = 1024 * 1024, Whole(1024, 1 << 30);
        /// Bytes of an imported file, which goes to disk as it comes.
        import_max_bytes: u64 = 1024 * 1024 * 1024, Whole(1024, 1 << 40);
        /// Bytes of an attached document, which goes to disk as it comes.
        attachment_max_bytes: u64 = 256 * 1024 * 1024, Whole(1024, 1 << 34);
        /// Levels of nesting in a JSON body.
        nesting: usize = 32, Whole(4, 128);
        /// Connections open at once over all threads.
        connections_max: usize = 8192, Whole(16, 1_000_000);
        /// Seconds in which a request's head must have arrived.
        head_timeout_s: u64 = 10, Whole(1, 300);
        /// Seconds without a byte after which a body is given up.
        body_timeout_s: u64 = 30, Whole(1, 600);
        /// Requests a second of one user or API key, kept up for long.
        user_per_s: u32 = 0, Whole(0, 1_000_000);
        /// Requests of one user or API key at once.
        user_burst: u32 = 200, Whole(1, 1_000_000);
        /// Requests a second from one address, kept up for long; a whole shift may share one.
        address_per_s: u32 = 0, Whole(0, 1_000_000);
        /// Requests from one address at once.
        address_burst: u32 = 800, Whole(1, 1_000_000);
    }
}

section! {
    /// The embedded store and the disk under it, or the database that stands in its place.
    Store {
        /// Headquarters only: the PostgreSQL database that holds everything, `postgres://user:password@host/name`; empty
        /// for the embedded store.
        url: Secret = Secret::default();
        /// A file that holds `url`.
        url_file: PathBuf = PathBuf::new();
        /// MiB of memory for pages; as large as the file is best when there is room.
        cache_mib: u64 = 64, Whole(8, 1 << 20);
        /// MiB of memory for rows as lists show them; 0 makes each anew.
        rows_mib: u64 = 16, Whole(0, 1 << 20);
        /// Milliseconds one read may hold its snapshot: a held one keeps the file growing.
        read_deadline_ms: u64 = 5000, Whole(100, 600_000);
        /// Writes that may wait; beyond that callers are told to come back (503).
        queue_max: usize = 4096, Whole(16, 1_000_000);
        /// Writes that share one commit at most.
        group_max: usize = 256, Whole(1, 10_000);
        /// Milliseconds of work that share one commit at most.
        group_ms: u64 = 4, Whole(1, 1000);
        /// MiB of free disk below which imports and attachments stop.
        import_stop_mib: u64 = 512, Whole(0, 1 << 20);
        /// The same in percent of the disk, for small disks: it lowers `import_stop_mib` and never raises it; 0 ignores
        /// it.
        import_stop_percent: u64 = 5, Whole(0, 50);
        /// MiB of free disk below which nothing is written any more.
        read_only_mib: u64 = 128, Whole(16, 1 << 20);
        /// MiB of a file that is deleted on a full disk to get the last commits out; 0 keeps none.
        ballast_mib: u64 = 64, Whole(0, 1 << 16);
    }
}

impl Store {
    /// Free bytes below which imports and attachments stop on a disk of `disk_bytes`: the MiB figure, on a small disk
    /// the percentage of it, and never less than where writing stops altogether.
    #[must_use]
    pub fn import_stop_bytes(&self, disk_bytes: u64) -> u64 {
        let figure = self.import_stop_mib << 20;
        let share = disk_bytes / 100 * self.import_stop_percent;
        let stop = if self.import_stop_percent == 0 { figure } else { figure.min(share) };
        stop.max(self.read_only_mib << 20)
    }
}

section! {
    /// Copies of everything, written while the depot works. Off until `path` is set.
    Backup {
        /// The folder for backups, best on another disk; empty makes none.
        path: PathBuf = PathBuf::new();
        /// Minutes from one backup to the next.
        every_minutes: u64 = 15, Whole(1, 10_080);
        /// Backups kept; the oldest is removed after a newer one has been verified.
        keep: usize = 96, Whole(1, 100_000);
        /// Backups are encrypted with it; empty leaves them readable.
        passphrase: Secret = Secret::default();
        /// A file that holds the passphrase.
        passphrase_file: PathBuf = PathBuf::new();
        /// Minutes without a good backup after which health says so.
        too_old_minutes: u64 = 60, Whole(1, 100_000);
    }
}

impl Backup {
    /// Whether backups are made by themselves.
    #[must_use]
    pub fn is_on(&self) -> bool {
        !self.path.as_os_str().is_empty()
    }
}

section! {
    /// The mail server. Off until `host` is set: alerts then stay on the screen.
    Mail {
        /// The server's name; empty sends no mail.
        host: String = String::new();
        /// Its port.
        port: u16 = 587, Whole(1, 65_535);
        /// How the connection is protected.
        security: MailSecurity = MailSecurity::Starttls, OneOf(&["starttls", "tls", "none"]);
        /// The account; empty logs in as nobody.
        user: String = String::new();
        /// Its password.
        password: Secret = Secret::default();
        /// A file that holds the password.
        password_file: PathBuf = PathBuf::new();
        /// The sender, `depot@example.com` or `Depot North <depot@example.com>`.
        from: String = String::new();
        /// Seconds for one attempt to hand a mail over.
        timeout_s: u64 = 20, Whole(1, 300);
        /// Seconds from one digest of new cases to the next; in between they are gathered.
        digest_every_s: u64 = 60, Whole(0, 86_400);
    }
}

impl Mail {
    /// Whether mail is sent at all.
    #[must_use]
    pub fn is_on(&self) -> bool {
        !self.host.is_empty()
    }
}

section! {
    /// What the process says of itself, on standard error and in files.
    Logs {
        /// How a line looks.
        format: LogFormat = LogFormat::Readable, OneOf(&["json", "readable"]);
        /// What is worth a line: `info`, or by module `warn,crossdock::sync=debug`.
        level: String = "info".into();
        /// The folder for log files inside the data folder (or an absolute one); empty writes none.
        dir: PathBuf = "logs".into();
        /// MiB of one log file.
        max_file_mib: u64 = 16, Whole(1, 4096);
        /// MiB of all log files; the oldest go first.
        max_total_mib: u64 = 256, Whole(1, 1 << 20);
    }
}

impl Logs {
    /// The folder for log files, when there are to be any.
    #[must_use]
    pub fn folder(&self, data_dir: &Path) -> Option<PathBuf> {
        (!self.dir.as_os_str().is_empty()).then(|| data_dir.join(&self.dir))
    }
}

section! {
    /// Work that runs by itself: mail, imports, reports, webhooks.
    Jobs {
        /// Jobs that run at the same time.
        workers: usize = 4, Whole(1, 256);
        /// Attempts before a job goes to the dead letters.
        attempts: u32 = 3, Whole(1, 100);
        /// Seconds before the second attempt; each later one waits twice as long.
        first_delay_s: u64 = 2, Whole(1, 3600);
    }
}

section! {
    /// Label printers on the local network.
    Printers {
        /// Whether a printer may stand on this machine itself: for a print server on it, and for tests.
        loopback: bool = false;
        /// Seconds for a connection to a printer.
        connect_s: u64 = 3, Whole(1, 60);
        /// Seconds for a printer to take a label, and to answer when it is asked how it is.
        answer_s: u64 = 10, Whole(1, 120);
    }
}

section! {
    /// Carriers that are asked for news.
    Carriers {
        /// Whether a carrier may be asked at an address of this network or machine: for a gateway in the house, and for tests.
        private: bool = false;
        /// Seconds for a connection to a carrier.
        connect_s: u64 = 5, Whole(1, 60);
        /// Seconds for a whole answer.
        answer_s: u64 = 20, Whole(1, 120);
        /// Failures in a row after which a carrier is left alone.
        failures: u32 = 3, Whole(1, 100);
        /// Seconds it is left alone at first; twice as long after each probe that fails, an hour at the most.
        open_s: u64 = 60, Whole(1, 3600);
    }
}

section! {
    /// Air freight.
    Freight {
        /// The folder airlines' status messages are mailed into, as text or as letters; none by default. Where several tenants
        /// live on a node, each has the folder of its name in it.
        mail_in: PathBuf = PathBuf::new();
        /// Seconds from one look into it to the next.
        mail_in_every_s: u64 = 10, Whole(1, 3_600);
    }
}

section! {
    /// Orders and stock.
    Orders {
        /// Whether those who ordered are written to of each step of their order.
        tell_customers: bool = false;
        /// Whether a timer plays the packer and the carrier: for demonstrations and rehearsals, never for a floor.
        auto_advance: bool = false;
        /// Seconds from one such step to the next.
        advance_every_s: u64 = 60, Whole(1, 86_400);
    }
}

section! {
    /// Messages to other programs.
    Webhooks {
        /// Hosts on the local network that may be reached, by name or address; all others have to be in the open internet.
        allow_hosts: Vec<String> = Vec::new();
    }
}

section! {
    /// Deliveries.
    Deliveries {
        /// Whether those to whom something is brought are written to when it leaves, arrives, fails or is called off.
        tell_recipients: bool = false;
        /// Attempts before a parcel that could not be delivered goes back.
        attempts: u32 = 3, Whole(1, 100);
    }
}

section! {
    /// A map server in the house's own network that knows travel times. Off until `url` is set: they are estimated then.
    Maps {
        /// Its address, `http://192.168.7.30:5000/`; empty asks nobody.
        url: String = String::new();
        /// Which language it speaks.
        kind: MapServer = MapServer::Osrm, OneOf(&["osrm", "valhalla"]);
        /// What drives: OSRM's profile, or Valhalla's costing (`driving` is its `auto`).
        profile: String = "driving".into();
        /// Seconds for one answer.
        answer_s: u64 = 5, Whole(1, 60);
        /// Seconds for all the answers one plan needs.
        budget_s: u64 = 20, Whole(1, 600);
        /// Places one question may name; more are asked for in pieces.
        table_max: usize = 100, Whole(2, 10_000);
        /// Failures in a row after which it is left alone.
        failures: u32 = 5, Whole(1, 100);
        /// Seconds it is left alone then.
        open_s: u64 = 30, Whole(1, 3600);
        /// Seconds between two probes while it does not answer.
        probe_s: u64 = 10, Whole(1, 3600);
    }
}

section! {
    /// A service that says what the weather is. Off until `url` is set: what somebody enters counts then.
    Weather {
        /// Its address, in the form of Open-Meteo: `https://api.open-meteo.com/v1/forecast`; empty asks nobody.
        url: String = String::new();
        /// Seconds between two questions.
        every_s: u64 = 900, Whole(60, 86_400);
        /// Seconds for one answer.
        timeout_s: u64 = 3, Whole(1, 60);
        /// Failures in a row after which it is left alone.
        failures: u32 = 3, Whole(1, 100);
        /// Seconds it is left alone then.
        open_s: u64 = 60, Whole(1, 3600);
        /// Seconds between two probes while it does not answer.
        probe_s: u64 = 15, Whole(1, 3600);
    }
}

section! {
    /// The gateway that sends text messages. Off until `url` is set: people are written to by mail, or told on the screen.
    Sms {
        /// Its address, `https://sms.example.com/messages`; empty sends none.
        url: String = String::new();
        /// What it knows us by: sent as a bearer token.
        token: Secret = Secret::default();
        /// A file that holds the token.
        token_file: PathBuf = PathBuf::new();
        /// The sender's number or name, as the gateway allows; empty leaves it to the gateway.
        sender: String = String::new();
        /// Seconds for one answer.
        timeout_s: u64 = 2, Whole(1, 60);
        /// Failures in a row after which it is left alone.
        failures: u32 = 10, Whole(1, 100);
        /// Seconds it is left alone then.
        open_s: u64 = 120, Whole(1, 3600);
        /// Seconds between two probes while it does not answer.
        probe_s: u64 = 30, Whole(1, 3600);
        /// Hours a message waits for a gateway that fails before somebody is told on the screen instead.
        keep_hours: u64 = 72, Whole(1, 720);
    }
}

impl Weather {
    /// Whether anybody is asked.
    #[must_use]
    pub fn is_on(&self) -> bool {
        !self.url.is_empty()
    }
}

impl Sms {
    /// Whether text messages are sent at all.
    #[must_use]
    pub fn is_on(&self) -> bool {
        !self.url.is_empty()
    }
}

section! {
    /// Planning routes.
    Routing {
        /// Plans that are searched for at the same time.
        at_once: usize = 1, Whole(1, 64);
        /// Threads of one search that runs as a job; 0 is one per core, two at the most.
        threads: usize = 0, Whole(0, 64);
        /// Seconds a search runs as a job unless the request says so.
        seconds: u64 = 10, Whole(1, 3600);
        /// Stops up to which a request is answered with the plan itself; beyond it is a job.
        direct_stops: usize = 60, Whole(0, 500);
    }
}

section! {
    /// Days that records are kept; 0 keeps them for ever. What is still open is never removed.
    Retention {
        /// Answers to requests with an idempotency key: how long a repeat is recognised.
        idempotency: u32 = 30, Whole(0, 36_500);
        /// Requests for a delivery: how long the same one by the same user is taken for a repetition.
        delivery_requests: u32 = 30, Whole(0, 36_500);
        /// Jobs that are done.
        jobs_done: u32 = 14, Whole(0, 36_500);
        /// Jobs that failed for good.
        jobs_dead: u32 = 90, Whole(0, 36_500);
        /// Sessions and refresh tokens after their last use.
        sessions: u32 = 30, Whole(1, 3650);
        /// The audit trail.
        audit: u32 = 730, Whole(0, 36_500);
        /// Answers to scans, and stations after their last use: how long a repeated scan is recognised.
        scans: u32 = 30, Whole(0, 36_500);
        /// Imported files, their verdicts and the means to undo them.
        imports: u32 = 90, Whole(0, 36_500);
        /// Which of a carrier's messages and events came: how long a repeat is recognised by its id.
        carrier_events: u32 = 90, Whole(0, 36_500);
        /// Notifications on screen and the record of mails sent.
        notifications: u32 = 90, Whole(0, 36_500);
        /// Positions of vehicles.
        positions: u32 = 90, Whole(0, 36_500);
        /// Legs that were driven: what arrivals are learned from.
        legs: u32 = 730, Whole(0, 36_500);
        /// Webhook deliveries and their answers.
        webhooks: u32 = 30, Whole(0, 36_500);
        /// Results of reports.
        reports: u32 = 90, Whole(0, 36_500);
        /// Changes after headquarters acknowledged them: what a restored headquarters is refilled from.
        sync_log: u32 = 7, Whole(1, 3650);
        /// Marks of what was deleted or erased: as long as a depot may stay away.
        tombstones: u32 = 90, Whole(30, 3650);
    }
}

section! {
    /// What the first start proposes for the depot; afterwards the settings screen is the truth.
    Depot {
        /// The time zone (IANA): when a day begins and what a date without a zone means.
        zone: String = "UTC".into();
        /// The language of screens and mails until a user chooses another.
        language: String = "en".into(), OneOf(&["en", "pt-BR", "es"]);
        /// Whether people may ask for an account; they come in as partners once an administrator approves.
        registration: bool = false;
    }
}

section! {
    /// The audit trail.
    Audit {
        /// Kinds of entry that are not written, such as `tracking.positioned`; an area's name takes all of its kinds.
        off: Vec<String> = Vec::new();
    }
}

section! {
    /// The exchange with headquarters. It begins when the depot joins one: `crossdock sync join`.
    Sync {
        /// Headquarters' address, `https://hq.example.com:8443`; empty is the one that was joined.
        url: String = String::new();
        /// The authority of headquarters' certificate in PEM; empty is the one pinned when joining, or a public one.
        ca_file: PathBuf = PathBuf::new();
        /// Seconds from one exchange to the next when nothing is new here; what is new goes at once.
        every_s: u64 = 30, Whole(1, 86_400);
        /// The hours of the exchange in the depot's zone, `22:00-05:00`; empty is around the clock.
        window: String = String::new();
        /// Bytes of an hour, both directions; 0 is no limit.
        bytes_per_hour: u64 = 0, Whole(0, 1 << 40);
        /// Changes of one push at the most.
        batch_max: usize = 500, Whole(1, 500);
        /// Minutes without an answer after which somebody is called; 0 calls nobody.
        offline_alarm_minutes: u64 = 240, Whole(0, 100_000);
    }
}
