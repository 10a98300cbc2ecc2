//! Somebody who has never seen it: from the command that shows it to a resolved case and a printed label, by nothing but
//! what the terminal and the screen say.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use thirtyfour::prelude::*;

use crate::support::browser::{DESK, Driver, PATIENCE, PHONE, fits, press, printed, says, there};

struct Demo(Child);

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Presses what says `text`: a link, a button or what folds something out. A newcomer goes by words.
async fn press_word(b: &WebDriver, text: &str) -> WebDriverResult<()> {
    let path = format!(
        "//*[self::a or self::button or self::summary][not(ancestor::details[not(@open)]) or self::summary][contains(normalize-space(.), '{text}')]"
    );
    let begun = std::time::Instant::now();
    loop {
        for e in b.find_all(By::XPath(path.as_str())).await? {
            if e.is_displayed().await.unwrap_or(false) {
                // While the demonstration fills itself, lists move beneath the hand.
                if e.scroll_into_view().await.is_ok() && e.click().await.is_ok() {
                    return Ok(());
                }
            }
        }
        let body = b.find(By::Tag("body")).await?.text().await.unwrap_or_default();
        assert!(begun.elapsed() < PATIENCE, "nothing says {text}: {body}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

/// Fills in what is labelled so.
async fn fill(b: &WebDriver, label: &str, text: &str) -> WebDriverResult<()> {
    let found = b.find(By::XPath(format!("//label[normalize-space(.)='{label}']").as_str())).await?;
    let id = found.attr("for").await?.unwrap_or_default();
    let field = there(b, &format!("#{id}")).await?;
    field.clear().await?;
    field.send_keys(text).await
}

#[test]
fn a_newcomer_resolves_a_case_and_prints_a_label_by_what_the_screen_says() {
    let Some(driver) = Driver::start() else { return };
    let dir = tempfile::tempdir().unwrap();
    let mut demo = Demo(
        Command::new(env!("CARGO_BIN_EXE_crossdock"))
            .args(["serve", "--demo", "--listen", "127.0.0.1:0", "--no-tls", "--data-dir"])
            .arg(dir.path().join("data"))
            .env_remove("CROSSDOCK_CONFIG")
            .env("CROSSDOCK__STORE__BALLAST_MIB", "0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    );
    let said: Vec<String> =
        BufReader::new(demo.0.stdout.take().unwrap()).lines().map_while(Result::ok).take(2).collect();
    let address = said[0].rsplit_once(" at ").unwrap().1.to_owned();
    let (login, password) =
        said[1].strip_prefix("Log in as ").unwrap().split_once(" with the password ").unwrap();
    for size in [DESK, PHONE] {
        let address = address.clone();
        driver.browse(size, async move |b| {
            b.goto(&address).await?;
            fill(&b, "Login", login).await?;
            fill(&b, "Password", password).await?;
            press_word(&b, "Log in").await?;
            // The first screen says what needs a person now; the first of these is opened.
            says(&b, "Today").await?;
            press(&b, ".queue a").await?;
            says(&b, "What happened").await?;
            fits(&b, "the case").await?;
            press_word(&b, "Resolve").await?;
            says(&b, "Saved.").await?;
            let parcel = there(&b, ".beside dd a.id").await;
            if let Ok(parcel) = parcel {
                parcel.click().await?;
            } else {
                press_word(&b, "Parcels").await?;
                press(&b, "tr[data-row] a").await?;
            }
            says(&b, "Label").await?;
            press_word(&b, "Print with this browser").await?;
            there(&b, ".print-label img").await?;
            let paper = printed(&b).await?;
            assert!(paper.starts_with(b"%PDF") && paper.len() > 3_000, "{} bytes", paper.len());
            let text = String::from_utf8_lossy(&paper);
            let pages = text.matches("/Type /Page\n").count() + text.matches("/Type /Page ").count();
            assert!(pages <= 1, "the label takes {pages} pages");
            Ok(())
        });
    }
}
