//! What people are told in their own language: why a form, a scan, a request or a row was not taken, and what rights allow.

use crossdock::base::said::OTHERS;
use crossdock::web::control::FIRST_TENANT;
use reqwest::Method;
use serde_json::json;

use crate::screens::{fill, routes};
use crate::support::Depot;
use crate::support::page::{Came, Person};
use crate::support::people::{PASSWORD, Records, depot, text};

/// Somebody with all rights who reads `language`.
fn reader(depot: &Depot, language: &str) -> Person {
    let login = format!("reads_{}", language.to_lowercase().replace('-', "_"));
    depot.user(FIRST_TENANT, &login, "super_admin", json!({ "password": PASSWORD, "language": language }));
    Person::logged_in(depot, &login, PASSWORD)
}

/// Whether a page shows something in English to somebody who reads another language.
fn is_english(came: &Came) -> bool {
    let page = came.page();
    page.elements().iter().any(|(_, attrs)| attrs.iter().any(|(name, value)| name == "lang" && value == "en"))
}

#[test]
fn every_form_that_is_refused_is_refused_in_the_language_of_whoever_sent_it() {
    /// Ways in and out; and where a file comes first, without which there is no form.
    const APART: [&str; 8] =
        ["/login", "/logout", "/setup", "/imports/new", "/parcels/list", "/report/list", "/profile", "/maps"];
    let depot = depot();
    let records = Records::new(&depot, FIRST_TENANT, "alpha");
    for language in OTHERS {
        let person = reader(&depot, language);
        let (mut refused, mut wrong) = (0, Vec::new());
        let forms = routes(Method::POST).into_iter().filter(|r| !APART.iter().any(|a| r.path.starts_with(a)));
        for route in forms {
            let odd = [
                ("version", "77"),
                ("name", "?"),
                ("date", "soon"),
                ("status", "gone"),
                ("lines", "a,b,c\nd"),
            ];
            for fields in [&[][..], &odd[..]] {
                let path = fill(&records, route.path);
                let came = person.post(&path, fields);
                if came.status < 400 {
                    continue;
                }
                refused += 1;
                if is_english(&came) {
                    let said = came.page().text();
                    wrong.push(format!("{language} {path} {}: {said}", came.status));
                }
            }
        }
        assert!(refused > 60, "{language}: only {refused} were refused");
        assert!(wrong.is_empty(), "{} of {refused}:\n{}", wrong.len(), wrong.join("\n"));
    }
}

#[test]
fn a_clerk_reads_why_a_parcel_a_step_and_a_scan_are_refused() {
    let depot = depot();
    let new = json!({ "tracking_number": "RR123456785NL" });
    let parcel = text(&depot.itself(FIRST_TENANT, "POST", "/parcels").body(&new).gives(201).json, "id");
    let told = [
        (
            "en",
            "is needed",
            "parcel RR123456785NL is here already",
            "is no command",
            "take back at this station",
        ),
        (
            "pt-BR",
            "número de rastreio é obrigatório",
            "o pacote RR123456785NL já está aqui (status: anunciado)",
            "não é um comando",
            "desfazer nesta estação",
        ),
        (
            "es",
            "número de seguimiento es obligatorio",
            "el paquete RR123456785NL ya está aquí (estado: anunciado)",
            "no es un comando",
            "deshacer en esta estación",
        ),
    ];
    for (language, needed, known, command, undo) in told {
        let person = reader(&depot, language);
        let says = |came: Came, wanted: &str| {
            let text = came.page().text();
            let plain = text.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(plain.contains(wanted), "{language}: {wanted} is not in {plain}");
        };
        says(person.post("/parcels/new", &[]), needed);
        says(person.post("/parcels/new", &[("tracking_number", "RR123456785NL")]), known);
        says(person.post("/scan", &[("code", "CMD:DANCE")]), command);
        says(person.post("/scan", &[("code", "CMD:UNDO")]), undo);
        let odd = person.post(&format!("/parcels/{parcel}/step"), &[("status", "flying")]);
        assert!(odd.status >= 400 && (language == "en" || !is_english(&odd)), "{odd:?}");
    }
}

#[test]
fn rights_are_shown_in_the_language_of_whoever_gives_them() {
    let depot = depot();
    for (language, allows) in [
        ("en", "Scan parcels and report"),
        ("pt-BR", "Ler pacotes e informar"),
        ("es", "Escanear paquetes e informar"),
    ] {
        let person = reader(&depot, language);
        for path in ["/users/roles", "/users/roles/clerk"] {
            let came = person.get(path);
            assert!(came.page().text().contains(allows), "{language} {path}");
            assert!(language == "en" || !is_english(&came), "{language} {path}");
        }
    }
}

#[test]
fn a_program_is_refused_in_the_language_it_asks_for_and_finds_the_same_code() {
    let depot = depot();
    let ask = |language: Option<&str>| {
        let request = depot.itself(FIRST_TENANT, "GET", "/parcels/NOBODY1");
        let request = if let Some(l) = language { request.header("accept-language", l) } else { request };
        request.gives(404)
    };
    for (asked, detail, said) in [
        (None, "no parcel NOBODY1", ""),
        (Some("en-GB,pt;q=0.9"), "no parcel NOBODY1", ""),
        (Some("pt-BR,en;q=0.5"), "não há pacote NOBODY1", "pt-BR"),
        (Some("es-MX"), "no hay paquete NOBODY1", "es"),
    ] {
        let answer = ask(asked);
        assert_eq!(answer.json["detail"], detail, "{asked:?}");
        assert_eq!(answer.json["code"], "parcel.unknown");
        assert_eq!(answer.header("content-language"), said, "{asked:?}");
    }
    let wrong = depot.itself(FIRST_TENANT, "POST", "/parcels").header("accept-language", "es");
    let wrong = wrong.body(&json!({ "tracking_number": "" })).gives(422);
    let place = &wrong.json["errors"][0];
    assert_eq!(
        (&place["pointer"], &place["detail"]),
        (&json!("/tracking_number"), &json!("es obligatorio y no puede quedar en blanco"))
    );
}

#[test]
fn refused_rows_go_back_with_their_reasons_in_the_language_of_whoever_fetches_them() {
    let depot = depot();
    let file = "tracking_number,status,status_at\nA1,shipped,yesterday\n,shipped,2026-11-20T11:00:00Z\n";
    let path = "/imports?kind=parcels&source=bar&file=monday.csv";
    let import = depot.itself(FIRST_TENANT, "POST", path).text("text/csv", file).gives(202);
    let path = format!("/imports/{}", text(&import.json, "id"));
    depot.until("the import ends", |d| {
        d.itself(FIRST_TENANT, "GET", &path).gives(200).json["state"] == "done"
    });
    let told = [
        ("en", "is not a time of the form", "the row names no parcel"),
        ("pt-BR", "não é um horário na forma", "a linha não indica nenhum pacote"),
        ("es", "no es una hora con la forma", "la fila no indica ningún paquete"),
    ];
    for (language, time, number) in told {
        let person = reader(&depot, language);
        let errors = person.get(&format!("/api/v1{path}/errors.csv"));
        assert_eq!(errors.status, 200, "{errors:?}");
        let rows: Vec<_> = errors.text.lines().collect();
        assert_eq!(rows[0], "\u{feff}tracking_number,status,status_at,error,line", "{language}");
        assert!(rows[1].starts_with("A1,shipped,yesterday,") && rows[1].contains(time), "{rows:?}");
        assert!(rows[2].contains(number) && rows[2].ends_with(",3"), "{rows:?}");
        let page = person.get(&path);
        assert!(language == "en" || !is_english(&page), "{language}: {}", page.page().text());
    }
}
