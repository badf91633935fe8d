//! The middle depth: real tills over real disks, and the model of head office.

use outpost_sync::{
    verify::{self, Outcome},
    wire::DIGEST_ROWS_MAX,
};

use super::{RealTill, RealYard, differences, judge::Judge};
use crate::{
    depth::Depth,
    model::{ModelLine, ModelOffice},
};

/// Real tills and a model of head office.
pub struct NodeDepth;

impl Depth for NodeDepth {
    type Yard = RealYard;
    type Office = ModelOffice;

    fn yard() -> RealYard {
        RealYard::default()
    }

    async fn differences(office: &mut ModelOffice, device: &RealTill, _line: &ModelLine) -> Vec<String> {
        differences::between(office.model(), device)
    }

    async fn compare(device: &RealTill, line: &ModelLine) -> Result<usize, String> {
        match verify::slice(device, &Judge(line), false, DIGEST_ROWS_MAX).await {
            Ok(Outcome::Compared(compared)) => Ok(compared.mended.len() + compared.unexplained),
            Ok(Outcome::NotNow) => Err("the two do not stand at one place".to_owned()),
            Ok(Outcome::OtherForm { form }) => Err(format!("head office writes in the form {form}")),
            Err(failure) => Err(failure.to_string()),
        }
    }
}
