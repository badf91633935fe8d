//! People, where they live and what they say.

use outpost_schema::people::{Address, Rating, Review, Role, User};

use super::*;

pub fn user(choices: &mut Choices<'_>) -> User {
    User {
        user_id: user_id(choices),
        email: choices.perhaps(|choices| match choices.place(3) {
            0 => choices.one(&["a@x.example", "A@X.example", "İ@x.example"]).to_owned(),
            1 => format!("{}@x", choices.text(490)),
            _ => choices.text(20),
        }),
        first_name: choices.perhaps(|choices| choices.text(500)),
        last_name: choices.perhaps(|choices| choices.text(20)),
        created_at: at(choices),
        address_id: choices.perhaps(address_id),
        role: choices.one(&[Role::Customer, Role::Staff]),
        home: warehouse_id(choices),
        alias_of: choices.perhaps(user_id),
    }
}

pub fn address(choices: &mut Choices<'_>) -> Address {
    Address {
        address_id: address_id(choices),
        user_id: user_id(choices),
        street: choices.line(),
        city: if choices.once_in(8) { choices.text(500) } else { choices.line() },
        state: choices.perhaps(|choices| choices.text(20)),
        zip_code: choices.perhaps(|choices| choices.text(20)),
        country: choices.line(),
        home: warehouse_id(choices),
    }
}

pub fn review(choices: &mut Choices<'_>) -> Review {
    Review {
        review_id: review_id(choices),
        product_id: product_id(choices),
        user_id: user_id(choices),
        rating: Rating::try_from(choices.within(1, 5)).expect("one to five stars"),
        comment: choices.perhaps(|choices| choices.text(100)),
        created_at: at(choices),
    }
}
