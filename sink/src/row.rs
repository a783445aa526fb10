//! Record to table row, as ClickHouse's RowBinary, into one buffer that is used again and again.
//!
//! A row is a function of its record, its place in Kafka and the time of its batch, and of nothing
//! else: a batch that is read again gives the same bytes. What a column can't hold is brought into
//! its range and counted, so that no record stops a partition.

pub mod event;
pub mod order;
mod parts;
pub mod receipt;
pub mod set_aside;

use schemas::{Micros, Money};

/// Where a record stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    pub topic: &'a str,
    pub partition: i32,
    pub offset: i64,
}

/// Every row begins with `loaded_at`, which is known only when its batch closes.
pub const LOADED_AT_BYTES: usize = 8;

/// 1900-01-01 and the last microsecond of 2299: what DateTime64(6) holds.
const TIME_MIN: i64 = -2_208_988_800_000_000;
const TIME_MAX: i64 = 10_413_791_999_999_999;
/// Largest unscaled value of Decimal(18, 4).
const DECIMAL_MAX: i128 = 999_999_999_999_999_999;
const DECIMAL_SCALE: i32 = 4;

/// Writes values one after the other.
#[derive(Debug, Default)]
pub struct RowWriter {
    bytes: Vec<u8>,
    adjusted: u64,
}

impl RowWriter {
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub fn clear(&mut self) {
        self.bytes.clear();
    }

    /// Gives memory back that a large batch took.
    pub fn shrink_to(&mut self, capacity: usize) {
        self.bytes.shrink_to(capacity);
    }

    /// Forgets what was written after `length`: the row that began there did not come to its end.
    pub fn truncate(&mut self, length: usize) {
        self.bytes.truncate(length);
    }

    /// How many values did not fit their column, since the last call.
    pub fn take_adjusted(&mut self) -> u64 {
        std::mem::take(&mut self.adjusted)
    }

    /// Room for `loaded_at`.
    fn begin(&mut self) {
        self.bytes.extend_from_slice(&[0; LOADED_AT_BYTES]);
    }

    fn place(&mut self, place: Place<'_>) {
        self.text(place.topic);
        self.i32(place.partition);
        self.i64(place.offset);
    }

    fn length(&mut self, length: usize) {
        let mut rest = length;
        while rest >= 0x80 {
            self.bytes.push(low_byte(rest) | 0x80);
            rest >>= 7;
        }
        self.bytes.push(low_byte(rest));
    }

    fn text(&mut self, text: &str) {
        self.length(text.len());
        self.bytes.extend_from_slice(text.as_bytes());
    }

    /// Without a buffer of its own for ids that are kept as bytes.
    fn hex(&mut self, bytes: &[u8]) {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        self.length(bytes.len() * 2);
        for byte in bytes {
            for half in [byte >> 4, byte & 15] {
                self.bytes.extend(DIGITS.get(usize::from(half)));
            }
        }
    }

    fn bool(&mut self, value: bool) {
        self.bytes.push(u8::from(value));
    }

    fn i32(&mut self, value: i32) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    fn i64(&mut self, value: i64) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    fn u32(&mut self, value: u32) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    fn u64(&mut self, value: u64) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    fn f64(&mut self, value: f64) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    /// A number that counts something.
    fn count(&mut self, value: i64) {
        let count = u64::try_from(value).unwrap_or_else(|_| {
            self.adjusted += 1;
            0
        });
        self.u64(count);
    }

    fn time(&mut self, time: Micros) {
        let within = time.0.clamp(TIME_MIN, TIME_MAX);
        self.adjusted += u64::from(within != time.0);
        self.i64(within);
    }

    fn optional<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        self.bytes.push(u8::from(value.is_none()));
        if let Some(value) = value {
            write(self, value);
        }
    }

    fn optional_text(&mut self, text: Option<&str>) {
        self.optional(text, Self::text);
    }

    fn optional_time(&mut self, time: Option<Micros>) {
        self.optional(time, Self::time);
    }

    fn array<T>(&mut self, items: &[T], mut write: impl FnMut(&mut Self, &T)) {
        self.length(items.len());
        for item in items {
            write(self, item);
        }
    }

    /// Decimal(18, 4): further decimals are rounded, an amount that is too large becomes null.
    fn amount(&mut self, money: Option<&Money>) {
        let unscaled = money.and_then(|money| {
            let (amount, exact) = unscaled(money);
            self.adjusted += u64::from(!exact);
            amount
        });
        self.optional(unscaled, Self::i64);
    }

    fn money(&mut self, money: Option<&Money>) {
        self.amount(money);
        self.optional_text(money.map(|money| money.currency.as_str()));
    }
}

/// In ten-thousandths, and whether that is exactly the amount.
fn unscaled(money: &Money) -> (Option<i64>, bool) {
    if !(0..=18).contains(&money.scale) {
        return (None, false);
    }
    let amount = i128::from(money.amount);
    let shift = DECIMAL_SCALE - money.scale;
    let power = 10_i128.pow(shift.unsigned_abs());
    let (amount, exact) = if shift >= 0 {
        (amount * power, true)
    } else {
        (
            (amount + power / 2 * amount.signum()) / power,
            amount % power == 0,
        )
    };
    match i64::try_from(amount) {
        Ok(fits) if amount.abs() <= DECIMAL_MAX => (Some(fits), exact),
        _ => (None, false),
    }
}

fn low_byte(value: usize) -> u8 {
    value.to_le_bytes().first().copied().unwrap_or_default() & 0x7f
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut RowWriter)) -> (Vec<u8>, u64) {
        let mut writer = RowWriter::default();
        write(&mut writer);
        (writer.bytes.clone(), writer.take_adjusted())
    }

    #[test]
    fn lengths_take_seven_bits_a_byte() {
        assert_eq!(written(|w| w.length(0)).0, [0]);
        assert_eq!(written(|w| w.length(127)).0, [127]);
        assert_eq!(written(|w| w.length(300)).0, [0xac, 2]);
    }

    #[test]
    fn an_instant_outside_the_column_is_brought_to_its_edge_and_counted() {
        assert_eq!(
            written(|w| w.time(Micros(5))),
            (5_i64.to_le_bytes().to_vec(), 0)
        );
        assert_eq!(
            written(|w| w.time(Micros(i64::MAX))),
            (TIME_MAX.to_le_bytes().to_vec(), 1)
        );
        assert_eq!(
            written(|w| w.time(Micros(i64::MIN))),
            (TIME_MIN.to_le_bytes().to_vec(), 1)
        );
    }

    #[test]
    fn an_amount_keeps_four_decimals_and_an_impossible_one_is_null() {
        let check = |amount: i64, scale: i32, expected: Option<i64>, exact: bool| {
            let money = Money {
                amount,
                scale,
                currency: "HKD".into(),
            };
            assert_eq!(unscaled(&money), (expected, exact), "{amount} e-{scale}");
        };
        check(1230, 2, Some(123_000), true);
        check(-5, 1, Some(-5000), true);
        check(123_456, 5, Some(12_346), false);
        check(-123_455, 5, Some(-12_346), false);
        check(i64::MAX, 18, Some(92_234), false);
        check(i64::MAX, 0, None, false);
        check(1, -1, None, false);
        check(1, 19, None, false);
        check(99_999_999_999_999, 0, Some(999_999_999_999_990_000), true);
    }

    #[test]
    fn an_absent_value_is_one_byte() {
        assert_eq!(written(|w| w.money(None)).0, [1, 1]);
        assert_eq!(written(|w| w.optional_text(Some("a"))).0, [0, 1, b'a']);
    }
}
