//! Everybody comes back at once: nothing is lost, nothing comes twice, and all are drained.

use std::{collections::BTreeSet, sync::Arc};

use outpost_schema::world::Seeded;
use outpost_server::publish;

use crate::{
    light::Device,
    support::{Rule, Shop, money, process::Running},
};

/// Devices that come back.
const DEVICES: usize = 60;

/// Orders that each has to tell.
const ORDERS: usize = 20;

/// Rounds after which a device that is not drained never will be.
const ROUNDS_MAX: u32 = 100;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_devices_that_return_in_one_moment_are_all_drained_and_level() {
    let mut shop = Shop::open(0).await;
    let tea = shop.product("TEA", "2.50", 1_000_000).await;
    for _ in 0..DEVICES {
        shop.add_till(shop.high_street, Rule::Physical).await;
    }
    let devices: Vec<_> = shop.tills.drain(..).map(|till| Arc::new(Device::new(till.card))).collect();
    let chance = Arc::new(Seeded::new(60));
    for device in &devices {
        device.sell(&*chance, tea, money("2.50"), ORDERS);
    }
    publish::reprice(&shop.server, &[(tea, Some(money("3.00")))]).await.expect("news");
    let data = shop.spare_folder("head office").to_string_lossy().into_owned();
    let arguments = ["--database", shop.database.url(), "--listen", "127.0.0.1:0", "--data", &data, "serve"];
    let office = Running::start("outpost-server", &arguments, None).await;
    let returning: Vec<_> = devices
        .iter()
        .map(|device| {
            let (device, url, chance) = (Arc::clone(device), office.url.clone(), Arc::clone(&chance));
            tokio::spawn(async move { device.come_back(&url, &*chance, ROUNDS_MAX).await })
        })
        .collect();
    for returned in returning {
        returned.await.expect("it comes back").expect("it is drained");
    }
    for device in &devices {
        let (told, heard) = device.told_and_heard();
        assert_eq!(told, ORDERS as i64, "all of it is acknowledged");
        assert!(heard > 0, "and there was something to hear");
    }
    office.kill().await;
    let receipts: BTreeSet<String> = shop.server_receipts().await;
    assert_eq!(receipts.len(), DEVICES * ORDERS, "nothing is lost");
    assert_eq!(shop.number("select count(*) from orders").await, (DEVICES * ORDERS) as i64, "nothing comes twice");
    assert_eq!(shop.number("select balance from stock").await, 1_000_000 - (DEVICES * ORDERS) as i64);
    shop.keeps_its_laws().await;
}
