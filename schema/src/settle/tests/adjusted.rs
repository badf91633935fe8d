//! Goods of which there turn out to be more or fewer.

use super::*;
use crate::{
    movement::{Adjusted, Cause, Change, Lot, Remark},
    stock::Reason,
};

pub(super) fn adjusted(cause: Cause, delta: i64) -> Op {
    let lines = vec![Change { product_id: tea(), delta, lot: Lot::default() }];
    let remark = Remark { person: Some("Ada".to_owned()), note: Some("wet".to_owned()) };
    Op::Adjusted(Adjusted { warehouse_id: shop(), cause, lines, remark })
}

#[test]
fn what_breaks_leaves_the_book_and_what_was_promised_of_it_shows() {
    let mut known = known(5, 4);
    let settled = run(&mut known, &author(), &[adjusted(Cause::Damaged, -2)]);
    assert_eq!(verdicts(&settled), [Verdict::Accepted]);
    assert_eq!((known.levels[&key()].quantity(), known.levels[&key()].unbacked()), (3, 1));
    assert_eq!(concerns(&settled), [ConcernKind::Unbacked]);
    let why = &settled.movements[0].movement.why;
    assert_eq!((why.reason, why.remark.person.as_deref()), (Reason::Damaged, Some("Ada")));

    let settled = run(&mut known, &author(), &[adjusted(Cause::Found, 1)]);
    assert_eq!(settled.closed, [(ConcernKind::Unbacked, format!("{}/{}", tea(), shop()))]);
}

#[test]
fn at_a_home_what_breaks_was_its_own_to_sell() {
    let mut known = known(0, 0);
    run(&mut known, &at_home(), &[Op::Received(goods(6).into()), adjusted(Cause::Lost, -2), adjusted(Cause::Found, 1)]);
    assert_eq!(known.levels[&key()], Level { balance: 5, promised: 5 });
    assert_eq!(known.allotments[&key()].open(), 5);
}
