//! Sales and checkouts. One that lacks stock asks for it and waits a moment, while the line is up.

use std::{collections::BTreeMap, pin::pin, sync::Arc, time::Duration};

use axum::{Json, Router, extract::State, http::StatusCode, routing::post};
use outpost_schema::{
    id::{AddressId, CartId, HoldId, ProductId, UserId},
    money::Money,
    op::Line,
    order::{Fulfilment, Order},
    quantity::Amount,
};
use serde::{Deserialize, Serialize};

use super::{
    App, blocking,
    problem::Failed,
    take::{Named, Said},
    word,
};
use crate::{
    error::{Error, Refused},
    sell::{CheckoutWanted, SaleWanted, Sold, Tendered, Terms, WantedLine},
};

/// How long a sale may wait for stock: a round on a line that is up takes a tenth of it, and longer
/// than this nobody stands before a till that says nothing.
const PATIENCE: Duration = Duration::from_secs(2);

/// One line of a sale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LineSaid {
    /// What.
    pub product_id: ProductId,
    /// How much, in the product's unit.
    pub quantity: Amount,
    /// The price agreed; none for the product's own.
    #[serde(default)]
    pub price: Option<Money>,
}

/// A means of payment.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum TenderSaid {
    /// Notes and coins.
    Cash {
        /// What was handed over.
        given: Money,
        /// How much of the total it pays; none for all that is left.
        #[serde(default)]
        amount: Option<Money>,
    },
    /// A card that was charged.
    Card {
        /// The terminal's reference, never a card's number.
        reference: String,
        /// How much of the total it pays; none for all that is left.
        #[serde(default)]
        amount: Option<Money>,
    },
}

/// A sale.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SaleSaid {
    /// What is sold.
    pub lines: Vec<LineSaid>,
    /// How it is paid.
    pub tenders: Vec<TenderSaid>,
    /// Who buys; none for the guest.
    #[serde(default)]
    pub customer: Option<UserId>,
    /// `carry_out`, or `ship`.
    #[serde(default = "carry_out", deserialize_with = "word")]
    pub fulfilment: Fulfilment,
    /// Where the goods go.
    #[serde(default)]
    pub shipping_address_id: Option<AddressId>,
    /// Where the bill goes.
    #[serde(default)]
    pub billing_address_id: Option<AddressId>,
    /// Holds of the buyer that it uses up.
    #[serde(default)]
    pub holds: Vec<HoldId>,
    /// With `ship`: whether the customer waits for head office's word, where it goes beyond the allotment.
    #[serde(default)]
    pub to_be_confirmed: bool,
}

/// A checkout of a cart.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckoutSaid {
    tenders: Vec<TenderSaid>,
    #[serde(default)]
    prices: BTreeMap<ProductId, Money>,
    #[serde(default)]
    customer: Option<UserId>,
    #[serde(default = "carry_out", deserialize_with = "word")]
    fulfilment: Fulfilment,
    #[serde(default)]
    shipping_address_id: Option<AddressId>,
    #[serde(default)]
    billing_address_id: Option<AddressId>,
    #[serde(default)]
    holds: Vec<HoldId>,
    #[serde(default)]
    to_be_confirmed: bool,
}

/// A sale that is on the disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SoldShown {
    /// The order with its receipt.
    pub order: Order,
    /// What the cashier gives back.
    pub change: Money,
    /// Whether the order awaits head office's word that the goods are there.
    #[serde(default)]
    pub to_be_confirmed: bool,
}

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/v1/sales", post(sell)).route("/v1/carts/{id}/checkout", post(checkout))
}

fn carry_out() -> Fulfilment {
    Fulfilment::CarryOut
}

async fn sell(
    State(app): State<Arc<App>>,
    Said(said): Said<SaleSaid>,
) -> Result<(StatusCode, Json<SoldShown>), Failed> {
    let wanted = Arc::new(said.into_wanted());
    let missing = {
        let wanted = Arc::clone(&wanted);
        move |_: &App, product| Ok(wanted.lines.iter().filter(|line| line.product_id == product).map(units).sum())
    };
    sold(&app, move |app| app.node.sell(&wanted), missing).await
}

fn units(line: &WantedLine) -> i64 {
    line.quantity.units()
}

async fn checkout(
    State(app): State<Arc<App>>,
    Named(cart_id): Named<CartId>,
    Said(said): Said<CheckoutSaid>,
) -> Result<(StatusCode, Json<SoldShown>), Failed> {
    let wanted = Arc::new(said.into_wanted(cart_id));
    let missing = move |app: &App, product| Ok(app.carts.get(cart_id)?.quantity(product));
    sold(&app, move |app| app.node.checkout(&wanted), missing).await
}

/// Sells. Refused for want of stock while the line is up, it asks, waits for a round and tries again:
/// once for each product, and [`PATIENCE`] in all. A try is never given up midway.
async fn sold(
    app: &Arc<App>,
    attempt: impl Fn(&App) -> Result<Sold, Error> + Clone + Send + 'static,
    wanted: impl Fn(&App, ProductId) -> Result<i64, Error> + Clone + Send + 'static,
) -> Result<(StatusCode, Json<SoldShown>), Failed> {
    let mut patience = pin!(tokio::time::sleep(PATIENCE));
    let mut asked = Vec::new();
    loop {
        let attempt = attempt.clone();
        let (product, left) = match blocking(app, move |app| Ok(attempt(app))).await? {
            Ok(Sold { order, change, to_be_confirmed }) => {
                return Ok((StatusCode::CREATED, Json(SoldShown { order, change, to_be_confirmed })));
            }
            Err(Error::Refused(Refused::AllotmentSpent { product, left })) => (product, left),
            Err(error) => return Err(error.into()),
        };
        if asked.contains(&product) || app.health().is_none_or(|health| health.failures > 0) {
            return Err(short(app, product, left).await);
        }
        asked.push(product);
        let wanted = wanted.clone();
        blocking(app, move |app| ask(app, product, wanted(app, product)? - left)).await?;
        let is_there = tokio::select! {
            round = app.round() => round.is_ok(),
            () = &mut patience => false,
        };
        if !is_there {
            return Err(short(app, product, left).await);
        }
    }
}

/// Why there is too little, and what can be done.
async fn short(app: &Arc<App>, product: ProductId, left: i64) -> Failed {
    match blocking(app, move |app| app.node.shortage(product, left)).await {
        Ok(shortage) => Failed::shortage(&shortage),
        Err(failed) => failed,
    }
}

fn ask(app: &App, product_id: ProductId, units: i64) -> Result<(), Error> {
    let amount = Amount::new(units.max(1))?;
    app.node.ask(&[Line { product_id, amount }]).map(drop)
}

impl SaleSaid {
    fn into_wanted(self) -> SaleWanted {
        let wanted = |line: LineSaid| WantedLine {
            product_id: line.product_id,
            quantity: line.quantity,
            unit_price: line.price,
        };
        SaleWanted {
            lines: self.lines.into_iter().map(wanted).collect(),
            terms: Terms {
                customer: self.customer,
                tenders: self.tenders.into_iter().map(Tendered::from).collect(),
                fulfilment: self.fulfilment,
                shipping_address_id: self.shipping_address_id,
                billing_address_id: self.billing_address_id,
                holds: self.holds,
                may_be_confirmed_later: self.to_be_confirmed,
            },
        }
    }
}

impl CheckoutSaid {
    fn into_wanted(self, cart_id: CartId) -> CheckoutWanted {
        CheckoutWanted {
            cart_id,
            prices: self.prices,
            terms: Terms {
                customer: self.customer,
                tenders: self.tenders.into_iter().map(Tendered::from).collect(),
                fulfilment: self.fulfilment,
                shipping_address_id: self.shipping_address_id,
                billing_address_id: self.billing_address_id,
                holds: self.holds,
                may_be_confirmed_later: self.to_be_confirmed,
            },
        }
    }
}

impl From<TenderSaid> for Tendered {
    fn from(said: TenderSaid) -> Self {
        let (tender, amount) = match said {
            TenderSaid::Cash { given, amount } => (Self::cash(given), amount),
            TenderSaid::Card { reference, amount } => (Self::card(reference), amount),
        };
        Self { amount, ..tender }
    }
}
