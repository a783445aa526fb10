//! Courses that were found to go wrong once, any others, and starts on any leftover.

use proptest::{collection::vec, prelude::*};

use super::{
    memory::Memory,
    model::{Course, Step, entry, start, steps},
};
use crate::spool::{
    files::Files as _,
    format::CURSOR,
    names::{Lost, quarantined_name, segment_name},
};

/// Found by the test below: the folder forgot that the new cursor's file was made and kept that it was
/// renamed, so that an older leftover of its name became the cursor, and what was settled came again.
#[test]
fn a_cursor_is_never_made_of_what_an_earlier_attempt_left() {
    use Step::{Append, Crash, FailWrites, Fill, Read, Settle};
    let mut course = Course::begin(18_308_599_877_786_569_056);
    for step in [
        Append(vec![0, 71, 76, 24]),
        Append(vec![112, 6, 72]),
        Fill(false),
        Fill(true),
        Crash,
        Read(96),
        FailWrites(9, 1),
        Append(vec![0]),
        Settle(85),
        Append(vec![0]),
        Settle(170),
        FailWrites(4, 1),
        Settle(170),
        Crash,
    ] {
        course.take(&step);
    }
    course.end();
}

/// Found by the test below: what was cut as if torn may be a whole file, of which nothing tells then.
#[test]
fn a_last_file_whose_first_record_decays_is_cut_whole() {
    use Step::{Append, Crash, Flip, Read, Settle};
    let mut course = Course::begin(669_739_406_859_853_492);
    for step in [
        Append(vec![32, 44, 38]),
        Flip(0),
        Crash,
        Crash,
        Append(vec![19]),
        Settle(0),
        Flip(0),
        Read(1),
        Append(vec![0]),
    ] {
        course.take(&step);
    }
    course.end();
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 3_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn what_was_promised_comes_out_in_order_whatever_happens(
        seed in 1_u64..u64::MAX,
        steps in steps(),
    ) {
        let mut course = Course::begin(seed);
        for step in &steps {
            course.take(step);
        }
        course.end();
    }

    #[test]
    fn a_start_on_any_leftover_works(
        files in vec((0_u64..40, any::<bool>(), vec(any::<u8>(), 0..200)), 0..6),
        cursor in vec(any::<u8>(), 0..40),
    ) {
        let memory = Memory::new(1);
        let write = |name: &str, bytes: &[u8]| {
            let mut file = memory.overwrite(name).unwrap();
            crate::spool::files::write_all(&mut *file, bytes).unwrap();
        };
        for (first, is_quarantined, bytes) in &files {
            let name = match is_quarantined {
                true => quarantined_name(
                    *first,
                    Lost {
                        first: *first,
                        last: *first + bytes.len() as u64,
                        is_all: bytes.len() % 2 == 0,
                    },
                    0,
                ),
                false => segment_name(*first),
            };
            write(&name, bytes);
        }
        write(CURSOR, &cursor);
        write("a stranger's file", b"stays");
        let (log, _) = start(&memory).unwrap();
        log.announce(1);
        log.write(&[entry(1, 1)], 1).unwrap();
        let read = log.read(None, 1).unwrap();
        prop_assert_eq!(read.last().unwrap().1.placement, 1);
        log.settle(read.last().unwrap().0).unwrap();
        prop_assert!(memory.names().contains(&"a stranger's file".to_owned()));
    }
}
