//! Prices and balances: decimal texts or numbers, in the form of 2022 and in that since 2023.

use schemas::{DeliveryEvent, Kind, Money, delivery_event::PricePart, set_aside::Why};

use super::{
    Source,
    input::{Amount, PAIRS_MAX},
    keep_raw, required,
};
use crate::json::{Pairs, Scalar, malformed, missing};

/// ISO codes have three letters.
const CURRENCY_BYTES_MAX: usize = 8;

pub(super) fn fill(source: &Source<'_>, event: &mut DeliveryEvent) -> Result<(), Why> {
    balance(source, event)?;
    let Some(order) = source.order else {
        return Ok(());
    };
    for (path, pairs, total) in [
        ("data.order.priceBreakdown", &order.price_breakdown, "total"),
        ("data.order.price", &order.price, "totalPrice"),
    ] {
        if !pairs.0.is_empty() && event.price.is_none() {
            price(source, event, Price { path, pairs, total })?;
        }
    }
    Ok(())
}

struct Price<'a> {
    path: &'static str,
    pairs: &'a Pairs<'a, PAIRS_MAX>,
    total: &'static str,
}

/// A total that can't be read is fatal only to the event that exists to tell it: a status must not
/// be lost for a price.
fn price(source: &Source<'_>, event: &mut DeliveryEvent, price: Price<'_>) -> Result<(), Why> {
    let Price { path, pairs, total } = price;
    let is_subject = event.kind == Kind::OrderAmountChanged;
    let Some(currency) = pairs
        .get("currency")
        .and_then(currency)
        .or(fallback(source))
    else {
        return if is_subject {
            Err(missing(&format!("{path}.currency")))
        } else {
            Ok(())
        };
    };
    if let Some(field) = pairs.get(total).filter(|field| !field.is_empty()) {
        let path = format!("{path}.{total}");
        match amount(field, currency) {
            Some(money) => event.price = Some(money),
            None if is_subject => return Err(malformed(&path, "is not an amount")),
            None => keep_raw(event, &path, field),
        }
    }
    event.price_parts = pairs
        .0
        .iter()
        .filter(|(name, _)| name != total && name != "currency")
        .filter_map(|(name, field)| {
            Some(PricePart {
                name: name.to_string(),
                money: amount(field, currency)?,
            })
        })
        .collect();
    Ok(())
}

fn balance(source: &Source<'_>, event: &mut DeliveryEvent) -> Result<(), Why> {
    let is_subject = event.kind == Kind::BalanceChanged;
    let balance: &Amount<'_> = match source.data.balance.get() {
        Some(balance) => balance,
        None if is_subject => source.data.balance.required("data.balance")?,
        None => return Ok(()),
    };
    let currency = currency(&balance.currency).or(fallback(source));
    if is_subject {
        required(&balance.amount, "data.balance.amount")?;
        currency.ok_or_else(|| missing("data.balance.currency"))?;
    }
    match currency.and_then(|currency| amount(&balance.amount, currency)) {
        Some(money) => event.balance = Some(money),
        None if is_subject => return Err(malformed("data.balance.amount", "is not an amount")),
        None => keep_raw(event, "data.balance.amount", &balance.amount),
    }
    Ok(())
}

fn amount(field: &Scalar<'_>, currency: &str) -> Option<Money> {
    Money::parse(field.word()?, currency).ok()
}

fn currency<'a>(field: &'a Scalar<'_>) -> Option<&'a str> {
    field.word().filter(|code| code.len() <= CURRENCY_BYTES_MAX)
}

/// The endpoint's currency, for a payload that names none.
fn fallback<'a>(source: &Source<'a>) -> Option<&'a str> {
    source.webhook.headers.currency.as_deref()
}
