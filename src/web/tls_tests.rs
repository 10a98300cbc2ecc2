//! What a client sees of the depot's certificate, by the client's own code.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConnection};

use super::{LEAF_LIFE, MAX_NAMES, RENEW_BEFORE, Source, Tls, is_good, provider};
use crate::base::clock::{Clock, Timestamp};

fn noon() -> Timestamp {
    Timestamp::from_millis(1_800_000_000_000)
}

fn days(n: u32) -> Duration {
    super::DAY * n
}

fn own(data: &tempfile::TempDir, names: &[&str]) -> Source {
    Source::Own { data: data.path().to_owned(), names: names.iter().map(|&n| n.to_owned()).collect() }
}

fn leaf(tls: &Tls) -> CertificateDer<'static> {
    tls.current.0.read().unwrap().cert[0].clone()
}

fn takes(tls: &Tls, name: &str, at: Timestamp) -> bool {
    let ca = tls.authority().unwrap().unwrap();
    is_good(&tls.current.0.read().unwrap(), &ca, &[name.to_owned()], at)
}

#[test]
fn a_client_that_trusts_the_authority_shakes_hands_and_speaks_http_2() {
    let data = tempfile::tempdir().unwrap();
    // The library's client reads the wall clock, so this test does.
    let tls = Tls::open(own(&data, &[]), Clock::Wall.now()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(&tls.authority().unwrap().unwrap()).unwrap()).unwrap();
    let builder =
        ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().unwrap();
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let mut client =
        ClientConnection::new(Arc::new(config), ServerName::try_from("localhost").unwrap()).unwrap();
    let mut server = ServerConnection::new(Arc::new(tls.config().unwrap())).unwrap();
    for _ in 0..4 {
        let mut wire = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut wire).unwrap();
        }
        server.read_tls(&mut &wire[..]).unwrap();
        server.process_new_packets().unwrap();
        let mut wire = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut wire).unwrap();
        }
        client.read_tls(&mut &wire[..]).unwrap();
        client.process_new_packets().unwrap();
    }
    assert!(!client.is_handshaking() && !server.is_handshaking());
    assert_eq!(client.alpn_protocol(), Some(&b"h2"[..]));
}

#[test]
fn the_certificate_is_for_every_name_the_depot_is_reached_by() {
    let data = tempfile::tempdir().unwrap();
    let tls = Tls::open(own(&data, &["Depot.example", "192.168.7.1", "FE80:0::1"]), noon()).unwrap();
    for name in ["depot.example", "192.168.7.1", "fe80::1", "localhost", "127.0.0.1", "::1"] {
        assert!(takes(&tls, name, noon()), "{name}");
    }
    assert!(!takes(&tls, "other.example", noon()) && !takes(&tls, "192.168.7.2", noon()));
}

#[test]
fn it_is_kept_until_thirty_days_remain_and_renewed_under_the_same_authority() {
    let data = tempfile::tempdir().unwrap();
    let tls = Tls::open(own(&data, &[]), noon()).unwrap();
    let (first, ca) = (leaf(&tls), tls.authority().unwrap());
    let last_day = noon().before(days(1)).after(LEAF_LIFE).before(RENEW_BEFORE);
    assert!(!tls.renew(last_day).unwrap());
    assert_eq!(leaf(&Tls::open(own(&data, &[]), last_day).unwrap()), first);
    assert!(tls.renew(last_day.after(Duration::from_secs(1))).unwrap());
    assert!(leaf(&tls) != first && tls.authority().unwrap() == ca);
    assert!(takes(&tls, "localhost", last_day.after(days(360))));
}

#[test]
fn a_new_name_makes_a_new_certificate() {
    let data = tempfile::tempdir().unwrap();
    let first = leaf(&Tls::open(own(&data, &[]), noon()).unwrap());
    let second = Tls::open(own(&data, &["depot.example"]), noon()).unwrap();
    assert!(leaf(&second) != first && takes(&second, "depot.example", noon()));
}

#[test]
fn a_dead_clock_does_no_lasting_harm() {
    let data = tempfile::tempdir().unwrap();
    for at in [Timestamp::ZERO, Timestamp::MAX] {
        assert!(Tls::open(own(&data, &[]), at).is_ok(), "{at}");
    }
    assert!(takes(&Tls::open(own(&data, &[]), noon()).unwrap(), "localhost", noon()));
}

#[test]
fn files_that_a_power_cut_left_half_are_made_anew() {
    let data = tempfile::tempdir().unwrap();
    let tls_folder = data.path().join("tls");
    let other = tempfile::tempdir().unwrap();
    Tls::open(own(&data, &[]), noon()).unwrap();
    Tls::open(own(&other, &[]), noon()).unwrap();
    fs::copy(other.path().join("tls/leaf.key"), tls_folder.join("leaf.key")).unwrap();
    assert!(
        takes(&Tls::open(own(&data, &[]), noon()).unwrap(), "localhost", noon()),
        "keys that don't match"
    );
    fs::remove_file(tls_folder.join("leaf.pem")).unwrap();
    assert!(takes(&Tls::open(own(&data, &[]), noon()).unwrap(), "localhost", noon()), "no certificate");
    fs::remove_file(tls_folder.join("ca.pem")).unwrap();
    assert!(takes(&Tls::open(own(&data, &[]), noon()).unwrap(), "localhost", noon()), "no authority yet");
}

#[test]
fn the_authoritys_key_may_be_kept_elsewhere_until_it_is_needed() {
    let data = tempfile::tempdir().unwrap();
    Tls::open(own(&data, &[]), noon()).unwrap();
    fs::remove_file(data.path().join("tls/ca.key")).unwrap();
    assert!(Tls::open(own(&data, &[]), noon()).is_ok());
    let refused = Tls::open(own(&data, &[]), noon().after(days(390))).unwrap_err().to_string();
    assert!(refused.contains("ca.key is missing: restore it"), "{refused}");
}

#[test]
fn the_operators_own_files_are_served_and_read_again() {
    let (data, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (ours, theirs) =
        (Tls::open(own(&data, &[]), noon()).unwrap(), Tls::open(own(&other, &[]), noon()).unwrap());
    let (cert, key) = (data.path().join("tls/leaf.pem"), data.path().join("tls/leaf.key"));
    let given = Tls::open(Source::Files { cert: cert.clone(), key: key.clone() }, noon()).unwrap();
    assert!(
        leaf(&given) == leaf(&ours) && given.authority().unwrap().is_none() && !given.renew(noon()).unwrap()
    );
    fs::copy(other.path().join("tls/leaf.pem"), &cert).unwrap();
    assert!(given.renew(noon()).unwrap_err().to_string().contains("can't be used"));
    assert_eq!(leaf(&given), leaf(&ours), "the one so far stays");
    fs::copy(other.path().join("tls/leaf.key"), &key).unwrap();
    assert!(given.renew(noon()).unwrap() && leaf(&given) == leaf(&theirs));
    fs::write(&cert, "no certificate").unwrap();
    assert!(given.renew(noon()).unwrap_err().to_string().contains("leaf.pem holds no certificate in PEM"));
}

#[test]
fn what_is_no_name_and_one_name_too_many_are_refused() {
    let data = tempfile::tempdir().unwrap();
    for bad in ["", "two words", "*.example", "https://depot.example"] {
        assert!(
            Tls::open(own(&data, &[bad]), noon()).unwrap_err().to_string().contains(&format!("\"{bad}\"")),
            "{bad}"
        );
    }
    let own_names = super::all_names(&[]).unwrap().len();
    let given = |n: usize| (0..n).map(|n| format!("depot-{n}.example")).collect::<Vec<_>>();
    assert!(super::all_names(&given(MAX_NAMES - own_names)).is_ok());
    assert!(super::all_names(&given(MAX_NAMES - own_names + 1)).is_err());
}

#[cfg(unix)]
#[test]
fn keys_are_for_the_service_alone_and_never_shown() {
    use std::os::unix::fs::PermissionsExt;
    let data = tempfile::tempdir().unwrap();
    let tls = Tls::open(own(&data, &[]), noon()).unwrap();
    for name in ["ca.key", "leaf.key"] {
        let path = data.path().join("tls").join(name);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let body = fs::read_to_string(&path).unwrap().lines().nth(1).unwrap().to_owned();
        assert!(!format!("{tls:?}").contains(&body));
    }
    let key = data.path().join("tls/ca.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let refused = Tls::open(own(&data, &[]), noon().after(days(390))).unwrap_err().to_string();
    assert!(refused.contains("chmod 600"), "{refused}");
}
