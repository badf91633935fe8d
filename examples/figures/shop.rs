//! The made-up shop as rows of a database: 100,000 products with stock, all of it allotted to one till.
//! The statements name only columns that bare tables have too, so that both sides hold the same.

use outpost_schema::{id::ProductId, money::Money};
use tokio_postgres::Client;

use crate::{
    goods::{self, PRODUCTS, THEN, UNITS},
    report::Outcome,
};

/// Who may sell what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seller {
    /// The till alone: the warehouse is its home, and all of it is its allotment.
    Till,
    /// Whoever asks for a hold.
    Online,
}

/// Fills the tables that a push or a hold changes.
pub async fn fill(client: &Client, seller: Seller) -> Outcome {
    devices(client).await?;
    catalogue(client).await?;
    match seller {
        Seller::Till => {
            client.execute("update warehouses set home_of = $1", &[&goods::node_id()]).await?;
            stock(client, UNITS).await?;
            allotments(client).await?;
        }
        Seller::Online => {
            stock(client, 0).await?;
            past_holds(client).await?;
        }
    }
    settle(client).await
}

/// The warehouse, the guest, the till and its journal.
async fn devices(client: &Client) -> Outcome {
    let (warehouse, node, incarnation) = (goods::warehouse_id(), goods::node_id(), goods::incarnation_id());
    let guest = outpost_schema::id::UserId::GUEST;
    client
        .execute(
            "insert into warehouses (warehouse_id, name, created_at) values ($1, 'Shop', $2)",
            &[&warehouse, &THEN],
        )
        .await?;
    client
        .execute(
            "insert into users (user_id, first_name, created_at, home) values ($1, 'Guest', $2, $3)",
            &[&guest, &THEN, &warehouse],
        )
        .await?;
    client
        .execute(
            "insert into nodes (node_id, name, kind, warehouse_id, scope, prefix, created_at)
             values ($1, 'Till', 'till', $2, array[$2::uuid], 'F', $3)",
            &[&node, &warehouse, &THEN],
        )
        .await?;
    client
        .execute(
            "insert into incarnations (incarnation_id, node_id, number, created_at) values ($1, $2, 1, $3)",
            &[&incarnation, &node, &THEN],
        )
        .await?;
    Ok(())
}

async fn catalogue(client: &Client) -> Outcome {
    let ids: Vec<ProductId> = (0..PRODUCTS).map(goods::product_id).collect();
    let prices: Vec<Money> = (0..PRODUCTS).map(goods::price).collect();
    client
        .execute(
            "insert into products (product_id, sku, name, price, created_at, updated_at)
             select p.product_id, 'S' || p.place, 'Product ' || p.place, p.price, $3, $3
             from unnest($1::uuid[], $2::numeric[]) with ordinality as p (product_id, price, place)",
            &[&ids, &prices, &THEN],
        )
        .await?;
    Ok(())
}

async fn stock(client: &Client, promised: i64) -> Outcome {
    client
        .execute(
            "insert into stock (product_id, warehouse_id, balance, promised, updated_at)
             select product_id, $1, $2, $3, $4 from products order by product_id",
            &[&goods::warehouse_id(), &UNITS, &promised, &THEN],
        )
        .await?;
    Ok(())
}

async fn allotments(client: &Client) -> Outcome {
    client
        .execute(
            "insert into allotments (incarnation_id, product_id, warehouse_id, granted)
             select $1, product_id, $2, $3 from products order by product_id",
            &[&goods::incarnation_id(), &goods::warehouse_id(), &UNITS],
        )
        .await?;
    Ok(())
}

/// Holds that are over: a day's worth. Plans that Postgres made for an empty table read all of it once it is full.
async fn past_holds(client: &Client) -> Outcome {
    client
        .execute(
            "insert into holds (hold_id, product_id, warehouse_id, amount, expires_at, created_at, closed_at, outcome)
             select gen_random_uuid(), product_id, $1, 1, $2, $2, $2, 'expired' from products",
            &[&goods::warehouse_id(), &THEN],
        )
        .await?;
    Ok(())
}

/// Marks the aggregates in the feed that triggers would have marked, where there are none.
pub async fn mark(client: &Client) -> Outcome {
    client
        .batch_execute(
            "insert into feed (kind, key, scope, changed)
             select 3, uuid_send(product_id), '00000000-0000-0000-0000-000000000000', pg_current_xact_id() from products
             union all
             select 4, uuid_send(product_id) || uuid_send(warehouse_id), warehouse_id, pg_current_xact_id() from stock
             union all
             select 5, uuid_send(incarnation_id) || uuid_send(product_id) || uuid_send(warehouse_id), n.node_id,
                    pg_current_xact_id()
             from allotments join incarnations n using (incarnation_id)",
        )
        .await?;
    settle(client).await
}

/// What autovacuum would do a minute later, in the middle of a round.
async fn settle(client: &Client) -> Outcome {
    Ok(client.batch_execute("vacuum analyze").await?)
}
