//! A sale that lacks stock asks for it, while there is a line.

use super::*;

/// A server that has the units which the till lacks: it grants what is asked for.
struct Generous;

impl Referee for Generous {
    async fn digest(&self, _: Standing, _: &DigestAsked) -> Result<Digested, Trouble> {
        Ok(Digested::PullFirst)
    }

    async fn images(&self, _: Standing, _: &ImagesAsked) -> Result<Imaged, Trouble> {
        Ok(Imaged::PullFirst)
    }
}

impl Remote for Generous {
    async fn push(&self, _: Standing, push: &Push) -> Result<Pushed, Trouble> {
        let acked = push.entries.last().map(|entry| entry.mark()).unwrap_or(outpost_schema::journal::Mark::START);
        let verdicts = push.entries.iter().map(|entry| (entry.seq, outpost_schema::verdict::Verdict::Accepted));
        Ok(Pushed::Settled { acked, verdicts: verdicts.collect(), carts: vec![] })
    }

    async fn report(&self, standing: Standing, _: &Report) -> Result<Reported, Trouble> {
        Ok(Reported::Taken { acked: standing.acked })
    }

    async fn pull(&self, standing: Standing, cursor: Option<&str>, wait_seconds: u64) -> Result<Pulled, Trouble> {
        if wait_seconds > 0 {
            std::future::pending::<()>().await;
        }
        let granted = if standing.head.seq > 0 { 5 } else { 2 };
        let page = page(&crate::carts::tests::news(granted), cursor.unwrap_or(""));
        let acked = outpost_sync::wire::Acked {
            incarnation_id: LIFE,
            mark: standing.acked,
            set_aside: vec![],
            archived: 0,
            over: false,
        };
        Ok(Pulled::Page(Box::new(Page { acked: vec![acked], ..page })))
    }
}

#[tokio::test]
async fn a_sale_that_lacks_stock_asks_for_it_while_the_line_is_up() {
    let shop = shop_with(2, |node| Line::Carried {
        courier: Courier::start(Arc::clone(node), Generous).expect("a courier"),
        questions: None,
    });
    let (status, sold) = shop.post("/v1/sales", &sale(TEA, 4, "20")).await;
    assert_eq!((status, &sold["order"]["total_amount"]), (StatusCode::CREATED, &json!("10.00")), "{sold}");
    let (status, refused) = shop.post("/v1/sales", &sale(TEA, 40, "200")).await;
    assert_eq!((status, &refused["code"]), (StatusCode::CONFLICT, &json!("allotment_spent")), "asked once, then no");
    shop.app.close();
    assert_eq!(shop.app.health().expect("a courier").failures, 0);
    let worth: Money = shop.app.node.status().expect("readable").worth;
    assert!(worth <= "10.00".parse().expect("money"));
}
