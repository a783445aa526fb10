use std::collections::HashMap;

use runtime::clock::ManualClock;
use serde_json::Value;

use super::*;
use crate::load::sample;

const MADE: usize = 2_000;

async fn mix(shares: Shares, (seed, worker): (u64, u64), body_bytes: usize) -> Mix {
    let sample = sample::tenants();
    Mix::new(Plan {
        endpoints: sample.endpoints().to_vec(),
        target: Target::of("http://127.0.0.1:1").await.unwrap(),
        sender: Arc::new(Sender::new("http://127.0.0.1:1").unwrap()),
        shares,
        seed,
        worker: (worker, 2),
        open: 50,
        body_bytes,
        clock: Arc::new(ManualClock::at_ms(1_700_000_000_000)),
    })
    .unwrap()
}

fn all(mix: &mut Mix) -> Vec<Made> {
    (0..MADE).map(|_| mix.next().unwrap()).collect()
}

fn body(made: &Made) -> Value {
    serde_json::from_slice(&made.request.signed.body).unwrap()
}

fn order_id(made: &Made) -> String {
    let body = body(made);
    let id = match made.provider {
        Provider::Lalamove => &body["data"]["order"]["orderId"],
        Provider::Ahamove => &body["_id"],
        Provider::Ordatic => &body["data"]["orderId"],
        Provider::Sendstack => &body["drops"][0]["id"],
        Provider::Dellyman => &body["order"]["OrderID"],
    };
    id.as_str().unwrap().to_owned()
}

fn share(all: &[Made], kind: Kind) -> usize {
    all.iter().filter(|made| made.kind == kind).count() * 100 / all.len()
}

#[tokio::test]
async fn the_seed_decides_every_byte() {
    let shares = Shares {
        duplicates: 0.1,
        disorder: 0.1,
        replacements: 0.1,
        bad_signatures: 0.1,
    };
    let bytes = async |seed| {
        let all = all(&mut mix(shares, seed, 0).await);
        all.iter()
            .map(|made| made.request.bytes.to_vec())
            .collect::<Vec<_>>()
    };
    assert_eq!(bytes((3, 0)).await, bytes((3, 0)).await);
    assert_ne!(bytes((3, 0)).await, bytes((4, 0)).await);
    assert_ne!(bytes((3, 0)).await, bytes((3, 1)).await);
}

#[tokio::test]
async fn no_two_workers_and_no_two_seeds_share_an_order() {
    let mut seen = HashMap::new();
    for from in [(3, 0), (3, 1), (4, 0)] {
        for made in all(&mut mix(Shares::default(), from, 0).await) {
            let order = (made.provider.as_str(), order_id(&made));
            assert_eq!(*seen.entry(order).or_insert(from), from);
        }
    }
}

#[tokio::test]
async fn without_disorder_every_order_is_told_in_its_order() {
    let mut mix = mix(Shares::default(), (3, 0), 0).await;
    let mut told: HashMap<String, Vec<String>> = HashMap::new();
    for made in all(&mut mix) {
        assert_eq!(made.kind, Kind::Story);
        if made.provider == Provider::Dellyman {
            let status = body(&made)["order"]["OrderStatus"]
                .as_str()
                .unwrap()
                .to_owned();
            told.entry(order_id(&made)).or_default().push(status);
        }
    }
    let life = ["PENDING", "ASSIGNED", "INTRANSIT", "COMPLETED"];
    assert!(told.values().any(|words| words.len() == life.len()));
    for words in told.values() {
        assert_eq!(words[..], life[..words.len()]);
    }
}

#[tokio::test]
async fn the_shares_are_those_that_were_asked_for() {
    let shares = Shares {
        duplicates: 0.3,
        disorder: 0.0,
        replacements: 0.0,
        bad_signatures: 0.1,
    };
    let all = all(&mut mix(shares, (3, 0), 0).await);
    assert!((24..=30).contains(&share(&all, Kind::Duplicate)));
    assert!((8..=12).contains(&share(&all, Kind::Forged)));
}

#[tokio::test]
async fn a_replaced_order_names_the_one_that_takes_its_place() {
    let shares = Shares {
        replacements: 1.0,
        ..Shares::default()
    };
    let all = all(&mut mix(shares, (3, 0), 0).await);
    let lalamove: Vec<&Made> = all
        .iter()
        .filter(|m| m.provider == Provider::Lalamove)
        .collect();
    let replaced = lalamove.iter().map(|made| (body(made), made));
    let replaced: Vec<_> = replaced
        .filter(|(b, _)| b["eventType"] == "ORDER_REPLACED")
        .collect();
    assert!(!replaced.is_empty());
    for (body, made) in replaced {
        let old = body["data"]["prevOrderId"].as_str().unwrap();
        assert_ne!(old, order_id(made));
        assert!(lalamove.iter().any(|made| order_id(made) == old));
    }
}

#[tokio::test]
async fn disorder_changes_places_and_loses_nothing() {
    let shares = Shares {
        disorder: 0.5,
        ..Shares::default()
    };
    let mut told: HashMap<String, Vec<String>> = HashMap::new();
    for made in all(&mut mix(shares, (3, 0), 0).await) {
        if made.provider == Provider::Dellyman {
            let status = body(&made)["order"]["OrderStatus"]
                .as_str()
                .unwrap()
                .to_owned();
            told.entry(order_id(&made)).or_default().push(status);
        }
    }
    let whole: Vec<_> = told.values().filter(|words| words.len() == 4).collect();
    assert!(whole.iter().any(|words| words[0] == "ASSIGNED"));
    for words in whole {
        for status in ["PENDING", "ASSIGNED", "INTRANSIT", "COMPLETED"] {
            assert!(words.iter().any(|word| word == status), "{words:?}");
        }
    }
}

#[tokio::test]
async fn bodies_are_filled_up_to_the_length_that_is_asked_for() {
    let mut mix = mix(Shares::default(), (3, 0), 4_000).await;
    for made in all(&mut mix) {
        let length = made.request.signed.body.len();
        // what a carrier adds to sign differs by a few digits
        assert!(
            (3_900..4_100).contains(&length),
            "{} {length}",
            made.provider
        );
    }
}
