//! Everything real: tills on their disks, and head office over Postgres.

use outpost_sync::{
    verify::{self, Outcome},
    wire::DIGEST_ROWS_MAX,
};

use super::PostgresOffice;
use crate::{
    agree,
    depth::Depth,
    device::Device as _,
    till::{RealTill, RealYard},
    wire::Wire,
};

/// A walk of a shop as small as these ends after so many slices.
const SLICES_MAX: usize = 100;

/// The deepest of the depths.
pub struct PostgresDepth;

impl Depth for PostgresDepth {
    type Yard = RealYard;
    type Office = PostgresOffice;

    fn yard() -> RealYard {
        RealYard::default()
    }

    async fn differences(office: &mut PostgresOffice, device: &RealTill, line: &Wire) -> Vec<String> {
        let client = office.ground.auditor().client();
        let mut found = agree::differences(client, &device.file(), &device.card(), &[]).await;
        found.extend(walk(device, line).await);
        found
    }

    async fn compare(device: &RealTill, line: &Wire) -> Result<usize, String> {
        match verify::slice(device, line, false, DIGEST_ROWS_MAX).await {
            Ok(Outcome::Compared(compared)) if compared.unexplained > 0 => {
                Err(format!("{} rows differ, and head office's own side is wrong", compared.unexplained))
            }
            Ok(Outcome::Compared(compared)) => Ok(compared.mended.len()),
            Ok(Outcome::NotNow) => Ok(0),
            Ok(Outcome::OtherForm { form }) => Err(format!("head office writes form {form}")),
            Err(failure) => Err(failure.to_string()),
        }
    }
}

/// Compares everything by digest, and says what was found.
async fn walk(device: &RealTill, line: &Wire) -> Vec<String> {
    for slice in 0..SLICES_MAX {
        let compared = match verify::slice(device, line, slice == 0, DIGEST_ROWS_MAX).await {
            Ok(Outcome::Compared(compared)) => compared,
            Ok(other @ (Outcome::NotNow | Outcome::OtherForm { .. })) => return vec![format!("by digest: {other:?}")],
            Err(failure) => return vec![format!("by digest: {failure}")],
        };
        if !compared.mended.is_empty() || compared.unexplained > 0 || compared.moving > 0 {
            return vec![format!("by digest: {compared:?}")];
        }
        if compared.is_end {
            return Vec::new();
        }
    }
    vec![format!("by digest: no end after {SLICES_MAX} slices")]
}
