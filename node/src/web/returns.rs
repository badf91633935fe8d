//! Goods that come back: taken, looked up, and their receipts printed again.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
    routing::get,
};
use outpost_schema::{
    fault::Fault,
    id::{OrderId, OrderItemId, ProductId, ReturnId, UserId},
    money::Money,
    order::{Order, Tender},
    quantity::Amount,
    returned::{Condition, Return},
};
use serde::{Deserialize, Serialize};

use super::{
    App, blocking,
    problem::{Answer, Failed},
    receipt, rows,
    take::{Asked, Named, Said},
};
use crate::{
    error::{Error, Refused},
    orders::{self, Awaiting},
    returns::{self, Back, LineBack, RefundWanted, ReturnWanted, Seen, What},
};

/// One line that comes back.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LineSaid {
    /// What.
    pub product_id: ProductId,
    /// Which line of the order; none for those of the product.
    #[serde(default)]
    pub order_item_id: Option<OrderItemId>,
    /// How much, in the product's unit; none for all that is left.
    #[serde(default)]
    pub quantity: Option<Amount>,
    /// Whether nobody can sell it.
    #[serde(default)]
    pub damaged: bool,
}

/// What is given for it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefundSaid {
    /// How much; none for what the goods cost, as far as it was paid.
    #[serde(default)]
    pub amount: Option<Money>,
    /// `cash` or `card`; none for how it was paid.
    #[serde(default)]
    pub tender: Option<TenderSaid>,
    /// The terminal's reference of a refund to a card, never a card's number.
    #[serde(default)]
    pub reference: Option<String>,
    /// Whether it may be given in another way than it was paid; then there must be a reason.
    #[serde(default)]
    pub other_tender: bool,
}

/// How money is given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum TenderSaid {
    /// Notes and coins.
    Cash,
    /// To a card.
    Card,
}

/// A return.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReturnSaid {
    /// An id of the caller's: the same one again is answered as the first time, and nothing is done twice.
    #[serde(default)]
    pub return_id: Option<ReturnId>,
    /// The number on the receipt that the customer shows.
    #[serde(default)]
    pub receipt: Option<String>,
    /// Or the order's id.
    #[serde(default)]
    pub order_id: Option<OrderId>,
    /// What comes back; none for all that is left, an empty list for money alone.
    #[serde(default)]
    pub lines: Option<Vec<LineSaid>>,
    /// Whether nobody can sell it, if all comes back.
    #[serde(default)]
    pub damaged: bool,
    /// What is given for it.
    #[serde(default)]
    pub refund: RefundSaid,
    /// Who takes it back.
    #[serde(default)]
    pub taken_by: Option<UserId>,
    /// Why.
    #[serde(default)]
    pub reason: String,
}

/// A return that is on the disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReturnShown {
    /// The return with its receipt.
    #[serde(rename = "return")]
    pub back: Return,
    /// What the cashier hands over in notes and coins.
    pub cash: Money,
    /// What goes back to cards.
    pub card: Money,
}

/// A line of an order, as far as it can come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineLeft {
    /// Which.
    pub order_item_id: OrderItemId,
    /// Of what.
    pub product_id: ProductId,
    /// How much came back.
    pub returned: i64,
    /// How much still can.
    pub left: i64,
}

/// An order, and what came back of it as far as is known here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderShown {
    /// The order.
    #[serde(flatten)]
    pub order: Order,
    /// What came back, the oldest first.
    pub returns: Vec<Return>,
    /// What can still come back.
    pub returnable: Vec<LineLeft>,
    /// How much can still be given back.
    pub refundable: Money,
    /// Whether it awaits head office's word that the goods are there; none where none was needed.
    #[serde(default)]
    pub confirmation: Option<Awaiting>,
}

impl From<Seen> for OrderShown {
    fn from(seen: Seen) -> Self {
        let line = |line: &outpost_schema::returned::BoughtLine| LineLeft {
            order_item_id: line.order_item_id,
            product_id: line.product_id,
            returned: line.returned,
            left: line.left(),
        };
        let returnable = seen.left.lines.iter().map(line).collect();
        Self {
            order: seen.order,
            returns: seen.returns,
            returnable,
            refundable: seen.left.refundable(),
            confirmation: None,
        }
    }
}

impl From<Return> for ReturnShown {
    fn from(back: Return) -> Self {
        let by = |tender| {
            let refunds = back.refunds.iter().filter(|refund| refund.payment.tender == tender);
            refunds.map(|refund| -refund.payment.amount).sum()
        };
        Self { cash: by(Tender::Cash), card: by(Tender::Card), back }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    limit: Option<usize>,
}

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/v1/returns", get(list).post(take_back))
        .route("/v1/returns/{id}", get(one))
        .route("/v1/returns/{id}/receipt", get(printed))
}

async fn take_back(
    State(app): State<Arc<App>>,
    Said(said): Said<ReturnSaid>,
) -> Result<(StatusCode, Json<ReturnShown>), Failed> {
    let work = move |app: &App| app.node.take_back(&said.into_wanted()?, app.refund_caps);
    let back = blocking(&app, work).await?;
    Ok((StatusCode::CREATED, Json(back.into())))
}

async fn list(State(app): State<Arc<App>>, Asked(list): Asked<List>) -> Answer<Vec<Return>> {
    Ok(Json(blocking(&app, move |app| app.node.returns(rows(list.limit))).await?))
}

async fn one(State(app): State<Arc<App>>, Named(id): Named<ReturnId>) -> Answer<ReturnShown> {
    Ok(Json(blocking(&app, move |app| find(app, id)).await?.into()))
}

async fn printed(State(app): State<Arc<App>>, Named(id): Named<ReturnId>) -> Result<impl IntoResponse + use<>, Failed> {
    let text = blocking(&app, move |app| receipt::of_return(&app.node, &find(app, id)?)).await?;
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text))
}

fn find(app: &App, id: ReturnId) -> Result<Return, Error> {
    app.node.returned(id)?.ok_or_else(|| Refused::UnknownReturn { id }.into())
}

impl ReturnSaid {
    fn into_wanted(self) -> Result<ReturnWanted, Error> {
        let order = match (self.order_id, self.receipt) {
            (Some(order), _) => returns::Named::Order(order),
            (None, Some(text)) => returns::Named::Receipt(orders::receipt(&text)?),
            (None, None) => return Err(Fault::Empty { field: "receipt" }.into()),
        };
        let condition = |damaged| if damaged { Condition::Damaged } else { Condition::Shelf };
        let line = |line: LineSaid| LineBack {
            product_id: line.product_id,
            order_item_id: line.order_item_id,
            quantity: line.quantity,
            condition: condition(line.damaged),
        };
        let what = match self.lines {
            Some(lines) => What::Lines(lines.into_iter().map(line).collect()),
            None => What::Everything(condition(self.damaged)),
        };
        let reference = self.refund.reference;
        let back = self.refund.tender.map(|tender| match tender {
            TenderSaid::Cash => Back::Cash,
            TenderSaid::Card => Back::Card { reference },
        });
        let refund = RefundWanted { amount: self.refund.amount, back, otherwise: self.refund.other_tender };
        let (return_id, taken_by, reason) = (self.return_id, self.taken_by, self.reason);
        Ok(ReturnWanted { return_id, order, what, refund, taken_by, reason })
    }
}
