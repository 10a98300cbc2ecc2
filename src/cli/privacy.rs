//! `privacy`: a person's data from the command line. Who owns the data folder may ask; a person confirms.

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};

use super::client::{Depot, encoded};
use super::commands::{closed, connect, get, post, pretty};
use super::{Place, answer};
use crate::identity::private;

/// Who is meant.
#[derive(Debug, Default, Args)]
pub(crate) struct Person {
    /// Words of the name, in any order
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
    /// The telephone number
    #[arg(long, value_name = "TEXT")]
    phone: Option<String>,
    /// The mail address
    #[arg(long, value_name = "TEXT")]
    email: Option<String>,
    /// Words that follow each other in the address
    #[arg(long, value_name = "TEXT")]
    address: Option<String>,
    /// A parcel's, delivery's, order's or waybill's number
    #[arg(long, value_name = "TEXT")]
    reference: Option<String>,
}

impl Person {
    fn query(&self) -> Value {
        let Self { name, phone, email, address, reference } = self;
        json!({ "name": name, "phone": phone, "email": email, "address": address, "reference": reference })
    }
}

/// What can be done with a person's data.
#[derive(Debug, Subcommand)]
pub(crate) enum PrivacyCommand {
    /// Find a person: whatever fits one of the questions
    Find {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        person: Person,
    },
    /// Write all that is held of a person into a file
    Export {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        person: Person,
        /// The file; only its owner may read it
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
    /// Ask for the erasure of all that is found; a second person confirms it
    Erase {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        person: Person,
        /// Why, such as the letter it was asked for with; not who
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// The user who asks; else whoever owns the data folder
        #[arg(long, value_name = "U")]
        user: Option<String>,
    },
    /// Confirm an erasure that somebody else asked for: nobody can take it back
    Confirm {
        #[command(flatten)]
        place: Place,
        /// The user who confirms
        #[arg(long, value_name = "U")]
        user: String,
        /// The erasure
        id: String,
    },
    /// Refuse an erasure, or take one back that is not confirmed
    Refuse {
        #[command(flatten)]
        place: Place,
        /// The user who refuses
        #[arg(long, value_name = "U")]
        user: String,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// The erasure
        id: String,
    },
    /// List erasures, newest first, with the nodes that have carried them out
    List {
        #[command(flatten)]
        place: Place,
    },
    /// Put a record under legal hold, or with --lift let go of it; without a record list all holds
    Hold {
        #[command(flatten)]
        place: Place,
        /// Why
        #[arg(long, value_name = "TEXT", default_value = "")]
        reason: String,
        /// Lift it
        #[arg(long)]
        lift: bool,
        /// The record as the search shows it, KIND:ID
        record: Option<String>,
    },
}

pub(super) async fn privacy(command: PrivacyCommand) -> anyhow::Result<()> {
    let said = match command {
        PrivacyCommand::Find { place, person } => {
            post(&place, "/api/v1/privacy/find", &person.query()).await?
        }
        PrivacyCommand::Export { place, person, to } => return export(&place, &person, &to).await,
        PrivacyCommand::Erase { place, person, reason, user } => {
            let body = json!({ "query": person.query(), "reason": reason });
            told(&place, user.as_deref(), "/api/v1/privacy/erase", &body).await?
        }
        PrivacyCommand::Confirm { place, user, id } => {
            let path = format!("/api/v1/privacy/erasures/{}/confirm", encoded(&id));
            told(&place, Some(&user), &path, &json!({})).await?
        }
        PrivacyCommand::Refuse { place, user, reason, id } => {
            let path = format!("/api/v1/privacy/erasures/{}/refuse", encoded(&id));
            told(&place, Some(&user), &path, &json!({ "reason": reason })).await?
        }
        PrivacyCommand::List { place } => get(&place, "/api/v1/privacy/erasures?limit=500").await?,
        PrivacyCommand::Hold { place, reason, lift, record } => {
            return hold(&place, &reason, lift, record.as_deref()).await;
        }
    };
    answer(&pretty(&said)?)
}

/// What the depot answers to `body` when `user`, or nobody in particular, sends it.
async fn told(place: &Place, user: Option<&str>, path: &str, body: &Value) -> anyhow::Result<Value> {
    let depot = connect(place).await?;
    let said = as_user(&depot, user, path, body).await;
    closed(depot, said).await
}

async fn as_user(depot: &Depot, user: Option<&str>, path: &str, body: &Value) -> anyhow::Result<Value> {
    let Some(user) = user else { return depot.post(path, body).await };
    let made = depot.post("/api/v1/control/token", &json!({ "login": user })).await?;
    let token = made["access_token"].as_str().context("the depot gave no token")?;
    depot.post_as(token, path, body).await
}

async fn export(place: &Place, person: &Person, to: &std::path::Path) -> anyhow::Result<()> {
    let body = json!({ "query": person.query() });
    let said = post(place, "/api/v1/privacy/export", &body).await?;
    private::write(to, pretty(&said)?.as_bytes())?;
    let n = said["items"].as_array().map_or(0, Vec::len);
    answer(&format!("{n} records are in {}", to.display()))
}

async fn hold(place: &Place, reason: &str, lift: bool, record: Option<&str>) -> anyhow::Result<()> {
    let Some(record) = record else {
        return answer(&pretty(&get(place, "/api/v1/privacy/holds").await?)?);
    };
    let (kind, id) = record.split_once(':').context("a record is KIND:ID, such as parcel:019a0c2f-…")?;
    let id = id.split(':').next().unwrap_or(id);
    if !lift {
        let body = json!({ "kind": kind, "id": id, "reason": reason });
        return answer(&pretty(&post(place, "/api/v1/privacy/holds", &body).await?)?);
    }
    let depot = connect(place).await?;
    let path = format!("/api/v1/privacy/holds/{}", encoded(id));
    let gone = super::client::answered(depot.request(Method::DELETE, &path)).await;
    closed(depot, gone).await?;
    answer(&format!("{record} is under hold no more"))
}
