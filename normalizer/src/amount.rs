//! Amounts as carriers write them. Pure.

use schemas::Money;

use crate::{json::Scalar, tree::plain_number};

/// Digit by digit; a number may have an exponent, as JSON allows, a text not.
pub(crate) fn amount<'a>(field: Scalar<'_>, currency: &'a str) -> Option<Money<&'a str>> {
    if let Scalar::Number(text) = field {
        return spelled(text, currency);
    }
    let text = field.word().filter(|text| !text.contains(['e', 'E']))?;
    spelled(text, currency)
}

/// Digit by digit; an exponent is spelled out first.
pub(crate) fn spelled<'a>(text: &str, currency: &'a str) -> Option<Money<&'a str>> {
    match Money::borrowed(text, currency) {
        Ok(money) => Some(money),
        Err(_) if text.contains(['e', 'E']) => Money::borrowed(&plain_number(text), currency).ok(),
        // Some print a float with fifty decimals.
        Err(_) if text.contains('.') && text.ends_with('0') => {
            let text = text.trim_end_matches('0');
            Money::borrowed(text.strip_suffix('.').unwrap_or(text), currency).ok()
        }
        Err(_) => None,
    }
}

/// Without the noughts behind the point: of a currency that has no minor unit `33000.0` is 33000.
pub(crate) fn shortest(mut money: Money<&str>) -> Money<&str> {
    while money.scale > 0 && money.amount % 10 == 0 {
        money.amount /= 10;
        money.scale -= 1;
    }
    money
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_exact_and_an_exponent_is_spelled_out() {
        for (text, expected) in [
            ("123.40", Some((12_340, 2))),
            ("90071992547409.93", Some((9_007_199_254_740_993, 2))),
            ("1.23e2", Some((123, 0))),
            ("5E-1", Some((5, 1))),
            ("1584.500000000000000000000000000000", Some((15_845, 1))),
            ("1584.000000000000000000000000000000", Some((1584, 0))),
            ("1584.500000000000000000000000000001", None),
            ("1e999", None),
            ("e", None),
            ("", None),
        ] {
            let found =
                amount(Scalar::Number(text), "HKD").map(|money| (money.amount, money.scale));
            assert_eq!(found, expected, "{text}");
        }
        assert_eq!(amount(Scalar::Text("1e3"), "HKD"), None);
        assert!(amount(Scalar::Text("1.50"), "HKD").is_some());
    }

    #[test]
    fn noughts_behind_the_point_go_and_no_others() {
        for (text, expected) in [
            ("33000.0", (33_000, 0)),
            ("0.00", (0, 0)),
            ("12.50", (125, 1)),
            ("-7.0", (-7, 0)),
        ] {
            let money = shortest(spelled(text, "VND").unwrap());
            assert_eq!((money.amount, money.scale), expected, "{text}");
        }
    }
}
