//! Amounts: an integer in minor units, never a float.

use serde::{Deserialize, Serialize};

/// `amount` × 10^-`scale` of `currency`: 12.30 HKD is 1230, 2, `HKD`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Money<T = String> {
    /// In units of the last decimal that the carrier wrote.
    pub amount: i64,
    /// How many decimals, 0 to 18.
    pub scale: i32,
    /// ISO 4217 code as the carrier or the endpoint gives it.
    pub currency: T,
}

/// A carrier's amounts have two or three.
const SCALE_MAX: i32 = 18;

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
        Money::borrowed(text, "").map(|money| money.map(|_| currency.into()))
    }
}

impl<'a> Money<&'a str> {
    /// As [`Money::parse`], where the currency's code stays where it is.
    ///
    /// # Errors
    /// As [`Money::parse`].
    pub fn borrowed(text: &str, currency: &'a str) -> Result<Self, InvalidAmount> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mut amount, mut scale) = (0_i64, None);
        let mut fits = true;
        for byte in digits.bytes() {
            match (byte, scale) {
                (b'0'..=b'9', _) => {
                    let more = amount.checked_mul(10);
                    let more = more.and_then(|sum| sum.checked_add(i64::from(byte - b'0')));
                    fits &= more.is_some();
                    amount = more.unwrap_or_default();
                    scale = scale.map(|scale| scale + 1);
                }
                (b'.', None) => scale = Some(0),
                _ => return Err(InvalidAmount::NotDecimal),
            }
        }
        if digits.is_empty() || digits.starts_with('.') || scale == Some(0) {
            return Err(InvalidAmount::NotDecimal);
        }
        let scale: i32 = scale.unwrap_or_default();
        if !fits || scale > SCALE_MAX {
            return Err(InvalidAmount::TooLong);
        }
        Ok(Self {
            amount: if negative { -amount } else { amount },
            scale,
            currency,
        })
    }
}

impl<T> Money<T> {
    /// The same, its currency as `form` gives it.
    pub fn map<'s, U>(&'s self, form: impl FnOnce(&'s T) -> U) -> Money<U> {
        Money {
            amount: self.amount,
            scale: self.scale,
            currency: form(&self.currency),
        }
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
