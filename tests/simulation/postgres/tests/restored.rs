//! Head office is put back, and ended in the middle of something.

use super::{super::rows::Rows, *};

#[tokio::test]
async fn a_backup_holds_what_a_copy_of_the_database_holds() {
    let mut network = Network::open(21).await;
    let tea = network.product(0);
    network.tills[2].sell(tea, 1);
    network.all_level().await;
    network.does(&Deed::BeginSlow { product: tea }).await;
    let backup = network.office.back_up().await;
    network.does(&Deed::EndSlow { commit: false }).await;
    let client = network.office.ground.hand();
    // Of itself a backup does not tell.
    client.batch_execute("delete from backups").await.expect("rows go");
    assert_eq!(Rows::read(client).await.sorted(), backup.sorted());
}

#[tokio::test]
async fn what_a_restore_lost_comes_back_once() {
    let mut network = Network::open(22).await;
    let tea = network.product(0);
    network.tills[0].is_allotted(tea, 2).await;
    let backup = network.office.back_up().await;
    network.tills[0].is_allotted(tea, 6).await;
    let mut sold = vec![network.tills[0].sell(tea, 5)];
    network.all_level().await;
    network.office.put_back(&backup).await;
    assert!(network.office.book().await.is_recovering);
    assert!(network.office.shelf().await.orders.is_empty());
    let (_, hold) = network.hold(1);
    network.refuses(&hold, "recovering").await;
    sold.push(network.tills[0].sell(tea, 1));
    network.all_level().await;
    assert!(!network.office.book().await.is_recovering);
    let told: Vec<Order> = network.office.shelf().await.orders.into_values().collect();
    assert_eq!(told, sold);
    network.keeps_its_laws().await;
    network.does(&hold).await;
}

#[tokio::test]
async fn who_never_comes_back_is_given_up() {
    let mut network = Network::open(23).await;
    let backup = network.office.back_up().await;
    network.office.put_back(&backup).await;
    let gone = network.tills.remove(1);
    network.all_level().await;
    assert!(network.office.book().await.is_recovering);
    network.does(&Deed::GiveUp { node: gone.card.node_id }).await;
    assert!(!network.office.book().await.is_recovering);
}

#[tokio::test]
async fn a_till_may_forget_what_the_last_backup_holds_and_no_more() {
    let mut network = Network::open(24).await;
    let tea = network.product(0);
    let archived = |rows: &tokio_postgres::Row| rows.get::<_, i64>(0);
    for _ in 0..2 {
        network.tills[2].sell(tea, 1);
        network.all_level().await;
        network.office.back_up().await;
    }
    network.tills[2].sell(tea, 1);
    network.all_level().await;
    let sql = "select m.seq from backup_marks m where m.incarnation_id = $1";
    let life = network.tills[2].caller().incarnation_id;
    let marks = network.office.ground.hand().query(sql, &[&life]).await.expect("marks");
    assert_eq!(marks.iter().map(archived).collect::<Vec<_>>(), [2]);
}

#[tokio::test]
async fn a_program_that_is_ended_in_the_middle_leaves_nothing_half_done() {
    let mut network = Network::open(25).await;
    let tea = network.product(0);
    network.does(&Deed::BeginSlow { product: tea }).await;
    network.office.restart().await;
    network.does(&Deed::EndSlow { commit: true }).await;
    network.all_level().await;
    let offer = network.tills[0].node.product(tea).expect("readable").expect("known");
    assert_eq!(offer.product.description, None, "what was open went with the program");
    assert!(!network.office.book().await.is_recovering, "a restart is no restore");

    // A round that nobody waits for any more, in the middle of its push.
    network.tills[2].sell(tea, 1);
    let mut round = Box::pin(round::run(&*network.tills[2].node, &network.tills[2].line, 0));
    for _ in 0..3 {
        tokio::select! { biased; _ = &mut round => panic!("it is over already"), () = tokio::task::yield_now() => {} }
    }
    drop(round);
    network.office.restart().await;
    network.keeps_its_laws().await;
    network.all_level().await;
    assert_eq!(network.office.shelf().await.orders.len(), 1);
    network.keeps_its_laws().await;
}
