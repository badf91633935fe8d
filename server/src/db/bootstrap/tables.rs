//! Which columns of ours make which of the node's, and which rows are in a scope: what
//! [`super::super::images`] loads as aggregates, as whole tables.

use outpost_schema::id::{NodeId, WarehouseId};
use uuid::Uuid;

use super::columns::Spelling::{self, Bytes, Id, Int, Json, Money, Text, Time, Whole};

/// A table of the node and the rows of ours that fill it.
#[derive(Debug)]
pub(super) struct Table {
    /// The node's name for it.
    pub(super) name: &'static str,
    /// The node's columns.
    pub(super) columns: &'static [Column],
    /// Our rows, in the order of the node's key: all that follows `from`. `{scope}` stands for the
    /// warehouses and `{nodes}` for the nodes, as arrays.
    from: &'static str,
}

/// A column of the node, what it is made of, and how that is spelled.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) name: &'static str,
    is: &'static str,
    pub(super) spelling: Spelling,
}

/// What is in the file.
pub(super) struct Scope<'a> {
    pub(super) warehouses: &'a [WarehouseId],
    pub(super) nodes: &'a [NodeId],
}

const fn same(name: &'static str, spelling: Spelling) -> Column {
    Column { name, is: name, spelling }
}

const fn made(name: &'static str, is: &'static str, spelling: Spelling) -> Column {
    Column { name, is, spelling }
}

impl Table {
    /// The statement that makes Postgres send the rows.
    pub(super) fn copy(&self, scope: &Scope<'_>) -> String {
        let columns: Vec<&str> = self.columns.iter().map(|column| column.is).collect();
        let from = self
            .from
            .replace("{scope}", &array(scope.warehouses.iter().map(|warehouse| warehouse.0)))
            .replace("{nodes}", &array(scope.nodes.iter().map(|node| node.0)));
        format!("copy (select {} from {from}) to stdout (format binary)", columns.join(", "))
    }

    /// The statement that takes a row in.
    pub(super) fn insert(&self) -> String {
        let columns: Vec<&str> = self.columns.iter().map(|column| column.name).collect();
        let places = vec!["?"; columns.len()].join(", ");
        format!("insert into {} ({}) values ({places})", self.name, columns.join(", "))
    }
}

/// `copy` takes no parameters; ids need no quoting.
fn array(ids: impl Iterator<Item = Uuid>) -> String {
    let ids: Vec<String> = ids.map(|id| id.to_string()).collect();
    format!("'{{{}}}'::uuid[]", ids.join(","))
}

/// Everything in a file, in the order in which it is written.
pub(super) const TABLES: &[Table] = &[
    Table {
        name: "warehouses",
        columns: &[same("warehouse_id", Id), same("name", Text), same("home_of", Id), same("created_at", Time)],
        from: "warehouses order by warehouse_id",
    },
    Table {
        name: "categories",
        columns: &[same("category_id", Id), same("name", Text), same("parent_id", Id)],
        from: "categories order by category_id",
    },
    Table {
        name: "products",
        columns: &[
            same("product_id", Id),
            same("sku", Text),
            same("name", Text),
            same("description", Text),
            same("price", Money),
            same("unit", Text),
            same("price_per", Whole),
            same("category_id", Id),
            same("seller_id", Id),
            made("image_urls", "image_urls::text", Json),
            made("attributes", "attributes::text", Json),
            same("created_at", Time),
            same("updated_at", Time),
        ],
        from: "products order by product_id",
    },
    Table {
        name: "barcodes",
        columns: &[same("barcode", Text), same("product_id", Id)],
        from: "barcodes order by barcode collate \"C\"",
    },
    Table {
        name: "reviews",
        columns: &[
            same("review_id", Id),
            same("product_id", Id),
            same("user_id", Id),
            same("rating", Int),
            same("comment", Text),
            same("created_at", Time),
        ],
        from: "reviews order by review_id",
    },
    Table {
        name: "users",
        columns: &[
            same("user_id", Id),
            same("email", Text),
            same("first_name", Text),
            same("last_name", Text),
            same("created_at", Time),
            same("address_id", Id),
            same("role", Text),
            same("home", Id),
            same("alias_of", Id),
        ],
        from: "users where home = any({scope}) order by user_id",
    },
    Table {
        name: "addresses",
        columns: &[
            same("address_id", Id),
            same("user_id", Id),
            same("street", Text),
            same("city", Text),
            same("state", Text),
            same("zip_code", Text),
            same("country", Text),
            same("home", Id),
        ],
        from: "addresses where home = any({scope}) order by address_id",
    },
    Table {
        name: "stock",
        columns: &[
            same("product_id", Id),
            same("warehouse_id", Id),
            made("fed_balance", "balance", Whole),
            made("fed_promised", "promised", Whole),
            same("updated_at", Time),
        ],
        from: "stock where warehouse_id = any({scope}) order by product_id, warehouse_id",
    },
    Table {
        name: "orders",
        columns: &[
            same("order_id", Id),
            same("user_id", Id),
            same("total_amount", Money),
            same("status", Text),
            same("shipping_address_id", Id),
            same("billing_address_id", Id),
            same("payment_id", Id),
            same("created_at", Time),
            same("updated_at", Time),
            same("receipt_prefix", Text),
            same("receipt_number", Whole),
            same("node_id", Id),
            same("warehouse_id", Id),
            same("fulfilment", Text),
        ],
        from: "orders where warehouse_id = any({scope}) order by order_id",
    },
    Table {
        name: "order_items",
        columns: &[
            made("order_id", "i.order_id", Id),
            same("order_item_id", Id),
            same("product_id", Id),
            same("quantity", Whole),
            same("unit_price", Money),
            same("price_per", Whole),
            same("line", Int),
        ],
        from: "order_items i join orders o on o.order_id = i.order_id where o.warehouse_id = any({scope})
            order by i.order_id, order_item_id",
    },
    Table {
        name: "payments",
        columns: &[
            made("order_id", "p.order_id", Id),
            made("payment_id", "p.payment_id", Id),
            made("user_id", "o.user_id", Id),
            same("amount", Money),
            same("currency", Text),
            same("tender", Text),
            made("status", "p.status", Text),
            same("transaction_ref", Text),
            made("created_at", "p.created_at", Time),
            made("updated_at", "p.updated_at", Time),
        ],
        from: "payments p join orders o on o.order_id = p.order_id
            where o.warehouse_id = any({scope}) and p.return_id is null
            order by p.order_id, p.payment_id",
    },
    Table {
        name: "payments",
        columns: &[
            same("order_id", Id),
            same("payment_id", Id),
            same("user_id", Id),
            same("amount", Money),
            same("currency", Text),
            same("tender", Text),
            same("status", Text),
            same("transaction_ref", Text),
            same("created_at", Time),
            same("updated_at", Time),
            same("return_id", Id),
            same("refunds_id", Id),
        ],
        from: "payments p where return_id in (
                select return_id from returns where warehouse_id = any({scope}) or sold_at = any({scope}))
            order by order_id, payment_id",
    },
    Table {
        name: "returns",
        columns: &[
            same("return_id", Id),
            same("order_id", Id),
            same("user_id", Id),
            same("order_receipt_prefix", Text),
            same("order_receipt_number", Whole),
            same("receipt_prefix", Text),
            same("receipt_number", Whole),
            same("node_id", Id),
            same("warehouse_id", Id),
            same("taken_by", Id),
            same("reason", Text),
            same("created_at", Time),
        ],
        from: "returns where warehouse_id = any({scope}) or sold_at = any({scope}) order by return_id",
    },
    Table {
        name: "return_lines",
        columns: &[
            made("return_id", "l.return_id", Id),
            same("line", Int),
            same("order_item_id", Id),
            same("product_id", Id),
            same("quantity", Whole),
            same("condition", Text),
        ],
        from: "return_lines l join returns r on r.return_id = l.return_id
            where r.warehouse_id = any({scope}) or r.sold_at = any({scope})
            order by l.return_id, line",
    },
    Table {
        name: "cart_states",
        columns: &[same("cart_id", Id), same("owner", Id), same("state", Bytes), same("updated_at", Time)],
        from: "cart_states where home = any({scope}) order by cart_id",
    },
    Table {
        name: "concerns",
        columns: CONCERN,
        from: "concerns where scope = any({scope} || '00000000-0000-0000-0000-000000000000'::uuid)
            order by concern_id",
    },
    Table {
        name: "transfers",
        columns: &[
            same("transfer_id", Id),
            same("prefix", Text),
            same("number", Whole),
            same("from_id", Id),
            same("to_id", Id),
            same("sent_at", Time),
            made("complete", "complete::integer", Int),
        ],
        from: "transfers t where from_id = any({scope}) or to_id = any({scope}) or exists (
            select from transfer_lines l where l.transfer_id = t.transfer_id and l.warehouse_id = any({scope}))
            order by transfer_id",
    },
    Table {
        name: "transfer_lines",
        columns: &[
            made("transfer_id", "l.transfer_id", Id),
            same("product_id", Id),
            same("warehouse_id", Id),
            same("sent", Whole),
            same("arrived", Whole),
            same("damaged", Whole),
            same("lost", Whole),
        ],
        from: "transfer_lines l join transfers t on t.transfer_id = l.transfer_id
            where from_id = any({scope}) or to_id = any({scope}) or exists (
                select from transfer_lines o where o.transfer_id = l.transfer_id and o.warehouse_id = any({scope}))
            order by l.transfer_id, product_id, warehouse_id",
    },
    Table {
        name: "deliveries",
        columns: &[
            same("delivery_id", Id),
            same("warehouse_id", Id),
            same("supplier", Text),
            same("reference", Text),
            same("due_at", Time),
            same("created_at", Time),
            same("closed_at", Time),
            same("closed_by", Text),
            same("closed_note", Text),
        ],
        from: "deliveries where warehouse_id = any({scope}) order by delivery_id",
    },
    Table {
        name: "delivery_lines",
        columns: &[
            made("delivery_id", "l.delivery_id", Id),
            same("product_id", Id),
            same("expected", Whole),
            same("received", Whole),
        ],
        from: "delivery_lines l join deliveries d on d.delivery_id = l.delivery_id
            where d.warehouse_id = any({scope}) order by l.delivery_id, product_id",
    },
    Table {
        name: "rules",
        columns: &[
            same("rule_id", Id),
            same("sort", Text),
            same("prefix", Text),
            same("node_kind", Text),
            same("category_id", Id),
            same("product_id", Id),
            same("warehouse_id", Id),
            same("value", Text),
            same("updated_at", Time),
        ],
        from: "rules where warehouse_id is null or warehouse_id = any({scope}) order by rule_id",
    },
    Table {
        name: "order_confirmations",
        columns: &[same("order_id", Id), same("warehouse_id", Id), same("asked_at", Time), same("confirmed_at", Time)],
        from: "order_confirmations where warehouse_id = any({scope}) order by order_id",
    },
    Table {
        name: "synonyms",
        columns: &[
            same("synonyms_id", Id),
            made("phrases", "to_json(phrases)::text", Json),
            made("also", "to_json(also)::text", Json),
            same("created_at", Time),
        ],
        from: "synonyms order by synonyms_id",
    },
    Table { name: "file_scope", columns: &[same("warehouse_id", Id)], from: "unnest({scope}) as s (warehouse_id)" },
    Table {
        name: "file_journals",
        columns: &[
            same("node_id", Id),
            same("incarnation_id", Id),
            made("seq", "acked_seq", Whole),
            made("hash", "acked_hash", Bytes),
            made(
                "set_aside",
                "coalesce((select json_agg(o.seq order by o.seq) from ops o
                    where o.incarnation_id = i.incarnation_id and o.verdict = 'set_aside'), '[]')::text",
                Json,
            ),
        ],
        from: "incarnations i where node_id = any({nodes}) order by incarnation_id",
    },
    Table {
        name: "file_allotments",
        columns: &[
            made("incarnation_id", "a.incarnation_id", Id),
            same("product_id", Id),
            same("warehouse_id", Id),
            same("granted", Whole),
            same("reclaimed", Whole),
            same("full_mark", Whole),
            made("keep", "case when keep_granted = granted then keep end", Whole),
        ],
        from: "allotments a join incarnations i on i.incarnation_id = a.incarnation_id
            where i.node_id = any({nodes}) and (granted > 0 or reclaimed > 0)
            order by a.incarnation_id, product_id, warehouse_id",
    },
    Table { name: "file_concerns", columns: CONCERN, from: "concerns where scope = any({nodes}) order by concern_id" },
    Table {
        name: "file_rulings",
        columns: &[
            made("incarnation_id", "o.incarnation_id", Id),
            made("seq", "o.seq", Whole),
            made("verdict", "o.verdict_detail::text", Text),
        ],
        from: "feed f
            join ops o on f.key = uuid_send(o.incarnation_id) || decode('0000000000000000', 'hex') || int8send(o.seq)
            where f.kind = 12 and not f.gone and f.scope = any({nodes})
            order by o.incarnation_id, o.seq",
    },
];

const CONCERN: &[Column] = &[
    same("concern_id", Id),
    same("kind", Text),
    same("subject", Text),
    made("detail", "detail::text", Json),
    same("scope", Id),
    same("opened_at", Time),
    same("closed_at", Time),
];
