//! Ops are in the book under the name of the life that wrote them first.

use outpost_sync::round::Local as _;

use super::*;
use crate::step::Name;

#[tokio::test]
async fn what_a_later_life_carried_is_named_by_the_earlier_one() {
    let mut network = Network::open(31).await;
    let tea = network.product(0);
    let first = network.tills[2].caller().incarnation_id;
    // Two devices with one image: each goes on in its own way.
    let image = network.folder.path().join("image");
    copy_folder(&network.tills[2].folder, &image);
    network.tills[2].sell(tea, 1);
    let card = network.tills[2].card.clone();
    let clone = Till::start(&network.office, &card, image, 99);
    clone.sell(tea, 2);
    let ours = Name { life: first, mark: network.tills[2].node.standing().expect("readable").head };
    let theirs = Name { life: first, mark: clone.node.standing().expect("readable").head };
    network.tills[2].until_level().await;
    clone.until_level().await;
    network.tills[2].until_level().await;
    clone.until_level().await;

    let book = network.office.book().await;
    assert_eq!(book.verdict(ours), Some("accepted"), "told by itself");
    assert_eq!(book.verdict(theirs), Some("accepted"), "carried");
    assert_ne!(clone.caller().incarnation_id, first);
    assert_eq!(network.office.shelf().await.orders.len(), 2);
    network.keeps_its_laws().await;
}

#[tokio::test]
async fn what_only_a_later_life_told_is_there_too() {
    let mut network = Network::open(32).await;
    let tea = network.product(0);
    let first = network.tills[2].caller().incarnation_id;
    network.tills[2].sell(tea, 1);
    let image = network.folder.path().join("image");
    copy_folder(&network.tills[2].folder, &image);
    network.tills[2].sell(tea, 1);
    network.tills[2].until_level().await;
    // It is put back to before the second sale, and does not know it; then sells on.
    let card = network.tills[2].card.clone();
    let put_back = Till::start(&network.office, &card, image, 99);
    put_back.until_level().await;
    put_back.sell(tea, 1);
    put_back.until_level().await;
    let book = network.office.book().await;
    let second = put_back.caller().incarnation_id;
    let has = |life, seq| book.ops.keys().any(|(of, mark)| (*of, mark.seq) == (life, seq));
    assert!(has(first, 2) && has(second, 1), "{:?}", book.ops);
    assert_eq!(network.office.shelf().await.orders.len(), 3);
    network.keeps_its_laws().await;
}
