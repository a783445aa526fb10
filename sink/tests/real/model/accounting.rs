//! What became of each receipt.

use super::*;

pub(super) fn receipts(known: &Known<'_>) -> Expected {
    let all = known.history.receipts.iter();
    let distinct: BTreeSet<_> = all
        .map(|(raw, _)| (raw.receipt_id.to_string(), raw.verdict.as_str()))
        .collect();
    let rows = distinct.iter().map(|(id, verdict)| json!([id, verdict]));
    (
        "SELECT receipt_id, verdict FROM {db}.receipts",
        rows.collect(),
    )
}

pub(super) fn secret_use(known: &Known<'_>) -> Expected {
    let mut seen = BTreeSet::new();
    let mut uses: BTreeMap<_, i64> = BTreeMap::new();
    for (raw, _) in &known.history.receipts {
        if let Some(secret) = &raw.secret_id
            && seen.insert(raw.receipt_id.to_string())
        {
            let day = raw.received_at.0.div_euclid(24 * 60 * MINUTE);
            let key = (raw.endpoint.as_str(), secret.as_str(), day);
            *uses.entry(key).or_default() += i64::from(raw.verdict == Verdict::Verified);
        }
    }
    let rows = uses
        .iter()
        .map(|((endpoint, secret, day), n)| json!([endpoint, secret, day, n]));
    let sql = "SELECT endpoint_id, secret_id, toInt32(day), verified FROM {db}.secret_use";
    (sql, rows.collect())
}

pub(super) fn set_aside(known: &Known<'_>) -> Expected {
    let all = known.history.asides.iter();
    let distinct: BTreeSet<_> = all
        .map(|one| {
            let best = known.outcomes[&one.receipt_id][&one.part];
            let never = matches!(one.reason, Reason::Duplicate | Reason::LineageLimit);
            let resolved = !never && best < 3;
            let (receipt, reason) = (one.receipt_id.clone(), one.reason.as_str());
            (receipt, one.part, one.stage.clone(), reason, resolved)
        })
        .collect();
    let rows = distinct
        .iter()
        .map(|(receipt, part, stage, reason, yes)| json!([receipt, part, stage, reason, yes]));
    let sql = "SELECT receipt_id, part, stage, reason, toBool(resolved_at IS NOT NULL) \
               FROM {db}.set_aside";
    (sql, rows.collect())
}

pub(super) fn unaccounted(known: &Known<'_>) -> Expected {
    let mut places: BTreeMap<String, (i64, Micros)> = BTreeMap::new();
    for (raw, offset) in &known.history.receipts {
        let place = places
            .entry(raw.receipt_id.to_string())
            .or_insert((*offset, raw.received_at));
        place.0 = place.0.max(*offset);
    }
    let rows = places
        .iter()
        .filter(|(receipt, (_, received_at))| {
            let (parts, outcomes) = known.missing(receipt);
            outcomes < parts && received_at.0 < known.now.0 - YOUNG
        })
        .map(|(receipt, (place, _))| {
            let (parts, outcomes) = known.missing(receipt);
            let settled = *place < known.history.settled;
            let seen = match outcomes {
                0 if *place >= known.history.normalized => "raw",
                0 => "normalizer",
                _ => "canonical",
            };
            let state = if settled { "lost" } else { "waiting" };
            json!([receipt, parts, outcomes, state, seen])
        });
    let sql = "SELECT receipt_id, parts, outcomes, state, last_seen FROM {db}.unaccounted";
    (sql, rows.collect())
}

pub(super) fn completeness(known: &Known<'_>) -> Expected {
    let mut minutes: BTreeMap<_, [i64; 6]> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for (raw, _) in &known.history.receipts {
        let receipt = raw.receipt_id.to_string();
        if !seen.insert(receipt.clone()) {
            continue;
        }
        let minute = raw.received_at.0.div_euclid(MINUTE);
        let key = (raw.tenant.as_str(), raw.provider.as_str(), minute);
        let sums = minutes.entry(key).or_default();
        let (parts, outcomes) = known.missing(&receipt);
        let missing = i64::from(parts - outcomes);
        sums[0] += i64::from(parts);
        for rank in known.outcomes.get(&receipt).into_iter().flatten() {
            sums[match rank.1 {
                1 => 1,
                2 => 3,
                _ => 2,
            }] += 1;
        }
        let young = raw.received_at.0 >= known.now.0 - YOUNG;
        sums[if young { 4 } else { 5 }] += missing;
    }
    let rows = minutes.iter().map(|((tenant, provider, minute), s)| {
        json!([tenant, provider, minute, s[0], s[1], s[2], s[3], s[4], s[5]])
    });
    let sql = "SELECT tenant_id, provider, intDiv(toUnixTimestamp(minute), 60), received, \
               in_events, set_aside, duplicates, pending, unaccounted FROM {db}.completeness";
    (sql, rows.collect())
}

pub(super) fn freshness(known: &Known<'_>) -> Expected {
    let mut first: BTreeMap<EventId, (&OrderedEvent, i64)> = BTreeMap::new();
    for (one, loaded) in known.history.events.iter().filter(|(e, _)| e.revision == 0) {
        let kept = first.entry(one.event.event_id).or_insert((one, *loaded));
        kept.1 = kept.1.min(*loaded);
    }
    let mut minutes: BTreeMap<_, Vec<i64>> = BTreeMap::new();
    for (one, loaded) in first.values() {
        let e = &one.event;
        let minute = e.received_at.0.div_euclid(MINUTE);
        let key = (e.tenant_id.as_str(), e.provider.as_str(), minute);
        let micros = crate::examples::at(*loaded).0 - e.received_at.0;
        minutes.entry(key).or_default().push(micros / 1000);
    }
    let rows = minutes
        .iter_mut()
        .map(|((tenant, provider, minute), waits)| {
            let (half, longest) = (quantile(waits, 5), waits.iter().max());
            json!([tenant, provider, minute, waits.len(), half, longest])
        });
    let sql = "SELECT tenant_id, provider, intDiv(toUnixTimestamp(minute), 60), events, \
               round(p50_seconds * 100000), round(max_seconds * 1000) FROM {db}.freshness";
    (sql, rows.collect())
}
