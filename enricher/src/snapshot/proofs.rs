//! The evidence of an order: carriers repeat it with every later event, and may tell more of it. Pure.

use rustc_hash::FxHashMap;
use schemas::delivery_event::Proof;
use smallvec::SmallVec;

/// A list of more proofs than this is looked up in a table.
const LISTED_MAX: usize = 16;

/// Proofs so far, in event time.
#[derive(Clone, Debug, Default)]
pub struct Proofs<'a> {
    all: Vec<Proof<&'a str>>,
    /// Places by uri: empty while the list is short.
    places: FxHashMap<&'a str, SmallVec<[usize; 2]>>,
}

impl<'a> Proofs<'a> {
    pub fn add(&mut self, proof: &'a Proof) {
        let proof = proof.map(String::as_str);
        let Some(known) = self.find(&proof).and_then(|at| self.all.get_mut(at)) else {
            self.push(proof);
            return;
        };
        let before = std::mem::replace(known, proof);
        known.stop_index = known.stop_index.or(before.stop_index);
        known.sha256 = known.sha256.or(before.sha256);
        known.media_type = known.media_type.or(before.media_type);
        known.bytes = known.bytes.or(before.bytes);
    }

    /// In the order in which they were told first.
    pub fn all(&self) -> Vec<Proof> {
        let owned = |text: &&str| (*text).to_owned();
        self.all.iter().map(|proof| proof.map(owned)).collect()
    }

    fn find(&self, proof: &Proof<&str>) -> Option<usize> {
        if self.all.len() <= LISTED_MAX {
            return self.all.iter().position(|known| is_same(known, proof));
        }
        let mut places = self.places.get(proof.uri)?.iter().copied();
        places.find(|at| self.all.get(*at).is_some_and(|known| is_same(known, proof)))
    }

    fn push(&mut self, proof: Proof<&'a str>) {
        self.all.push(proof);
        if self.all.len() <= LISTED_MAX {
            return;
        }
        // the first time, all of them
        let from = if self.places.is_empty() {
            0
        } else {
            self.all.len() - 1
        };
        for (at, proof) in self.all.iter().enumerate().skip(from) {
            self.places.entry(proof.uri).or_default().push(at);
        }
    }
}

/// One address is one proof, unless it is told of two stops.
fn is_same(known: &Proof<&str>, proof: &Proof<&str>) -> bool {
    let stops = (known.stop_index, proof.stop_index);
    known.uri == proof.uri && (stops.0 == stops.1 || stops.0.is_none() || stops.1.is_none())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn many_proofs_are_told_apart_as_few_are(
            said in prop::collection::vec((0..30_u8, prop::option::of(0..3)), 0..120),
        ) {
            let reports: Vec<Proof> = said
                .iter()
                .map(|(uri, stop_index)| Proof {
                    role: "delivery".into(),
                    uri: uri.to_string(),
                    stop_index: *stop_index,
                    sha256: None,
                    media_type: None,
                    bytes: None,
                })
                .collect();
            let (mut proofs, mut one_by_one) = (Proofs::default(), Vec::<Proof<&str>>::new());
            for report in &reports {
                proofs.add(report);
                let mut report = report.map(String::as_str);
                match one_by_one.iter().position(|known| is_same(known, &report)) {
                    Some(at) => {
                        report.stop_index = report.stop_index.or(one_by_one[at].stop_index);
                        one_by_one[at] = report;
                    }
                    None => one_by_one.push(report),
                }
            }
            prop_assert_eq!(proofs.all, one_by_one);
        }
    }
}
