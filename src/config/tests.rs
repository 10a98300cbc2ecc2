use std::path::PathBuf;

use super::choices::{LogFormat, Role, TlsMode};
use super::overlay::{LIST_MAX, SECRETS, paths};
use super::sections::{Rule, rule};
use super::*;

fn none() -> std::iter::Empty<(String, String)> {
    std::iter::empty()
}

fn env<'a>(vars: &'a [(&'a str, &'a str)]) -> impl Iterator<Item = (String, String)> + 'a {
    vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
}

/// A settings file in a folder of its own.
fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("depot.toml");
    std::fs::write(&path, text).unwrap();
    (dir, path)
}

fn load(text: &str) -> Result<Config, ConfigError> {
    let (_dir, path) = file(text);
    Config::load(Some(&path), none(), Table::new())
}

/// The single complaint about a file with `text` in it.
fn complaint(text: &str) -> Complaint {
    match load(text) {
        Err(ConfigError::Refused(mut all)) if all.len() == 1 => all.remove(0),
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn the_defaults_need_no_file() {
    assert_eq!(Config::load(None, none(), Table::new()).unwrap(), Config::default());
}

#[test]
fn flags_win_over_variables_and_variables_over_the_file() {
    let (_dir, path) = file("server.listen = '1.1.1.1:1'\nstore.cache_mib = 8\njobs.workers = 9");
    let vars = [("CROSSDOCK__STORE__CACHE_MIB", "16"), ("CROSSDOCK__JOBS__WORKERS", "10"), ("HOME", "/")];
    let flags = "jobs.workers = 11\n'store.queue_max' = 99\nstore.group_max = 9".parse().unwrap();
    let config = Config::load(Some(&path), env(&vars), flags).unwrap();
    let Config { server, store, jobs, .. } = config;
    assert_eq!(
        (server.listen.as_str(), store.cache_mib, store.queue_max, jobs.workers),
        ("1.1.1.1:1", 16, 99, 11)
    );
    assert_eq!(jobs.attempts, 3);
}

#[test]
fn a_variable_is_read_by_the_type_of_its_key() {
    let vars = [
        ("CROSSDOCK__SERVER__TLS__MODE", "off"),
        ("CROSSDOCK__SERVER__CORS_ORIGINS", "https://a.example, https://b.example:8443,"),
        ("CROSSDOCK__LOGS__DIR", ""),
        ("CROSSDOCK__LOGS__FORMAT", "json"),
        ("CROSSDOCK__SERVER__SHUTDOWN_S", " 5 "),
    ];
    let Config { server, logs, .. } = Config::load(None, env(&vars), Table::new()).unwrap();
    assert_eq!((server.tls.mode, server.shutdown_s, logs.format), (TlsMode::Off, 5, LogFormat::Json));
    assert_eq!(server.cors_origins, ["https://a.example", "https://b.example:8443"]);
    assert_eq!(logs.folder(Path::new("data")), None);
}

#[test]
fn an_unknown_key_is_refused_with_file_path_and_nearest_key() {
    for (text, key, nearest) in [
        ("[server]\nlistn = 'x'", "server.listn", "server.listen"),
        ("[server.tsl]\nmode = 'own'", "server.tsl", "server.tls"),
        ("cache_mib = 9", "cache_mib", "store.cache_mib"),
        ("[limits]\nbody-max-bytes = 9", "limits.body-max-bytes", "limits.body_max_bytes"),
        ("[mail]\npassword_fil = 'x'", "mail.password_fil", "mail.password_file"),
    ] {
        let c = complaint(text);
        assert_eq!((c.key.as_str(), c.why), (key, format!("is not a setting; the nearest is {nearest}")));
        assert!(c.place.ends_with("depot.toml"));
    }
    let refusal = Config::load(None, env(&[("CROSSDOCK__STORE__CASH_MIB", "9")]), Table::new()).unwrap_err();
    let said = "environment variable CROSSDOCK__STORE__CASH_MIB: store.cash_mib is not a setting; the nearest is store.cache_mib";
    assert_eq!(refusal.to_string(), said);
}

#[test]
fn a_wrong_type_or_value_names_key_value_and_what_is_expected() {
    for (text, why) in [
        ("server.listen = 8443", "is 8443, expected a text in quotes"),
        ("server.workers = '4'", "is \"4\", expected a whole number from 0 to 1024"),
        ("server.workers = 1.5", "is 1.5, expected a whole number from 0 to 1024"),
        ("server.role = 'shop'", "is \"shop\", expected one of depot, hq"),
        ("server.tls = 'own'", "is a section: set one of the keys in it"),
        (
            "server.cors_origins = 'x'",
            "is \"x\", expected a list of at most 256 texts, such as [\"a\", \"b\"]",
        ),
        ("server.cors_origins = [1]", "is [1], expected a list of at most 256 texts, such as [\"a\", \"b\"]"),
        ("mail.password = 7", "is ***, expected a text in quotes"),
    ] {
        assert_eq!(complaint(text).why, why);
    }
}

#[test]
fn every_number_has_a_range_that_holds_its_default_and_refuses_one_past_either_end() {
    let defaults = Config::default_table().unwrap();
    let mut numbers = 0;
    for path in paths(&defaults) {
        let value =
            path.split('.').try_fold(toml::Value::Table(defaults.clone()), |v, k| v.get(k).cloned()).unwrap();
        let Some(n) = value.as_integer() else { continue };
        let Some(Rule::Whole(least, most)) = rule(&path) else { panic!("{path} has no range") };
        assert!((least..=most).contains(&n), "{path}");
        for past in [least - 1, most + 1] {
            let why = format!("is {past}, expected a whole number from {least} to {most}");
            assert_eq!(complaint(&format!("{path} = {past}")).why, why);
        }
        numbers += 1;
    }
    assert!(numbers > 40, "{numbers}");
}

#[test]
fn a_list_may_have_its_limit_and_not_one_more() {
    let list = |n: usize| format!("audit.off = {:?}", vec!["tracking"; n]);
    assert!(load(&list(LIST_MAX)).is_ok());
    assert!(complaint(&list(LIST_MAX + 1)).why.starts_with("is a list of 257, expected"));
}

#[test]
fn settings_that_contradict_each_other_are_refused_with_the_remedy() {
    for (text, key) in [
        ("server.listen = 'localhost'", "server.listen"),
        ("server.data_dir = ''", "server.data_dir"),
        ("server.cors_origins = ['*']", "server.cors_origins"),
        ("server.cors_origins = ['https://a.example/path']", "server.cors_origins"),
        ("server.trusted_proxies = ['10.0.0.0/33']", "server.trusted_proxies"),
        ("server.tls = { mode = 'files', cert_file = 'c.pem' }", "server.tls.key_file"),
        ("server.tls.cert_file = 'c.pem'", "server.tls.cert_file"),
        ("limits.import_max_bytes = 1024", "limits.import_max_bytes"),
        ("limits = { user_per_s = 50, user_burst = 49 }", "limits.user_burst"),
        ("store.read_only_mib = 513", "store.read_only_mib"),
        ("store.group_max = 4097", "store.group_max"),
        ("backup = { path = '/b', too_old_minutes = 14 }", "backup.too_old_minutes"),
        ("mail.host = 'mail.example'", "mail.from"),
        ("mail = { host = 'mail.example', from = 'a@b.example', user = 'u' }", "mail.password"),
        ("mail = { host = 'mail.example', from = 'a@b.example', password = 'p' }", "mail.user"),
        ("logs.level = 'crossdock=loud'", "logs.level"),
        ("logs.max_total_mib = 15", "logs.max_total_mib"),
        ("depot.zone = 'Mars/Olympus'", "depot.zone"),
        ("audit.off = ['Tracking.Positioned']", "audit.off"),
    ] {
        assert_eq!(complaint(text).key, key, "{text}");
    }
    let account = "from = 'Depot <a@b.example>', user = 'u', password = 'p', security = 'none'";
    assert_eq!(complaint(&format!("mail = {{ host = 'mail.example', {account} }}")).key, "mail.security");
    assert!(load(&format!("mail = {{ host = 'localhost', {account} }}")).is_ok());
    assert!(load("server.trusted_proxies = ['10.0.0.2', 'fd00::/8']").is_ok());
}

#[test]
fn all_complaints_of_a_start_are_told_at_once() {
    let refusal = load("a = 1\nserver.workers = -1\n[mail]\nport = 0").unwrap_err();
    assert_eq!(refusal.to_string().lines().count(), 3, "{refusal}");
}

#[test]
fn a_secret_comes_from_its_file_without_the_last_newline() {
    for key in SECRETS {
        let dir = tempfile::tempdir().unwrap();
        let secret = dir.path().join("secret");
        let given = format!("server.role = 'hq'\n{key}_file = {:?}", secret.to_str().unwrap());
        let c = complaint(&given);
        assert!(c.why.contains("can't be read"), "{c}");
        std::fs::write(&secret, "hunter 2\n\n").unwrap();
        let config = load(&given).unwrap();
        let values = [&config.mail.password, &config.backup.passphrase, &config.sms.token, &config.store.url]
            .map(|secret| secret.expose());
        assert!(values.contains(&"hunter 2\n"), "{key}");
        let both = complaint(&format!("{given}\n{key} = 'other'"));
        assert!(both.why.contains("give one of the two") && both.key == format!("{key}_file"), "{both}");
        std::fs::write(&secret, "\n").unwrap();
        assert!(complaint(&given).why.ends_with("which is empty"));
        std::fs::write(&secret, vec![b'x'; 4096]).unwrap();
        assert!(load(&given).is_ok());
        std::fs::write(&secret, vec![b'x'; 4097]).unwrap();
        assert!(complaint(&given).why.ends_with("it has more than 4096 bytes"));
    }
}

#[test]
fn secrets_are_neither_printed_nor_written() {
    let config = load("mail.password = 'hunter2'\nbackup.passphrase = 'hunter2'").unwrap();
    let (debug, toml) = (format!("{config:?}"), config.to_toml_redacted().unwrap());
    assert!(!debug.contains("hunter2") && !toml.contains("hunter2"));
    assert!(toml.contains("password = \"***\"") && toml.contains("password_file = \"\""));
    assert_eq!(load(&Config::default().to_toml_redacted().unwrap()).unwrap(), Config::default());
}

#[test]
fn a_file_that_is_missing_broken_or_too_large_is_named() {
    let missing = Config::load(Some(Path::new("no/such.toml")), none(), Table::new()).unwrap_err();
    assert!(missing.to_string().starts_with("settings file no/such.toml can't be read"), "{missing}");
    assert!(load("[server\n").unwrap_err().to_string().contains("line 1"));
    let padding = |n: usize| "#".repeat(n);
    let max = usize::try_from(FILE_MAX_BYTES).unwrap();
    assert!(load(&padding(max)).is_ok());
    assert!(load(&padding(max + 1)).unwrap_err().to_string().ends_with("it has more than 1048576 bytes"));
}

#[test]
fn imports_stop_at_the_figure_or_on_a_small_disk_at_its_share() {
    const GIB: u64 = 1 << 30;
    let store = Config::default().store;
    assert_eq!(store.import_stop_bytes(4000 * GIB), 512 << 20);
    assert_eq!(store.import_stop_bytes(8 * GIB), 8 * GIB / 100 * 5);
    assert_eq!(store.import_stop_bytes(GIB), 128 << 20);
    let plain = sections::Store { import_stop_percent: 0, ..store };
    assert_eq!(plain.import_stop_bytes(GIB), 512 << 20);
}

/// The files we ship hold every key, at its default unless listed here.
#[test]
fn the_shipped_files_load_and_hold_every_key_at_its_default() {
    let defaults = Config::default_table().unwrap();
    for (name, differing) in [("depot", &[][..]), ("hq", &["server.role", "logs.format", "store.cache_mib"])]
    {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("config/{name}.toml"));
        let config = Config::load(Some(&path), none(), Table::new()).unwrap();
        assert_eq!(config.server.role, if name == "hq" { Role::Hq } else { Role::Depot });
        let shipped: Table = std::fs::read_to_string(&path).unwrap().parse().unwrap();
        let value = |table: &Table, path: &str| {
            path.split('.').try_fold(toml::Value::Table(table.clone()), |value, key| value.get(key).cloned())
        };
        for key in paths(&defaults) {
            let (ours, theirs) = (value(&defaults, &key), value(&shipped, &key));
            assert!(theirs.is_some(), "{name}.toml lacks {key}");
            if !ours.as_ref().is_some_and(toml::Value::is_table) {
                assert_eq!(ours != theirs, differing.contains(&key.as_str()), "{name}.toml: {key}");
            }
        }
    }
}
