//! `return`: goods that come back, with a receipt.

use outpost_schema::{money::Money, world::World as _};

use super::{Failure, sell::amount, status, till::Till, wanted};
use crate::{
    config::Config,
    time::Real,
    web::returns::{LineSaid, RefundSaid, ReturnSaid, ReturnShown, TenderSaid},
};

/// Take goods back and give the money for them, with or without a line
#[derive(Debug, clap::Args)]
pub struct Return {
    /// The receipt's number, such as K1-000042, from whichever shop
    #[arg(value_name = "RECEIPT")]
    pub receipt: String,
    /// What comes back, such as TEAx3; may be repeated, and all that is left comes back if it is left out
    #[arg(long, value_name = "CODE[xN]")]
    pub line: Vec<String>,
    /// Nobody can sell it: it does not go back to the shelf
    #[arg(long)]
    pub damaged: bool,
    /// Give only money back
    #[arg(long, conflicts_with_all = ["line", "damaged"], requires = "amount")]
    pub money_only: bool,
    /// How the money is given back, if not as it was paid
    #[arg(long, value_name = "TENDER")]
    pub refund: Option<TenderSaid>,
    /// How much, if not what the goods cost; 0 for nothing
    #[arg(long, value_name = "AMOUNT")]
    pub amount: Option<Money>,
    /// The terminal's reference of a refund to a card; never a card's number
    #[arg(long, value_name = "REFERENCE")]
    pub reference: Option<String>,
    /// The money may be given back in another way than it was paid; needs a reason
    #[arg(long, requires = "reason")]
    pub other_tender: bool,
    /// Why it comes back
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub reason: String,
}

/// Takes goods back.
///
/// # Errors
/// What the shop says, or the machine.
pub fn run(config: &Config, back: &Return) -> Result<(), Failure> {
    let till = Till::open(config)?;
    let said = ReturnSaid {
        // One id for this call, however often it has to be sent.
        return_id: Some(outpost_schema::id::ReturnId::new(Real.now(), Real.id_chance())),
        receipt: Some(back.receipt.clone()),
        order_id: None,
        lines: lines(&till, back)?,
        damaged: back.damaged,
        refund: RefundSaid {
            amount: back.amount,
            tender: back.refund,
            reference: back.reference.clone(),
            other_tender: back.other_tender,
        },
        taken_by: None,
        reason: back.reason.clone(),
    };
    let shown: ReturnShown = till.post("/v1/returns", &said)?;
    say!("{}", till.text(&format!("/v1/returns/{}/receipt", shown.back.return_id))?);
    if shown.cash > Money::ZERO {
        say!("Give {} in cash.", shown.cash);
    }
    if shown.card > Money::ZERO {
        say!("Give {} back to the card, at the terminal.", shown.card);
    }
    if shown.cash == Money::ZERO && shown.card == Money::ZERO {
        say!("No money is given back.");
    }
    say!("{}", status::waiting(&till)?);
    Ok(())
}

fn lines(till: &Till, back: &Return) -> Result<Option<Vec<LineSaid>>, Failure> {
    if back.line.is_empty() {
        return Ok(back.money_only.then(Vec::new));
    }
    let line = |wanted: &wanted::Wanted| {
        Ok(LineSaid {
            product_id: wanted.offer.product.product_id,
            order_item_id: None,
            quantity: Some(amount(wanted.units)?),
            damaged: back.damaged,
        })
    };
    wanted::each(till, &back.line)?.iter().map(line).collect::<Result<_, Failure>>().map(Some)
}
