//! The control door: a plain listener on the loopback address for the command line. Where it is and the secret that
//! opens it stand in `control.json` in the data folder, which only the service's own user can read.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use crate::identity::private::{self, PrivateError};
use crate::identity::secret::{Secret, SecretError, random};

/// The file's name in the data folder.
pub const FILE: &str = "control.json";
/// What every bearer of the secret begins with.
pub const PREFIX: &str = "control:";
/// The tenant meant when none is named: the first one of a depot.
pub const FIRST_TENANT: u32 = 1;

/// Where the control door is and what opens it.
#[derive(Clone, Debug)]
pub struct Control {
    /// Its address, on this machine.
    pub address: SocketAddr,
    secret: Secret<String>,
}

/// As it stands in the file.
#[derive(Serialize, Deserialize)]
struct Written {
    address: SocketAddr,
    secret: String,
    process: u32,
}

impl Control {
    /// A door at `address` with a secret of its own.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn fresh(address: SocketAddr) -> Result<Self, SecretError> {
        Ok(Self { address, secret: Secret::new(URL_SAFE_NO_PAD.encode(random::<32>()?)) })
    }

    /// What a caller sends as `Authorization: Bearer …`; `tenant` is written behind it.
    #[must_use]
    pub fn bearer(&self, tenant: u32) -> String {
        format!("{PREFIX}{}@{tenant}", self.secret.reveal())
    }

    /// The tenant a bearer opens the door for; none when it is not the secret. Without a number it is the first.
    #[must_use]
    pub fn opens(&self, bearer: &str) -> Option<u32> {
        let shown = bearer.strip_prefix(PREFIX)?;
        let (secret, tenant) = shown.split_once('@').map_or((shown, None), |(s, t)| (s, Some(t)));
        let right: bool = secret.as_bytes().ct_eq(self.secret.reveal().as_bytes()).into();
        let tenant = tenant.map_or(Some(FIRST_TENANT), |t| t.parse().ok());
        tenant.filter(|_| right)
    }

    /// Writes the file: whole or not at all, readable for the owner alone.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn write(&self, folder: &Path) -> Result<(), PrivateError> {
        let path = folder.join(FILE);
        let written = Written {
            address: self.address,
            secret: self.secret.reveal().clone(),
            process: std::process::id(),
        };
        let text = serde_json::to_vec(&written).map_err(|e| PrivateError::malformed(&path, e.to_string()))?;
        private::write(&path, &text)
    }

    /// What the file says; none without one. A killed server leaves a file behind, so whether anybody listens is only
    /// known after trying.
    ///
    /// # Errors
    /// When it can't be read, others may read it, or it is none of ours.
    pub fn read(folder: &Path) -> Result<Option<Self>, PrivateError> {
        let path = folder.join(FILE);
        let Some(bytes) = private::read(&path)? else { return Ok(None) };
        let bad = |_| PrivateError::malformed(&path, "can't be read: delete it and restart the server");
        let Written { address, secret, process: _ } = serde_json::from_slice(&bytes).map_err(bad)?;
        if !address.ip().is_loopback() {
            return Err(PrivateError::malformed(
                &path,
                "names another machine: delete it and restart the server",
            ));
        }
        Ok(Some(Self { address, secret: Secret::new(secret) }))
    }
}

/// Removes the file when dropped, if it is still the one that was written for this door.
pub struct Posted {
    folder: PathBuf,
    address: SocketAddr,
}

impl Posted {
    /// Writes `control` to `folder`.
    ///
    /// # Errors
    /// As [`Control::write`].
    pub fn post(control: &Control, folder: &Path) -> Result<Self, PrivateError> {
        control.write(folder)?;
        Ok(Self { folder: folder.to_owned(), address: control.address })
    }
}

impl Drop for Posted {
    fn drop(&mut self) {
        if Control::read(&self.folder).is_ok_and(|c| c.is_some_and(|c| c.address == self.address)) {
            let _ = fs::remove_file(self.folder.join(FILE));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn door(port: u16) -> Control {
        Control::fresh(SocketAddr::from(([127, 0, 0, 1], port))).unwrap()
    }

    #[test]
    fn only_the_secret_opens_the_door_and_it_says_for_which_tenant() {
        let (ours, other) = (door(4000), door(4000));
        assert_eq!(ours.opens(&ours.bearer(7)), Some(7));
        assert_eq!(ours.opens(&format!("control:{}", ours.secret.reveal())), Some(FIRST_TENANT));
        assert_eq!(ours.opens(&other.bearer(7)), None);
        assert_eq!(ours.opens(&ours.bearer(7)["control:".len()..]), None);
        assert_eq!(ours.opens(&format!("{}x", ours.bearer(7))), None);
        assert!(!format!("{ours:?}").contains(ours.secret.reveal()));
    }

    #[test]
    fn the_file_goes_with_its_server_but_never_with_another_ones() {
        let dir = tempfile::tempdir().unwrap();
        let (first, second) = (door(4000), door(4001));
        assert!(Control::read(dir.path()).unwrap().is_none());
        let posted = Posted::post(&first, dir.path()).unwrap();
        assert_eq!(Control::read(dir.path()).unwrap().unwrap().opens(&first.bearer(1)), Some(1));
        second.write(dir.path()).unwrap();
        drop(posted);
        assert_eq!(Control::read(dir.path()).unwrap().unwrap().address, second.address);
        drop(Posted::post(&second, dir.path()).unwrap());
        assert!(!dir.path().join(FILE).exists());
    }

    #[test]
    fn a_file_that_names_another_machine_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        Control::fresh(SocketAddr::from(([10, 0, 0, 1], 80))).unwrap().write(dir.path()).unwrap();
        assert!(Control::read(dir.path()).unwrap_err().to_string().contains("another machine"));
    }
}
