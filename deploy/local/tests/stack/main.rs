//! The stack itself, with the real parts. Everything a restart must keep is written just before a kill.

#![cfg(test)]

mod launcher;
mod wire;

use std::time::{Duration, Instant};

use local_stack::{
    ClickhouseOptions, Error, Event, Exit, Lines, Options, Part, Restart, Signal, Stack,
};
use tokio::sync::broadcast::Receiver;
use tokio::time::timeout;

const LIMIT: Duration = Duration::from_secs(60);

fn start(options: Options) -> Stack {
    let began = Instant::now();
    let stack = Stack::start(options, &Lines(|line: &str| eprintln!("{line}"))).unwrap();
    eprintln!("all ready after {:.2} s", began.elapsed().as_secs_f64());
    stack
}

fn options(data: &tempfile::TempDir) -> Options {
    let password = Some("p<&w".to_owned());
    let users_xml = "<reader><password>r</password><networks><ip>127.0.0.1</ip></networks>\
        <profile>reader</profile><quota>default</quota>\
        <grants><query>GRANT SELECT ON kept.numbers</query></grants></reader>"
        .to_owned();
    let profiles_xml = "<reader><readonly>1</readonly></reader>".to_owned();
    let clickhouse = ClickhouseOptions {
        password,
        users_xml,
        profiles_xml,
        ..ClickhouseOptions::default()
    };
    Options {
        clickhouse,
        ..Options::new(data.path())
    }
}

async fn next(events: &mut Receiver<Event>) -> Event {
    timeout(LIMIT, events.recv())
        .await
        .expect("an event within the limit")
        .unwrap()
}

async fn killed(stack: &Stack, events: &mut Receiver<Event>, part: Part, signal: Signal) {
    let pid = stack.pid(part).unwrap();
    stack.signal(part, signal).unwrap();
    let Event::Died(death) = next(events).await else {
        panic!("expected a death")
    };
    assert_eq!((death.part, death.pid), (part, pid));
    assert_eq!(death.exit, Exit::Signal(signal as i32));
    let text = death.to_string();
    assert!(
        text.contains(signal.as_str()) && text.contains("last lines of"),
        "{text}"
    );
    assert!(death.log.path.ends_with(format!("{part}.log")));
    assert_eq!(stack.pid(part), None);
    assert!(!launcher::is_alive(pid));
}

#[tokio::test]
async fn each_part_survives_kills_and_restarts_with_its_data() {
    let data = tempfile::tempdir().unwrap();
    let stack = start(options(&data));
    let mut events = stack.events();
    let clickhouse = wire::Clickhouse::of(&stack, "p<&w");

    let refused = Stack::start(options(&data), &local_stack::Silent).unwrap_err();
    assert!(matches!(refused, Error::InUse { .. }), "{refused}");

    clickhouse.fill();
    killed(&stack, &mut events, Part::Clickhouse, Signal::SIGKILL).await;
    stack.restart(Part::Clickhouse).unwrap();
    clickhouse.assert_filled();
    clickhouse.assert_rights();
    clickhouse.assert_confined(data.path());

    let id = wire::register(&stack);
    killed(&stack, &mut events, Part::Registry, Signal::SIGKILL).await;
    stack.restart(Part::Registry).unwrap();
    wire::assert_registered(&stack, &id);

    wire::create_topic(&stack, "kept");
    killed(&stack, &mut events, Part::Kafka, Signal::SIGKILL).await;
    let began = Instant::now();
    stack.restart(Part::Kafka).unwrap();
    eprintln!(
        "kafka again after kill -9 in {:.2} s",
        began.elapsed().as_secs_f64()
    );
    assert!(wire::topics(&stack).contains("kept"));

    let pids = Part::ALL.map(|part| stack.pid(part).unwrap());
    let began = Instant::now();
    stack.stop().unwrap();
    eprintln!("stopped in {:.2} s", began.elapsed().as_secs_f64());
    for pid in pids {
        assert!(!launcher::is_alive(pid), "{pid} was left behind");
    }
    assert!(
        events.is_empty(),
        "stopping is not dying: {:?}",
        events.try_recv()
    );
    assert!(matches!(stack.restart(Part::Kafka), Err(Error::Stopped)));
    drop(stack);

    let stack = start(Options {
        restart: Restart::WithBackoff,
        ..options(&data)
    });
    let clickhouse = wire::Clickhouse::of(&stack, "p<&w");
    clickhouse.assert_filled();
    wire::assert_registered(&stack, &id);
    assert!(wire::topics(&stack).contains("kept"));

    let mut events = stack.events();
    // one that is stopped cannot hear a SIGTERM
    stack.signal(Part::Clickhouse, Signal::SIGSTOP).unwrap();
    stack.signal(Part::Clickhouse, Signal::SIGCONT).unwrap();
    killed(&stack, &mut events, Part::Clickhouse, Signal::SIGTERM).await;
    let Event::Restarted {
        part: Part::Clickhouse,
        pid,
    } = next(&mut events).await
    else {
        panic!("expected a restart")
    };
    assert_eq!(stack.pid(Part::Clickhouse), Some(pid));
    clickhouse.assert_filled();

    stack.replace_clickhouse_users("", "").unwrap();
    assert!(clickhouse.as_user("reader", "r", "SELECT 1").is_err());

    let pids = Part::ALL.map(|part| stack.pid(part).unwrap());
    drop(stack);
    for pid in pids {
        assert!(!launcher::is_alive(pid), "{pid} outlived the stack");
    }
}
