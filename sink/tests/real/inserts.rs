//! Rows put into a table without a sink.

use sink::{
    clickhouse::Store,
    row::{self, Place},
    table::Table,
};

use crate::examples::at;

/// Where a record of raw stands.
pub(crate) const PLACE: Place<'_> = Place {
    topic: "raw",
    partition: 0,
    offset: 1,
};

/// Rows of one insert, each with its own time of loading.
#[derive(Default)]
pub(crate) struct Rows(Vec<u8>);

/// The columns of a table.
pub(crate) trait OfTable: Default {
    fn rows(self) -> row::Rows;
}

macro_rules! of_table {
    ($($table:ident => $columns:ty;)+) => {$(
        impl OfTable for $columns {
            fn rows(self) -> row::Rows {
                row::Rows::$table(Box::new(self))
            }
        }
    )+};
}

of_table! {
    Events => row::event::Columns;
    Orders => row::order::Columns;
    Receipts => row::receipt::Columns;
    SetAside => row::set_aside::Columns;
}

/// One row, and how many of its values were brought into range.
pub(crate) fn one_row<C: OfTable>(loaded: i64, write: impl FnOnce(&mut C)) -> (Vec<u8>, u64) {
    let mut columns = C::default();
    write(&mut columns);
    let mut rows = columns.rows();
    rows.stamp(at(loaded));
    let adjusted = rows.take_adjusted();
    let only = 0..1;
    (rows.block(std::slice::from_ref(&only)), adjusted)
}

impl Rows {
    pub(crate) fn add<C: OfTable>(&mut self, loaded: i64, write: impl FnOnce(&mut C)) -> &mut Self {
        // the server makes one block of those that come in one insert
        self.0.extend(one_row(loaded, write).0);
        self
    }

    pub(crate) fn join(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    pub(crate) async fn insert(&self, store: &Store, table: Table, token: &str) {
        store
            .insert(table.name(), &table.columns(), token, self.0.clone())
            .await
            .unwrap();
    }
}
