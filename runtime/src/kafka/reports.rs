//! Delivery reports of a producer that nobody else polls.

use std::{
    thread,
    time::{Duration, Instant},
};

use rdkafka::producer::{BaseProducer, Partitioner, Producer, ProducerContext};

/// Between two looks where nothing came.
const LOOK_EVERY: Duration = Duration::from_micros(250);

/// Serves the reports that are there, or else waits a moment for more. The client's own wait is no
/// use: librdkafka counts whole milliseconds, so that the client spins through the last one.
pub fn serve<C, P>(producer: &BaseProducer<C, P>)
where
    C: ProducerContext<P>,
    P: Partitioner,
{
    let before = producer.in_flight_count();
    producer.poll(Duration::ZERO);
    if producer.in_flight_count() == before {
        thread::sleep(LOOK_EVERY);
    }
}

/// Serves reports until no record is under way any more; whether that was before `deadline`.
#[must_use]
pub fn serve_all<C, P>(producer: &BaseProducer<C, P>, deadline: Instant) -> bool
where
    C: ProducerContext<P>,
    P: Partitioner,
{
    while producer.in_flight_count() > 0 {
        if Instant::now() > deadline {
            return false;
        }
        serve(producer);
    }
    true
}
