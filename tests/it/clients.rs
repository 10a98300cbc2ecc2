//! The clients that are made from the OpenAPI file do what they say against a depot: in Python, in TypeScript and with curl.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::support::Depot;
use crate::support::people::{ADMIN, depot};

/// Whether a program is on this machine; a test without it says so and goes on.
fn has(program: &str) -> bool {
    let there = Command::new(program).arg("--version").output().is_ok_and(|o| o.status.success());
    if !there {
        eprintln!("SKIPPED: there is no {program} on this machine, so its client was not tried");
    }
    there
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A folder with the examples and a client that was made from the depot's own OpenAPI file.
fn workshop(depot: &Depot, language: &str, client: &str, example: &str) -> (tempfile::TempDir, PathBuf) {
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/clients");
    let folder = tempfile::tempdir().unwrap();
    let document = folder.path().join("openapi.json");
    std::fs::write(&document, depot.get("/api/v1/openapi.json").text).unwrap();
    let made =
        Command::new("python3").arg(ours.join("generate.py")).arg(language).arg(&document).output().unwrap();
    std::fs::write(folder.path().join(client), said(&made)).unwrap();
    std::fs::copy(ours.join(example), folder.path().join(example)).unwrap();
    let path = folder.path().join(example);
    (folder, path)
}

/// Runs `program` on an example and holds what it prints against what is true.
fn tried(depot: &Depot, program: &str, example: &Path) {
    let url = format!("http://{}", depot.running().address);
    let mut command = Command::new(program);
    command.arg(example).env("CROSSDOCK_URL", url).env("CROSSDOCK_TOKEN", depot.token(ADMIN));
    let printed = said(&command.env("no_proxy", "*").env("NO_COLOR", "1").output().unwrap());
    let seen: Value = serde_json::from_str(printed.trim()).unwrap_or_else(|e| panic!("{e}: {printed}"));
    let want = json!({ "id": seen["id"], "replayed": true, "customer": "John Doe", "status": "cancelled",
                       "refusal": "delivery.invalid_transition", "events": 2 });
    assert_eq!(seen, want);
    let id = seen["id"].as_str().unwrap();
    let token = depot.token(ADMIN);
    let here = depot.ask(&token, "GET", &format!("/deliveries/{id}")).gives(200).json;
    assert_eq!(here["status"], "cancelled");
}

#[test]
fn the_python_client_works_as_its_example_shows() {
    if !has("python3") {
        return;
    }
    let depot = depot();
    let (_folder, example) = workshop(&depot, "python", "crossdock.py", "example.py");
    tried(&depot, "python3", &example);
}

#[test]
fn the_curl_functions_work_as_their_example_shows() {
    if !has("python3") || !has("curl") {
        return;
    }
    let depot = depot();
    let (_folder, example) = workshop(&depot, "curl", "crossdock.sh", "example.sh");
    tried(&depot, "sh", &example);
}

#[test]
fn the_typescript_client_works_as_its_example_shows() {
    if !has("python3") || !has("node") {
        return;
    }
    let version = said(&Command::new("node").arg("--version").output().unwrap());
    let mut parts = version.trim().trim_start_matches('v').split('.').map(|n| n.parse::<u32>().unwrap_or(0));
    let version = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
    let depot = depot();
    let (folder, example) = workshop(&depot, "typescript", "crossdock.ts", "example.ts");
    if version >= (22, 18) {
        tried(&depot, "node", &example);
        return;
    }
    eprintln!(
        "SKIPPED: node {version:?} does not run TypeScript as it is; its JavaScript twin is tried instead"
    );
    let (twin, _) = workshop(&depot, "javascript", "crossdock.mjs", "example.ts");
    let text = std::fs::read_to_string(&example).unwrap().replace("./crossdock.ts", "./crossdock.mjs");
    let path = twin.path().join("example.mjs");
    std::fs::write(&path, text).unwrap();
    tried(&depot, "node", &path);
    drop(folder);
}
