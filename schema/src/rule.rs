//! What head office lays down for its shops: how their labels read, what a till may sell beyond its allotment, and
//! when goods run low. Each rule is one row and one aggregate, so that a further sort needs no further table.

use serde::{Deserialize, Serialize};

use crate::{
    clock::Timestamp,
    device::{Card, NodeKind},
    fault::Fault,
    id::{CategoryId, ProductId, RuleId, WarehouseId},
    scan::Layout,
    stock::{SUM_MAX, SalePolicy},
    word::Word as _,
};

/// The sorts of rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleSort {
    /// [`Says::Labels`].
    Labels,
    /// [`Says::Policy`].
    Policy,
    /// [`Says::LowAt`].
    Low,
}

/// Which products a sale policy is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Goods {
    /// All of them.
    All,
    /// Those of a category, and of the categories within it.
    Category(CategoryId),
    /// One.
    Product(ProductId),
}

/// What a rule says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Says {
    /// Labels that begin with the layout's prefix are laid out so.
    Labels {
        /// How.
        layout: Layout,
    },
    /// What happens at a till whose allotment does not cover a line.
    Policy {
        /// At which sort of device; none for all.
        kind: Option<NodeKind>,
        /// Of what.
        goods: Goods,
        /// What happens.
        policy: SalePolicy,
    },
    /// Goods of which no more than this are on hand run low.
    LowAt {
        /// Of which product; none for all.
        product_id: Option<ProductId>,
        /// Where; none for everywhere.
        warehouse_id: Option<WarehouseId>,
        /// How many, in the product's unit.
        units: i64,
    },
}

/// A rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Its id.
    pub rule_id: RuleId,
    /// What it says.
    pub says: Says,
    /// When it was last laid down.
    pub updated_at: Timestamp,
}

/// A rule as columns: what it is about, and its word on it. No two rules are about the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Columns {
    /// Its sort.
    pub sort: RuleSort,
    /// With which digits labels begin.
    pub prefix: Option<String>,
    /// Which sort of device.
    pub node_kind: Option<NodeKind>,
    /// Which category.
    pub category_id: Option<CategoryId>,
    /// Which product.
    pub product_id: Option<ProductId>,
    /// Where.
    pub warehouse_id: Option<WarehouseId>,
    /// A layout, a policy or a number of units.
    pub value: String,
}

impl Says {
    /// Checks the bounds.
    ///
    /// # Errors
    /// [`Fault::AmountOutOfRange`] for a level that no row can have.
    pub fn check(&self) -> Result<(), Fault> {
        match self {
            Self::LowAt { units, .. } if !(0..=SUM_MAX).contains(units) => {
                Err(Fault::AmountOutOfRange { units: *units })
            }
            Self::Labels { .. } | Self::Policy { .. } | Self::LowAt { .. } => Ok(()),
        }
    }

    /// Where it holds; none for everywhere.
    pub const fn warehouse(&self) -> Option<WarehouseId> {
        match self {
            Self::LowAt { warehouse_id, .. } => *warehouse_id,
            Self::Labels { .. } | Self::Policy { .. } => None,
        }
    }

    /// As columns.
    pub fn columns(&self) -> Columns {
        let about = |sort, value| Columns {
            sort,
            prefix: None,
            node_kind: None,
            category_id: None,
            product_id: None,
            warehouse_id: None,
            value,
        };
        match self {
            Self::Labels { layout } => {
                Columns { prefix: Some(layout.prefix()), ..about(RuleSort::Labels, layout.to_string()) }
            }
            Self::Policy { kind, goods, policy } => {
                let (category_id, product_id) = match goods {
                    Goods::All => (None, None),
                    Goods::Category(id) => (Some(*id), None),
                    Goods::Product(id) => (None, Some(*id)),
                };
                let word = policy.word().to_owned();
                Columns { node_kind: *kind, category_id, product_id, ..about(RuleSort::Policy, word) }
            }
            Self::LowAt { product_id, warehouse_id, units } => Columns {
                product_id: *product_id,
                warehouse_id: *warehouse_id,
                ..about(RuleSort::Low, units.to_string())
            },
        }
    }

    /// From columns.
    ///
    /// # Errors
    /// [`Fault::Unreadable`], if they are those of no rule.
    pub fn of_columns(columns: &Columns) -> Result<Self, Fault> {
        let unreadable = || Fault::Unreadable { what: "a rule" };
        let says = match columns.sort {
            RuleSort::Labels => Self::Labels { layout: columns.value.parse().map_err(|_| unreadable())? },
            RuleSort::Policy => {
                let goods = match (columns.category_id, columns.product_id) {
                    (None, None) => Goods::All,
                    (Some(id), None) => Goods::Category(id),
                    (None, Some(id)) => Goods::Product(id),
                    (Some(_), Some(_)) => return Err(unreadable()),
                };
                let policy = SalePolicy::of_word(&columns.value).map_err(|_| unreadable())?;
                Self::Policy { kind: columns.node_kind, goods, policy }
            }
            RuleSort::Low => {
                let Columns { product_id, warehouse_id, .. } = *columns;
                Self::LowAt { product_id, warehouse_id, units: columns.value.parse().map_err(|_| unreadable())? }
            }
        };
        // What a rule of this sort has no place for must not be there either.
        if says.columns() == *columns { Ok(says) } else { Err(unreadable()) }
    }
}

/// What a till does where nothing else was laid down: nobody else sells at its home, and elsewhere others might
/// have been promised the goods.
pub const fn usual_policy(is_home: bool) -> SalePolicy {
    if is_home { SalePolicy::Physical } else { SalePolicy::Strict }
}

/// What happens at the device of this card if its allotment does not cover a line of a product, whose categories are
/// given from the nearest to the top.
///
/// A card that says something else than is usual there is that device's own word, and wins. Else the rule counts that
/// is about the least: of this product, then of the nearest category, then of all; and of two about the same goods
/// the one for this sort of device.
pub fn policy_for<'a>(
    card: &Card,
    rules: impl IntoIterator<Item = &'a Says> + Clone,
    product_id: ProductId,
    categories: &[CategoryId],
) -> SalePolicy {
    let usual = usual_policy(card.is_home);
    if card.policy != usual {
        return card.policy;
    }
    let goods = [Goods::Product(product_id)].into_iter().chain(categories.iter().copied().map(Goods::Category));
    let mut about = goods.chain([Goods::All]).flat_map(|goods| [(Some(card.kind), goods), (None, goods)]);
    let found = about.find_map(|(wanted_kind, wanted)| {
        rules.clone().into_iter().find_map(|says| match says {
            Says::Policy { kind, goods, policy } if *kind == wanted_kind && *goods == wanted => Some(*policy),
            Says::Policy { .. } | Says::Labels { .. } | Says::LowAt { .. } => None,
        })
    });
    found.unwrap_or(usual)
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    const TEA: ProductId = ProductId(Uuid::from_u128(1));
    const HOT: CategoryId = CategoryId(Uuid::from_u128(2));
    const DRINKS: CategoryId = CategoryId(Uuid::from_u128(3));
    const SHOP: WarehouseId = WarehouseId(Uuid::from_u128(4));

    fn card(kind: NodeKind, is_home: bool, policy: SalePolicy) -> Card {
        let id = Uuid::from_u128(9);
        Card {
            node_id: crate::id::NodeId(id),
            incarnation_id: crate::id::IncarnationId(id),
            name: "Till".to_owned(),
            kind,
            warehouse_id: SHOP,
            is_home,
            policy,
            prefix: "T1".to_owned(),
            currency: "EUR".parse().expect("currency"),
            server: String::new(),
        }
    }

    fn rule(kind: Option<NodeKind>, goods: Goods, policy: SalePolicy) -> Says {
        Says::Policy { kind, goods, policy }
    }

    #[test]
    fn the_rule_about_the_least_counts_and_the_devices_own_word_before_all() {
        use NodeKind::{Kiosk, Till};
        use SalePolicy::{Physical, Strict};
        let all = |policy| rule(None, Goods::All, policy);
        let hot = |policy| rule(None, Goods::Category(HOT), policy);
        let drinks = |policy| rule(None, Goods::Category(DRINKS), policy);
        let tea = |policy| rule(None, Goods::Product(TEA), policy);
        let (shared, home) = ((false, Strict), (true, Physical));
        let cases: Vec<(_, Vec<Says>, _)> = vec![
            (shared, vec![], Strict),
            (home, vec![], Physical),
            (shared, vec![all(Physical)], Physical),
            (home, vec![all(Strict)], Strict),
            (shared, vec![all(Physical), drinks(Strict)], Strict),
            (shared, vec![drinks(Strict), hot(Physical)], Physical),
            (shared, vec![hot(Strict), tea(Physical), all(Strict)], Physical),
            (shared, vec![rule(Some(Till), Goods::All, Physical), all(Strict)], Physical),
            (shared, vec![rule(Some(Kiosk), Goods::All, Physical)], Strict),
            (shared, vec![rule(Some(Till), Goods::All, Strict), tea(Physical)], Physical),
            (shared, vec![rule(None, Goods::Product(ProductId(Uuid::nil())), Physical)], Strict),
            // The card says more than is usual.
            ((false, Physical), vec![tea(Strict)], Physical),
            ((true, Strict), vec![tea(Physical)], Strict),
        ];
        for ((is_home, own), rules, expected) in cases {
            let card = card(Till, is_home, own);
            assert_eq!(policy_for(&card, &rules, TEA, &[HOT, DRINKS]), expected, "{is_home} {own} {rules:?}");
        }
    }

    #[test]
    fn a_rule_reads_from_its_columns_and_no_other_does() {
        let low = |product_id, warehouse_id| Says::LowAt { product_id, warehouse_id, units: 5 };
        let rules = [
            Says::Labels { layout: "21IIIIIPPPPPC".parse().expect("a layout") },
            rule(None, Goods::All, SalePolicy::Strict),
            rule(Some(NodeKind::Popup), Goods::Category(HOT), SalePolicy::Physical),
            rule(None, Goods::Product(TEA), SalePolicy::Physical),
            low(None, None),
            low(Some(TEA), None),
            low(Some(TEA), Some(SHOP)),
        ];
        for says in rules {
            let columns = says.columns();
            assert_eq!(Says::of_columns(&columns), Ok(says.clone()), "{columns:?}");
            let damaged = [
                Columns { value: "many".to_owned(), ..columns.clone() },
                Columns { prefix: Some("99".to_owned()), ..columns.clone() },
                Columns { category_id: Some(HOT), product_id: Some(TEA), ..columns },
            ];
            for columns in damaged {
                assert!(Says::of_columns(&columns).is_err(), "{columns:?}");
            }
        }
        assert_eq!(
            Says::LowAt { product_id: None, warehouse_id: None, units: -1 }.check(),
            Err(Fault::AmountOutOfRange { units: -1 })
        );
    }
}
