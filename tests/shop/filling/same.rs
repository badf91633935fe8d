//! Two nodes compared table by table, whatever tables there are.

use std::{collections::BTreeMap, path::Path};

use rusqlite::{Connection, types::Value};

use crate::support::Till;

/// Both have exactly the same tables with the same rows, except for what only their own clocks say.
pub(super) fn same_tables(one: &Till, other: &Till) {
    let (one, other) = (tables(&one.folder), tables(&other.folder));
    assert!(one.keys().eq(other.keys()), "{:?} and {:?}", one.keys(), other.keys());
    for (name, rows) in &one {
        assert_eq!(rows, &other[name], "{name} differs");
    }
}

type Tables = BTreeMap<String, Vec<Vec<Value>>>;

fn tables(folder: &Path) -> Tables {
    let conn = Connection::open(folder.join("outpost.db")).expect("opens");
    let names = |sql: &str| -> Vec<String> {
        let mut statement = conn.prepare(sql).expect("reads");
        statement.query_map([], |row| row.get(0)).expect("reads").collect::<Result<_, _>>().expect("reads")
    };
    let mut tables = Tables::new();
    for name in names("select name from sqlite_schema where type = 'table' and name not like 'sqlite_%'") {
        // What changed, and by how many steps, is the account of the way that each came to be so.
        if ["catalogue_changes", "synonyms_mark"].contains(&name.as_str()) {
            continue;
        }
        let columns = names(&format!(
            "select name from pragma_table_xinfo('{name}') where name not in ('level_at', 'contact_at')"
        ));
        // When a cart was told here is the node's own clock's word. Where the feed goes on moves with whatever
        // else the same Postgres does meanwhile; when head office was last heard is each node's own.
        let is_own = |column: &str| match name.as_str() {
            "cart_states" => column == "updated_at",
            "feed_position" => ["cursor", "seen", "heard_at"].contains(&column),
            _ => false,
        };
        let columns: Vec<String> = columns.into_iter().filter(|column| !is_own(column)).collect();
        let columns_in_order = columns.join(", ");
        let sql = format!("select {columns_in_order} from {name} order by {columns_in_order}");
        let mut statement = conn.prepare(&sql).expect("reads");
        let rows = statement
            .query_map([], |row| (0..columns.len()).map(|place| row.get(place)).collect::<Result<Vec<Value>, _>>())
            .expect("reads")
            .collect::<Result<_, _>>()
            .expect("reads");
        tables.insert(name, rows);
    }
    let sql = "select type || ' ' || name || ' ' || coalesce(sql, '') from sqlite_schema order by 1";
    tables.insert("the schema".to_owned(), names(sql).into_iter().map(|text| vec![Value::Text(text)]).collect());
    tables
}
