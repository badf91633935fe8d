//! Arbitrary runs of ops, decided over an arbitrary book. Whatever they say, the book's laws hold afterwards, no
//! constraint of the database is broken, and what is set aside did nothing.

mod ground;

use std::collections::{BTreeMap, BTreeSet};

use outpost_schema::{
    journal::Entry,
    op::{Op, OpKind},
    order::is_promised,
    settle::{Author, Known, Settled, Touched, decode, settle as decide},
    stock::{Allotment, Level, SUM_MAX, StockKey},
    verdict::{ConcernKind, Verdict},
};

use self::ground::Ground;
use super::{choices::Choices, damage::damaged, make};

pub fn settle(bytes: &[u8]) {
    let choices = &mut Choices::of(bytes);
    let Ground { known: before, author, others } = ground::make(choices);
    let entries = entries(&author, choices);
    let mut known = before.clone();
    let settled = decide(&mut known, &author, &entries);
    answered(&entries, &settled);
    sums(&author, (&before, &known), &others, &settled);
    rows(&before, &known, &settled);
    concerns(&before, &known, &settled);
    locked(&before, &known, &entries, &settled);
    set_aside_alone(&before, &author, &entries, (&known, &settled));
}

/// A journal's run, each op sound or nearly so.
fn entries(author: &Author, choices: &mut Choices<'_>) -> Vec<Entry> {
    let mut head = make::mark(choices);
    head.seq = choices.within(0, 9);
    choices.some(8, |choices| {
        let kind = if choices.once_in(3) { OpKind::Sale } else { make::op_kind(choices) };
        let op = make::op(kind, choices);
        let mut entry =
            Entry::write(author.incarnation_id, head, make::hlc(choices), String::new(), &op, choices.bytes());
        if choices.once_in(12) {
            entry.body.0 = damaged(&entry.body.0, choices);
        }
        head = entry.mark();
        entry
    })
}

/// One verdict for each op, in order; what cannot be read is set aside for that reason; only asks are refused.
fn answered(entries: &[Entry], settled: &Settled) {
    assert!(settled.verdicts.iter().map(|(seq, _)| *seq).eq(entries.iter().map(|entry| entry.seq)));
    for (entry, (_, verdict)) in entries.iter().zip(&settled.verdicts) {
        match decode(entry) {
            Err(reason) => assert_eq!(*verdict, Verdict::SetAside(reason)),
            Ok(op) => {
                assert_eq!(op.check(), Ok(()));
                let is_ask = match &op {
                    Op::AllotmentAsked(_) | Op::CancelAsked(_) | Op::Carried(_) => true,
                    Op::Sale(_)
                    | Op::CustomerAdded(_)
                    | Op::AddressAdded(_)
                    | Op::Reviewed(_)
                    | Op::Received(_)
                    | Op::Adjusted(_)
                    | Op::Counted(_)
                    | Op::GaveBack(_)
                    | Op::StatusTold(_)
                    | Op::LifeEnded(_)
                    | Op::Dispatched(_)
                    | Op::Arrived(_)
                    | Op::ReceiptUndone(_)
                    | Op::Returned(_) => false,
                };
                assert!(is_ask || !matches!(verdict, Verdict::Refused(_) | Verdict::Granted(_)), "{op:?} {verdict:?}");
            }
        }
    }
    let concerned: BTreeSet<_> =
        settled.opened.iter().filter(|raised| raised.kind == ConcernKind::SetAside).map(|raised| raised.seq).collect();
    let set_aside = settled.verdicts.iter().filter(|(_, verdict)| verdict.is_set_aside()).map(|(seq, _)| Some(*seq));
    assert_eq!(concerned, set_aside.collect(), "each has its concern");
}

/// Every row, whether known before or not.
fn levels<'a>(before: &'a Known, after: &'a Known) -> impl Iterator<Item = (StockKey, Level, Level)> + 'a {
    let of = |known: &Known, key| known.levels.get(&key).copied().unwrap_or_default();
    after.levels.keys().map(move |key| (*key, of(before, *key), of(after, *key)))
}

/// Laws 1 and 2 of stock: the sum of movements, and the sum of promises by whom they are made to.
fn sums(author: &Author, (before, after): (&Known, &Known), others: &BTreeMap<StockKey, i64>, settled: &Settled) {
    let mut moved: BTreeMap<StockKey, i64> = BTreeMap::new();
    for movement in settled.movements.iter().map(|moved| &moved.movement) {
        *moved.entry(movement.key).or_default() += movement.delta;
    }
    for (key, was, is) in levels(before, after) {
        assert_eq!(is.balance - was.balance, moved.get(&key).copied().unwrap_or(0), "movements of {key:?}");
        let promised = ground::promised(after, key) + others.get(&key).copied().unwrap_or(0);
        assert_eq!(is.promised, promised, "promises of {key:?}");
        assert!(is.promised >= 0 && is.quantity() >= 0 && is.owed() >= 0 && is.unbacked() >= 0);
        assert!((0..=is.quantity()).contains(&is.reserved()));
        assert!(is == was || settled.levels.contains(&key), "{key:?} changed and would not be written");
        assert!(is == was || !was.is_beyond(), "what can be no shop's sum went on: {was:?} {is:?}");
    }
    let old = |key| before.allotments.get(key).copied().unwrap_or_default();
    let is_left = |key: &StockKey| author.is_closed && author.left_homes.contains(&key.warehouse_id);
    let own = |key| (settled.allotments.contains(key), is_left(key));
    after.allotments.iter().for_each(|(key, is)| grew(old(key), *is, own(key)));
    for (life, elder) in &after.elders {
        let old =
            |key| before.elders.get(life).and_then(|elder| elder.allotments.get(key)).copied().unwrap_or_default();
        let is_written = |key: &StockKey| settled.elder_allotments.contains(&(*life, *key));
        elder.allotments.iter().for_each(|(key, is)| grew(old(key), *is, (is_written(key), is_left(key))));
    }
}

/// Totals only grow; what only head office takes back does not move here, but for what comes in at a home of a device that
/// is closed.
fn grew(was: Allotment, is: Allotment, (is_written, is_left): (bool, bool)) {
    let totals = |one: Allotment| [one.granted, one.consumed, one.returned, one.received];
    assert!(totals(was).iter().zip(totals(is)).all(|(was, is)| *was <= is && is <= 4 * SUM_MAX), "{was:?} {is:?}");
    let came = if is_left { is.received - was.received } else { 0 };
    assert!((0..=came).contains(&(is.reclaimed - was.reclaimed)), "{was:?} {is:?}");
    assert!(was == is || is_written, "{is:?} would not be written");
    assert!(was == is || !was.is_beyond(), "what can be no device's total went on: {was:?} {is:?}");
}

/// What the tables' keys and checks ask of new rows.
fn rows(before: &Known, after: &Known, settled: &Settled) {
    let orders: BTreeSet<_> = settled.orders.iter().map(|(_, order)| order.order_id).collect();
    assert_eq!(orders.len(), settled.orders.len());
    for (_, order) in &settled.orders {
        assert!(!before.orders.contains_key(&order.order_id) && after.users.contains(&order.user_id));
        let addresses = order.shipping_address_id.iter().chain(&order.billing_address_id);
        assert!(addresses.into_iter().all(|id| after.addresses.contains(id)));
        assert_eq!(order.check_shape(), Ok(()));
    }
    let users: BTreeSet<_> = settled.users.iter().map(|user| user.user_id).collect();
    assert!(users.len() == settled.users.len() && users.is_disjoint(&before.users));
    let mut emails: Vec<_> = settled.users.iter().filter_map(|user| user.email.clone()).collect();
    let count = emails.len();
    emails.sort();
    emails.dedup();
    assert_eq!(emails.len(), count, "one e-mail, one person");
    for user in &settled.users {
        assert!(user.alias_of.is_none() || user.email.is_none());
        assert!(user.alias_of.is_none_or(|other| other != user.user_id && after.users.contains(&other)));
        assert!(user.address_id.is_none_or(|id| after.addresses.contains(&id)));
        let owner = user.email.as_ref().map(|email| after.emails.get(email));
        assert!(owner.is_none_or(|owner| owner == Some(&user.user_id)), "{user:?}");
    }
    // The opposite of a count is a movement of the count's own op, whoever told that.
    let lines: BTreeSet<_> = settled.movements.iter().map(|moved| (moved.of, moved.seq, moved.line)).collect();
    assert_eq!(lines.len(), settled.movements.len());
    for moved in &settled.movements {
        let key = moved.movement.key;
        assert_ne!(moved.movement.delta, 0);
        let is_known = after.products.contains(&key.product_id) && after.warehouses.contains(&key.warehouse_id);
        assert!(is_known || before.levels.contains_key(&key), "no row is there for {key:?}");
    }
    let brought: BTreeSet<_> = settled.carried.iter().map(|brought| (brought.life, brought.mark)).collect();
    assert_eq!(brought.len(), settled.carried.len(), "each entry is carried in once");
}

/// Wherever a row came to owe or promise more or less than it has, a concern opens; where it stopped, it closes.
fn concerns(before: &Known, after: &Known, settled: &Settled) {
    for (key, was, is) in levels(before, after) {
        let subject = format!("{}/{}", key.product_id, key.warehouse_id);
        let figures =
            [(ConcernKind::Owed, was.owed(), is.owed()), (ConcernKind::Unbacked, was.unbacked(), is.unbacked())];
        for (kind, was, is) in figures {
            let opened =
                settled.opened.iter().filter(|raised| raised.kind == kind && raised.subject == subject).count();
            let closed = settled.closed.iter().filter(|closed| **closed == (kind, subject.clone())).count();
            assert_eq!((opened, closed), (usize::from(is > 0 && is != was), usize::from(is == 0 && was > 0)));
        }
    }
    let mut subjects: Vec<_> = settled.opened.iter().map(|raised| (raised.kind, &raised.subject)).collect();
    let count = subjects.len();
    subjects.sort();
    subjects.dedup();
    assert_eq!(subjects.len(), count, "one concern for each kind and subject");
}

/// Nothing changed that the batch did not name, because only that is loaded and locked.
fn locked(before: &Known, after: &Known, entries: &[Entry], settled: &Settled) {
    let ops: Vec<Op> = entries.iter().filter_map(|entry| decode(entry).ok()).collect();
    let mut touched = Touched::by(&ops);
    for id in touched.orders.clone() {
        if let Some(order) = before.orders.get(&id) {
            touched.order(order);
        }
    }
    assert!(settled.levels.is_subset(&touched.stock) && settled.allotments.is_subset(&touched.stock));
    assert!(
        settled
            .elder_allotments
            .iter()
            .all(|(life, key)| { touched.elders.contains_key(life) && touched.stock.contains(key) })
    );
    assert!(settled.sold.is_subset(&touched.sold));
    assert!(settled.statuses.keys().all(|id| touched.orders.contains(id) && after.orders.contains_key(id)));
    assert!(settled.users.iter().all(|user| touched.users.contains(&user.user_id)));
    assert!(settled.ended.iter().all(|life| touched.elders.contains_key(life)));
}

/// The same run without what was set aside leaves the same book.
fn set_aside_alone(before: &Known, author: &Author, entries: &[Entry], (known, settled): (&Known, &Settled)) {
    let is_set_aside = |entry: &&Entry| settled.verdicts.iter().any(|(seq, v)| *seq == entry.seq && v.is_set_aside());
    let sound: Vec<Entry> = entries.iter().filter(|entry| !is_set_aside(entry)).cloned().collect();
    let mut alone = before.clone();
    let again = decide(&mut alone, author, &sound);
    assert!(again.verdicts.iter().all(|(_, verdict)| !verdict.is_set_aside()));
    assert_eq!(&alone, known);
    assert_eq!(again.movements, settled.movements);
    assert_eq!((&again.orders, &again.users, &again.demoted), (&settled.orders, &settled.users, &settled.demoted));
    assert_eq!((&again.levels, &again.statuses, &again.sold), (&settled.levels, &settled.statuses, &settled.sold));
    for order in known.orders.values() {
        assert!(!is_promised(order.fulfilment, order.status) || !order.lines.is_empty());
    }
}
