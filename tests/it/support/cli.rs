//! The binary as an operator runs it, each in an empty folder of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// A data folder that was set up by `crossdock init`, and the binary to run on it.
pub struct Folder {
    dir: tempfile::TempDir,
    data: PathBuf,
    settings: Vec<(String, String)>,
}

/// The operator's login and password in a folder of the tests.
pub const LOGIN: &str = "ana";
pub const PASSWORD: &str = "correct horse battery";

impl Folder {
    /// An empty depot in `zone`.
    pub fn depot(zone: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        Self::made(dir, zone, &data, &[], "depot")
    }

    /// An empty headquarters.
    pub fn hq() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        Self::made(dir, "UTC", &data, &[], "hq")
    }

    /// One whose data lie elsewhere, set up with these settings in the environment.
    pub fn depot_in(zone: &str, data: &Path, settings: &[(&str, &str)]) -> Self {
        Self::made(tempfile::tempdir().unwrap(), zone, data, settings, "depot")
    }

    fn made(dir: tempfile::TempDir, zone: &str, data: &Path, settings: &[(&str, &str)], role: &str) -> Self {
        let password = dir.path().join("password");
        std::fs::write(&password, format!("{PASSWORD}\n")).unwrap();
        let settings = settings.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let folder = Self { dir, data: data.to_owned(), settings };
        let (data, settings) = (folder.data(), &folder.settings);
        let on_database = settings.iter().any(|(k, _)| k == "CROSSDOCK__STORE__URL");
        let args = [
            "--role",
            if on_database { "hq" } else { role },
            "--tenant",
            "acme",
            "--depot",
            "north",
            "--zone",
            zone,
            "--admin-user",
            LOGIN,
        ];
        let out = folder.run(
            ["init", "--data-dir"]
                .into_iter()
                .map(Into::into)
                .chain([data.into_os_string()])
                .chain(args.map(Into::into))
                .chain(["--admin-password-file".into(), password.into_os_string()]),
        );
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        folder
    }

    /// The data folder.
    pub fn data(&self) -> PathBuf {
        self.data.clone()
    }

    /// A file beside it.
    pub fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// Runs the binary with `args`.
    pub fn run(&self, args: impl IntoIterator<Item = std::ffi::OsString>) -> Output {
        let mut c = Command::new(env!("CARGO_BIN_EXE_crossdock"));
        // A machine that is busy with other tests lets a request's first bytes wait.
        let c = c.args(args).env("CROSSDOCK__LIMITS__HEAD_TIMEOUT_S", "120");
        let c = c.envs(self.settings.iter().map(|(k, v)| (k, v)));
        c.stdin(Stdio::null()).env_remove("CROSSDOCK_CONFIG").output().unwrap()
    }

    /// An access token of the operator's.
    pub fn token(&self) -> String {
        let args = ["token", "--user", LOGIN, "--data-dir"].map(Into::into);
        let out = self.run(args.into_iter().chain([self.data().into_os_string()]));
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap().trim().to_owned()
    }

    /// Runs `verb` on the data folder and reads its JSON.
    pub fn json(&self, verb: &str, args: &[&str]) -> Value {
        let mut all: Vec<std::ffi::OsString> = verb.split(' ').map(Into::into).collect();
        all.extend(["--data-dir".into(), self.data().into_os_string()]);
        all.extend(args.iter().map(Into::into));
        let out = self.run(all);
        assert!(
            out.status.success(),
            "{verb}: {}\n{}",
            String::from_utf8_lossy(&out.stderr),
            String::from_utf8_lossy(&out.stdout)
        );
        serde_json::from_slice(&out.stdout)
            .unwrap_or_else(|e| panic!("{verb}: {e}: {}", String::from_utf8_lossy(&out.stdout)))
    }

    /// Imports `file` and returns what was said of it.
    pub fn import(&self, kind: &str, source: &str, file: &Path) -> Value {
        self.json("import", &["--kind", kind, "--source", source, "--json", file.to_str().unwrap()])
    }

    /// Gives `source` a status map: pairs of its word and ours.
    pub fn map(&self, source: &str, words: &[(&str, &str)]) {
        let csv: String = words.iter().map(|(w, s)| format!("{w},{w},{s}\n")).collect();
        let file = self.file(&format!("{source}-map.csv"), format!("code,meaning,status\n{csv}").as_bytes());
        self.json("status-map set", &["--source", source, "--json", file.to_str().unwrap()]);
    }
}
