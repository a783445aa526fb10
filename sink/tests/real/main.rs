//! The sink against a real ClickHouse, Kafka and registry: what no fake would tell.
// one test writes out a whole row
#![recursion_limit = "256"]

#[cfg(test)]
mod accounting;
#[cfg(test)]
mod bad_data;
#[cfg(test)]
mod case;
#[cfg(test)]
mod condition;
#[cfg(test)]
mod contract;
#[cfg(test)]
mod examples;
#[cfg(test)]
mod frontiers;
#[cfg(test)]
mod histories;
#[cfg(test)]
mod inserts;
#[cfg(test)]
mod loading;
#[cfg(test)]
mod migrations;
#[cfg(test)]
mod model;
#[cfg(test)]
mod outage;
#[cfg(test)]
mod parts;
#[cfg(test)]
mod random;
#[cfg(test)]
mod stack;
#[cfg(test)]
mod store_killed;
#[cfg(test)]
mod types;
#[cfg(test)]
mod upgrade;
#[cfg(test)]
mod views;
