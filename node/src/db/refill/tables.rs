//! The fed tables, and the statements that make a range of one equal to the database aside.

use outpost_schema::feed::Kind;

/// Tables that are taken over together, range by range of the key that they share.
#[derive(Debug)]
pub(super) struct Group {
    /// The shared key.
    pub(super) key: &'static str,
    /// The first one's rows make the ranges.
    pub(super) tables: &'static [Fed],
    /// What its aggregates are, if own ops are laid over their images.
    pub(super) laid_over: Option<Kind>,
}

/// A fed table.
#[derive(Debug)]
pub(super) struct Fed {
    pub(super) name: &'static str,
    /// What names a row.
    keys: &'static [&'static str],
    /// What it says. A column that is not named here is never fed, and stays.
    says: &'static [&'static str],
    /// Which rows `m` stay though the server does not tell them: ops of this node that it lacks made them.
    own: &'static str,
    /// Which rows `m` are not replaced by what it tells.
    kept: &'static str,
}

/// Nothing of the table is made here.
const NOBODY: &str = "false";

/// An op of this node named the order which the images do not contain. Any other one, though it may be from
/// here, is the server's to tell: what no journal has is a ghost, as in a comparison.
const OWN_ORDER: &str = "m.order_id in (select id from temp.own)";

/// A refund comes and goes with its return.
const OWN_PAYMENT: &str = "(m.return_id is not null or m.order_id in (select id from temp.own))";

/// An op of this node that the images do not contain made the return.
const OWN_RETURN: &str = "m.return_id in (select id from temp.own)";

/// An order of this node, or one that an op of it named: its content never changes, and its status only rises.
const KEPT_ORDER: &str = "exists (select 1 from main.orders o where o.order_id = m.order_id
    and (o.node_id = (select node_id from main.identity) or o.order_id in (select id from temp.own)))";

/// Every group of plain rows; stock and carts follow laws of their own.
pub(super) const GROUPS: &[Group] = &[
    Group {
        key: "warehouse_id",
        tables: &[Fed::told("warehouses", &["warehouse_id"], &["name", "home_of", "created_at"])],
        laid_over: None,
    },
    Group {
        key: "category_id",
        tables: &[Fed::told("categories", &["category_id"], &["name", "parent_id"])],
        laid_over: None,
    },
    Group {
        key: "product_id",
        tables: &[
            Fed::told(
                "products",
                &["product_id"],
                &[
                    "sku",
                    "name",
                    "description",
                    "price",
                    "unit",
                    "price_per",
                    "category_id",
                    "seller_id",
                    "image_urls",
                    "attributes",
                    "created_at",
                    "updated_at",
                ],
            ),
            Fed::told("barcodes", &["barcode", "product_id"], &[]),
        ],
        laid_over: None,
    },
    Group {
        key: "user_id",
        tables: &[Fed {
            own: "m.user_id in (select id from temp.own)",
            ..Fed::told(
                "users",
                &["user_id"],
                &["email", "first_name", "last_name", "created_at", "address_id", "role", "home", "alias_of"],
            )
        }],
        laid_over: None,
    },
    Group {
        key: "address_id",
        tables: &[Fed {
            own: "m.address_id in (select id from temp.own)",
            ..Fed::told(
                "addresses",
                &["address_id"],
                &["user_id", "street", "city", "state", "zip_code", "country", "home"],
            )
        }],
        laid_over: None,
    },
    Group {
        key: "review_id",
        tables: &[Fed {
            own: "m.review_id in (select id from temp.own)",
            ..Fed::told("reviews", &["review_id"], &["product_id", "user_id", "rating", "comment", "created_at"])
        }],
        laid_over: None,
    },
    Group {
        key: "order_id",
        tables: &[
            Fed {
                own: OWN_ORDER,
                kept: KEPT_ORDER,
                ..Fed::told(
                    "orders",
                    &["order_id"],
                    &[
                        "user_id",
                        "total_amount",
                        "status",
                        "shipping_address_id",
                        "billing_address_id",
                        "payment_id",
                        "created_at",
                        "updated_at",
                        "receipt_prefix",
                        "receipt_number",
                        "node_id",
                        "warehouse_id",
                        "fulfilment",
                    ],
                )
            },
            Fed {
                own: OWN_ORDER,
                kept: KEPT_ORDER,
                ..Fed::told(
                    "order_items",
                    &["order_id", "order_item_id"],
                    &["product_id", "quantity", "unit_price", "price_per", "line"],
                )
            },
            Fed {
                own: OWN_PAYMENT,
                kept: KEPT_ORDER,
                ..Fed::told(
                    "payments",
                    &["order_id", "payment_id"],
                    &[
                        "user_id",
                        "amount",
                        "currency",
                        "tender",
                        "status",
                        "transaction_ref",
                        "created_at",
                        "updated_at",
                        "return_id",
                        "refunds_id",
                    ],
                )
            },
        ],
        laid_over: None,
    },
    Group {
        key: "return_id",
        tables: &[
            Fed {
                own: OWN_RETURN,
                ..Fed::told(
                    "returns",
                    &["return_id"],
                    &[
                        "order_id",
                        "user_id",
                        "order_receipt_prefix",
                        "order_receipt_number",
                        "receipt_prefix",
                        "receipt_number",
                        "node_id",
                        "warehouse_id",
                        "taken_by",
                        "reason",
                        "created_at",
                    ],
                )
            },
            Fed {
                own: OWN_RETURN,
                ..Fed::told(
                    "return_lines",
                    &["return_id", "line"],
                    &["order_item_id", "product_id", "quantity", "condition"],
                )
            },
            Fed {
                own: OWN_RETURN,
                ..Fed::told(
                    "payments",
                    &["order_id", "payment_id"],
                    &[
                        "user_id",
                        "amount",
                        "currency",
                        "tender",
                        "status",
                        "transaction_ref",
                        "created_at",
                        "updated_at",
                        "return_id",
                        "refunds_id",
                    ],
                )
            },
        ],
        laid_over: None,
    },
    Group {
        key: "order_id",
        tables: &[Fed {
            own: OWN_ORDER,
            ..Fed::told("order_confirmations", &["order_id"], &["warehouse_id", "asked_at", "confirmed_at"])
        }],
        laid_over: None,
    },
    Group {
        key: "concern_id",
        tables: &[Fed::told(
            "concerns",
            &["concern_id"],
            &["kind", "subject", "detail", "scope", "opened_at", "closed_at"],
        )],
        laid_over: None,
    },
    Group {
        key: "transfer_id",
        tables: &[
            Fed::told("transfers", &["transfer_id"], &["prefix", "number", "from_id", "to_id", "sent_at", "complete"]),
            Fed::told(
                "transfer_lines",
                &["transfer_id", "product_id", "warehouse_id"],
                &["sent", "arrived", "damaged", "lost"],
            ),
        ],
        laid_over: Some(Kind::Transfer),
    },
    Group {
        key: "delivery_id",
        tables: &[
            Fed::told(
                "deliveries",
                &["delivery_id"],
                &[
                    "warehouse_id",
                    "supplier",
                    "reference",
                    "due_at",
                    "created_at",
                    "closed_at",
                    "closed_by",
                    "closed_note",
                ],
            ),
            Fed::told("delivery_lines", &["delivery_id", "product_id"], &["expected", "received"]),
        ],
        laid_over: Some(Kind::Delivery),
    },
    Group {
        key: "rule_id",
        tables: &[Fed::told(
            "rules",
            &["rule_id"],
            &["sort", "prefix", "node_kind", "category_id", "product_id", "warehouse_id", "value", "updated_at"],
        )],
        laid_over: None,
    },
    Group {
        key: "synonyms_id",
        tables: &[Fed::told("synonyms", &["synonyms_id"], &["phrases", "also", "created_at"])],
        laid_over: None,
    },
];

/// The rows of a range, by the name that a statement gives their table: behind `?1`, up to `?2` if
/// there is an upper end.
pub(super) fn range(table: &str, key: &str, is_last: bool) -> String {
    // Each statement has both parameters, so that they are bound in one way.
    let end = if is_last { "?2 is null".to_owned() } else { format!("{table}.{key} <= ?2") };
    format!("{table}.{key} > ?1 and {end}")
}

/// Own ops of journal `?4` that the images of kind `?3` contain, up to `?5` but those in `?6`, are laid over no more.
pub(super) fn no_longer_pending(is_last: bool) -> String {
    format!(
        "delete from main.pending_ops as m where {} and m.of_kind = ?3 and m.incarnation_id = ?4 and m.seq <= ?5
             and m.seq not in (select value from json_each(?6))",
        range("m", "of_id", is_last)
    )
}

/// The end of the next range of `?2` rows behind `?1`, in whichever of the two has the denser keys; null
/// if both are at their end.
pub(super) fn next_end(table: &str, key: &str) -> String {
    let end = |schema: &str| {
        format!("select (select {key} from {schema}.{table} where {key} > ?1 order by {key} limit 1 offset ?2) as k")
    };
    format!("select min(k) from ({} union all {})", end("main"), end("aside"))
}

impl Fed {
    const fn told(name: &'static str, keys: &'static [&'static str], says: &'static [&'static str]) -> Self {
        Self { name, keys, says, own: NOBODY, kept: NOBODY }
    }

    fn same_key(&self) -> String {
        let pairs: Vec<String> = self.keys.iter().map(|key| format!("m.{key} = a.{key}")).collect();
        pairs.join(" and ")
    }

    /// Takes in the rows that differ.
    pub(super) fn replace(&self, key: &str, is_last: bool) -> String {
        let columns: Vec<&str> = self.keys.iter().chain(self.says).copied().collect();
        let (columns, keys) = (columns.join(", "), self.keys.join(", "));
        let of =
            |table: &str| self.says.iter().map(|column| format!("{table}.{column}")).collect::<Vec<_>>().join(", ");
        let is_equal = if self.says.is_empty() { "true".to_owned() } else { format!("({}) is ({})", of("m"), of("a")) };
        let set: Vec<String> = self.says.iter().map(|column| format!("{column} = excluded.{column}")).collect();
        let then = if set.is_empty() { "nothing".to_owned() } else { format!("update set {}", set.join(", ")) };
        format!(
            "insert into main.{name} ({columns}) select {columns} from aside.{name} a
             where {range} and not exists
                 (select 1 from main.{name} m where {same_key} and ({is_equal} or {is_kept}))
             on conflict ({keys}) do {then}",
            name = self.name,
            range = range("a", key, is_last),
            same_key = self.same_key(),
            is_kept = self.kept,
        )
    }

    /// Removes the rows that the server does not know.
    pub(super) fn remove(&self, key: &str, is_last: bool) -> String {
        format!(
            "delete from main.{name} as m where {range}
                 and not exists (select 1 from aside.{name} a where {same_key}) and not ({own})",
            name = self.name,
            range = range("m", key, is_last),
            same_key = self.same_key(),
            own = self.own,
        )
    }
}

/// What makes a range of stock rows, and of what this node may sell of them, equal to the images aside.
/// An image that is gone counts as 0, as long as an own op is laid over it.
pub(super) mod stock {
    use super::range;

    /// Own ops of journal `?3` that the images contain, up to `?4` but those in `?5`, are laid over no more.
    pub(in super::super) fn contained(is_last: bool) -> String {
        format!(
            "delete from main.pending as m where {} and m.incarnation_id = ?3 and m.seq <= ?4
                 and m.seq not in (select value from json_each(?5))",
            range("m", "product_id", is_last)
        )
    }

    const OWN: &str = "coalesce((select sum(p.{sum}) from main.pending p
        where p.product_id = {row}.product_id and p.warehouse_id = {row}.warehouse_id), 0)";

    fn own(row: &str, sum: &str) -> String {
        OWN.replace("{row}", row).replace("{sum}", sum)
    }

    pub(in super::super) fn replace(is_last: bool) -> String {
        let (balance, promised) = (own("a", "balance"), own("a", "promised"));
        format!(
            "insert into main.stock (product_id, warehouse_id, fed_balance, fed_promised, own_balance, own_promised,
                 updated_at)
             select a.product_id, a.warehouse_id, a.fed_balance, a.fed_promised, {balance}, {promised}, a.updated_at
             from aside.stock a
             where {range} and not exists (
                 select 1 from main.stock m where m.product_id = a.product_id and m.warehouse_id = a.warehouse_id
                     and (m.fed_balance, m.fed_promised, m.own_balance, m.own_promised, m.updated_at)
                         is (a.fed_balance, a.fed_promised, {balance}, {promised}, a.updated_at)
             )
             on conflict (product_id, warehouse_id) do update set
                 fed_balance = excluded.fed_balance, fed_promised = excluded.fed_promised,
                 own_balance = excluded.own_balance, own_promised = excluded.own_promised,
                 updated_at = excluded.updated_at",
            range = range("a", "product_id", is_last)
        )
    }

    const GONE: &str = "not exists (select 1 from aside.stock a
        where a.product_id = m.product_id and a.warehouse_id = m.warehouse_id)";

    pub(in super::super) fn forget(is_last: bool) -> String {
        format!(
            "update main.stock as m set fed_balance = 0, fed_promised = 0, own_balance = {}, own_promised = {}
             where {} and {GONE}",
            own("m", "balance"),
            own("m", "promised"),
            range("m", "product_id", is_last)
        )
    }

    pub(in super::super) fn remove(is_last: bool) -> String {
        format!(
            "delete from main.stock as m where {} and {GONE} and not exists
                 (select 1 from main.pending p where p.product_id = m.product_id and p.warehouse_id = m.warehouse_id)",
            range("m", "product_id", is_last)
        )
    }

    /// The totals that the server raises, of journal `?3`: the larger wins, as schema's `Allotment::hear` has it.
    /// What is granted is heard only if `?4`.
    pub(in super::super) fn allotments(is_last: bool) -> String {
        format!(
            "insert into main.allotments (incarnation_id, product_id, warehouse_id, granted, reclaimed, full_mark, keep)
             select a.incarnation_id, a.product_id, a.warehouse_id, iif(?4, a.granted, 0), a.reclaimed, a.full_mark,
                 iif(?4, a.keep, null)
             from aside.allotments a
             where a.incarnation_id = ?3 and {}
             on conflict (incarnation_id, product_id, warehouse_id) do update set
                 granted = max(granted, excluded.granted), reclaimed = max(reclaimed, excluded.reclaimed),
                 full_mark = excluded.full_mark, keep = excluded.keep
                 where excluded.granted > granted or excluded.reclaimed > reclaimed
                    or excluded.full_mark <> full_mark or excluded.keep is not keep",
            range("a", "product_id", is_last)
        )
    }
}
