//! A person at a device: everything goes through the device's own HTTP API, as a page would.

use std::{cell::RefCell, collections::BTreeMap, error::Error};

use outpost_schema::{
    id::{OrderId, ProductId},
    money::Money,
    quantity::Amount,
};
use outpost_sync::wire::NODE_HEADER;
use reqwest::Method;
use serde_json::{Value, json};

/// What a device said to a request.
pub type Said<T> = Result<T, Box<dyn Error>>;

/// A line to ring up.
pub struct Line {
    /// What.
    pub product_id: ProductId,
    /// How much.
    pub amount: Amount,
    /// At which price.
    pub unit_price: Money,
}

/// A sale that the customer has a receipt of.
#[derive(Clone, Debug)]
pub struct Receipt {
    /// The order.
    pub order_id: OrderId,
    /// What it cost.
    pub total: Money,
}

/// How a sale went.
pub enum Sale {
    /// There is a receipt.
    Done(Receipt),
    /// The device said no, with a code.
    Refused(String),
}

/// A device, by its address.
pub struct Till {
    /// What people call it.
    pub name: &'static str,
    url: String,
    client: reqwest::Client,
    /// What was scanned before.
    scanned: RefCell<BTreeMap<String, Option<ProductId>>>,
}

impl Till {
    /// The device that serves at `url`.
    pub fn at(name: &'static str, url: String) -> Self {
        Self { name, url, client: reqwest::Client::new(), scanned: RefCell::default() }
    }

    /// Scans a code or types a sku; none if the catalogue has no such product.
    pub async fn scan(&self, sku: &str) -> Said<Option<ProductId>> {
        if let Some(known) = self.scanned.borrow().get(sku) {
            return Ok(*known);
        }
        let found = self.get(&format!("/v1/products?find={sku}&limit=10")).await?;
        let products = found.as_array().cloned().unwrap_or_default();
        let exact = products.iter().find(|product| product["sku"] == sku);
        let product_id = exact.map(|product| id(&product["product_id"])).transpose()?;
        self.scanned.borrow_mut().insert(sku.to_owned(), product_id);
        Ok(product_id)
    }

    /// Searches the catalogue for what somebody typed.
    pub async fn search(&self, text: &str) -> Said<Value> {
        self.get(&format!("/v1/products/search?limit=3&text={}", text.replace(' ', "+"))).await
    }

    /// Sells some lines for cash, to the cent.
    pub async fn sell(&self, lines: &[Line], total: Money) -> Said<Sale> {
        let lines: Vec<Value> = lines
            .iter()
            .map(|line| json!({ "product_id": line.product_id, "quantity": line.amount, "price": line.unit_price }))
            .collect();
        let body = json!({ "lines": lines, "tenders": [{ "cash": { "given": total } }] });
        let (status, answer) = self.ask(Method::POST, "/v1/sales", Some(body)).await?;
        if status.is_success() {
            return Ok(Sale::Done(receipt(&answer)?));
        }
        match answer["code"].as_str() {
            Some(code @ ("allotment_spent" | "no_price")) => Ok(Sale::Refused(code.to_owned())),
            Some(_) | None => Err(format!("{} answered {status}: {answer}", self.name).into()),
        }
    }

    /// The id of the place where the device finds a product on the shelf.
    pub async fn place_of(&self, product_id: ProductId) -> Said<String> {
        let rows = self.get(&format!("/v1/stock?product={product_id}")).await?;
        let row = rows.as_array().and_then(|rows| rows.iter().find(|row| row["quantity"].as_i64() > Some(0)));
        text(&row.ok_or("the product is on no shelf")?["warehouse_id"])
    }

    /// Asks for allotment of some goods; the answer comes with a round.
    pub async fn ask_for(&self, goods: &[(ProductId, i64)]) -> Said<()> {
        self.post("/v1/stock/ask", json!({ "lines": goods_lines(goods) })).await.map(drop)
    }

    /// Says how many of a product are on the shelf.
    pub async fn count(&self, counted: &[(ProductId, i64)]) -> Said<()> {
        let lines: Vec<Value> =
            counted.iter().map(|(product_id, seen)| json!({ "product_id": product_id, "counted": seen })).collect();
        self.post("/v1/stock/count", json!({ "lines": lines })).await.map(drop)
    }

    /// How far this device is, as somebody reads it off its screen.
    pub async fn mark(&self) -> Said<Value> {
        self.get("/v1/mark").await
    }

    /// Writes down what somebody saw on the shelf, when the other device there was as far as its mark says.
    pub async fn count_beside(&self, product_id: ProductId, seen: i64, mark: Value) -> Said<()> {
        let lines = json!([{ "product_id": product_id, "counted": seen }]);
        self.post("/v1/stock/count", json!({ "lines": lines, "marks": [mark], "person": "Kim" })).await.map(drop)
    }

    /// How many of a product the book has at a place.
    pub async fn quantity(&self, product_id: ProductId, place: &str) -> Said<i64> {
        let rows = self.get(&format!("/v1/stock?product={product_id}")).await?;
        let row = rows.as_array().and_then(|rows| rows.iter().find(|row| row["warehouse_id"] == place));
        Ok(row.and_then(|row| row["quantity"].as_i64()).ok_or("the book has no such row")?)
    }

    /// Writes goods down that came in.
    pub async fn receive(&self, goods: &[(ProductId, i64)]) -> Said<()> {
        self.post("/v1/stock/receive", json!({ "lines": goods_lines(goods) })).await.map(drop)
    }

    /// Writes down that units broke.
    pub async fn broke(&self, product_id: ProductId, units: i64) -> Said<()> {
        let lines = json!([{ "product_id": product_id, "delta": -units }]);
        let said = json!({ "cause": "damaged", "lines": lines, "person": "Sam", "note": "fell off the trolley" });
        self.post("/v1/stock/adjust", said).await.map(drop)
    }

    /// The id of a place, by its name.
    pub async fn place(&self, name: &str) -> Said<String> {
        let places = self.get("/v1/places").await?;
        let place = places.as_array().and_then(|places| places.iter().find(|place| place["name"] == name));
        text(&place.ok_or("there is no such place")?["warehouse_id"])
    }

    /// Sends goods to another place; what is written on the boxes.
    pub async fn send(&self, to: &str, goods: &[(ProductId, i64)]) -> Said<String> {
        let said = json!({ "to": to, "lines": goods_lines(goods), "anyway": true });
        text(&self.post("/v1/transfers", said).await?["code"])
    }

    /// Takes in all that is on the road under a code; of the first product so many are damaged.
    pub async fn take_in(&self, code: &str, goods: &[(ProductId, i64)], damaged: i64) -> Said<()> {
        let came = |(place, (product_id, units)): (usize, &(ProductId, i64))| {
            let damaged = if place == 0 { damaged } else { 0 };
            json!({ "product_id": product_id, "came": units, "damaged": damaged })
        };
        let lines: Vec<Value> = goods.iter().enumerate().map(came).collect();
        self.post(&format!("/v1/transfers/{code}/arrive"), json!({ "lines": lines, "complete": true })).await.map(drop)
    }

    /// Units of a transfer that are still on the road, as far as is known here.
    pub async fn on_the_road(&self, code: &str) -> Said<i64> {
        let transfer = self.get(&format!("/v1/transfers/{code}")).await?;
        let units = transfer["on_road"].as_array().map(|rows| rows.iter().filter_map(|row| row[1].as_i64()).sum());
        Ok(units.unwrap_or(0))
    }

    /// Gives back all it may sell, and closes its journal.
    pub async fn retire(&self) -> Said<()> {
        self.post("/v1/retire", json!({})).await.map(drop)
    }

    /// Opens a cart and puts some goods in; its id.
    pub async fn begin_cart(&self, goods: &[(ProductId, i64)]) -> Said<String> {
        let cart = self.post("/v1/carts", json!({})).await?;
        let cart_id = text(&cart["cart_id"])?;
        self.add_to_cart(&cart_id, goods).await?;
        Ok(cart_id)
    }

    /// Puts more into a cart that this device knows.
    pub async fn add_to_cart(&self, cart_id: &str, goods: &[(ProductId, i64)]) -> Said<()> {
        for (product_id, quantity) in goods {
            let line = json!({ "product_id": product_id, "amount": quantity });
            self.post(&format!("/v1/carts/{cart_id}/add"), line).await?;
        }
        Ok(())
    }

    /// What a cart costs now.
    pub async fn cart_total(&self, cart_id: &str) -> Said<Money> {
        let cart = self.get(&format!("/v1/carts/{cart_id}")).await?;
        Ok(text(&cart["total"])?.parse()?)
    }

    /// Checks a cart out, by card.
    pub async fn check_out(&self, cart_id: &str, total: Money) -> Said<Receipt> {
        let tenders = json!([{ "card": { "amount": total, "reference": "TERMINAL-000042" } }]);
        let answer = self.post(&format!("/v1/carts/{cart_id}/checkout"), json!({ "tenders": tenders })).await?;
        receipt(&answer)
    }

    /// Writes a customer down.
    pub async fn add_customer(&self, first_name: &str, email: &str) -> Said<String> {
        let answer = self.post("/v1/customers", json!({ "first_name": first_name, "email": email })).await?;
        text(&answer["user_id"])
    }

    /// Runs a round now; true if the device is level with the server after it.
    pub async fn round(&self) -> Said<bool> {
        let (status, answer) = self.ask(Method::POST, "/v1/round", Some(json!({}))).await?;
        Ok(status.is_success() && answer["is_level"] == true)
    }

    /// How many entries wait to be sent.
    pub async fn waiting(&self) -> Said<usize> {
        let status = self.get("/v1/status").await?;
        Ok(usize::try_from(status["waiting"].as_u64().ok_or("the status says nothing of what waits")?)?)
    }

    /// What has become of its journal, in a word.
    pub async fn state(&self) -> Said<String> {
        text(&self.get("/v1/status").await?["state"])
    }

    async fn get(&self, path: &str) -> Said<Value> {
        self.must(Method::GET, path, None).await
    }

    async fn post(&self, path: &str, body: Value) -> Said<Value> {
        self.must(Method::POST, path, Some(body)).await
    }

    async fn must(&self, method: Method, path: &str, body: Option<Value>) -> Said<Value> {
        let (status, answer) = self.ask(method, path, body).await?;
        if status.is_success() { Ok(answer) } else { Err(format!("{} {path}: {status} {answer}", self.name).into()) }
    }

    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Said<(reqwest::StatusCode, Value)> {
        let mut request = self.client.request(method, format!("{}{path}", self.url));
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let answer = request.send().await?;
        let status = answer.status();
        let bytes = answer.bytes().await?;
        Ok((status, serde_json::from_slice(&bytes).unwrap_or(Value::Null)))
    }
}

/// Somebody who takes orders by phone: not at a shelf, so the server is asked to hold the goods.
pub struct Phone {
    url: String,
    caller: String,
    client: reqwest::Client,
}

impl Phone {
    /// A phone beside the device that calls the server at `url` by this name.
    pub fn at(url: String, caller: String) -> Self {
        Self { url, caller, client: reqwest::Client::new() }
    }

    /// Wants one unit held for ten minutes; false if every unit there is promised, or nothing is for now.
    pub async fn hold(&self, product_id: ProductId, warehouse_id: &str) -> Said<bool> {
        let chance: [u8; 16] = rand::random();
        let hold_id = uuid::Builder::from_random_bytes(chance).into_uuid();
        let wanted = json!({
            "hold_id": hold_id, "product_id": product_id, "warehouse_id": warehouse_id, "amount": 1, "seconds": 600,
        });
        let request = self.client.post(format!("{}/v1/holds", self.url)).header("content-type", "application/json");
        let request = request.header(NODE_HEADER, &self.caller);
        let answer = request.header("accept", "application/json").body(wanted.to_string()).send().await?;
        let status = answer.status();
        let said: Value = serde_json::from_slice(&answer.bytes().await?)?;
        match said["code"].as_str() {
            None if status.is_success() => Ok(true),
            Some("nothing_left" | "recovering") => Ok(false),
            Some(_) | None => Err(format!("the phone was answered {status}: {said}").into()),
        }
    }
}

fn goods_lines(goods: &[(ProductId, i64)]) -> Vec<Value> {
    goods.iter().map(|(product_id, amount)| json!({ "product_id": product_id, "amount": amount })).collect()
}

fn receipt(answer: &Value) -> Said<Receipt> {
    let order = &answer["order"];
    Ok(Receipt { order_id: id(&order["order_id"])?, total: text(&order["total_amount"])?.parse()? })
}

fn text(value: &Value) -> Said<String> {
    value.as_str().map(str::to_owned).ok_or_else(|| format!("expected text, got {value}").into())
}

fn id<T: std::str::FromStr<Err = outpost_schema::fault::Fault>>(value: &Value) -> Said<T> {
    Ok(text(value)?.parse()?)
}
