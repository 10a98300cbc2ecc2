//! What axe-core says of every page, in a real browser, light and dark. It comes from the package registry when a test
//! asks for it, or from the file that `CROSSDOCK_AXE` names; where neither can be had, says so and passes.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crossdock::screens::SCREENS;
use crossdock::web::control::FIRST_TENANT;
use thirtyfour::prelude::*;

use crate::support::browser::{DESK, Driver, Looks, PHONE, log_in};
use crate::support::people::{ADMIN, Records, depot};

/// What runs in the page: the rules for WCAG 2.2 AA and what is good practice.
const RUN: &str = r#"
const done = arguments[arguments.length - 1];
axe.run(document, { resultTypes: ["violations"], runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] })
  .then((r) => done(r.violations.map((v) => v.id + ": " + v.nodes.slice(0, 3).map((n) => n.target.join(" ") + " (" + (n.any[0] || n.all[0] || n.none[0] || {}).message + ")").join("; "))))
  .catch((e) => done(["axe itself: " + e]));
"#;

fn packed(folder: &Path) -> Option<PathBuf> {
    let quiet =
        |mut c: Command| c.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|s| s.success());
    let mut npm = Command::new("npm");
    npm.args(["pack", "axe-core", "--silent", "--fetch-retries=1", "--fetch-timeout=20000"])
        .current_dir(folder);
    if !quiet(npm) {
        return None;
    }
    let all = std::fs::read_dir(folder).ok()?.filter_map(|e| e.ok().map(|e| e.path()));
    let file = all.into_iter().find(|p| p.extension().is_some_and(|e| e == "tgz"))?;
    let mut tar = Command::new("tar");
    tar.arg("-xzf").arg(file).arg("package/axe.min.js").current_dir(folder);
    quiet(tar).then(|| folder.join("package/axe.min.js"))
}

/// Its source.
fn axe() -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    let file = match std::env::var_os("CROSSDOCK_AXE") {
        Some(file) => Some(PathBuf::from(file)),
        None => packed(folder.path()),
    };
    if file.is_none() {
        eprintln!("SKIP: axe-core can't be had: no npm, or no registry; CROSSDOCK_AXE may name its file");
    }
    file.map(|f| std::fs::read_to_string(f).unwrap())
}

/// Every other page, beginning with the `part`th, as somebody with this screen sees it.
fn axe_finds_nothing(part: usize, size: (u32, u32), dark: bool) {
    let Some(driver) = Driver::start() else { return };
    let Some(axe) = axe() else { return };
    let depot = depot();
    let records = Records::new(&depot, FIRST_TENANT, "alpha");
    let app = &depot.running().app;
    crossdock::demo::seed::fill(&app.store, FIRST_TENANT, 1, 300, app.clock.now()).unwrap();
    app.wake.wake();
    let base = format!("http://{}", depot.running().address);
    let mut paths: Vec<String> = SCREENS
        .iter()
        .flat_map(|s| &s.routes)
        .filter(|r| r.method == "GET" && r.path != "/find")
        .map(|r| crate::screens::fill(&records, r.path))
        .collect();
    paths.extend(
        ["/reports/show?kind=volumes&by=day", "/reports/show?kind=nonsense", "/nowhere"].map(str::to_owned),
    );
    let paths: Vec<String> = paths.into_iter().skip(part).step_by(2).collect();
    driver.browse_as(size, Looks { dark, ..Looks::default() }, async move |b| {
        let mut wrong: Vec<String> = Vec::new();
        let look = async |path: &str| -> WebDriverResult<Vec<String>> {
            b.execute(axe.as_str(), Vec::new()).await?;
            let found = b.execute_async(RUN, Vec::new()).await?;
            let found: Vec<String> = found.convert()?;
            Ok(found.into_iter().map(|f| format!("{path}: {f}")).collect())
        };
        b.goto(&format!("{base}/login")).await?;
        wrong.extend(look("/login").await?);
        log_in(&b, &base, ADMIN).await?;
        for path in &paths {
            b.goto(&format!("{base}{path}")).await?;
            if b.find(By::Id("main")).await.is_ok() {
                wrong.extend(look(path).await?);
            }
        }
        assert!(wrong.is_empty(), "{} violations, dark: {dark}:\n{}", wrong.len(), wrong.join("\n"));
        Ok(())
    });
}

#[test]
fn axe_finds_nothing_at_a_desk_by_day() {
    axe_finds_nothing(0, DESK, false);
}

#[test]
fn axe_finds_nothing_on_the_other_pages_at_a_desk() {
    axe_finds_nothing(1, DESK, false);
}

#[test]
fn axe_finds_nothing_on_a_phone_by_night() {
    axe_finds_nothing(0, PHONE, true);
}

#[test]
fn axe_finds_nothing_on_the_other_pages_on_a_phone() {
    axe_finds_nothing(1, PHONE, true);
}

/// The colours of a theme by name.
fn tokens(css: &str) -> std::collections::BTreeMap<String, String> {
    let all = css.split(';').filter_map(|d| d.rsplit_once("--").map(|(_, d)| d)?.split_once(':'));
    all.map(|(n, c)| (n.trim().to_owned(), c.trim().to_owned())).filter(|(_, c)| c.starts_with('#')).collect()
}

/// Relative luminance, as WCAG reckons it.
fn luminance(hex: &str) -> f64 {
    let hex = hex.trim_start_matches('#');
    let wide: String = if hex.len() == 3 { hex.chars().flat_map(|c| [c, c]).collect() } else { hex.into() };
    let part = |n: usize| {
        let c = f64::from(u8::from_str_radix(&wide[2 * n..2 * n + 2], 16).unwrap()) / 255.0;
        if c <= 0.03928 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * part(0) + 0.7152 * part(1) + 0.0722 * part(2)
}

#[test]
fn every_colour_is_read_on_what_lies_beneath_it() {
    let css = std::fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("src/screens/shell/assets/app.css"),
    )
    .unwrap();
    let begin = |from: usize| css[from..].find(":root {").map(|n| from + n).unwrap();
    let light = begin(0);
    let dark = begin(light + 1);
    let end = |from: usize| from + css[from..].find('}').unwrap();
    let light = tokens(&css[light..end(light)]);
    let mut night = light.clone();
    night.extend(tokens(&css[dark..end(dark)]));
    let states = ["moves", "here", "soon", "stuck", "done", "back", "over", "warn", "mark"];
    for (name, theme) in [("light", light), ("dark", night)] {
        assert!(theme.len() > 25, "{name}: {theme:?}");
        let ratio = |a: &str, b: &str| {
            let (a, b) = (luminance(&theme[a]), luminance(&theme[b]));
            (a.max(b) + 0.05) / (a.min(b) + 0.05)
        };
        let mut pairs: Vec<(String, String, f64)> = Vec::new();
        for ground in ["ground", "sheet", "sunk"] {
            pairs.extend(["ink", "faint", "mark", "stuck"].map(|ink| (ink.into(), ground.into(), 4.5)));
            pairs.push(("line-strong".into(), ground.into(), 3.0));
        }
        pairs.extend(states.iter().map(|s| ((*s).to_owned(), format!("{s}-soft"), 4.5)));
        pairs.push(("mark-ink".into(), "mark".into(), 4.5));
        for (ink, ground, least) in pairs {
            let found = ratio(&ink, &ground);
            assert!(found >= least, "{name}: {ink} on {ground} is {found:.2}, not {least}");
        }
    }
}
