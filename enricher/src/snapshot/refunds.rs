//! What was paid back for an order in all. Pure.

use schemas::Money;

/// Refunds so far, in event time. One that a carrier repeats under its own id is one.
#[derive(Clone, Debug, Default)]
pub struct Refunds<'a>(Vec<(Option<&'a str>, &'a Money)>);

impl<'a> Refunds<'a> {
    pub fn add(&mut self, id: Option<&'a str>, money: &'a Money) {
        let same = |known: &&mut (Option<&str>, &Money)| id.is_some() && known.0 == id;
        match self.0.iter_mut().find(same) {
            Some((_, known)) => *known = money,
            None => self.0.push((id, money)),
        }
    }

    /// The sum of those in the currency of the newest one, with the decimals of the finest. The
    /// newest alone where that does not fit.
    pub fn sum(self) -> Option<Money> {
        let (_, newest) = self.0.last()?;
        let same = || {
            let all = self.0.iter().map(|(_, money)| *money);
            all.filter(|money| money.currency == newest.currency)
        };
        let scale = same().map(|money| money.scale).max()?;
        let finest = u32::try_from(scale).ok();
        let sum = finest.and_then(|finest| {
            same().try_fold(0_i64, |sum, money| sum.checked_add(money.rescaled(finest)?))
        });
        Some(sum.map_or_else(
            || (*newest).clone(),
            |amount| Money {
                amount,
                scale,
                currency: newest.currency.clone(),
            },
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(refunds: &[(Option<&str>, &str, &str)]) -> Option<(i64, i32, String)> {
        let moneys: Vec<Money> = refunds
            .iter()
            .map(|(_, amount, currency)| Money::parse(amount, *currency).unwrap())
            .collect();
        let mut all = Refunds::default();
        for ((id, ..), money) in refunds.iter().zip(&moneys) {
            all.add(*id, money);
        }
        all.sum()
            .map(|money| (money.amount, money.scale, money.currency))
    }

    fn money(amount: i64, scale: i32) -> Option<(i64, i32, String)> {
        Some((amount, scale, "EUR".into()))
    }

    #[test]
    fn refunds_are_added_up_in_the_currency_of_the_newest() {
        assert_eq!(sum(&[]), None);
        assert_eq!(
            sum(&[(None, "1.50", "EUR"), (None, "1.50", "EUR")]),
            money(300, 2)
        );
        assert_eq!(
            sum(&[(None, "1.50", "EUR"), (Some("a"), "2", "EUR")]),
            money(350, 2)
        );
        assert_eq!(
            sum(&[(None, "7", "HKD"), (None, "1.50", "EUR")]),
            money(150, 2)
        );
    }

    #[test]
    fn a_refund_that_comes_again_under_its_id_counts_once_with_its_newest_amount() {
        assert_eq!(
            sum(&[(Some("a"), "1.50", "EUR"), (Some("a"), "2.50", "EUR")]),
            money(250, 2)
        );
    }

    #[test]
    fn a_sum_that_does_not_fit_leaves_the_newest() {
        let most = "9223372036854775807";
        assert_eq!(sum(&[(None, most, "EUR"), (None, "1", "EUR")]), money(1, 0));
    }
}
