//! People, whom two tills may both have written down, and what they say.

use super::*;

#[test]
fn of_two_people_with_one_email_the_lower_id_keeps_it_whatever_arrives_first() {
    for arrival in [[50, 60], [60, 50]] {
        let mut known = known(0, 0);
        let mut owners = BTreeSet::new();
        let mut aliases = BTreeSet::new();
        for (number, email) in arrival.into_iter().zip(["Ada@Example.com", "ada@example.com"]) {
            let settled = run(&mut known, &author(), &[customer(number, email)]);
            for (loser, keeper) in settled.demoted {
                owners.remove(&loser);
                aliases.insert((loser, keeper));
            }
            for user in settled.users {
                match user.alias_of {
                    Some(keeper) => _ = aliases.insert((user.user_id, keeper)),
                    None => _ = owners.insert(user.user_id),
                }
            }
        }
        assert_eq!(owners, BTreeSet::from([UserId(id(50))]), "{arrival:?}");
        assert_eq!(aliases, BTreeSet::from([(UserId(id(60)), UserId(id(50)))]), "{arrival:?}");
        assert_eq!(known.emails["ada@example.com"], UserId(id(50)));
    }
}

#[test]
fn an_email_is_settled_within_one_batch_too() {
    let mut known = known(0, 0);
    let ops = [customer(60, "a@b.c"), customer(70, "a@b.c"), customer(50, "a@b.c")];
    let settled = run(&mut known, &author(), &ops);
    let kept: Vec<_> = settled.users.iter().map(|user| (user.email.is_some(), user.alias_of)).collect();
    let keeper = Some(UserId(id(50)));
    assert_eq!(kept, [(false, keeper), (false, keeper), (true, None)]);
    assert!(settled.demoted.is_empty());
}

#[test]
fn a_review_needs_its_product_and_its_author() {
    let review = |user| Review {
        review_id: ReviewId(id(90)),
        product_id: tea(),
        user_id: user,
        rating: Rating::try_from(5).expect("stars"),
        comment: None,
        created_at: NOW,
    };
    let ops = [review(UserId(id(77))), review(UserId::GUEST)].map(|review| Op::Reviewed(Box::new(review)));
    let settled = run(&mut known(0, 0), &author(), &ops);
    assert_eq!(verdicts(&settled)[0], Verdict::SetAside(SetAside::Lacks { ids: vec![id(77)] }));
    assert_eq!(verdicts(&settled)[1], Verdict::Accepted);
}
