//! Reading raw again by today's mapping: what would change, and the writing of it.
//!
//! The command normalizes by itself and writes what changed to canonical, with `replay_id` set; the
//! enricher lays it over the event of the same id, receipt and part, as the next revision. Writing all of
//! raw again through the normalizer would come to the same and move a thousand records for each that
//! changes. Nothing needs to be exactly once here: what comes twice is known by its receipt.

mod compare;
mod ledger;
mod pace;
mod reading;
mod stored;
mod tally;

use anyhow::Context as _;
use normalizer::{Privacy, Room, Rules, normalize};
use schemas::{
    DeliveryEvent, Micros,
    avro::{Encoder, Record},
    mapping::Mapping,
    raw_webhook::RawHeaders,
    set_aside::Why,
};
use tokio::task::block_in_place;

use crate::{
    WrongUse,
    clickhouse::Clickhouse,
    raw::{BATCH_RECORDS_MAX, Bodies, Range, RawRecord},
    settings::Settings,
    writer::Writer,
};

pub(crate) use compare::Step;
pub(crate) use ledger::{Entry, Ledger, State, new_id};
pub(crate) use pace::Pace;
pub(crate) use tally::Tally;

/// Today's normalizer, as a function.
pub(crate) struct Today {
    mapping: Mapping,
    privacy: Privacy,
    pub(crate) bodies: Bodies,
    /// Tells how large an event would be, and writes none.
    encoder: Encoder,
}

/// What today's normalizer makes of a webhook.
pub(crate) type Normalized = Result<normalizer::Normalized, Why>;

impl Today {
    pub(crate) fn new(settings: &Settings) -> anyhow::Result<Self> {
        let key = settings.privacy_key().expose();
        if key.is_empty() {
            return Err(WrongUse(
                "privacy.key must be given as the normalizer has it: with another one every \
                 pseudonym would change"
                    .into(),
            )
            .into());
        }
        let mapping = match settings.mapping_path() {
            None => Mapping::embedded().clone(),
            Some(path) => {
                let naming = || format!("mapping.path: {}", path.display());
                let extra = std::fs::read_to_string(path).with_context(naming)?;
                Mapping::with_extra(&extra).with_context(naming)?
            }
        };
        Ok(Self {
            mapping,
            privacy: Privacy::new(key.as_bytes()),
            bodies: Bodies::open(settings)?,
            encoder: Encoder::new(Record::DeliveryEvent, 0)?,
        })
    }

    pub(crate) fn mapping_version(&self) -> &str {
        self.mapping.version()
    }

    pub(crate) async fn normalized(
        &self,
        record: &RawRecord,
        headers: &RawHeaders,
    ) -> anyhow::Result<Normalized> {
        let body = match self.bodies.of(record, headers).await? {
            Ok(body) => body,
            Err(why) => return Ok(Err(why)),
        };
        let rules = Rules {
            mapping: &self.mapping,
            privacy: &self.privacy,
            blobs_url: self.bodies.url(),
        };
        let normalized = match normalize(headers, &body, rules) {
            Ok(normalized) => normalized,
            Err(why) => return Ok(Err(why)),
        };
        let mut room = Room::default();
        for event in &normalized.events {
            if let Err(why) = room.take(self.encoder.encode(event)?.len()) {
                return Ok(Err(why));
            }
        }
        Ok(Ok(normalized))
    }
}

/// Which webhooks are read again.
#[derive(Clone, Debug)]
pub(crate) struct Scope {
    pub(crate) since: Micros,
    pub(crate) until: Micros,
    pub(crate) tenant: Option<String>,
}

impl Scope {
    fn holds(&self, headers: &RawHeaders) -> bool {
        let tenant = self.tenant.as_deref();
        (self.since..self.until).contains(&headers.received_at)
            && tenant.is_none_or(|tenant| tenant == headers.tenant.as_str())
    }
}

/// One run over a range.
pub(crate) struct Run<'a> {
    pub(crate) clickhouse: &'a Clickhouse,
    pub(crate) today: &'a Today,
    pub(crate) scope: Scope,
    pub(crate) replay_id: &'a str,
    /// None: nothing is written.
    pub(crate) writer: Option<&'a Writer>,
    /// Events that are written in a second.
    pub(crate) rate: u32,
}

/// A webhook that is looked at.
struct Looked {
    record: RawRecord,
    headers: RawHeaders,
    fresh: Normalized,
}

impl Run<'_> {
    /// Reads the range to its end; `settled` is told after each batch that is written for good.
    pub(crate) async fn over(
        &self,
        mut range: Range,
        tally: &mut Tally,
        mut settled: impl AsyncFnMut(&Range, &Tally) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let pace = Pace::begin(self.rate);
        let before = tally.written;
        let batch_max = match self.writer {
            Some(_) => pace.batch_max(BATCH_RECORDS_MAX),
            None => BATCH_RECORDS_MAX,
        };
        loop {
            let batch = block_in_place(|| range.batch(batch_max))?;
            if batch.is_empty() {
                return Ok(());
            }
            let looked = self.looked(batch, tally).await?;
            let stored = stored::of(self.clickhouse, looked.iter().map(|one| &one.headers)).await?;
            for one in looked {
                let outcomes = stored.get(&one.headers.receipt_id.to_string());
                let newer = outcomes.and_then(|outcomes| outcomes.resent_to.as_ref());
                if newer.is_some_and(|newer| *newer != one.record.place) {
                    // What was missing when it came was added there: only that one reads as today.
                    tally.superseded += 1;
                    continue;
                }
                let step = compare::step(&one.headers, &one.fresh, outcomes);
                tally.add(&one.headers, &step);
                self.write(one, step, tally).await?;
            }
            if let Some(writer) = self.writer {
                block_in_place(|| writer.written())?;
            }
            settled(&range, tally).await?;
            pace.wait(tally.written - before).await;
        }
    }

    async fn looked(
        &self,
        batch: Vec<RawRecord>,
        tally: &mut Tally,
    ) -> anyhow::Result<Vec<Looked>> {
        let mut looked = Vec::with_capacity(batch.len());
        for record in batch {
            let Ok(headers) = &record.headers else {
                tally.foreign += 1;
                continue;
            };
            if !self.scope.holds(headers) {
                continue;
            }
            let mut headers = headers.clone();
            headers.replay_id = Some(self.replay_id.to_owned());
            let fresh = self.today.normalized(&record, &headers).await?;
            looked.push(Looked {
                record,
                headers,
                fresh,
            });
        }
        Ok(looked)
    }

    async fn write(&self, one: Looked, step: Step, tally: &mut Tally) -> anyhow::Result<()> {
        let Some(writer) = self.writer else {
            return Ok(());
        };
        match step {
            Step::Nothing(_) | Step::Refused(_) => {}
            Step::Resend => {
                writer.webhook(&one.record, &one.headers)?;
                tally.written += 1;
            }
            Step::Events(parts) => {
                let Ok(fresh) = one.fresh else { return Ok(()) };
                self.today.bodies.put(fresh.blobs).await?;
                let changed = |event: &&DeliveryEvent| parts.contains_key(&event.part);
                for event in fresh.events.iter().filter(changed) {
                    writer.event(event)?;
                    tally.written += 1;
                }
            }
        }
        Ok(())
    }
}
