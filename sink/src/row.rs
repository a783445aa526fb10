//! Record to table row: its values go to the columns of the open block.
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

use crate::{
    native::{self, Amount, Columns, Instant, Runs},
    table::Table,
};

/// Where a record stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    pub topic: &'a str,
    pub partition: i32,
    pub offset: i64,
}

/// 1900-01-01 and the last microsecond of 2299: what DateTime64(6) holds.
const TIME_MIN: i64 = -2_208_988_800_000_000;
const TIME_MAX: i64 = 10_413_791_999_999_999;
/// Largest unscaled value of Decimal(18, 4).
const DECIMAL_MAX: i128 = 999_999_999_999_999_999;
const DECIMAL_SCALE: i32 = 4;

/// The nearest that a column of times can hold.
pub(crate) fn within_range(time: Micros) -> Micros {
    Micros(time.0.clamp(TIME_MIN, TIME_MAX))
}

/// The rows of one table, in the order in which they came.
#[derive(Debug)]
pub enum Rows {
    Events(Box<event::Columns>),
    Orders(Box<order::Columns>),
    Receipts(Box<receipt::Columns>),
    SetAside(Box<set_aside::Columns>),
}

/// The same for the columns of each table.
macro_rules! each {
    ($rows:expr, $columns:ident => $what:expr) => {
        match $rows {
            Rows::Events($columns) => $what,
            Rows::Orders($columns) => $what,
            Rows::Receipts($columns) => $what,
            Rows::SetAside($columns) => $what,
        }
    };
}

impl Rows {
    pub fn of(table: Table) -> Self {
        match table {
            Table::Events => Self::Events(Box::default()),
            Table::Orders => Self::Orders(Box::default()),
            Table::Receipts => Self::Receipts(Box::default()),
            Table::SetAside => Self::SetAside(Box::default()),
        }
    }

    /// Takes what is there and leaves nothing.
    pub fn take(&mut self) -> Self {
        let empty = match self {
            Self::Events(_) => Self::of(Table::Events),
            Self::Orders(_) => Self::of(Table::Orders),
            Self::Receipts(_) => Self::of(Table::Receipts),
            Self::SetAside(_) => Self::of(Table::SetAside),
        };
        std::mem::replace(self, empty)
    }

    /// How much memory they take, nearly.
    pub fn bytes(&self) -> usize {
        each!(self, columns => columns.bytes())
    }

    /// The time of loading, known only when a batch closes.
    pub fn stamp(&mut self, loaded_at: Micros) {
        each!(self, columns => columns.origin.stamp(loaded_at));
    }

    /// Some of them as the body of an insert.
    pub fn block(&self, runs: &Runs) -> Vec<u8> {
        each!(self, columns => native::block(&**columns, runs))
    }

    /// How many values did not fit their column, since the last call.
    pub fn take_adjusted(&mut self) -> u64 {
        each!(self, columns => columns.adjusted.take())
    }
}

/// Brings values into the range of their columns, and counts those that it changed.
#[derive(Debug, Default)]
pub struct Adjusted(u64);

impl Adjusted {
    pub fn take(&mut self) -> u64 {
        std::mem::take(&mut self.0)
    }

    /// A number that counts something.
    fn count(&mut self, value: i64) -> u64 {
        u64::try_from(value).unwrap_or_else(|_| {
            self.0 += 1;
            0
        })
    }

    fn time(&mut self, time: Micros) -> Instant {
        let within = within_range(time);
        self.0 += u64::from(within != time);
        Instant(within.0)
    }

    fn optional_time(&mut self, time: Option<Micros>) -> Option<Instant> {
        time.map(|time| self.time(time))
    }

    /// Decimal(18, 4): further decimals are rounded, an amount that is too large becomes null.
    fn amount(&mut self, money: Option<&Money>) -> Option<Amount> {
        let (amount, exact) = unscaled(money?);
        self.0 += u64::from(!exact);
        amount.map(Amount)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_outside_the_column_is_brought_to_its_edge_and_counted() {
        let check = |time: i64, expected: i64, adjusted: u64| {
            let mut within = Adjusted::default();
            assert_eq!(within.time(Micros(time)), Instant(expected));
            assert_eq!(within.take(), adjusted, "{time}");
        };
        check(5, 5, 0);
        check(i64::MAX, TIME_MAX, 1);
        check(i64::MIN, TIME_MIN, 1);
    }

    #[test]
    fn a_count_is_never_below_zero() {
        let mut within = Adjusted::default();
        assert_eq!((within.count(7), within.count(-7)), (7, 0));
        assert_eq!(within.take(), 1);
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
}
