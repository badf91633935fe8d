//! How far the devices of a place are, for one of them that has counted there.

use outpost_schema::count::Upto;
use serde::{Deserialize, Serialize};

/// Where a device asks how far the others of its place are. They are woken to say so.
pub const MARKS_PATH: &str = "/v1/marks";

/// How far the others were after they had been asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marks {
    /// Of each that answered in time.
    pub marks: Vec<Upto>,
    /// The names of those that did not: nobody knows what they are doing.
    #[serde(default)]
    pub silent: Vec<String>,
}
