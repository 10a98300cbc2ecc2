//! Removes contents that no document has any more.

use std::time::Duration;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use super::model::{CONTENTS, UNSENT};
use super::vault::Vault;
use crate::jobs::queue::Limits;
use crate::jobs::runner::{Handler, JobError, JobRun};
use crate::store::{Lane, Result, Tenant, WriteTx};

/// The kind of job.
pub const FORGET: &str = "attachments.forget";

/// A content that may have to go.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Forgotten {
    /// Whose.
    pub tenant: Tenant,
    /// Which.
    #[serde(with = "serde_bytes")]
    pub hash: [u8; 32],
}

/// Removes them.
pub struct Forget(pub Vault);

impl Handler for Forget {
    fn kind(&self) -> &'static str {
        FORGET
    }

    fn limits(&self) -> Limits {
        Limits { attempts: 20, first_delay: Duration::from_secs(5), timeout: Duration::from_secs(60) }
    }

    fn run(&self, job: JobRun) -> BoxFuture<'static, std::result::Result<(), JobError>> {
        let vault = self.0.clone();
        Box::pin(async move {
            let Forgotten { tenant, hash } = job.payload()?;
            let _naming = vault.naming().await;
            let gone = job.store.write(tenant, Lane::Bulk, move |tx: &mut dyn WriteTx| -> Result<bool> {
                let unused = CONTENTS.get(tx, &hash[..])?.unwrap_or_default().count == 0;
                if unused {
                    CONTENTS.del(tx, &hash[..])?;
                    UNSENT.del(tx, &hash[..])?;
                }
                Ok(unused)
            });
            if gone.await? {
                vault.remove(tenant, &hash).map_err(|e| JobError::Failed(e.to_string()))?;
            }
            Ok(())
        })
    }
}
