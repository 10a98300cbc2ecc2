//! A person's data by the other two ways: the screen and the command line.

use crossdock::web::control::FIRST_TENANT;
use serde_json::{Value, json};

use crate::support::cli::{Folder, LOGIN};
use crate::support::page::{Came, Person};
use crate::support::people::{ADMIN, PASSWORD, depot};

const EMAIL: &str = "z.quillfeather@post.example";
const NAME: &str = "Zacharias Quillfeather";

/// The records a search found, as its form sends them.
fn found(came: &Came) -> Vec<String> {
    let boxes =
        came.page().elements().into_iter().filter(|(name, attrs)| {
            name == "input" && attrs.iter().any(|(n, v)| n == "name" && v == "subject")
        });
    let value = |(_, attrs): (String, Vec<(String, String)>)| {
        attrs.into_iter().find(|(n, _)| n == "value").unwrap().1
    };
    boxes.map(value).collect()
}

#[test]
fn a_person_is_found_handed_out_held_and_erased_on_the_screen_by_two() {
    let depot = depot();
    let new = json!({ "tracking_number": "QF0000001", "recipient": { "name": NAME, "email": EMAIL } });
    depot.itself(FIRST_TENANT, "POST", "/parcels").body(&new).gives(201);
    depot.user(FIRST_TENANT, "bea", "admin", json!({ "password": PASSWORD }));
    depot.user(FIRST_TENANT, "cleo", "clerk", json!({ "password": PASSWORD }));
    let ana = Person::logged_in(&depot, ADMIN, PASSWORD);
    let (bea, cleo) =
        (Person::logged_in(&depot, "bea", PASSWORD), Person::logged_in(&depot, "cleo", PASSWORD));
    assert_eq!(
        (cleo.get("/privacy").status, cleo.post("/privacy/find", &[("email", EMAIL)]).status),
        (403, 403)
    );
    assert_eq!(ana.post("/privacy/find", &[("email", "x")]).status, 422);

    let came = ana.post("/privacy/find", &[("email", EMAIL)]);
    let records = found(&came);
    assert_eq!(records.len(), 1, "{}", came.page().text());
    assert!(came.page().text().contains("QF0000001") && came.page().text().contains(NAME));
    assert!(came.page().faults(&came.text).is_empty(), "{:?}", came.page().faults(&came.text));
    let record = [("subject", records[0].as_str()), ("reason", "letter of 3 May")];
    let file = ana.post("/privacy/export", &record);
    assert!(file.header("content-disposition").contains("person.json"), "{file:?}");
    let export: Value = serde_json::from_str(&file.text).unwrap();
    assert_eq!(export["items"][0]["state"]["facts"]["recipient"]["email"], EMAIL, "{export}");

    ana.does("/privacy/hold", &[("record", "QF0000001"), ("why", "claim 17")]);
    let held = ana.post("/privacy/erase", &record);
    assert!(held.status == 409 && held.text.contains("claim 17"), "{}", held.page().text());
    let lift =
        ana.get("/privacy").page().all("form", "action").into_iter().find(|a| a.ends_with("/lift")).unwrap();
    ana.does(&lift, &[]);
    assert_eq!(ana.post("/privacy/erase", &[("subject", &records[0]), ("reason", " ")]).status, 422);
    ana.does("/privacy/erase", &record);
    let offered = |who: &Person| -> Vec<String> {
        who.get("/privacy")
            .page()
            .all("form", "action")
            .into_iter()
            .filter(|a| a.ends_with("/confirm"))
            .collect()
    };
    assert!(offered(&ana).is_empty(), "who asked is offered no confirmation");
    let confirms = offered(&bea);
    let [confirm] = &confirms[..] else { panic!("{confirms:?}") };
    assert_eq!(ana.post(confirm, &[]).status, 403);
    assert_eq!(cleo.post(confirm, &[]).status, 403);
    assert_eq!(found(&ana.post("/privacy/find", &[("email", EMAIL)])).len(), 1, "nothing is erased yet");
    bea.does(confirm, &[]);
    depot.wait_until("it is erased", || found(&ana.post("/privacy/find", &[("email", EMAIL)])).is_empty());
    let parcel = ana.get("/parcels/QF0000001").text;
    assert!(!parcel.contains("Quillfeather") && !parcel.contains(EMAIL), "{parcel}");
}

#[test]
fn a_person_is_found_handed_out_and_erased_from_the_command_line_by_two() {
    let folder = Folder::depot("UTC");
    let file = folder.file(
        "p.csv",
        format!("tracking_number,status,name,email\nQF1,delivered,{NAME},{EMAIL}\n").as_bytes(),
    );
    let import = ["--kind", "parcels", "--source", "shop", "--json", file.to_str().unwrap()];
    assert_eq!(folder.json("import", &import)["created"], 1);
    let password = folder.file("p", b"purple monkey dishwasher\n");
    let bea = ["--user", "bea", "--role", "admin", "--password-file", password.to_str().unwrap()];
    folder.json("user add", &bea);

    let found = || folder.json("privacy find", &["--email", EMAIL])["items"].as_array().unwrap().clone();
    assert_eq!((found().len(), &found()[0]["label"]), (1, &json!("QF1")));
    let data = folder.data();
    let run = |verb: &[&str]| {
        let place = ["--data-dir", data.to_str().unwrap()];
        folder.run(["privacy"].iter().chain(verb).chain(&place).map(Into::into))
    };
    let to = folder.file("nothing", b"").with_file_name("person.json");
    let said = run(&["export", "--email", EMAIL, "--to", to.to_str().unwrap()]);
    assert!(said.status.success(), "{said:?}");
    let export = std::fs::read_to_string(&to).unwrap();
    assert!(export.contains(EMAIL) && export.contains(NAME));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&to).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let held = json!({ "record": format!("parcel:{}", found()[0]["id"].as_str().unwrap()) });
    let record = held["record"].as_str().unwrap();
    folder.json("privacy hold", &["--reason", "claim 17", record]);
    let refused = run(&["erase", "--email", EMAIL, "--reason", "letter", "--user", LOGIN]);
    assert_eq!(refused.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("claim 17"), "{refused:?}");
    assert!(run(&["hold", "--lift", record]).status.success());
    let asked = folder.json("privacy erase", &["--email", EMAIL, "--reason", "letter", "--user", LOGIN]);
    let id = asked["id"].as_str().unwrap();
    let alone = run(&["confirm", "--user", LOGIN, id]);
    assert_eq!(alone.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&alone.stderr).contains("somebody else"), "{alone:?}");
    assert_eq!(found().len(), 1);
    assert_eq!(folder.json("privacy confirm", &["--user", "bea", id])["state"], "confirmed");
    // A depot that is started for one command works on what is left of it meanwhile.
    let done = (0..50).any(|_| folder.json("privacy list", &[])["items"][0]["waiting"].is_null());
    assert!(done && found().is_empty(), "{}", folder.json("privacy list", &[]));
}
