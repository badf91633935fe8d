//! Ops that cannot be booked now: they wait, and what comes after them goes on.

use super::*;

#[test]
fn what_names_unknown_things_is_set_aside_and_the_rest_goes_on() {
    let mut known = allotted(10, 10);
    known.products.clear();
    let settled = run(&mut known, &author(), &[sale(100, 1), told(100, OrderStatus::Delivered), customer(50, "a@b.c")]);
    let lacks = |number| Verdict::SetAside(SetAside::Lacks { ids: vec![id(number)] });
    assert_eq!(verdicts(&settled), [lacks(1), lacks(100), Verdict::Accepted]);
    assert_eq!(concerns(&settled), [ConcernKind::SetAside, ConcernKind::SetAside]);
    assert_eq!(known.levels[&key()], Level { balance: 10, promised: 10 }, "nothing moved");

    known.products.insert(tea());
    let settled = run(&mut known, &author(), &[sale(100, 1), told(100, OrderStatus::Delivered)]);
    assert_eq!(verdicts(&settled), [Verdict::Accepted, Verdict::Accepted]);
}

#[test]
fn what_its_author_had_no_right_to_is_set_aside() {
    let mut known = known(10, 0);
    let stranger = Author { warehouses: BTreeSet::new(), ..author() };
    let impostor = Author { node_id: NodeId(id(99)), ..author() };
    for author in [stranger, impostor] {
        let settled = run(&mut known, &author, &[sale(100, 1)]);
        assert_eq!(verdicts(&settled), [Verdict::SetAside(SetAside::NoRight)]);
    }
    assert!(known.orders.is_empty());
}

#[test]
fn an_id_that_is_taken_is_set_aside() {
    let mut known = known(10, 0);
    let settled = run(&mut known, &author(), &[sale(100, 1), sale(100, 2)]);
    assert_eq!(verdicts(&settled)[1], Verdict::SetAside(SetAside::IdTaken { id: id(100) }));
    assert_eq!(known.levels[&key()].balance, 9);
}

#[test]
fn newer_and_malformed_ops_are_set_aside() {
    let mut newer = entry(1, &sale(100, 1));
    newer.version = VERSION + 1;
    let mut unknown = entry(2, &sale(100, 1));
    unknown.kind = "teleported".to_owned();
    let mut garbled = entry(3, &sale(100, 1));
    garbled.body = Body(vec![0xc1; 40]);
    let mut known = known(10, 0);
    let settled = settle(&mut known, &author(), &[newer, unknown, garbled]);
    let malformed = SetAside::Malformed { code: "unreadable".to_owned() };
    assert_eq!(verdicts(&settled), [SetAside::Newer, SetAside::Newer, malformed].map(Verdict::SetAside));

    let unshaped = told(100, OrderStatus::Cancelled);
    let settled = run(&mut known, &author(), &[unshaped]);
    assert_eq!(verdicts(&settled), [Verdict::SetAside(SetAside::Malformed { code: "unknown_word".to_owned() })]);
}
