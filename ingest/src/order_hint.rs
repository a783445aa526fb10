//! Which partition of the raw topic a webhook goes to: one order's usually share one, so that they
//! are read in about the order in which they came. Nothing depends on it.

/// How far into a body to look: ids stand near the front, and proof images don't matter here.
const SCANNED_BYTES_MAX: usize = 16 * 1024;
/// The same in a body in which each of them may be written as three.
pub(crate) const HEAD_BYTES_MAX: usize = 3 * SCANNED_BYTES_MAX;
/// No carrier's id is longer.
const ID_BYTES_MAX: usize = 64;

/// Looks for `"field":"id"`, best field first. A guess: it reads no JSON.
#[must_use]
pub fn find<'a>(body: &'a [u8], fields: &[&str]) -> Option<&'a [u8]> {
    let head = body.get(..SCANNED_BYTES_MAX).unwrap_or(body);
    fields.iter().find_map(|field| value_of(head, field))
}

fn value_of<'a>(body: &'a [u8], field: &str) -> Option<&'a [u8]> {
    let mut rest = body;
    loop {
        let quote = rest.iter().position(|byte| *byte == b'"')?;
        rest = rest.get(quote + 1..)?;
        let Some(after) = rest
            .strip_prefix(field.as_bytes())
            .and_then(|r| r.strip_prefix(b"\""))
        else {
            continue;
        };
        let Some(value) = after.trim_ascii_start().strip_prefix(b":") else {
            continue;
        };
        let Some(text) = value.trim_ascii_start().strip_prefix(b"\"") else {
            continue;
        };
        let end = text
            .iter()
            .take(ID_BYTES_MAX + 1)
            .position(|byte| *byte == b'"');
        return end.filter(|end| *end > 0).and_then(|end| text.get(..end));
    }
}

/// What chooses a partition, once it is known how many there are: stable across restarts and builds
/// (FNV-1a).
#[must_use]
pub fn placement(key: &[u8]) -> u64 {
    key.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// The partition that a placement chooses.
#[must_use]
pub fn partition_of(placement: u64, partitions: u32) -> u32 {
    // The low bits of a short key's hash differ little; the high ones are mixed in.
    let mixed = placement ^ (placement >> 32);
    u32::try_from(mixed % u64::from(partitions.max(1))).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELDS: &[&str] = &["orderId", "prevOrderId"];

    fn check(body: &str, expected: Option<&str>) {
        let found =
            find(body.as_bytes(), FIELDS).map(|id| String::from_utf8_lossy(id).into_owned());
        assert_eq!(found.as_deref(), expected, "{body}");
    }

    #[test]
    fn the_best_field_is_found_wherever_it_stands() {
        check(r#"{"data":{"order":{"orderId":"123"}}}"#, Some("123"));
        check(r#"{"orderId" : "123"}"#, Some("123"));
        check(r#"{"prevOrderId":"1","order":{"orderId":"2"}}"#, Some("2"));
        check(r#"{"prevOrderId":"1"}"#, Some("1"));
    }

    #[test]
    fn what_is_no_text_of_an_ids_length_is_no_hint() {
        check(r#"{"orderId":123}"#, None);
        check(r#"{"orderId":""}"#, None);
        check(r#"{"orderId":"12"#, None);
        check(&format!(r#"{{"orderId":"{}"}}"#, "1".repeat(65)), None);
        check(r#""orderId"#, None);
        check("", None);
        check(
            &format!(r#"{}{{"orderId":"1"}}"#, " ".repeat(SCANNED_BYTES_MAX)),
            None,
        );
    }

    #[test]
    fn partitions_are_stable_in_range_and_spread() {
        // Written down: a new build must not move the orders that an old one placed.
        let placed = partition_of(placement(b"1471722666401517645"), 12);
        assert_eq!((placement(b""), placed), (0xcbf2_9ce4_8422_2325, 6));
        let mut counts = [0; 12];
        for id in 0..1200_u64 {
            let key = (1_471_722_666_401_517_645 + id).to_string();
            counts[usize::try_from(partition_of(placement(key.as_bytes()), 12)).unwrap()] += 1;
        }
        assert!(
            counts.iter().all(|count| (50..=150).contains(count)),
            "{counts:?}"
        );
        assert_eq!(partition_of(7, 0), 0);
    }
}
