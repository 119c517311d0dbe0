//! Whose rows a transaction may touch, as a type: a query of a tenant's table takes a transaction of [`Organisation`]
//! and reads the id from it, so that it cannot be given another one by mistake.

use super::error::{Error, Result};
use super::ids::is_id;

/// One organisation's rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organisation(String);

/// One person's own rows, in whatever organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User(String);

/// Everything: jobs across organisations, the registry of gateways, and looking up who somebody is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operator;

impl Organisation {
    /// The organisation with this id.
    pub fn new(id: &str) -> Result<Organisation> {
        checked(id).map(Organisation)
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.0
    }
}

impl User {
    /// The person with this id.
    pub fn new(id: &str) -> Result<User> {
        checked(id).map(User)
    }

    /// The id.
    pub fn id(&self) -> &str {
        &self.0
    }
}

fn checked(id: &str) -> Result<String> {
    if is_id(id) { Ok(id.to_owned()) } else { Err(Error::Refused("this is no identifier".into())) }
}

/// What the database is told of a scope. PostgreSQL's row-level security reads it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Claims {
    /// The organisation, or empty.
    pub organisation: String,
    /// The person, or empty.
    pub user: String,
    /// Whether rows of every organisation are open.
    pub is_operator: bool,
}

/// A scope of transactions.
pub trait Scope: Send + Sync {
    /// What the database is told of it.
    fn claims(&self) -> Claims;
}

impl Scope for Organisation {
    fn claims(&self) -> Claims {
        Claims { organisation: self.0.clone(), ..Claims::default() }
    }
}

impl Scope for User {
    fn claims(&self) -> Claims {
        Claims { user: self.0.clone(), ..Claims::default() }
    }
}

impl Scope for Operator {
    fn claims(&self) -> Claims {
        Claims { is_operator: true, ..Claims::default() }
    }
}
