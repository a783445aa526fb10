//! Amounts: an integer in minor units, never a float.

use serde::{Deserialize, Serialize};

/// `amount` × 10^-`scale` of `currency`: 12.30 HKD is 1230, 2, `HKD`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Money {
    /// In units of the last decimal that the carrier wrote.
    pub amount: i64,
    /// How many decimals, 0 to 18.
    pub scale: i32,
    /// ISO 4217 code as the carrier or the endpoint gives it.
    pub currency: String,
}

/// Why a text is not an amount. It never holds the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAmount {
    /// Anything but `-12.34`.
    #[error("is not a decimal number")]
    NotDecimal,
    /// More digits than 64 bits hold.
    #[error("has too many digits")]
    TooLong,
}

impl Money {
    /// Reads a decimal text such as `123`, `-0.5` or `12.30`, digit by digit.
    ///
    /// # Errors
    /// [`InvalidAmount`] when it is anything else, an exponent included.
    pub fn parse(text: &str, currency: impl Into<String>) -> Result<Self, InvalidAmount> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        let dot_without_digits = digits.contains('.') && fraction.is_empty();
        if whole.is_empty() || dot_without_digits || !all_digits(whole) || !all_digits(fraction) {
            return Err(InvalidAmount::NotDecimal);
        }
        if fraction.len() > 18 {
            return Err(InvalidAmount::TooLong);
        }
        let amount = whole
            .bytes()
            .chain(fraction.bytes())
            .try_fold(0_i64, |sum, digit| {
                sum.checked_mul(10)?.checked_add(i64::from(digit - b'0'))
            });
        let amount = amount.ok_or(InvalidAmount::TooLong)?;
        Ok(Self {
            amount: if negative { -amount } else { amount },
            scale: i32::try_from(fraction.len()).map_err(|_| InvalidAmount::TooLong)?,
            currency: currency.into(),
        })
    }

    /// The amount with `scale` decimals, or `None` if it does not fit or would lose digits.
    #[must_use]
    pub fn rescaled(&self, scale: u32) -> Option<i64> {
        let own = u32::try_from(self.scale).ok()?;
        if own <= scale {
            self.amount.checked_mul(10_i64.checked_pow(scale - own)?)
        } else {
            let divisor = 10_i64.checked_pow(own - scale)?;
            (self.amount % divisor == 0).then(|| self.amount / divisor)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_keep_the_digits_that_the_carrier_wrote() {
        let check = |text: &str, expected: Result<(i64, i32), InvalidAmount>| {
            assert_eq!(
                Money::parse(text, "HKD").map(|m| (m.amount, m.scale)),
                expected,
                "{text}"
            );
        };
        check("123", Ok((123, 0)));
        check("12.30", Ok((1230, 2)));
        check("-0.5", Ok((-5, 1)));
        check("9223372036854775807", Ok((i64::MAX, 0)));
        check("9223372036854775808", Err(InvalidAmount::TooLong));
        for wrong in ["", "-", ".5", "5.", "1e3", "1,000", " 1", "NaN", "--1"] {
            check(wrong, Err(InvalidAmount::NotDecimal));
        }
    }

    #[test]
    fn rescaling_never_loses_a_digit() {
        let money = Money::parse("12.345", "VND").unwrap();
        assert_eq!(money.rescaled(4), Some(123_450));
        assert_eq!(money.rescaled(2), None);
    }
}
