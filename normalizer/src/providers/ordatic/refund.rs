//! Refunds: in cents, unlike every other amount of any carrier here, and without a currency, which
//! is then the endpoint's.

use schemas::{
    Kind, Money,
    delivery_event::{Draft, PricePart},
    set_aside::Why,
};

use super::{
    super::snapshot::{cut, note},
    Source,
    input::{Dish, Fee, Item, Refund},
};
use crate::{
    arena::Arena,
    json::{malformed, missing},
    privacy::TenantPrivacy,
    tree::{Tree, plain_number},
};

const ITEMS_MAX: usize = 64;
/// Cents.
const SCALE: i32 = 2;
const SCALE_MAX: i32 = 18;

pub(super) fn fill<'a>(source: &Source<'a>, event: &mut Draft<'a>) -> Result<(), Why> {
    const PATH: &str = "data.refund";
    let tree = source.data.refund;
    if !tree.is_object() {
        return if event.kind != Kind::RefundIssued {
            Ok(())
        } else if tree.is_empty() {
            Err(missing(PATH))
        } else {
            Err(malformed(PATH, "is not an object"))
        };
    }
    let refund = Refund::of(tree);
    let privacy = source.webhook.privacy();
    let parts = Parts {
        arena: source.webhook.arena,
        currency: source.webhook.headers.currency,
        privacy: &privacy,
    };
    event.refund_id = refund.id.word().map(cut);
    note(event, "raw.data.refund.date", refund.date.word());
    let reason = refund.reason.word().map(|text| privacy.apply_within(text));
    note(event, "refund_reason", reason);
    let currency = parts.currency;
    event.refund = total(refund.total_rider, "totalRiderRefund", currency, event)?;
    event.refund_partner = total(refund.total_partner, "totalPartnerRefund", currency, event)?;
    for (index, item) in refund.items.items().iter().take(ITEMS_MAX).enumerate() {
        parts.item(index, Item::of(item), event);
    }
    for (index, fee) in refund.fees.items().iter().take(ITEMS_MAX).enumerate() {
        let fee = Fee::of(fee);
        let path = parts.arena.text(format_args!("refundFees[{index}]"));
        parts.note(path, "code", fee.code.word(), event);
        parts.note(path, "name", fee.name.word(), event);
        parts.amount(path, "amount", fee.amount, event);
    }
    Ok(())
}

/// What the parts of a refund have in common.
struct Parts<'p, 'a> {
    arena: &'a Arena,
    currency: Option<&'a str>,
    privacy: &'p TenantPrivacy<'a>,
}

impl<'a> Parts<'_, 'a> {
    fn item(&self, index: usize, item: Item<'a>, event: &mut Draft<'a>) {
        let path = self.arena.text(format_args!("refundItems[{index}]"));
        self.note(path, "reason", item.reason.word(), event);
        self.note(path, "party_at_fault", item.party_at_fault.word(), event);
        self.amount(path, "riderAmount", item.rider_amount, event);
        self.amount(path, "partnerAmount", item.partner_amount, event);
        let dishes = item.dishes.items().iter().take(ITEMS_MAX).map(Dish::of);
        let dishes: Vec<String> = dishes
            .filter_map(|dish| {
                let name = dish.name.word()?;
                let quantity = dish.quantity.word().unwrap_or("1");
                Some(format!("{quantity} × {name}"))
            })
            .collect();
        if !dishes.is_empty() {
            let dishes = self.arena.copied(&dishes.join(", "));
            self.note(path, "items", Some(dishes), event);
        }
    }

    /// What somebody in the restaurant may have typed.
    fn note(&self, path: &str, name: &str, text: Option<&'a str>, event: &mut Draft<'a>) {
        if let Some(text) = text {
            let text = self.privacy.apply_within(text);
            note(event, self.arena.concat(&[path, ".", name]), Some(text));
        }
    }

    /// One amount among others; what can't be read stays as it was written.
    fn amount(&self, path: &str, name: &str, field: &Tree<'a>, event: &mut Draft<'a>) {
        let Some(text) = field.word() else { return };
        match self.currency.and_then(|currency| cents(text, currency)) {
            Some(money) => {
                let name = self.arena.concat(&[path, ".", name]);
                event.price_parts.push(PricePart { name, money });
            }
            None => {
                let name = self.arena.concat(&["raw.data.refund.", path, ".", name]);
                note(event, name, Some(text));
            }
        }
    }
}

/// The sums are what the event is there to tell: one that can't be read fails it.
fn total<'a>(
    field: &Tree<'a>,
    name: &'static str,
    currency: Option<&'a str>,
    event: &mut Draft<'a>,
) -> Result<Option<Money<&'a str>>, Why> {
    let money = field
        .word()
        .and_then(|text| cents(text, currency.unwrap_or_default()));
    match (money, currency) {
        (Some(money), Some(_)) => return Ok(Some(money)),
        (None, _) if field.is_empty() => return Ok(None),
        (None, _) if event.kind == Kind::RefundIssued => {
            return Err(malformed(
                &format!("data.refund.{name}"),
                "is not an amount",
            ));
        }
        // An amount of nobody knows what is no amount; the endpoint's setting and a replay cure it.
        (Some(_) | None, _) => {}
    }
    let raw = match name {
        "totalRiderRefund" => "raw.data.refund.totalRiderRefund",
        _ => "raw.data.refund.totalPartnerRefund",
    };
    note(event, raw, field.word());
    Ok(None)
}

/// `1250` is 12.50; of `1250.00` and `1.25e3` the digits that say nothing go, those that say
/// something stay: `12.5` cents are 0.125.
fn cents<'a>(text: &str, currency: &'a str) -> Option<Money<&'a str>> {
    let money = Money::borrowed(&plain_number(text), currency).ok()?;
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
