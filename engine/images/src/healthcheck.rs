//! What Docker adds to an image's configuration (moby image/spec/specs-go/v1): how containers are checked, and the shell
//! that runs commands given as text.

use serde::{Deserialize, Serialize};

/// How it is checked whether a container of the image is well. Times are nanoseconds; 0 leaves them to the default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Healthcheck {
    /// Nothing to inherit it, `NONE`, `CMD` and arguments, or `CMD-SHELL` and a command line.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub test: Vec<String>,
    /// From the end of one check to the beginning of the next.
    #[serde(skip_serializing_if = "is_zero")]
    pub interval: i64,
    /// How long one may take.
    #[serde(skip_serializing_if = "is_zero")]
    pub timeout: i64,
    /// So long after the start failures do not count.
    #[serde(skip_serializing_if = "is_zero")]
    pub start_period: i64,
    /// The interval during that time.
    #[serde(skip_serializing_if = "is_zero")]
    pub start_interval: i64,
    /// So many failures in a row make a container unhealthy.
    #[serde(skip_serializing_if = "is_zero")]
    pub retries: i64,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde's signature.
fn is_zero(number: &i64) -> bool {
    *number == 0
}

/// The part of a configuration that the OCI's type does not have.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Extended {
    #[serde(default)]
    pub(crate) config: Option<Extension>,
}

/// Its fields, as Docker names them.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Extension {
    pub(crate) healthcheck: Option<Healthcheck>,
    pub(crate) shell: Option<Vec<String>>,
}
