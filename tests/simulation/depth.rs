//! How deep a scenario goes: which tills, and which head office.

use crate::{device::Yard, office::Office};

/// A depth: tills and a head office that fit together.
pub trait Depth {
    /// Where the tills stand.
    type Yard: Yard;
    /// Head office.
    type Office: Office;

    /// An empty yard.
    fn yard() -> Self::Yard;

    /// Where a till that is level, and that has nothing unsent, differs from head office in anything that is
    /// fed to it: in words, row by row; and by digest. Empty if it does not.
    async fn differences(
        office: &mut Self::Office,
        device: &<Self::Yard as Yard>::Device,
        line: &<Self::Office as Office>::Line,
    ) -> Vec<String>;

    /// Compares the next slice over the line and mends what differs. Says how many rows it mended.
    ///
    /// # Errors
    /// Why the comparison ended early; never because of a difference.
    async fn compare(
        device: &<Self::Yard as Yard>::Device,
        line: &<Self::Office as Office>::Line,
    ) -> Result<usize, String>;
}
