//! An order as ClickHouse has it, for people: the views' columns by name, so that a column more does
//! no harm.

use serde_json::{Map, Value, json};

use crate::{clickhouse::Clickhouse, output};

type Row = Map<String, Value>;

/// One order and what belongs to it.
pub(crate) struct Order {
    pub(crate) state: Row,
    pub(crate) delivery: Option<Row>,
    pub(crate) chain: Vec<Row>,
    pub(crate) timeline: Vec<Row>,
}

const STATE: &str = "SELECT * FROM {database}.orders WHERE tenant_id = {tenant:String} \
    AND provider = {provider:String} AND order_id = {order:String}";
const TIMELINE: &str = "SELECT * FROM {database}.order_timeline WHERE tenant_id = {tenant:String} \
    AND provider = {provider:String} AND order_id = {order:String} ORDER BY position";
const CHAIN: &str = "SELECT * FROM {database}.orders WHERE tenant_id = {tenant:String} \
    AND provider = {provider:String} AND root_order_id = {root:String} ORDER BY generation, order_id";
const DELIVERY: &str = "SELECT * FROM {database}.deliveries WHERE tenant_id = {tenant:String} \
    AND provider = {provider:String} AND root_order_id = {root:String}";

/// `None` where there is no such order.
pub(crate) async fn find(
    clickhouse: &Clickhouse,
    tenant: &str,
    provider: &str,
    order: &str,
) -> anyhow::Result<Option<Order>> {
    let whose = [("tenant", tenant), ("provider", provider)];
    let this = [whose.as_slice(), &[("order", order)]].concat();
    let Some(state) = clickhouse
        .rows::<Row>(STATE, &this)
        .await?
        .into_iter()
        .next()
    else {
        return Ok(None);
    };
    let root = state
        .get("root_order_id")
        .and_then(Value::as_str)
        .unwrap_or(order)
        .to_owned();
    let all = [whose.as_slice(), &[("root", root.as_str())]].concat();
    Ok(Some(Order {
        delivery: clickhouse
            .rows::<Row>(DELIVERY, &all)
            .await?
            .into_iter()
            .next(),
        chain: clickhouse.rows::<Row>(CHAIN, &all).await?,
        timeline: clickhouse.rows::<Row>(TIMELINE, &this).await?,
        state,
    }))
}

impl Order {
    pub(crate) fn json(&self) -> Value {
        json!({
            "order": self.state,
            "delivery": self.delivery,
            "chain": self.chain,
            "timeline": self.timeline,
        })
    }

    /// Its state and its history.
    pub(crate) fn print(&self) {
        output::title(format_args!(
            "Order {}: {}{}",
            cell(&self.state, "order_id"),
            cell(&self.state, "status"),
            if self.state.get("is_final") == Some(&Value::Bool(true)) {
                " (final)"
            } else {
                ""
            },
        ));
        let told: [(&str, &[&str]); 10] = [
            ("created", &["created_at"]),
            ("assigned", &["assigned_at"]),
            ("picked up", &["picked_up_at"]),
            ("delivered", &["delivered_at"]),
            ("canceled", &["canceled_at"]),
            ("by", &["canceled_by"]),
            ("because", &["cancel_reason"]),
            ("ended", &["ended_at"]),
            ("driver", &["driver_id"]),
            ("price", &["price_amount", "price_currency"]),
        ];
        for (what, columns) in told {
            let known = columns
                .iter()
                .all(|column| self.state.get(*column).is_some_and(|v| !v.is_null()));
            if known {
                let values: Vec<String> = columns
                    .iter()
                    .map(|column| cell(&self.state, column))
                    .collect();
                output::line(format_args!("  {what:<10} {}", values.join(" ")));
            }
        }
        output::title("Its history, in the order in which it happened");
        print_timeline(&self.timeline);
        if self.chain.len() > 1 {
            self.print_chain();
        }
    }

    /// The orders that replaced each other.
    pub(crate) fn print_chain(&self) {
        output::title("The chain of orders that replaced each other");
        let columns = [
            "generation",
            "order_id",
            "status",
            "created_at",
            "ended_at",
            "replaced_by_order_id",
        ];
        print_rows(&self.chain, &columns);
    }
}

fn print_timeline(timeline: &[Row]) {
    let columns = [
        "position",
        "occurred_at",
        "kind",
        "status",
        "provider_status",
        "sequence",
        "late",
        "received_at",
    ];
    print_rows(timeline, &columns);
}

/// Rows by column name, as text.
pub(crate) fn print_rows(rows: &[Row], columns: &[&str]) {
    output::table(
        columns,
        rows.iter()
            .map(|row| columns.iter().map(|column| cell(row, column))),
    );
}

/// A value for people: microseconds are too much.
pub(crate) fn cell(row: &Row, column: &str) -> String {
    match row.get(column) {
        None | Some(Value::Null) => "–".to_owned(),
        Some(Value::String(text)) if column.ends_with("_at") => {
            text.split('.').next().unwrap_or(text).to_owned()
        }
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(items)) => {
            let items: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
            items.join(" → ")
        }
        Some(Value::Bool(yes)) => if *yes { "yes" } else { "" }.to_owned(),
        Some(other @ (Value::Number(_) | Value::Object(_))) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_readable() {
        let row = json!({
            "ended_at": "2022-04-21 15:06:29.000000", "order_ids": ["1", "2"], "late": false,
            "status": null, "price_amount": "123",
        });
        let row = row.as_object().unwrap();
        let check = |column: &str, expected: &str| assert_eq!(cell(row, column), expected);
        check("ended_at", "2022-04-21 15:06:29");
        check("order_ids", "1 → 2");
        check("late", "");
        check("status", "–");
        check("nothing", "–");
        check("price_amount", "123");
    }
}
