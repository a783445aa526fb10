//! One event as Avro, written and read by our own codec and by two libraries.

use std::hint::black_box;

use apache_avro::{Schema, reader::datum::GenericDatumReader, writer::datum::GenericDatumWriter};
use criterion::Criterion;
use schemas::{
    DeliveryEvent,
    avro::{Decoder, Encoder, Record},
};
use serde_avro_fast::ser::SerializerConfig;

const FITS: &str = "fits its schema";

pub(crate) fn bench(criterion: &mut Criterion, event: &DeliveryEvent) {
    let text = Record::DeliveryEvent.schema_text();
    let mut group = criterion.benchmark_group("avro");

    let encoder = Encoder::new(Record::DeliveryEvent, 1).expect("the embedded schema");
    let schema = Schema::parse_str(text).expect("the embedded schema");
    let writer = GenericDatumWriter::builder(&schema).build().expect(FITS);
    let fast: serde_avro_fast::Schema = text.parse().expect("the embedded schema");
    let mut config = SerializerConfig::new(&fast);
    let mut out = Vec::with_capacity(4096);
    group.bench_function("write/ours", |bench| {
        bench.iter(|| {
            out.clear();
            encoder.encode_into(black_box(event), &mut out).expect(FITS);
        });
    });
    group.bench_function("write/apache-avro", |bench| {
        bench.iter(|| {
            out.clear();
            writer.write_ser(&mut out, black_box(event)).expect(FITS);
        });
    });
    group.bench_function("write/serde_avro_fast", |bench| {
        bench.iter(|| {
            let mut buffer = std::mem::take(&mut out);
            buffer.clear();
            out = serde_avro_fast::to_datum(black_box(event), buffer, &mut config).expect(FITS);
        });
    });

    let value = encoder.encode(event).expect(FITS);
    let datum = value.get(5..).expect("a frame");
    let mut decoder = Decoder::new();
    decoder.learn(1, text).expect("the embedded schema");
    let reader = GenericDatumReader::builder(&schema).build().expect(FITS);
    group.bench_function("read/ours", |bench| {
        bench.iter(|| {
            decoder
                .decode::<DeliveryEvent>(black_box(&value))
                .expect(FITS)
        });
    });
    group.bench_function("read/apache-avro", |bench| {
        bench.iter(|| {
            let mut rest = black_box(datum);
            reader.read_deser::<DeliveryEvent>(&mut rest).expect(FITS)
        });
    });
    group.bench_function("read/serde_avro_fast", |bench| {
        bench.iter(|| {
            serde_avro_fast::from_datum_slice::<DeliveryEvent>(black_box(datum), &fast).expect(FITS)
        });
    });
    group.finish();
}
