//! `sync` and `hq`: the exchange between depots and headquarters, from the command line.

use std::path::Path;

use anyhow::Context;
use base64::Engine;
use reqwest::Method;
use serde_json::{Value, json};

use super::client::{Depot, Refused};
use super::commands::{closed, connect, get, migrate, post, pretty, running};
use super::{Faults, HqCommand, Place, SyncCommand, answer, say};
use crate::identity::private;

pub(super) async fn sync(command: SyncCommand) -> anyhow::Result<()> {
    match command {
        SyncCommand::Join { place, hq, code } => {
            let joined = post(&place, "/api/v1/sync/join", &json!({ "url": hq, "code": code })).await?;
            answer(&format!("Joined {} as depot {}", joined["url"].as_str().unwrap_or(&hq), joined["site"]))
        }
        SyncCommand::Status { place, json } => {
            let status = get(&place, "/api/v1/sync").await?;
            answer(&if json { pretty(&status)? } else { words(&status) })
        }
        SyncCommand::Now { place } => answer(&words(&post(&place, "/api/v1/sync/now", &Value::Null).await?)),
        SyncCommand::Verify { place, json } => verify(&place, json).await,
        SyncCommand::Export { place, file } => export(&place, &file).await,
        SyncCommand::Import { place, answer, file } => import(&place, &file, answer.as_deref()).await,
    }
}

fn words(status: &Value) -> String {
    let all = status["words"].as_array().into_iter().flatten().filter_map(Value::as_str);
    all.collect::<Vec<_>>().join("\n")
}

async fn verify(place: &Place, json: bool) -> anyhow::Result<()> {
    let found = post(place, "/api/v1/sync/verify", &Value::Null).await?;
    let equal = found["equal"] == true;
    if json {
        answer(&pretty(&found)?)?;
    } else if equal {
        answer(&format!("Headquarters and this depot hold the same {} records.", found["records"]))?;
    } else {
        for d in found["differences"].as_array().into_iter().flatten() {
            let held = match d["held"].as_str() {
                Some("here") => "headquarters does not have it",
                Some("there") => "this depot does not have it",
                _ => "they differ",
            };
            let text = |key: &str| d[key].as_str().unwrap_or_default().to_owned();
            answer(&format!("{} {} {}: {held}", text("record"), text("id"), text("label")))?;
        }
    }
    if equal {
        return Ok(());
    }
    let behind = found["behind"].as_u64().unwrap_or(0);
    let more = if behind > 0 { "; headquarters is still taking in what it got" } else { "" };
    Err(Faults(format!("{} groups of records differ{more}", found["groups"])).into())
}

async fn export(place: &Place, file: &Path) -> anyhow::Result<()> {
    let depot = connect(place).await?;
    let fetched = fetched(&depot).await;
    depot.close().await;
    let (bytes, n) = fetched?;
    private::write(file, &bytes)?;
    answer(&format!("{n} changes are in {}; take it to headquarters: crossdock sync import", file.display()))
}

async fn fetched(depot: &Depot) -> anyhow::Result<(Vec<u8>, String)> {
    let response = depot.request(Method::POST, "/api/v1/sync/export").send().await;
    let response = response.context("the depot can't be reached")?;
    let n = response.headers().get("x-changes").and_then(|v| v.to_str().ok()).unwrap_or("0").to_owned();
    let status = response.status();
    let bytes = response.bytes().await.context("the depot's answer broke off")?;
    if status.is_success() {
        return Ok((bytes.to_vec(), n));
    }
    let problem: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let detail = problem["detail"].as_str().unwrap_or("the depot refuses").to_owned();
    Err(Refused { status: status.as_u16(), detail }.into())
}

async fn import(place: &Place, file: &Path, out: Option<&Path>) -> anyhow::Result<()> {
    let depot = connect(place).await?;
    let said = depot.upload("/api/v1/sync/import", file, "application/octet-stream").await;
    let said = closed(depot, said).await?;
    let Some(back) = said["answer"].as_str() else {
        return answer(&format!(
            "Headquarters has {} changes more of this depot, and sent {} entries.",
            said["changes"], said["entries"]
        ));
    };
    let mut text = format!("{} changes of depot {} are taken in.", said["changes"], said["site"]);
    if let Some(out) = out {
        private::write(out, &base64::engine::general_purpose::STANDARD.decode(back)?)?;
        text.push_str(&format!(" Take {} back to the depot.", out.display()));
    } else {
        say("crossdock: without --answer FILE the depot learns of it when it is online again");
    }
    answer(&text)?;
    match said["stopped"].as_str() {
        Some(why) => Err(Faults(format!("the rest of the file was not taken: {why}")).into()),
        None => Ok(()),
    }
}

pub(super) async fn hq(command: HqCommand) -> anyhow::Result<()> {
    match command {
        HqCommand::Migrate { place, to, to_file } => migrate(&place, to, to_file).await,
        HqCommand::Enrol { place, depot } => enrol(&place, &depot).await,
        HqCommand::Sites { place } => answer(&pretty(&get(&place, "/api/v1/sites").await?)?),
        HqCommand::Revoke { place, depot } => {
            told(&place, &depot, Method::DELETE, "").await?;
            answer(&format!("{depot} can exchange nothing any more; it goes on working by itself"))
        }
        HqCommand::Release { place, depot } => {
            told(&place, &depot, Method::POST, "/release").await?;
            answer(&format!("{depot} may go on"))
        }
    }
}

/// The code holds the mark of the certificate under which headquarters serves, so it has to be serving.
async fn enrol(place: &Place, name: &str) -> anyhow::Result<()> {
    let hq = running(place).await?;
    let made = match find(&hq, name).await? {
        Some(number) => hq.post(&format!("/api/v1/sites/{number}/code"), &json!({})).await?,
        None => hq.post("/api/v1/sites", &json!({ "name": name })).await?,
    };
    let code = made["code"].as_str().context("headquarters gave no code")?;
    say(&format!("crossdock: at the depot, until {}:", made["ends"].as_str().unwrap_or("tomorrow")));
    say("crossdock:   crossdock sync join --hq https://THIS-HEADQUARTERS:8443 --code CODE");
    answer(code)
}

async fn find(hq: &Depot, name: &str) -> anyhow::Result<Option<u64>> {
    let all = hq.get("/api/v1/sites").await?;
    let mut sites = all.as_array().into_iter().flatten();
    Ok(sites.find(|s| s["name"].as_str() == Some(name)).and_then(|s| s["number"].as_u64()))
}

async fn told(place: &Place, name: &str, method: Method, path: &str) -> anyhow::Result<Value> {
    let hq = connect(place).await?;
    let done = async {
        let Some(number) = find(&hq, name).await? else {
            let detail = format!("no depot {name}; crossdock hq sites shows those there are");
            return Err(Refused { status: 404, detail }.into());
        };
        hq.change(method, &format!("/api/v1/sites/{number}{path}"), 0, &Value::Null).await
    };
    let done = done.await;
    closed(hq, done).await
}
