//! What may be wrong with a file, by the code that tells it.

use thiserror::Error;

/// What is wrong with a file. It is thrown away, and what is in use is as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BadFile {
    /// Fewer bytes came than were told.
    #[error("the file to fill from ended before its end; the next round goes on from there")]
    Truncated,
    /// More bytes than were told, or others than their digest covers.
    #[error("the file to fill from was altered on the way or at the server; the next round fetches it again")]
    Altered,
    /// The rest that was sent is another file's.
    #[error("the file to fill from changed while it was fetched; the next round begins with the new one")]
    Changed,
    /// It is another network's, or for other places.
    #[error("the file to fill from is not for this device; look whether the server's address is the right one")]
    Foreign,
    /// Its tables are not those of this program.
    #[error("the file to fill from was made for another version of this program; update the older of the two")]
    OtherSchema,
    /// It belongs to another life of the server's database.
    #[error(
        "the file to fill from is of another life of the server's database; the next round asks for the present one"
    )]
    OtherEpoch,
}

impl BadFile {
    /// The stable code that programs match on.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Truncated => "file_truncated",
            Self::Altered => "file_altered",
            Self::Changed => "file_changed",
            Self::Foreign => "file_foreign",
            Self::OtherSchema => "file_other_schema",
            Self::OtherEpoch => "file_other_epoch",
        }
    }
}
