//! The laws of stock over random histories.

use super::*;

/// Random ops of two authors over one row: after each batch the two sums equal what they are sums of.
#[test]
fn the_laws_of_stock_hold_over_random_histories() {
    for seed in 0..300 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut known = known(rng.random_range(0..20), 0);
        let mut moved = known.levels[&key()].balance;
        let home = rng.random_bool(0.3);
        let author = if home { at_home() } else { author() };
        for round in 0..40u128 {
            let ops = [random_op(&mut rng, round)];
            let settled = run(&mut known, &author, &ops);
            moved += settled.movements.iter().map(|moved| moved.movement.delta).sum::<i64>();
            let level = known.levels[&key()];
            let orders = known.orders.values().filter(|order| is_promised(order.fulfilment, order.status));
            let ordered: i64 = orders.flat_map(|order| &order.lines).map(|line| line.amount.units()).sum();
            let open = known.allotments.get(&key()).map_or(0, |allotment| allotment.open());
            assert_eq!(level.balance, moved, "seed {seed} round {round}: the book is its movements");
            assert_eq!(level.promised, ordered + open, "seed {seed} round {round}: the promises are what is open");
        }
    }
}

/// What every random count says to have seen.
pub(super) const COUNTED: i64 = 5;

pub(super) fn random_op(rng: &mut ChaCha8Rng, round: u128) -> Op {
    let old = 1_000 + 10 * rng.random_range(0..=round);
    match rng.random_range(0..10) {
        0 => sale(1_000 + 10 * round, rng.random_range(1..6)),
        1 | 2 => shipped_later(1_000 + 10 * round, rng.random_range(1..6)),
        3 => told(old, OrderStatus::Shipped),
        4 => cancel(old),
        5 => Op::Received(goods(rng.random_range(1..9)).into()),
        6 => Op::GaveBack(goods(rng.random_range(1..4))),
        7 => Op::AllotmentAsked(goods(rng.random_range(1..9))),
        8 => adjusted::adjusted(Cause::Lost, -rng.random_range(1..4)),
        _ => {
            let delta = rng.random_range(-3..=3);
            Op::Counted(seen(CountLine { product_id: tea(), counted: COUNTED, delta }))
        }
    }
}
