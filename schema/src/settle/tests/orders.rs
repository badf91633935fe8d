//! Orders that are to be handed over: promised, called off, gone.

use super::*;

#[test]
fn an_order_to_be_handed_over_is_promised_until_it_leaves() {
    let mut known = allotted(10, 4);
    run(&mut known, &author(), &[shipped_later(100, 3)]);
    assert_eq!(known.levels[&key()], Level { balance: 10, promised: 4 }, "three for the order, one allotted");
    let settled = run(&mut known, &author(), &[told(100, OrderStatus::Shipped), told(100, OrderStatus::Delivered)]);
    assert_eq!(known.levels[&key()], Level { balance: 7, promised: 1 });
    assert_eq!(settled.movements.len(), 1, "the goods leave once");
    assert_eq!(settled.statuses[&OrderId(id(100))].0, OrderStatus::Delivered);
}

#[test]
fn a_cancelled_order_frees_its_units_and_cannot_be_cancelled_again() {
    let mut known = allotted(10, 4);
    let settled = run(&mut known, &author(), &[shipped_later(100, 3), cancel(100), cancel(100)]);
    let refused = Verdict::Refused(Refusal::AlreadyCancelled);
    assert_eq!(verdicts(&settled), [Verdict::Accepted, Verdict::Accepted, refused]);
    assert_eq!(known.levels[&key()], Level { balance: 10, promised: 1 });

    let settled = run(&mut known, &author(), &[sale(200, 1), cancel(200)]);
    assert_eq!(verdicts(&settled), [Verdict::Accepted, Verdict::Refused(Refusal::AlreadyHandedOver)]);
}

#[test]
fn physical_facts_beat_words() {
    let mut known = allotted(10, 4);
    let settled = run(&mut known, &author(), &[shipped_later(100, 3), cancel(100), told(100, OrderStatus::Shipped)]);
    assert_eq!(known.levels[&key()].balance, 7);
    assert_eq!(concerns(&settled), [ConcernKind::ShippedThoughCancelled]);
    let settled = run(&mut known, &author(), &[told(100, OrderStatus::Processed)]);
    assert!(settled.statuses.is_empty(), "a late word lowers nothing");
}

#[test]
fn goods_that_two_tills_hand_over_leave_once_and_both_are_told_their_row() {
    let mut known = allotted(10, 4);
    run(&mut known, &author(), &[shipped_later(100, 3), told(100, OrderStatus::Shipped)]);
    for again in [OrderStatus::Shipped, OrderStatus::Delivered] {
        let settled = run(&mut known, &author(), &[told(100, again)]);
        assert_eq!((settled.movements.len(), known.levels[&key()].balance), (0, 7));
        assert_eq!(settled.levels, [key()].into(), "the second had laid its own over it");
    }
}

#[test]
fn what_is_handed_over_though_called_off_counts_against_a_till_that_knew_it() {
    for (called_off, open) in [(false, 1), (true, 0)] {
        let mut known = allotted(10, 4);
        let shipped = StatusTold { order_id: OrderId(id(100)), status: OrderStatus::Shipped, at: NOW, called_off };
        run(&mut known, &author(), &[shipped_later(100, 3), cancel(100), Op::StatusTold(shipped)]);
        assert_eq!(known.allotments[&key()].open(), open, "as the till's own book says");
        assert_eq!(known.levels[&key()], Level { balance: 7, promised: open });
    }
}
