//! Cart states: what a device may say, and what a forger would.

use std::collections::{BTreeMap, BTreeSet};

use outpost_schema::{
    cart::{Belief, COUNT_MAX, Cart, SoldUnits},
    clock::{Hlc, Timestamp},
    feed::Aggregate,
    foreign::Foreign,
    id::{CartId, IncarnationId, ProductId, UserId, WarehouseId},
    money::Money,
    quantity::AMOUNT_MAX,
};
use outpost_sync::codec::{self, Form};
use serde::{Deserialize, Serialize};

use super::{choices::Choices, damage::damaged, make, wire::travels};

/// A cart as it travels, written down here once more: whoever forges one is not held to what the cart's own verbs do.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Told {
    cart_id: CartId,
    created_at: Timestamp,
    owner: Register<UserId>,
    home: Register<WarehouseId>,
    parked: Register<bool>,
    label: Register<String>,
    actors: Vec<IncarnationId>,
    lines: Vec<Line>,
    #[serde(flatten)]
    rest: BTreeMap<String, Foreign>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Register<T> {
    at: Hlc,
    by: IncarnationId,
    value: T,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Line {
    product_id: ProductId,
    added_at: Timestamp,
    added_by: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unit_price: Option<Money>,
    cleared: u64,
    /// An actor's place, then its p, n, rp and rn.
    counts: Vec<(usize, u64, u64, u64, u64)>,
    #[serde(flatten)]
    rest: BTreeMap<String, Foreign>,
}

/// What each actor is said to have added and taken of each product.
type Counts = BTreeMap<(ProductId, IncarnationId), (u64, u64)>;

fn bytes_of(cart: &Cart) -> Vec<u8> {
    rmp_serde::to_vec_named(cart).expect("a cart encodes")
}

fn told_by(cart: &Cart) -> Told {
    rmp_serde::from_slice(&bytes_of(cart)).expect("a cart is written in its form")
}

fn counts(cart: &Cart) -> Counts {
    let told = told_by(cart);
    let line = |line: &Line| -> Vec<_> {
        let count =
            |&(place, p, n, _, _): &(usize, u64, u64, u64, u64)| ((line.product_id, told.actors[place]), (p, n));
        line.counts.iter().map(count).filter(|(_, counts)| *counts != (0, 0)).collect()
    };
    told.lines.iter().flat_map(line).collect()
}

/// A cart that devices made, or that somebody forged so well that it reads.
pub fn some_cart(choices: &mut Choices<'_>) -> Cart {
    let honest = tills(choices).remove(0);
    let forged = choices.perhaps(|choices| forge(told_by(&honest), choices));
    // In JSON bytes read back as numbers, so that what travels in both forms has none.
    forged.flatten().filter(is_of_this_version).unwrap_or(honest)
}

fn is_of_this_version(cart: &Cart) -> bool {
    let told = told_by(cart);
    told.rest.is_empty() && told.lines.iter().all(|line| line.rest.is_empty())
}

/// Three replicas after a history that they do not know all of.
fn tills(choices: &mut Choices<'_>) -> Vec<Cart> {
    let (owner, home, first) = (make::user_id(choices), make::warehouse_id(choices), make::life(choices));
    let cart = Cart::open(make::cart_id(choices), owner, home, first, make::hlc(choices));
    let mut replicas = vec![cart; 3];
    for _ in 0..choices.place(14) {
        let place = choices.place(3);
        let other = replicas[choices.place(3)].clone();
        // Each replica is one device's: only it counts there.
        let actor = IncarnationId(uuid::Uuid::from_u128((10 << 64) + 1 + place as u128));
        act(&mut replicas[place], &other, actor, choices);
    }
    replicas
}

fn act(cart: &mut Cart, other: &Cart, actor: IncarnationId, choices: &mut Choices<'_>) {
    let (product, at) = (make::product_id(choices), make::hlc(choices));
    let price = choices.perhaps(make::money);
    match choices.place(9) {
        0 | 1 => _ = cart.add(actor, product, make::amount(choices), price, at.at),
        2 => _ = cart.take(actor, product, make::amount(choices)),
        3 => _ = cart.set(actor, product, choices.number(), price, at.at),
        4 => cart.remove(product),
        5 => _ = cart.park(&choices.text(20), actor, at),
        6 => cart.give_to(make::user_id(choices), actor, at),
        7 => sold(cart),
        _ => cart.merge(other),
    }
}

/// What is checked out is what was shown, unit by unit, and nothing of it is left.
fn sold(cart: &mut Cart) {
    let shown = cart.lines();
    let Ok(sold) = cart.checkout() else { return };
    assert_eq!(sold.check(), Ok(()));
    let quantities = |line: &outpost_schema::cart::SoldLine| (line.product_id, line.quantity);
    let told: BTreeMap<_, _> = sold.lines.iter().map(quantities).collect();
    assert_eq!(told, shown.iter().map(|line| (line.product_id, line.quantity)).collect());
    for line in &sold.lines {
        let units: u64 = line.units().iter().map(|span| span.units()).sum();
        assert_eq!(units, line.quantity.units().unsigned_abs());
        let mut claimed = SoldUnits::default();
        assert_eq!((claimed.claim(line).units(), claimed.claim(line).units()), (0, units));
    }
    assert!(cart.lines().iter().all(|left| left.quantity.units() <= AMOUNT_MAX));
}

/// The laws of merging, over states that devices made: any order, any repetition, one result.
pub fn replicas(bytes: &[u8]) {
    let choices = &mut Choices::of(bytes);
    let tills = tills(choices);
    tills.iter().for_each(travels);
    merges(&tills[0], &tills[1], &tills[2]);
    for cart in &tills {
        shows_within_bounds(cart);
        let aside: Vec<_> =
            (1..).map(|life| IncarnationId(uuid::Uuid::from_u128((10 << 64) + life))).zip(tills.clone()).collect();
        let elders = BTreeSet::new();
        let belief = cart.believable(None, aside[0].0, &elders, &aside);
        assert!(!matches!(belief, Belief::Refuse(_)), "no device that works is refused: {belief:?}");
    }
}

fn merged(one: &Cart, other: &Cart) -> Cart {
    let mut merged = one.clone();
    merged.merge(other);
    merged
}

fn merges(one: &Cart, two: &Cart, three: &Cart) {
    let both = merged(one, two);
    assert_eq!(both, merged(two, one), "in either order");
    assert_eq!(bytes_of(&both), bytes_of(&merged(two, one)), "as the same bytes");
    assert_eq!(merged(&both, three), merged(one, &merged(two, three)), "however they meet");
    assert_eq!(merged(&both, two), both, "again changes nothing");
    assert_eq!(merged(one, one), *one, "nor does what is known");
}

fn shows_within_bounds(cart: &Cart) {
    for line in cart.lines() {
        assert_eq!(line.quantity.units(), cart.quantity(line.product_id));
        assert!((1..=AMOUNT_MAX).contains(&line.quantity.units()));
    }
    assert_eq!(cart.is_empty(), cart.lines().is_empty());
}

/// A state that somebody forged is refused, kept aside, or says of others only what is known already.
pub fn forged(bytes: &[u8]) {
    let choices = &mut Choices::of(bytes);
    let tills = tills(choices);
    let known = choices.perhaps(|choices| tills[choices.place(3)].clone());
    let Some(told) = forge(told_by(&tills[choices.place(3)]), choices) else { return };
    reads_back(&told);
    let author = make::life(choices);
    let elders: BTreeSet<_> = choices.some(2, make::life).into_iter().collect();
    let aside = choices.some(2, |choices| (make::life(choices), tills[choices.place(3)].clone()));
    match told.believable(known.as_ref(), author, &elders, &aside) {
        Belief::Refuse(fault) => assert!(!fault.to_string().is_empty()),
        Belief::KeepAside { awaits } => {
            assert!(!awaits.contains(&author) && awaits.is_disjoint(&elders), "{awaits:?}");
            bounded(&told);
        }
        Belief::Merge => {
            bounded(&told);
            let speaks_for = |actor: &IncarnationId| *actor == author || elders.contains(actor);
            let sent = aside.iter().filter(|(actor, _)| !speaks_for(actor));
            taken(known.as_ref(), &told, speaks_for, &sent.cloned().collect::<Vec<_>>());
        }
    }
}

/// Merging it raises nobody's counts but those that the author speaks for or that their own devices have sent, and
/// lowers nobody's.
fn taken(
    known: Option<&Cart>,
    told: &Cart,
    speaks_for: impl Fn(&IncarnationId) -> bool,
    sent: &[(IncarnationId, Cart)],
) {
    let before = known.map(counts).unwrap_or_default();
    let after = known.map_or_else(|| told.clone(), |known| merged(known, told));
    let sent: Vec<_> = sent.iter().map(|(actor, cart)| (*actor, counts(cart))).collect();
    let after_counts = counts(&after);
    for (key, (p, n)) in &after_counts {
        let (known_p, known_n) = before.get(key).copied().unwrap_or_default();
        assert!(*p >= known_p && *n >= known_n, "a count was lowered");
        let own = sent.iter().filter(|(actor, _)| *actor == key.1).filter_map(|(_, counts)| counts.get(key).copied());
        let most = own.fold((known_p, known_n), |(p, n), (own_p, own_n)| (p.max(own_p), n.max(own_n)));
        assert!(speaks_for(&key.1) || (*p <= most.0 && *n <= most.1), "{key:?} was counted for: {p} {n}");
    }
    assert!(before.keys().all(|key| after_counts.contains_key(key)), "a count was taken away");
    bounded(&after);
    merges(&after, told, &after);
}

/// What is believed or kept is within bounds, and can be told to everybody in any form.
fn bounded(cart: &Cart) {
    assert!(counts(cart).values().all(|(p, n)| *p <= COUNT_MAX && *n <= COUNT_MAX));
    shows_within_bounds(cart);
    let page = [Aggregate::Cart(Box::new(cart.clone()))];
    let told = codec::encode(Form::Binary, &page);
    let read = codec::decode::<Vec<Aggregate>>(Form::Binary, told.is_zstd.then_some("zstd"), &told.bytes);
    assert_eq!(read.as_deref(), Ok(&page[..]));
    codec::encode(Form::Json, &page);
}

fn reads_back(cart: &Cart) {
    let bytes = bytes_of(cart);
    let again: Cart = rmp_serde::from_slice(&bytes).expect("it reads back");
    assert_eq!((&again, bytes_of(&again)), (cart, bytes));
}

/// Changes what is told in a few places; none if it reads as no cart any more.
fn forge(mut told: Told, choices: &mut Choices<'_>) -> Option<Cart> {
    for _ in 0..=choices.place(3) {
        match choices.place(6) {
            0 => told.actors = choices.some(4, make::life),
            1 => told.label.value = choices.text(500),
            2 => {
                told.owner = Register { at: make::hlc(choices), by: make::life(choices), value: make::user_id(choices) }
            }
            3 => {
                told.rest = choices
                    .some(3, |choices| (format!("later_{}", choices.place(70)), foreign(choices)))
                    .into_iter()
                    .collect()
            }
            4 => told.created_at = make::at(choices),
            _ => forge_line(&mut told, choices),
        }
    }
    if choices.once_in(2) {
        told.actors.sort_unstable();
        told.actors.dedup();
    }
    let bytes = rmp_serde::to_vec_named(&told).expect("it encodes");
    let bytes = if choices.once_in(4) { damaged(&bytes, choices) } else { bytes };
    codec::decode(Form::Binary, None, &bytes).ok()
}

fn forge_line(told: &mut Told, choices: &mut Choices<'_>) {
    let count = |choices: &mut Choices<'_>| match choices.place(4) {
        0 => COUNT_MAX,
        1 => choices.number().cast_unsigned(),
        _ => choices.place(20) as u64,
    };
    let places = told.actors.len() + 1;
    let mut counts = choices
        .some(3, |choices| (choices.place(places), count(choices), count(choices), count(choices), count(choices)));
    counts.sort_unstable();
    counts.dedup_by_key(|count| count.0);
    let product_id = make::product_id(choices);
    let line = Line {
        product_id,
        added_at: make::at(choices),
        added_by: choices.place(places),
        unit_price: choices.perhaps(make::money),
        cleared: count(choices),
        counts,
        rest: BTreeMap::new(),
    };
    told.lines.retain(|line| line.product_id != product_id);
    told.lines.push(line);
    told.lines.sort_by_key(|line| line.product_id);
}

/// What a later version might write, and what none would: deep, wide, keyed by anything.
fn foreign(choices: &mut Choices<'_>) -> Foreign {
    let value = match choices.place(3) {
        0 => flat(choices),
        1 => Foreign::List(choices.some(3, flat)),
        _ => Foreign::Map(choices.some(2, |choices| (flat(choices), flat(choices))).into_iter().collect()),
    };
    let depth = if choices.once_in(4) { 240 + choices.place(17) } else { choices.place(4) };
    (0..depth).fold(value, |inner, level| match level % 3 {
        0 => Foreign::Map([(Foreign::Text("deep".to_owned()), inner)].into()),
        _ => Foreign::List(vec![inner]),
    })
}

fn flat(choices: &mut Choices<'_>) -> Foreign {
    match choices.place(7) {
        0 => Foreign::Nothing,
        1 => Foreign::Whole(choices.number().into()),
        2 => Foreign::Real(choices.number().cast_unsigned()),
        3 => Foreign::Text(choices.text(20)),
        4 => Foreign::Bytes(choices.bytes::<5>().to_vec()),
        5 => Foreign::Truth(true),
        _ => Foreign::List(vec![]),
    }
}
