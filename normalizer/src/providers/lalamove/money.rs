//! Prices and balances: decimal texts or numbers, in the form of 2022 and in that since 2023.

use schemas::{
    Kind, Money,
    delivery_event::{Draft, PricePart},
    set_aside::Why,
};

use super::{
    Source,
    input::{Amount, PAIRS_MAX},
    keep_raw, required,
};
use crate::{
    amount,
    json::{Pairs, Scalar, malformed, missing},
};

/// ISO codes have three letters.
const CURRENCY_BYTES_MAX: usize = 8;

pub(super) fn fill<'a>(source: &Source<'_, 'a>, event: &mut Draft<'a>) -> Result<(), Why> {
    balance(source, event)?;
    let Some(order) = source.order else {
        return Ok(());
    };
    for price in [
        Price {
            path: "data.order.priceBreakdown",
            pairs: &order.price_breakdown,
            total: "total",
            raw_total: "raw.data.order.priceBreakdown.total",
        },
        Price {
            path: "data.order.price",
            pairs: &order.price,
            total: "totalPrice",
            raw_total: "raw.data.order.price.totalPrice",
        },
    ] {
        if !price.pairs.0.is_empty() && event.price.is_none() {
            price.fill(source, event)?;
        }
    }
    Ok(())
}

struct Price<'s, 'a> {
    path: &'static str,
    pairs: &'s Pairs<'a, PAIRS_MAX>,
    total: &'static str,
    /// Keeps the total where it can't be read.
    raw_total: &'static str,
}

impl<'a> Price<'_, 'a> {
    /// A total that can't be read is fatal only to the event that exists to tell it: a status must
    /// not be lost for a price.
    fn fill(&self, source: &Source<'_, 'a>, event: &mut Draft<'a>) -> Result<(), Why> {
        let Price { path, total, .. } = *self;
        let is_subject = event.kind == Kind::OrderAmountChanged;
        let own = self.pairs.get("currency").and_then(currency);
        let Some(currency) = own.or(fallback(source)) else {
            return if is_subject {
                Err(missing(&format!("{path}.currency")))
            } else {
                Ok(())
            };
        };
        if let Some(field) = self.pairs.get(total).filter(|field| !field.is_empty()) {
            match amount(field, currency) {
                Some(money) => event.price = Some(money),
                None if is_subject => {
                    return Err(malformed(&format!("{path}.{total}"), "is not an amount"));
                }
                None => keep_raw(event, self.raw_total, field),
            }
        }
        let parts = self.pairs.0.iter();
        let parts = parts.filter(|(name, _)| *name != total && *name != "currency");
        event.price_parts.reserve(self.pairs.0.len());
        event.price_parts.extend(parts.filter_map(|(name, field)| {
            let money = amount(field, currency)?;
            Some(PricePart { name: *name, money })
        }));
        Ok(())
    }
}

fn balance<'a>(source: &Source<'_, 'a>, event: &mut Draft<'a>) -> Result<(), Why> {
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
        None => keep_raw(event, "raw.data.balance.amount", &balance.amount),
    }
    Ok(())
}

fn amount<'a>(field: &Scalar<'_>, currency: &'a str) -> Option<Money<&'a str>> {
    amount::amount(*field, currency)
}

fn currency<'a>(field: &Scalar<'a>) -> Option<&'a str> {
    field.word().filter(|code| code.len() <= CURRENCY_BYTES_MAX)
}

/// The endpoint's currency, for a payload that names none.
const fn fallback<'a>(source: &Source<'_, 'a>) -> Option<&'a str> {
    source.webhook.headers.currency
}
