//! Customers: written down at the till, found again, and what they say of products.

use outpost_schema::{
    fault::Fault,
    id::{AddressId, ProductId, ReviewId, UserId},
    op::{Customer, Op},
    people::{Address, Rating, Review, Role, User},
};

use crate::{
    db::{catalogue, people},
    error::{Error, Refused},
    node::{Node, Writing},
    stage::Work,
};

/// People or reviews in one list.
pub const LIST_MAX: usize = 500;

/// A customer as written down at the till; blank text counts as none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewCustomer {
    /// For receipts, in any case.
    pub email: Option<String>,
    /// Given name.
    pub first_name: Option<String>,
    /// Family name.
    pub last_name: Option<String>,
    /// Where they live.
    pub address: Option<NewAddress>,
}

/// An address as written down at the till.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewAddress {
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
}

/// A review as written down at the till.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewReview {
    /// Of what.
    pub product_id: ProductId,
    /// By whom.
    pub user_id: UserId,
    /// Stars.
    pub rating: Rating,
    /// Words.
    pub comment: Option<String>,
}

impl Node {
    /// Writes a customer down.
    ///
    /// # Errors
    /// `email_known` names the customer who has that e-mail here; `empty` without e-mail and name;
    /// what else is wrong with the text; or what the disk says.
    pub fn add_customer(&self, new: &NewCustomer) -> Result<User, Error> {
        self.write(Work::AddCustomer, |writing| writing.add_customer(new))
    }

    /// Writes a further address of a customer down.
    ///
    /// # Errors
    /// `unknown_customer`, what is wrong with the text, or what the disk says.
    pub fn add_address(&self, user: UserId, new: &NewAddress) -> Result<Address, Error> {
        self.write(Work::AddAddress, |writing| {
            writing.check_customer(user)?;
            let address = writing.address(user, new);
            writing.append(&Op::AddressAdded(Box::new(address.clone())))?;
            people::save_address(writing.conn(), &address)?;
            Ok(address)
        })
    }

    /// Writes down what a customer says of a product.
    ///
    /// # Errors
    /// `unknown_customer`, `unknown_product`, what is wrong with the text, or what the disk says.
    pub fn add_review(&self, new: &NewReview) -> Result<Review, Error> {
        self.write(Work::AddReview, |writing| writing.add_review(new))
    }

    /// The customer, if known here.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn customer(&self, user: UserId) -> Result<Option<User>, Error> {
        self.db().read(|conn| people::find(conn, user))
    }

    /// Customers whose name or e-mail begins with the text, newest first; all of them if it is empty.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn customers(&self, text: &str, limit: usize) -> Result<Vec<User>, Error> {
        self.db().read(|conn| people::list(conn, text.trim(), limit.min(LIST_MAX) as i64))
    }

    /// A customer's addresses.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn addresses(&self, user: UserId) -> Result<Vec<Address>, Error> {
        self.db().read(|conn| people::addresses(conn, user))
    }

    /// What people say of a product, newest first.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn reviews(&self, product: ProductId, limit: usize) -> Result<Vec<Review>, Error> {
        self.db().read(|conn| people::reviews(conn, product, limit.min(LIST_MAX) as i64))
    }
}

impl Writing<'_> {
    fn add_customer(&mut self, new: &NewCustomer) -> Result<User, Error> {
        let email = said(new.email.as_deref()).map(|email| email.to_lowercase());
        if let Some(email) = email.clone()
            && let Some(known) = people::of_email(self.conn(), &email)?
        {
            return Err(Refused::EmailKnown { email, user: known.user_id }.into());
        }
        let now = self.now();
        let user_id = UserId::new(now, self.world.id_chance());
        let address = new.address.as_ref().map(|address| self.address(user_id, address));
        let user = User {
            user_id,
            email,
            first_name: said(new.first_name.as_deref()),
            last_name: said(new.last_name.as_deref()),
            created_at: now,
            address_id: address.as_ref().map(|address| address.address_id),
            role: Role::Customer,
            home: self.identity.warehouse_id(),
            alias_of: None,
        };
        if user.email.is_none() && user.first_name.is_none() && user.last_name.is_none() {
            return Err(Fault::Empty { field: "name" }.into());
        }
        self.append(&Op::CustomerAdded(Box::new(Customer { user: user.clone(), address: address.clone() })))?;
        people::save(self.conn(), &user)?;
        address.iter().try_for_each(|address| people::save_address(self.conn(), address))?;
        Ok(user)
    }

    fn add_review(&mut self, new: &NewReview) -> Result<Review, Error> {
        let product = new.product_id;
        self.check_customer(new.user_id)?;
        catalogue::price(self.conn(), product)?.ok_or(Refused::UnknownProduct { product })?;
        let now = self.now();
        let review = Review {
            review_id: ReviewId::new(now, self.world.id_chance()),
            product_id: product,
            user_id: new.user_id,
            rating: new.rating,
            comment: said(new.comment.as_deref()),
            created_at: now,
        };
        self.append(&Op::Reviewed(Box::new(review.clone())))?;
        people::save_review(self.conn(), &review)?;
        Ok(review)
    }

    fn check_customer(&self, user: UserId) -> Result<(), Error> {
        if people::exists(self.conn(), user)? { Ok(()) } else { Err(Refused::UnknownCustomer { user }.into()) }
    }

    fn address(&self, user_id: UserId, new: &NewAddress) -> Address {
        Address {
            address_id: AddressId::new(self.now(), self.world.id_chance()),
            user_id,
            street: new.street.trim().to_owned(),
            city: new.city.trim().to_owned(),
            state: said(new.state.as_deref()),
            zip_code: said(new.zip_code.as_deref()),
            country: new.country.trim().to_owned(),
            home: self.identity.warehouse_id(),
        }
    }
}

/// Text without the white space around it; none if nothing is left.
fn said(text: Option<&str>) -> Option<String> {
    text.map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
}
