use std::sync::Arc;

use schemas::{DeliveryEvent, Status};

use super::{Partition, Rules};
use crate::{sample::*, store::Store};

fn with(change: impl FnOnce(&mut Rules)) -> Bench {
    let mut rules = Rules::clone(&rules());
    change(&mut rules);
    Bench {
        partition: Partition::new(Arc::new(rules), Store::default()),
        ..Bench::default()
    }
}

fn causes(bench: &Bench) -> Vec<&'static str> {
    let releases = bench.effects.releases.iter();
    releases.map(|released| released.cause.label()).collect()
}

#[test]
fn a_tenant_with_too_much_that_waits_lets_the_order_at_hand_go() {
    let mut bench = with(|rules| rules.holds.waiting_tenant_max = 2);
    let waiting = status("PICKED_UP", "?", 20);
    bench.append(of_order("B", waiting.clone()), 0);
    bench.append(of_order("C", waiting.clone()), 0);
    assert!(bench.left().is_empty());
    bench.append(of_order("D", waiting.clone()), 1);
    assert_eq!(causes(&bench), ["tenant_full"]);
    // another tenant has room of its own
    let mut other = of_order("E", waiting.clone());
    other.tenant_id = schemas::TenantId::new("other").unwrap();
    bench.append(other, 1);
    assert_eq!(bench.left().len(), 1);
    // there is room again once something left
    bench.advance(10);
    bench.append(of_order("F", waiting), 11);
    assert_eq!(bench.left().len(), 4);
}

#[test]
fn a_partition_with_too_much_that_waits_lets_the_order_at_hand_go_in_its_order() {
    let mut bench = with(|rules| rules.holds.waiting_all_max = 1);
    bench.append(status("COMPLETED", "PICKED_UP", 30), 0);
    bench.commit();
    bench.partition.discarded();
    bench.append(status("PICKED_UP", "ON_GOING", 20), 1);
    assert_eq!(bench.words(), ["PICKED_UP", "COMPLETED"]);
    assert_eq!(causes(&bench), ["all_full", "all_full"]);
}

#[test]
fn a_failure_ends_an_order_where_an_operators_row_says_so() {
    let lost = DeliveryEvent {
        status: Some(Status::Failed),
        ..status("LOST", "", 0)
    };
    for (told, expected) in [("yes", true), ("unless-returned", true), ("no", false)] {
        let mut lost = lost.clone();
        lost.attributes.insert("ends_order".into(), told.into());
        let mut bench = Bench::default();
        bench.append(lost, 0);
        assert_eq!(bench.commit().pop().unwrap().is_final, expected, "{told}");
    }
    let mut bench = Bench::default();
    bench.append(lost, 0);
    assert!(!bench.commit().pop().unwrap().is_final);
}
