//! Refunds: in cents, unlike every other amount of any carrier here, and without a currency, which
//! is then the endpoint's.

use schemas::{DeliveryEvent, Kind, Money, delivery_event::PricePart, set_aside::Why};

use super::{
    super::snapshot::{cut, keep_raw, note},
    Source,
};
use crate::{
    json::{malformed, missing},
    tree::{Tree, plain_number},
};

const ITEMS_MAX: usize = 64;
/// Cents.
const SCALE: i32 = 2;
const SCALE_MAX: i32 = 18;

pub(super) fn fill(source: &Source<'_>, event: &mut DeliveryEvent) -> Result<(), Why> {
    const PATH: &str = "data.refund";
    let refund = source.data.at("refund");
    if !refund.is_object() {
        return if event.kind != Kind::RefundIssued {
            Ok(())
        } else if refund.scalar().is_empty() {
            Err(missing(PATH))
        } else {
            Err(malformed(PATH, "is not an object"))
        };
    }
    let currency = source.webhook.headers.currency.as_deref();
    event.refund_id = refund.word("id").map(|id| cut(id).to_owned());
    if let Some(date) = refund.word("date") {
        keep_raw(event, "data.refund.date", date);
    }
    note(event, "refund_reason", refund.word("reason"));
    event.refund = total(refund, "totalRiderRefund", currency, event)?;
    event.refund_partner = total(refund, "totalPartnerRefund", currency, event)?;
    let items = refund.at("refundItems").items();
    for (index, item) in items.iter().take(ITEMS_MAX).enumerate() {
        fill_item(index, item, currency, event);
    }
    let fees = refund.at("refundFees").items();
    for (index, fee) in fees.iter().take(ITEMS_MAX).enumerate() {
        let path = format!("refundFees[{index}]");
        note(event, format!("{path}.code"), fee.word("code"));
        note(event, format!("{path}.name"), fee.word("name"));
        part(fee, "amount", &path, currency, event);
    }
    Ok(())
}

fn fill_item(index: usize, item: &Tree<'_>, currency: Option<&str>, event: &mut DeliveryEvent) {
    let path = format!("refundItems[{index}]");
    for (field, name) in [("reason", "reason"), ("partyAtFault", "party_at_fault")] {
        note(event, format!("{path}.{name}"), item.word(field));
    }
    part(item, "riderAmount", &path, currency, event);
    part(item, "partnerAmount", &path, currency, event);
    let dishes: Vec<String> = item
        .at("items")
        .items()
        .iter()
        .take(ITEMS_MAX)
        .filter_map(|dish| {
            let name = dish.word("name")?;
            let quantity = dish.word("qty").unwrap_or("1");
            Some(format!("{quantity} × {name}"))
        })
        .collect();
    if !dishes.is_empty() {
        note(event, format!("{path}.items"), Some(&dishes.join(", ")));
    }
}

/// The sums are what the event is there to tell: one that can't be read fails it.
fn total(
    refund: &Tree<'_>,
    name: &str,
    currency: Option<&str>,
    event: &mut DeliveryEvent,
) -> Result<Option<Money>, Why> {
    let path = format!("data.refund.{name}");
    let field = refund.at(name).scalar();
    let money = field
        .word()
        .and_then(|text| cents(text, currency.unwrap_or_default()));
    match (money, currency) {
        (Some(money), Some(_)) => return Ok(Some(money)),
        (None, _) if field.is_empty() => return Ok(None),
        (None, _) if event.kind == Kind::RefundIssued => {
            return Err(malformed(&path, "is not an amount"));
        }
        // An amount of nobody knows what is no amount; the endpoint's setting and a replay cure it.
        (Some(_) | None, _) => {}
    }
    if let Some(text) = field.word() {
        keep_raw(event, &path, text);
    }
    Ok(None)
}

/// One amount among others; what can't be read stays as it was written.
fn part(
    tree: &Tree<'_>,
    name: &str,
    path: &str,
    currency: Option<&str>,
    event: &mut DeliveryEvent,
) {
    let Some(text) = tree.word(name) else { return };
    let path = format!("{path}.{name}");
    match currency.and_then(|currency| cents(text, currency)) {
        Some(money) => event.price_parts.push(PricePart { name: path, money }),
        None => keep_raw(event, &format!("data.refund.{path}"), text),
    }
}

/// `1250` is 12.50; of `1250.00` and `1.25e3` the digits that say nothing go, those that say
/// something stay: `12.5` cents are 0.125.
fn cents(text: &str, currency: &str) -> Option<Money> {
    let money = Money::parse(&plain_number(text), currency).ok()?;
    let scale = money.scale.checked_add(SCALE)?;
    (scale <= SCALE_MAX).then_some(Money { scale, ..money })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cents_are_minor_units_however_they_are_written() {
        let check = |text: &str, expected: Option<(i64, i32)>| {
            let found = cents(text, "EUR").map(|money| (money.amount, money.scale));
            assert_eq!(found, expected, "{text}");
        };
        check("1250", Some((1250, 2)));
        check("1250.00", Some((1250, 2)));
        check("1.25e3", Some((1250, 2)));
        check("0", Some((0, 2)));
        check("-5", Some((-5, 2)));
        check("12.5", Some((125, 3)));
        check("many", None);
        check("1e400", None);
    }
}
