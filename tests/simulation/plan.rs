//! From a seed's options to its steps. They are drawn before anything happens and do not depend on what
//! does, so one scenario runs at every depth, and a failing one can be made shorter by leaving steps out.

use outpost_schema::{device::NodeKind, movement::Cause, order::OrderStatus, stock::SalePolicy};

use crate::{
    chance::Chance,
    options::{Options, Sort},
    step::{Chore, Fault, Meanwhile, Step, Verb},
};

/// A number from which everything with a number is drawn; larger than any list.
const MANY: usize = 1 << 20;

/// The furthest that a clock jumps, in seconds: about seventy years.
const JUMP_MAX: usize = 70 * 365 * 86_400;

/// The steps of a day.
pub fn plan(options: &Options) -> Vec<Step> {
    let mut chance = Chance::of(options.seed ^ 0x0073_7465_7073_0000);
    (0..options.steps).map(|_| draw(options, &mut chance)).collect()
}

fn draw(options: &Options, chance: &mut Chance) -> Step {
    let all: usize = options.mix.iter().map(|(_, often)| often).sum();
    let mut at = chance.below(all);
    for (sort, often) in &options.mix {
        if at < *often {
            return step(*sort, chance);
        }
        at -= often;
    }
    Step::Pass(1)
}

fn step(sort: Sort, chance: &mut Chance) -> Step {
    let (till, other) = (chance.below(MANY), chance.below(MANY));
    let units = 1 + [0, 1, 2, 9, 40][chance.below(5)].min(chance.below(MANY)) as i64;
    let at = |verb| Step::At(till, verb);
    match sort {
        Sort::Sell => at(Verb::Sell { lines: lines(chance), ship: false, customer: customer(chance) }),
        Sort::Ship => at(Verb::Sell { lines: lines(chance), ship: true, customer: customer(chance) }),
        Sort::BeginCart => at(Verb::BeginCart),
        Sort::Add => at(Verb::Add { cart: other, product: chance.below(MANY), units }),
        Sort::Take => at(Verb::Take { cart: other, product: chance.below(MANY), units }),
        Sort::Remove => at(Verb::Remove { cart: other, product: chance.below(MANY) }),
        Sort::CheckOut => at(Verb::CheckOut { cart: other }),
        Sort::Receive => at(Verb::Receive { product: other, units }),
        Sort::Adjust => at(Verb::Adjust { product: other, cause: cause(chance), units }),
        Sort::Dispatch => at(Verb::Dispatch { product: other, units, to: chance.below(MANY) }),
        Sort::Arrive => {
            let (is_damaged, complete) = (chance.in_a_hundred(20), chance.in_a_hundred(25));
            at(Verb::Arrive { load: other, units, is_damaged, complete })
        }
        Sort::Count => at(Verb::Count { product: other, meanwhile: meanwhile(chance) }),
        Sort::GiveBack => at(Verb::GiveBack { product: other, units }),
        Sort::Ask => at(Verb::Ask { product: other, units }),
        Sort::Advance => at(Verb::Advance { order: other, status: status(chance) }),
        Sort::Cancel => at(Verb::Cancel { order: other }),
        Sort::Return => {
            let damaged = chance.in_a_hundred(30);
            at(Verb::Return { order: other, line: chance.below(MANY), units, damaged })
        }
        Sort::Customer => at(Verb::Customer { email: other % 4 }),
        Sort::Hold => at(Verb::Hold { product: other, units, seconds: *chance.one_of(&[1, 60, 600, 3_600]) }),
        Sort::HoldSeveral => at(Verb::HoldSeveral {
            lines: (0..1 + other % 3).map(|_| (chance.below(MANY), chance.below(MANY), units)).collect(),
            buyer: chance.below(MANY),
            seconds: *chance.one_of(&[1, 600, 3_600]),
        }),
        Sort::Extend => at(Verb::Extend { hold: other, seconds: *chance.one_of(&[1, 600, 7_200, 86_400]) }),
        Sort::ShipHeld => at(Verb::ShipHeld { hold: other }),
        Sort::Release => at(Verb::Release { hold: other }),
        Sort::Allot => at(Verb::Allot { hold: other }),
        Sort::Round => Step::Round(till),
        Sort::Rounds => Step::Rounds(till, other),
        Sort::Compare => Step::Compare(till),
        Sort::Tidy => Step::Tidy(till),
        Sort::Reprice => Step::Office(Chore::Reprice { product: other, cents: 1 + chance.below(100_000) as i64 }),
        Sort::BeginSlow => Step::Office(Chore::BeginSlow { product: other }),
        Sort::EndSlow => Step::Office(Chore::EndSlow { commit: chance.in_a_hundred(70) }),
        Sort::Sweep => Step::Office(Chore::Sweep),
        Sort::BackUp => Step::Office(Chore::BackUp),
        Sort::Suspend => Step::Office(Chore::Suspend { till }),
        Sort::Resume => Step::Office(Chore::Resume { till }),
        Sort::WriteOff => Step::Office(Chore::WriteOff { till }),
        Sort::Reclaim => Step::Office(Chore::Reclaim { till }),
        Sort::Move => Step::Office(Chore::Move { till, to: other }),
        Sort::Interlude => Step::Office(Chore::Interlude { till, product: other }),
        Sort::Retire => Step::Office(Chore::Retire { till }),
        Sort::RetireLost => Step::Office(Chore::RetireLost { till }),
        Sort::ToldAgain => Step::Fault(Fault::ToldAgain { till }),
        Sort::Reborn => Step::Fault(Fault::Reborn { till }),
        Sort::ComesLate => Step::Office(Chore::ComesLate { till }),
        Sort::UndoneTwice => Step::Fault(Fault::UndoneTwice { till }),
        Sort::PowerCut => Step::Fault(Fault::PowerCut { till, after: chance.below(40) as u64 }),
        Sort::Restart => Step::Fault(Fault::Restart { till }),
        Sort::Copy => Step::Fault(Fault::Copy { till }),
        Sort::PutBack => Step::Fault(Fault::PutBack { till }),
        Sort::Clone => Step::Fault(Fault::Clone { till }),
        Sort::Destroy => Step::Fault(Fault::Destroy { till }),
        Sort::Clock => Step::Fault(Fault::Clock { till, seconds: jump(chance) }),
        Sort::OfficeClock => Step::Fault(Fault::OfficeClock { seconds: jump(chance) }),
        Sort::Cut => Step::Fault(Fault::Cut { till }),
        Sort::Mend => Step::Fault(Fault::Mend { till }),
        Sort::Weather => Step::Fault(Fault::Weather { till, in_a_hundred: chance.below(60) }),
        Sort::OfficePutBack => Step::Fault(Fault::OfficePutBack),
        Sort::OfficeRestart => Step::Fault(Fault::OfficeRestart),
        Sort::Expect => Step::Office(Chore::Expect {
            till,
            lines: (0..1 + other % 2).map(|_| (chance.below(MANY), units)).collect(),
        }),
        Sort::CloseDelivery => Step::Office(Chore::CloseDelivery { delivery: other }),
        Sort::ReceiveOf => at(Verb::ReceiveOf { delivery: other, product: chance.below(MANY), units }),
        Sort::UndoReceipt => at(Verb::UndoReceipt),
        Sort::GiveUpTransfer => Step::Office(Chore::GiveUpTransfer { transfer: other }),
        Sort::Policy => {
            let kind = *chance.one_of(&[None, Some(NodeKind::Till), Some(NodeKind::Till), Some(NodeKind::Kiosk)]);
            let policy = *chance.one_of(&[None, Some(SalePolicy::Strict), Some(SalePolicy::Physical)]);
            Step::Office(Chore::Policy { product: other, kind, policy })
        }
        Sort::KeepBack => {
            let units = *chance.one_of(&[None, Some(0), Some(1), Some(5), Some(20)]);
            Step::Office(Chore::KeepBack { till: chance.in_a_hundred(70).then_some(till), units })
        }
        Sort::Order => at(Verb::Order { lines: lines(chance), customer: customer(chance) }),
        Sort::Confirm => Step::Office(Chore::Confirm),
        Sort::Settle => {
            let (way, names_act) = (chance.below(MANY), chance.in_a_hundred(50));
            Step::Office(Chore::Settle { concern: other, way, names_act })
        }
        Sort::SettleAgain => Step::Office(Chore::SettleAgain { settlement: other }),
        Sort::Pass => Step::Pass(1 + chance.below(7_200) as i64),
    }
}

fn lines(chance: &mut Chance) -> Vec<(usize, i64)> {
    let count = 1 + chance.below(3);
    (0..count).map(|_| (chance.below(MANY), 1 + [0, 0, 1, 4][chance.below(4)])).collect()
}

/// Mostly the guest.
fn customer(chance: &mut Chance) -> Option<usize> {
    chance.in_a_hundred(40).then(|| chance.below(MANY))
}

fn meanwhile(chance: &mut Chance) -> Meanwhile {
    match chance.below(100) {
        0..60 => Meanwhile::Read,
        60..80 => Meanwhile::Asked,
        _ => Meanwhile::Unknown,
    }
}

fn cause(chance: &mut Chance) -> Cause {
    *chance.one_of(&[Cause::Damaged, Cause::Lost, Cause::Found])
}

fn status(chance: &mut Chance) -> OrderStatus {
    *chance.one_of(&[OrderStatus::Processed, OrderStatus::Shipped, OrderStatus::Delivered])
}

/// Mostly by minutes, now and then by years, in either direction.
fn jump(chance: &mut Chance) -> i64 {
    let most = *chance.one_of(&[600, 600, 86_400, JUMP_MAX]);
    let seconds = chance.below(most) as i64;
    if chance.in_a_hundred(50) { seconds } else { -seconds }
}
