//! What head office lays down: rules, each told by the feed, and what is kept back for orders.

use std::collections::BTreeMap;

use outpost_schema::{
    feed::{Aggregate, EVERYONE, Kind},
    id::WarehouseId,
    rule::{Columns, Rule, Says},
};

use super::{feed::Id, ledger::Ledger};

/// Units of each stock row that are granted to nobody unasked.
#[derive(Clone, Debug, Default)]
pub(super) struct KeptBack {
    everywhere: i64,
    /// Where it is another number.
    places: BTreeMap<WarehouseId, i64>,
}

impl KeptBack {
    /// Those of the rows of a place.
    pub(super) fn at(&self, warehouse_id: WarehouseId) -> i64 {
        self.places.get(&warehouse_id).copied().unwrap_or(self.everywhere)
    }
}

/// What a rule is about, whatever it says of it.
fn about(says: &Says) -> Columns {
    Columns { value: String::new(), ..says.columns() }
}

impl Ledger {
    /// The rule that is about the same.
    fn rule_about(&self, wanted: &Says) -> Option<&Rule> {
        let wanted = about(wanted);
        let rules =
            self.feed.all().filter_map(|told| if let Aggregate::Rule(rule) = told { Some(&**rule) } else { None });
        rules.into_iter().find(|rule| about(&rule.says) == wanted)
    }

    pub(super) fn lay_down(&mut self, rule: Rule) {
        let before = self.rule_about(&rule.says).map(|before| (before.rule_id, before.says == rule.says));
        if let Some((_, true)) = before {
            return;
        }
        let rule_id = before.map_or(rule.rule_id, |(rule_id, _)| rule_id);
        let scope = rule.says.warehouse().map_or(EVERYONE, |warehouse| warehouse.0);
        let rule = Rule { rule_id, ..rule };
        self.feed.tell(Id::one(Kind::Rule, rule_id.0), scope, Aggregate::Rule(Box::new(rule)));
    }

    pub(super) fn take_back(&mut self, about: &Says) {
        let Some(rule) = self.rule_about(about) else { return };
        let (rule_id, scope) = (rule.rule_id.0, rule.says.warehouse().map_or(EVERYONE, |warehouse| warehouse.0));
        let key = Aggregate::Rule(Box::new(rule.clone())).key();
        self.feed.tell(Id::one(Kind::Rule, rule_id), scope, Aggregate::Gone(key));
    }

    pub(super) fn keep_back(&mut self, at: Option<WarehouseId>, units: Option<i64>) {
        match (at, units) {
            (None, units) => self.kept_back.everywhere = units.unwrap_or(0),
            (Some(place), Some(units)) => _ = self.kept_back.places.insert(place, units),
            (Some(place), None) => _ = self.kept_back.places.remove(&place),
        }
        let homes: Vec<_> = self.homes.keys().copied().collect();
        homes.into_iter().for_each(|home| self.top_up_warehouse(home));
    }
}
