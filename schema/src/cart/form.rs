//! A cart as bytes: named fields, sorted, so that equal carts are equal bytes in any encoding.
//!
//! Actors are written once per cart and meant by their place after that: sixteen bytes each, in four
//! clocks of every line, would make most of a cart that many tills have touched. A clock is never a
//! map, because JSON's keys are strings and two encodings of one cart would differ.
//!
//! Fields that this version does not know stay with the cart and its lines, and are written again. A
//! line's counts are never made longer: what a later version counts besides is a field of its own.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::{Began, Cart, Line, raise, register::Register};
use crate::{
    clock::Timestamp,
    fault::Fault,
    foreign,
    id::{CartId, IncarnationId, ProductId, UserId, WarehouseId},
    money::Money,
};

#[derive(Serialize, Deserialize)]
struct CartForm {
    cart_id: CartId,
    created_at: Timestamp,
    owner: Register<UserId>,
    home: Register<WarehouseId>,
    parked: Register<bool>,
    label: Register<String>,
    actors: Vec<IncarnationId>,
    lines: Vec<LineForm>,
    #[serde(flatten)]
    rest: foreign::Fields,
}

#[derive(Serialize, Deserialize)]
struct LineForm {
    product_id: ProductId,
    added_at: Timestamp,
    added_by: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unit_price: Option<Money>,
    cleared: u64,
    counts: Vec<Counts>,
    #[serde(flatten)]
    rest: foreign::Fields,
}

/// An actor's place, then its p, n, rp and rn.
type Counts = (usize, u64, u64, u64, u64);

impl Serialize for Cart {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        form(self).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Cart {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        cart(CartForm::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

fn form(cart: &Cart) -> CartForm {
    let actors: BTreeSet<IncarnationId> = cart.lines.values().flat_map(actors_of).collect();
    let places: BTreeMap<_, _> = actors.iter().enumerate().map(|(place, actor)| (*actor, place)).collect();
    CartForm {
        cart_id: cart.cart_id,
        created_at: cart.created_at,
        owner: cart.owner.clone(),
        home: cart.home.clone(),
        parked: cart.parked.clone(),
        label: cart.label.clone(),
        lines: cart.lines.iter().map(|(product, line)| line_form(*product, line, &places)).collect(),
        actors: actors.into_iter().collect(),
        rest: cart.rest.clone(),
    }
}

fn actors_of(line: &Line) -> BTreeSet<IncarnationId> {
    let clocks = [&line.p, &line.n, &line.rp, &line.rn];
    let counted = clocks.into_iter().flat_map(|clock| clock.iter().map(|dot| *dot.actor));
    counted.chain([line.began.by]).collect()
}

fn line_form(product_id: ProductId, line: &Line, places: &BTreeMap<IncarnationId, usize>) -> LineForm {
    let counts = |actor: &IncarnationId| {
        (places[actor], line.p.get(actor), line.n.get(actor), line.rp.get(actor), line.rn.get(actor))
    };
    LineForm {
        product_id,
        added_at: line.began.at,
        added_by: places[&line.began.by],
        unit_price: line.began.unit_price,
        cleared: line.began.cleared,
        counts: actors_of(line).iter().map(counts).collect(),
        rest: line.rest.clone(),
    }
}

fn cart(form: CartForm) -> Result<Cart, Fault> {
    let in_order = form.actors.is_sorted_by(|a, b| a < b)
        && form.lines.is_sorted_by(|a, b| a.product_id < b.product_id)
        && form.lines.iter().all(|line| line.counts.is_sorted_by(|a, b| a.0 < b.0));
    if !in_order {
        return Err(UNREADABLE);
    }
    let lines = form.lines.iter().map(|line| Ok((line.product_id, line_of(line, &form.actors)?)));
    Ok(Cart {
        cart_id: form.cart_id,
        created_at: form.created_at,
        owner: form.owner,
        home: form.home,
        parked: form.parked,
        label: form.label,
        lines: lines.collect::<Result<_, Fault>>()?,
        rest: form.rest,
    })
}

fn line_of(form: &LineForm, actors: &[IncarnationId]) -> Result<Line, Fault> {
    let actor = |place: usize| actors.get(place).copied().ok_or(UNREADABLE);
    let (cleared, at, unit_price) = (form.cleared, form.added_at, form.unit_price);
    let mut line = Line::new(Began { cleared, at, by: actor(form.added_by)?, unit_price });
    line.rest.clone_from(&form.rest);
    for &(place, p, n, rp, rn) in &form.counts {
        let actor = actor(place)?;
        raise(&mut line.p, actor, p);
        raise(&mut line.n, actor, n);
        raise(&mut line.rp, actor, rp);
        raise(&mut line.rn, actor, rn);
    }
    Ok(line)
}

const UNREADABLE: Fault = Fault::Unreadable { what: "a cart" };
