//! Why something is not counted, or not booked.

use outpost_schema::{
    counting::{CountingNumber, CountingState, Stale, Standing, Why},
    id::ProductId,
};
use thiserror::Error;

/// Why a counting says no.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NotCounted {
    /// No such counting here.
    #[error("no counting {counting} is known on this device; look with `outpost-node counting list`")]
    Unknown {
        /// Which was named.
        counting: CountingNumber,
    },
    /// It is over.
    #[error("this counting is {state}; open another one")]
    Over {
        /// How it ended.
        state: CountingState,
    },
    /// The device has gone to another place since.
    #[error("this counting is of the place where this device stood before; cancel it and open another one here")]
    Elsewhere,
    /// Only this device sells here, and it does not know yet what is there by the book.
    #[error(
        "this device has not heard yet what the book of this place says, so no count could be compared with it; outpost-node round, and then this again"
    )]
    NotHeard,
    /// The bin belongs to another counting.
    #[error("bin {bin} is being counted in counting {counting}; count it there, or approve or cancel that one first")]
    BinTaken {
        /// Which bin.
        bin: String,
        /// Whose it is.
        counting: CountingNumber,
    },
    /// The product belongs to another counting: what is counted of it is all of it at this place.
    #[error("this product is being counted in counting {counting}; count it there, in this bin too")]
    ProductTaken {
        /// Which.
        product: ProductId,
        /// Whose it is.
        counting: CountingNumber,
    },
    /// The bin is not the counting's.
    #[error("bin {bin} is not in this counting; begin it with `outpost-node counting bin`")]
    UnknownBin {
        /// Which was named.
        bin: String,
    },
    /// It is looked at already what was seen.
    #[error("this counting is being reviewed; ask for a second count of the product, or count it in another counting")]
    UnderReview,
    /// Somebody typed a number for this product and bin before.
    #[error("{person} counted this in {bin} already; say again if that number was wrong, or review and recount")]
    CountedAlready {
        /// Who.
        person: String,
        /// Where.
        bin: String,
    },
    /// Somebody else did.
    #[error("{person} counts this in {bin}; two numbers for one bin are not added up: review, and recount the product")]
    CountedByOther {
        /// Who.
        person: String,
        /// Where.
        bin: String,
    },
    /// The second count is by whoever made the first.
    #[error(
        "{person} counted this in {bin} the last time; somebody else counts it now, or say that nobody else is there (alone)"
    )]
    SamePerson {
        /// Who.
        person: String,
        /// Where.
        bin: String,
    },
    /// Nothing was seen.
    #[error("nothing was counted yet; count something, a 0 too, or cancel the counting")]
    Nothing,
    /// Nobody has looked at what was seen.
    #[error("this counting was not reviewed; do that first")]
    NotReviewed,
    /// The product is not in it.
    #[error("this product was not counted in this counting; count it, or name another one")]
    NotInIt {
        /// Which.
        product: ProductId,
    },
    /// It is booked.
    #[error("this product is approved; count it anew in another counting")]
    Booked {
        /// Which.
        product: ProductId,
    },
    /// It may not be booked as it is.
    #[error("{}", again(.standing))]
    CountAgain {
        /// Which.
        product: ProductId,
        /// How it stands.
        standing: Standing,
    },
}

fn again(standing: &Standing) -> String {
    match standing {
        Standing::Unfinished { bins } if bins.is_empty() => {
            "this product is being counted; finish that, and review the counting again".to_owned()
        }
        Standing::Unfinished { bins } => {
            format!("this product is still to be counted again in {}; then review the counting again", bins.join(", "))
        }
        Standing::Recount(Why::Variance) => {
            "this product is far from what the book says; somebody else counts it again, or approve it with a reason"
                .to_owned()
        }
        Standing::Recount(Why::MovedMeanwhile) => {
            "some of this product were moved on this device while its bins were counted; count it again, or approve \
             the smaller number with a reason"
                .to_owned()
        }
        Standing::Recount(Why::Stale(Stale::OtherLife)) => {
            "this device was put back or began anew since this product was counted; count it again".to_owned()
        }
        Standing::Recount(Why::Stale(Stale::BookChanged)) => {
            "the book of this product was set right on this device since it was counted; count it again".to_owned()
        }
        Standing::Recount(Why::Stale(Stale::MoreLeft)) => {
            "more of this product left since than were seen; count it again".to_owned()
        }
        Standing::Fits | Standing::Confirmed => "this product may be approved".to_owned(),
    }
}

impl NotCounted {
    /// The stable code that programs match on.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unknown { .. } => "unknown_counting",
            Self::Over { .. } => "counting_over",
            Self::Elsewhere => "counting_elsewhere",
            Self::NotHeard => "not_heard",
            Self::BinTaken { .. } => "bin_taken",
            Self::ProductTaken { .. } => "product_taken",
            Self::UnknownBin { .. } => "unknown_bin",
            Self::UnderReview => "under_review",
            Self::CountedAlready { .. } => "counted_already",
            Self::CountedByOther { .. } => "counted_by_other",
            Self::SamePerson { .. } => "same_person",
            Self::Nothing => "nothing_counted",
            Self::NotReviewed => "not_reviewed",
            Self::NotInIt { .. } => "not_in_counting",
            Self::Booked { .. } => "approved_already",
            Self::CountAgain { .. } => "count_again",
        }
    }

    /// Whether what was named is not there at all.
    pub const fn is_unknown(&self) -> bool {
        match self {
            Self::Unknown { .. } | Self::UnknownBin { .. } | Self::NotInIt { .. } => true,
            Self::Over { .. }
            | Self::Elsewhere
            | Self::NotHeard
            | Self::BinTaken { .. }
            | Self::ProductTaken { .. }
            | Self::UnderReview
            | Self::CountedAlready { .. }
            | Self::CountedByOther { .. }
            | Self::SamePerson { .. }
            | Self::Nothing
            | Self::NotReviewed
            | Self::Booked { .. }
            | Self::CountAgain { .. } => false,
        }
    }
}
