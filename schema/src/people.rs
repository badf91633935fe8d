//! Customers and staff, where they live, and what they say of products.

use serde::{Deserialize, Serialize};

use crate::{
    clock::Timestamp,
    fault::Fault,
    id::{AddressId, ProductId, ReviewId, UserId, WarehouseId},
    text,
};

/// What a person may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Buys.
    #[default]
    Customer,
    /// Sells.
    Staff,
}

/// A person, as nodes know one: never with a password hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Their id; stays valid even if it becomes an alias.
    pub user_id: UserId,
    /// For signing in and receipts, in lower case; unique at the server.
    pub email: Option<String>,
    /// Given name.
    pub first_name: Option<String>,
    /// Family name.
    pub last_name: Option<String>,
    /// When they were first written down.
    pub created_at: Timestamp,
    /// Their default address.
    pub address_id: Option<AddressId>,
    /// What they may be.
    #[serde(default)]
    pub role: Role,
    /// The shop that wrote them down, whose nodes receive them.
    pub home: WarehouseId,
    /// The person that this one turned out to be: two offline nodes wrote down one e-mail.
    #[serde(default)]
    pub alias_of: Option<UserId>,
}

impl User {
    /// Checks what every person must satisfy.
    ///
    /// # Errors
    /// The first [`Fault`] found.
    pub fn check(&self) -> Result<(), Fault> {
        if let Some(email) = &self.email {
            text::email(email)?;
        }
        for (field, name) in [("first_name", &self.first_name), ("last_name", &self.last_name)] {
            text::check(field, name.as_deref().unwrap_or(""), text::LINE_MAX)?;
        }
        Ok(())
    }
}

/// A postal address of a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// Its id.
    pub address_id: AddressId,
    /// Whose it is.
    pub user_id: UserId,
    /// Street and number.
    pub street: String,
    /// City.
    pub city: String,
    /// State or province.
    pub state: Option<String>,
    /// Postal code.
    pub zip_code: Option<String>,
    /// Country.
    pub country: String,
    /// The shop that wrote it down, whose nodes receive it.
    pub home: WarehouseId,
}

impl Address {
    /// Checks what every address must satisfy.
    ///
    /// # Errors
    /// The first [`Fault`] found.
    pub fn check(&self) -> Result<(), Fault> {
        for (field, line) in [("street", &self.street), ("city", &self.city), ("country", &self.country)] {
            text::require(field, line, text::LINE_MAX)?;
        }
        for (field, line) in [("state", &self.state), ("zip_code", &self.zip_code)] {
            text::check(field, line.as_deref().unwrap_or(""), text::LINE_MAX)?;
        }
        Ok(())
    }
}

/// Stars, from 1 to 5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct Rating(u8);

impl Rating {
    /// The number of stars.
    pub const fn stars(self) -> u8 {
        self.0
    }
}

impl TryFrom<i64> for Rating {
    type Error = Fault;
    fn try_from(stars: i64) -> Result<Self, Fault> {
        u8::try_from(stars).ok().filter(|stars| (1..=5).contains(stars)).map(Self).ok_or(Fault::RatingOutOfRange)
    }
}

impl From<Rating> for i64 {
    fn from(rating: Rating) -> i64 {
        rating.0.into()
    }
}

/// What a customer says of a product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// Its id.
    pub review_id: ReviewId,
    /// Of what.
    pub product_id: ProductId,
    /// By whom.
    pub user_id: UserId,
    /// Stars.
    pub rating: Rating,
    /// Words.
    pub comment: Option<String>,
    /// When.
    pub created_at: Timestamp,
}

impl Review {
    /// Checks what every review must satisfy.
    ///
    /// # Errors
    /// The first [`Fault`] found.
    pub fn check(&self) -> Result<(), Fault> {
        text::check("comment", self.comment.as_deref().unwrap_or(""), text::PROSE_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rating_is_one_to_five() {
        for stars in [0, 6, -1, i64::MAX] {
            assert_eq!(Rating::try_from(stars), Err(Fault::RatingOutOfRange));
        }
        assert_eq!(Rating::try_from(5).map(Rating::stars), Ok(5));
    }
}
