//! The shallow depth: tills and head office are tables in memory under the rules of the real ones, so that a
//! day takes less than a millisecond. What is real here is what decides: the round, the cart, the journal's
//! chain, the arithmetic of allotments, and everything that head office settles.

mod differences;
mod line;
mod office;
#[cfg(test)]
mod tests;
mod till;
mod yard;

pub use self::{line::ModelLine, office::ModelOffice, till::ModelTill, yard::ModelYard};
use crate::depth::Depth;

/// Model tills and a model of head office.
pub struct ModelDepth;

impl Depth for ModelDepth {
    type Yard = ModelYard;
    type Office = ModelOffice;

    fn yard() -> ModelYard {
        ModelYard
    }

    async fn differences(office: &mut ModelOffice, device: &ModelTill, _line: &ModelLine) -> Vec<String> {
        differences::between(office, device)
    }

    /// Nothing rots in these tables, so there is nothing to mend.
    async fn compare(_device: &ModelTill, _line: &ModelLine) -> Result<usize, String> {
        Ok(0)
    }
}
