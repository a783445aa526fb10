//! Delivery and drain together, on a real disk and a log that does as it is told.

mod leaving;
mod left_over;

use std::sync::{Mutex, atomic::AtomicBool};

use runtime::{clock::SystemClock, shutdown::Shutdown};
use schemas::{Assurance, EndpointId, Micros, PiiRule, Provider, ReceiptId, TenantId, Verdict};
use tokio::sync::oneshot;

use super::*;
use crate::{
    drain::Drain,
    overflow::LeftOver,
    rates::{Rate, Usage},
    raw_log::Confirmation,
    spool,
    tenants::Current,
};

/// What the log does with a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    Takes,
    Full,
    Refuses,
    Unfit,
    /// Takes what has no body.
    Small,
    /// Takes it and never says so.
    Silent,
}

/// Receipt, whether it waited on disk, and in which lane it lies.
type Taken = (ReceiptId, bool, Lane);

struct FakeLog {
    mood: Mutex<Mood>,
    /// Never taken, whatever the mood.
    unfit: Mutex<Option<ReceiptId>>,
    up: AtomicBool,
    taken: Mutex<Vec<Taken>>,
    kept: Mutex<Vec<oneshot::Sender<Result<Placed, Refused>>>>,
}

impl RawLog for FakeLog {
    fn append(&self, record: &Record<'_>) -> Result<Confirmation, Refused> {
        let (confirm, confirmation) = oneshot::channel();
        let refused = || Refused::Failed("no replica".into());
        if *self.unfit.lock().unwrap() == Some(record.headers.receipt_id) {
            confirm
                .send(Err(Refused::Unfit("too large".into())))
                .unwrap();
            return Ok(confirmation);
        }
        let mood = *self.mood.lock().unwrap();
        let is_small = mood == Mood::Small && record.body.is_empty();
        match if is_small { Mood::Takes } else { mood } {
            Mood::Full => return Err(Refused::Full),
            Mood::Unfit | Mood::Small => confirm
                .send(Err(Refused::Unfit("too large".into())))
                .unwrap(),
            Mood::Refuses => confirm.send(Err(refused())).unwrap(),
            Mood::Silent => self.kept.lock().unwrap().push(confirm),
            Mood::Takes => {
                let headers = record.headers;
                let mut taken = self.taken.lock().unwrap();
                let offset = i64::try_from(taken.len()).unwrap();
                taken.push((headers.receipt_id, headers.spooled, record.lane));
                let placed = Placed {
                    partition: 0,
                    offset,
                };
                confirm.send(Ok(placed)).unwrap();
            }
        }
        Ok(confirmation)
    }

    fn is_up(&self) -> bool {
        self.up.load(Ordering::Relaxed)
    }
}

struct Site {
    log: Arc<FakeLog>,
    delivery: Arc<Delivery>,
    spool: Spool,
    left: Arc<LeftOver>,
    tenants: Arc<Current>,
    folder: tempfile::TempDir,
}

fn site(bytes_max: u64) -> Site {
    site_with(bytes_max, Duration::from_millis(20))
}

fn site_with(bytes_max: u64, spool_after: Duration) -> Site {
    site_in(tempfile::TempDir::new().unwrap(), (bytes_max, spool_after))
}

fn site_in(folder: tempfile::TempDir, (bytes_max, spool_after): (u64, Duration)) -> Site {
    let log = Arc::new(FakeLog {
        mood: Mutex::new(Mood::Takes),
        unfit: Mutex::default(),
        up: AtomicBool::new(true),
        taken: Mutex::default(),
        kept: Mutex::default(),
    });
    let options = spool::Options {
        dir: folder.path().join("spool"),
        segment_bytes: 1 << 20,
        bytes_max,
        free_bytes_min: 0,
    };
    let (spool, mut opened) = spool::open(options, Arc::new(SystemClock)).unwrap();
    let left = Arc::new(LeftOver::found(spool.clone(), &mut opened));
    let blobs_url = format!("file://{}", folder.path().join("blobs").display());
    let delivery = Arc::new(Delivery {
        log: Arc::clone(&log) as Arc<dyn RawLog>,
        spool: Some(spool.clone()),
        blobs: Some(Blobs::open(&blobs_url).unwrap()),
        door: Door::default(),
        record_bytes_max: 10_000,
        spool_after,
        within: Duration::from_secs(30),
        spooled: AtomicU64::new(0),
        disk_refused: AtomicBool::new(false),
        unfit: Unfit::default(),
        metrics: Arc::new(Metrics::new(&prometheus::Registry::new()).unwrap()),
    });
    Site {
        log,
        delivery,
        spool,
        left,
        tenants: Arc::new(Current::empty()),
        folder,
    }
}

fn receipt(number: u8) -> ReceiptId {
    ReceiptId::from_bytes([number; 16])
}

fn headers(number: u8) -> RawHeaders {
    RawHeaders {
        receipt_id: receipt(number),
        tenant: TenantId::new("acme").unwrap(),
        provider: Provider::Ordatic,
        endpoint: EndpointId::new("a").unwrap(),
        received_at: Micros(1_700_000_000_000_000 + i64::from(number)),
        verdict: Verdict::Verified,
        assurance: Assurance::CredentialOnly,
        signature_scheme: None,
        secret_id: None,
        content_type: None,
        timezone: None,
        currency: None,
        service: None,
        pii: PiiRule::Keep,
        body_sha256: "ab".repeat(32),
        body_bytes: 3,
        spooled: false,
        body_ref: None,
        traceparent: None,
        replay_id: None,
        http: Vec::new(),
    }
}

impl Site {
    fn mood(&self, mood: Mood) {
        *self.log.mood.lock().unwrap() = mood;
    }

    async fn deliver_with(&self, number: u8, ticket: Ticket) -> Result<(), Refused> {
        let webhook = Webhook {
            headers: headers(number),
            body: Bytes::from_static(b"abc"),
            placement: u64::from(number),
            ticket,
        };
        self.delivery.deliver(webhook).await
    }

    async fn deliver(&self, number: u8) -> Result<(), Refused> {
        let ticket = Arc::new(Usage::default()).lane(&Rate::new(None, None));
        self.deliver_with(number, ticket).await
    }

    fn taken(&self) -> Vec<Taken> {
        self.log.taken.lock().unwrap().clone()
    }

    /// Drains until the disk is empty.
    async fn drain(&self) {
        self.drain_during(async {
            while !self.spool.is_empty() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
        .await;
    }

    /// Drains until this is done.
    async fn drain_during(&self, until: impl Future<Output = ()>) {
        let drain = Drain {
            spool: self.spool.clone(),
            delivery: Arc::clone(&self.delivery),
            tenants: Arc::clone(&self.tenants),
            left: Arc::clone(&self.left),
            refused: self.folder.path().join("refused"),
            per_second: 100_000,
            metrics: Arc::clone(&self.delivery.metrics),
        };
        let shutdown = Shutdown::new();
        let until = async {
            until.await;
            shutdown.request();
        };
        let both = async { tokio::join!(drain.run(shutdown.clone()), until).0 };
        timeout(Duration::from_secs(30), both)
            .await
            .expect("drained")
            .unwrap();
    }
}

const ROOM: u64 = 64 << 20;
/// For who waits for the blob store too.
const UNHURRIED: Duration = Duration::from_secs(30);

#[tokio::test]
async fn what_kafka_does_not_confirm_at_once_is_safe_on_disk_whatever_the_cause() {
    for mood in [Mood::Full, Mood::Refuses, Mood::Silent] {
        let site = site(ROOM);
        site.mood(mood);
        site.deliver(1).await.unwrap();
        assert_eq!(site.spool.stats().records, 1, "{mood:?}");
        site.mood(Mood::Takes);
        site.drain().await;
        assert_eq!(site.taken(), [(receipt(1), true, Lane::Normal)]);
    }
}

#[tokio::test]
async fn while_something_waits_on_disk_everything_new_waits_behind_it() {
    let site = site(ROOM);
    site.log.up.store(false, Ordering::Relaxed);
    site.deliver(1).await.unwrap();
    site.log.up.store(true, Ordering::Relaxed);
    site.deliver(2).await.unwrap();
    assert!(site.taken().is_empty());
    site.drain().await;
    site.deliver(3).await.unwrap();
    let expected = [(1, true), (2, true), (3, false)];
    assert_eq!(
        site.taken(),
        expected.map(|(number, spooled)| (receipt(number), spooled, Lane::Normal))
    );
}

#[tokio::test]
async fn a_kafka_that_is_known_to_be_down_is_not_asked() {
    let site = site(ROOM);
    site.log.up.store(false, Ordering::Relaxed);
    site.deliver(1).await.unwrap();
    assert!(site.taken().is_empty());
    assert_eq!(site.spool.stats().records, 1);
}

#[tokio::test]
async fn a_record_that_kafka_will_never_take_does_not_block_the_disk() {
    let site = site_with(ROOM, UNHURRIED);
    site.mood(Mood::Unfit);
    assert!(matches!(site.deliver(1).await, Err(Refused::Unfit(_))));
    assert!(site.spool.is_empty());
}

#[tokio::test]
async fn a_record_that_is_too_large_for_kafka_goes_there_without_its_body_which_the_blob_store_keeps()
 {
    for by_disk in [false, true] {
        let site = site_with(ROOM, UNHURRIED);
        site.mood(Mood::Small);
        site.log.up.store(!by_disk, Ordering::Relaxed);
        site.deliver(1).await.unwrap();
        site.log.up.store(true, Ordering::Relaxed);
        site.drain().await;
        assert_eq!(site.taken(), [(receipt(1), by_disk, Lane::Normal)]);
        let path = blobs::path(blobs::Kind::Body, "acme", &headers(1).body_sha256);
        let blobs = site.delivery.blobs.as_ref().unwrap();
        assert_eq!(blobs.get(&path).await.unwrap(), "abc");
        assert!(!site.folder.path().join("refused").exists());
    }
}

#[tokio::test]
async fn a_record_that_kafka_never_takes_is_kept_apart_and_those_behind_it_get_through() {
    let site = site(ROOM);
    site.log.up.store(false, Ordering::Relaxed);
    for number in 1..=3 {
        site.deliver(number).await.unwrap();
    }
    site.log.up.store(true, Ordering::Relaxed);
    *site.log.unfit.lock().unwrap() = Some(receipt(2));
    site.drain().await;
    let taken: Vec<ReceiptId> = site.taken().iter().map(|taken| taken.0).collect();
    assert_eq!(taken, [receipt(1), receipt(3)]);
    let kept = std::fs::read_dir(site.folder.path().join("refused")).unwrap();
    let texts: Vec<String> = kept
        .map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap())
        .collect();
    assert_eq!(texts.len(), 2);
    assert!(texts.iter().any(|text| text == "abc"));
    let id = receipt(2).to_string();
    assert!(
        texts
            .iter()
            .any(|text| text.contains(&id) && text.contains("too large"))
    );
}

#[tokio::test]
async fn a_full_disk_is_a_refusal_and_what_it_holds_stays() {
    let site = site(100_000);
    site.log.up.store(false, Ordering::Relaxed);
    let (mut kept, mut refused) = (Vec::new(), 0);
    for number in 0..=255 {
        for _ in 0..5 {
            match site.deliver(number).await {
                Ok(()) => kept.push(receipt(number)),
                Err(_) => refused += 1,
            }
        }
    }
    assert!(refused > 0 && !kept.is_empty(), "{refused} {}", kept.len());
    site.log.up.store(true, Ordering::Relaxed);
    site.drain().await;
    let taken: Vec<ReceiptId> = site.taken().iter().map(|taken| taken.0).collect();
    assert_eq!(taken, kept);
}

#[tokio::test]
async fn a_full_disk_sends_nobody_away_while_kafka_takes_records() {
    let site = site(100_000);
    site.log.up.store(false, Ordering::Relaxed);
    let mut kept = 0;
    while site.deliver(1).await.is_ok() {
        kept += 1;
    }
    site.log.up.store(true, Ordering::Relaxed);
    site.deliver(2).await.unwrap();
    assert_eq!(site.taken(), [(receipt(2), false, Lane::Normal)]);
    assert_eq!(site.spool.stats().records, kept);
}

#[tokio::test]
async fn the_overflow_lane_is_kept_through_the_disk() {
    let site = site(ROOM);
    let (usage, rate) = (Arc::new(Usage::default()), Rate::new(Some(1), Some(1)));
    drop(usage.lane(&rate));
    site.log.up.store(false, Ordering::Relaxed);
    site.deliver_with(1, usage.lane(&rate)).await.unwrap();
    site.log.up.store(true, Ordering::Relaxed);
    site.drain().await;
    assert_eq!(site.taken(), [(receipt(1), true, Lane::Overflow)]);
}
