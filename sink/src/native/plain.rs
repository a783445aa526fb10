//! Values of one size.

use std::marker::PhantomData;

use super::{Column, Push, Runs};

/// A value that always takes the same number of bytes.
pub trait Fixed: Copy + Default {
    type Bytes: AsRef<[u8]>;
    const KIND: &'static str;

    fn bytes(self) -> Self::Bytes;
}

macro_rules! fixed {
    ($($rust:ty => $kind:literal, $size:literal;)+) => {$(
        impl Fixed for $rust {
            type Bytes = [u8; $size];
            const KIND: &'static str = $kind;

            fn bytes(self) -> Self::Bytes {
                self.to_le_bytes()
            }
        }
    )+};
}

fixed! {
    i32 => "Int32", 4;
    i64 => "Int64", 8;
    u32 => "UInt32", 4;
    u64 => "UInt64", 8;
    f64 => "Float64", 8;
}

impl Fixed for bool {
    type Bytes = [u8; 1];
    const KIND: &'static str = "Bool";

    fn bytes(self) -> Self::Bytes {
        [u8::from(self)]
    }
}

/// Microseconds since 1970, UTC, within what the store holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Instant(pub i64);

impl Fixed for Instant {
    type Bytes = [u8; 8];
    const KIND: &'static str = "DateTime64(6, 'UTC')";

    fn bytes(self) -> Self::Bytes {
        self.0.to_le_bytes()
    }
}

/// Ten-thousandths, of at most 18 digits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount(pub i64);

impl Fixed for Amount {
    type Bytes = [u8; 8];
    const KIND: &'static str = "Decimal(18, 4)";

    fn bytes(self) -> Self::Bytes {
        self.0.to_le_bytes()
    }
}

/// One value beside the other.
#[derive(Debug, Default)]
pub struct Plain<T> {
    bytes: Vec<u8>,
    kind: PhantomData<T>,
}

impl<T: Fixed> Plain<T> {
    /// Gives every value that came the same content.
    pub fn fill(&mut self, value: T) {
        let bytes = value.bytes();
        for place in self.bytes.chunks_exact_mut(size_of::<T::Bytes>()) {
            place.copy_from_slice(bytes.as_ref());
        }
    }
}

impl<T: Fixed> Column for Plain<T> {
    fn kind() -> String {
        T::KIND.to_owned()
    }

    fn bytes(&self) -> usize {
        self.bytes.len()
    }

    fn body(&self, runs: &Runs, body: &mut Vec<u8>) {
        let size = size_of::<T::Bytes>();
        for run in runs {
            let bytes = self.bytes.get(run.start * size..run.end * size);
            body.extend_from_slice(bytes.unwrap_or_default());
        }
    }
}

impl<T: Fixed> Push<T> for Plain<T> {
    fn push(&mut self, value: T) {
        self.bytes.extend_from_slice(value.bytes().as_ref());
    }
}
