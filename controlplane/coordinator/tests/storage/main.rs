//! The storage on both engines: a real PostgreSQL server, started for this process, and SQLite in a temporary folder.

mod support;

mod audit;
mod fleet;
mod keys;
mod kill;
mod large;
mod migrations;
mod people;
mod policies;
mod postgres;
mod searches;
mod secrets;
mod transactions;
mod verification;
