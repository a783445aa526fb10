use super::*;

const SENT: &[u8] = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

#[test]
fn the_header_of_the_standard_is_read_and_a_place_below_it_written() {
    let (place, is_recorded) = Place::sent(SENT).unwrap();
    assert!(is_recorded);
    assert_eq!(place.to_string().as_bytes(), SENT);
    let below = place.below(&"normalizer");
    assert_eq!(below.parent_id(), Some(place.span_id()));
    let text = below.to_string();
    assert!(
        text.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-"),
        "{text}"
    );
    assert_eq!(
        Place::sent(text.as_bytes()).unwrap().0.span_id(),
        below.span_id()
    );
    assert_eq!(below, place.below(&"normalizer"), "the same in every run");
    assert_ne!(below, place.below(&"enricher"));
}

#[test]
fn what_is_no_place_is_none() {
    let wrong: [&[u8]; 10] = [
        b"",
        b"00",
        b"ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
        b"00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        b"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        b"00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        b"00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        b"00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
        b"\xff\xfe",
    ];
    for header in wrong {
        assert_eq!(Place::sent(header), None, "{header:?}");
    }
    let later = b"01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00-more";
    assert!(matches!(Place::sent(later), Some((_, false))));
}

#[test]
fn so_many_traces_begin_as_the_ratio_says_and_the_same_ones_each_time() {
    let id = |n: u64| {
        let mut id = [7; 16];
        id[8..].copy_from_slice(&n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
        id
    };
    let drawn = |ratio| {
        (0..10_000)
            .filter(|n| Place::first(id(*n), ratio).is_some())
            .count()
    };
    assert_eq!((drawn(0.0), drawn(1.0)), (0, 10_000));
    let tenth = drawn(0.1);
    assert!((900..1_100).contains(&tenth), "{tenth}");
    assert_eq!(Place::first(id(3), 1.0), Place::first(id(3), 1.0));
    assert_eq!(Place::first([0; 16], 1.0), None);
}

#[test]
fn without_a_collector_nothing_is_recorded() {
    let traces = Traces::default();
    assert!(!traces.is_on());
    assert_eq!(traces.begun(None, [1; 16]), None);
    assert_eq!(traces.continued(Some(SENT), 1), None);
}

#[test]
fn an_endpoint_is_a_base_or_the_address_itself() {
    let expected = Ok("http://collector:4318/v1/traces".to_owned());
    for endpoint in [
        "http://collector:4318",
        "http://collector:4318/",
        "http://collector:4318/v1/traces",
    ] {
        assert_eq!(export::address(endpoint), expected, "{endpoint}");
    }
    for wrong in ["collector:4318", "grpc://collector:4317", "4318", "http://"] {
        assert!(export::address(wrong).is_err(), "{wrong}");
    }
}
