//! A traced record that a stage has taken, until what it does with it is done.

use super::{Place, Span, SpanKind, Traces};

/// One of them.
#[derive(Debug)]
pub struct Taken {
    /// Where what the stage does stands in the trace.
    pub place: Place,
    name: &'static str,
    from_micros: i64,
    topic: String,
    partition: i32,
    offset: i64,
}

impl Traces {
    /// Notes a record, if its trace is recorded: `name` is the stage's, `at` the record's topic,
    /// partition and offset, `now` tells microseconds since 1970 and is asked only where there is one.
    pub fn taken(
        &self,
        name: &'static str,
        traceparent: Option<&[u8]>,
        at: (&str, i32, i64),
        now: impl FnOnce() -> i64,
    ) -> Option<Taken> {
        let place = self.continued(traceparent, (name, at))?;
        let (topic, partition, offset) = at;
        Some(Taken {
            place,
            name,
            from_micros: now(),
            topic: topic.to_owned(),
            partition,
            offset,
        })
    }
}

impl Taken {
    /// It is done, for good.
    pub fn done(self, traces: &Traces, to_micros: i64, more: Option<(&'static str, &str)>) {
        let mut attributes = vec![
            ("messaging.system", "kafka".to_owned()),
            ("messaging.destination.name", self.topic),
            (
                "messaging.destination.partition.id",
                self.partition.to_string(),
            ),
            ("messaging.kafka.offset", self.offset.to_string()),
        ];
        attributes.extend(more.map(|(name, value)| (name, value.to_owned())));
        let span = Span {
            name: self.name,
            kind: SpanKind::Consumer,
            from_micros: self.from_micros,
            to_micros,
            failed: false,
            attributes,
        };
        traces.ended(self.place, span);
    }
}
