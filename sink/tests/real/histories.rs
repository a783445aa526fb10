//! Histories drawn by lot: what came, in any order, some of it twice, corrected, replayed or lost.

use std::collections::BTreeMap;

use schemas::{
    EndpointId, EventId, Fulfilment, Kind, Micros, Order, OrderId, OrderedEvent, Provider, Reason,
    SetAside, Status, TenantId, Verdict, raw_webhook::RawHeaders, set_aside,
};

use crate::examples::{at, event, headers, money, order};

/// Whoever plays with the same seed draws the same.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }

    fn seconds(&mut self, limit: u64) -> i64 {
        i64::try_from(self.below(limit)).unwrap()
    }

    pub(crate) fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[usize::try_from(self.below(all.len() as u64)).unwrap()]
    }

    pub(crate) fn shuffle<T>(&mut self, all: &mut [T]) {
        for index in (1..all.len()).rev() {
            let other = usize::try_from(self.below(index as u64 + 1)).unwrap();
            all.swap(index, other);
        }
    }
}

/// Everything that was ever loaded; a row may stand here more than once.
#[derive(Default)]
pub(crate) struct History {
    /// With the offset in raw.
    pub(crate) receipts: Vec<(RawHeaders, i64)>,
    /// With the time of loading, in seconds of the examples' clock.
    pub(crate) events: Vec<(OrderedEvent, i64)>,
    pub(crate) orders: Vec<Order>,
    pub(crate) asides: Vec<SetAside>,
    /// `settled` and the normalizer have passed raw up to here.
    pub(crate) settled: i64,
    pub(crate) normalized: i64,
}

const STATUSES: [Status; 8] = [
    Status::Created,
    Status::Assigning,
    Status::Assigned,
    Status::PickedUp,
    Status::Delivered,
    Status::Canceled,
    Status::Failed,
    Status::Unknown,
];

/// An order and whoever owns it.
#[derive(Clone)]
struct Owner {
    tenant: TenantId,
    provider: Provider,
    endpoint: EndpointId,
    order: OrderId,
}

impl History {
    pub(crate) fn draw(seed: u64, now: Micros) -> Self {
        let mut dice = Dice::new(seed);
        let mut history = Self {
            settled: dice.seconds(60),
            ..Self::default()
        };
        history.normalized = history.settled + dice.seconds(20);
        let owners: Vec<Owner> = (0..14).map(|n| owner(&mut dice, n)).collect();
        for owner in &owners {
            for _ in 0..=dice.below(5) {
                history.draw_receipt(&mut dice, owner, now);
            }
        }
        history.draw_orders(&mut dice, &owners);
        history
    }

    fn draw_receipt(&mut self, dice: &mut Dice, owner: &Owner, now: Micros) {
        let number = u32::try_from(self.receipts.len()).unwrap() + 1;
        // few seconds, so that many share one; two hours, so that several sums are made
        let seconds = dice.seconds(40) + 600 * dice.seconds(12);
        let mut raw = headers(number, seconds);
        raw.tenant = owner.tenant.clone();
        raw.provider = owner.provider;
        raw.endpoint = owner.endpoint.clone();
        if dice.one_in(10) {
            raw.received_at = Micros(now.0 - dice.seconds(20_000) * 1000);
        }
        if dice.one_in(5) {
            raw.verdict = Verdict::Failed;
            raw.secret_id = None;
        }
        let parts = match dice.below(8) {
            0 => 70,
            n => i32::try_from(n % 3).unwrap() + 1,
        };
        let lost = dice.one_in(6);
        let damaged = dice.one_in(4);
        for part in 1..=parts {
            if !(lost || damaged && dice.one_in(3)) {
                self.draw_outcome(dice, owner, &raw, (part, parts));
            }
        }
        let offset = i64::from(number);
        self.receipts.push((raw.clone(), offset));
        if dice.one_in(8) {
            // written again from a spool, at a later place
            self.receipts.push((raw, offset + 30));
        }
    }

    fn draw_outcome(&mut self, dice: &mut Dice, owner: &Owner, raw: &RawHeaders, part: (i32, i32)) {
        let ending = dice.below(if part.1 > 3 { 24 } else { 8 });
        if ending <= 2 {
            let reasons = [
                Reason::Malformed,
                Reason::SignatureFailed,
                Reason::LineageLimit,
            ];
            let reason = dice.of(&reasons);
            self.draw_aside(dice, raw, part, (reason, None));
        }
        if ending == 2 || ending == 3 {
            let id = EventId::of([part.0.to_be_bytes().as_slice()]);
            self.draw_aside(dice, raw, part, (Reason::Duplicate, Some(id)));
        }
        // 1: set aside, then replayed; 2: replayed, and a duplicate
        if ending == 1 || ending > 3 {
            self.draw_event(dice, owner, raw, part);
        }
    }

    fn draw_aside(
        &mut self,
        dice: &mut Dice,
        raw: &RawHeaders,
        (part, parts): (i32, i32),
        (reason, event_id): (Reason, Option<EventId>),
    ) {
        let late = [Reason::Duplicate, Reason::LineageLimit].contains(&reason);
        let stage = if late {
            set_aside::Stage::Enricher
        } else {
            set_aside::Stage::Normalizer
        };
        let source = set_aside::Source {
            topic: "raw",
            partition: 0,
            offset: 1,
            appended_at: Micros(raw.received_at.0 + dice.seconds(9) * 1000),
        };
        let about = set_aside::About {
            event_id,
            part,
            parts,
            ..set_aside::About::receipt(raw)
        };
        let detail = "d".into();
        let aside = SetAside::new(stage, about, set_aside::Why { reason, detail }, source);
        if dice.one_in(3) {
            let mut later = aside.clone();
            later.set_aside_at = Micros(aside.set_aside_at.0 + 1_000_000);
            self.asides.push(later);
        }
        self.asides.push(aside);
    }

    fn draw_event(
        &mut self,
        dice: &mut Dice,
        owner: &Owner,
        raw: &RawHeaders,
        (part, parts): (i32, i32),
    ) {
        let number = u32::try_from(self.events.len()).unwrap() + 1;
        let status = dice.of(&STATUSES);
        let mut one = event(number, owner.order.as_str(), status, dice.seconds(60));
        let inner = &mut one.event;
        inner.receipt_id = raw.receipt_id;
        (inner.part, inner.parts) = (part, parts);
        inner.tenant_id = owner.tenant.clone();
        inner.provider = owner.provider;
        inner.endpoint_id = owner.endpoint.clone();
        inner.received_at = raw.received_at;
        one.order_first_received_at = Some(at(1));
        if dice.one_in(6) {
            inner.status = None;
            inner.kind = dice.of(&[
                Kind::DriverAssigned,
                Kind::OrderReplaced,
                Kind::ProofReceived,
            ]);
        }
        if dice.one_in(9) {
            inner.order_id = None;
            inner.kind = Kind::BalanceChanged;
            inner.balance = Some(money(&format!("{number}.5")));
            one.order_first_received_at = None;
        }
        one.late = dice.one_in(4);
        let loaded = (raw.received_at.0 - at(0).0) / 1_000_000 + 1 + dice.seconds(30);
        self.events.push((one.clone(), loaded));
        if dice.one_in(5) {
            // redelivered after its token was forgotten
            self.events.push((one.clone(), loaded + dice.seconds(5000)));
        }
        if dice.one_in(4) {
            let mut corrected = one;
            for revision in 1..=dice.below(2) + 1 {
                corrected.revision = i32::try_from(revision).unwrap();
                corrected.event.occurred_at = at(dice.seconds(60));
                corrected.event.status = corrected.event.status.map(|_| dice.of(&STATUSES));
                let later = loaded + 10 + dice.seconds(5000);
                self.events.push((corrected.clone(), later));
            }
        }
    }

    fn draw_orders(&mut self, dice: &mut Dice, owners: &[Owner]) {
        let mut chain: BTreeMap<(TenantId, &str), Head> = BTreeMap::new();
        // who took an order's place; who claims it later leads a branch
        let mut taken: BTreeMap<(TenantId, Provider, OrderId), OrderId> = BTreeMap::new();
        for owner in owners {
            let key = (owner.tenant.clone(), owner.provider.as_str());
            // every third goes on with the chain of its carrier
            let earlier = dice.one_in(3).then(|| chain.get(&key).cloned()).flatten();
            let linked = earlier.is_some();
            let (root, generation) = match &earlier {
                Some(head) => {
                    let old = (owner.tenant.clone(), owner.provider, head.order.clone());
                    taken.entry(old).or_insert_with(|| owner.order.clone());
                    (head.root.clone(), head.generation + 1)
                }
                None => (owner.order.clone(), 0),
            };
            if !linked || !dice.one_in(3) {
                let head = Head {
                    root: root.clone(),
                    order: owner.order.clone(),
                    generation,
                };
                chain.insert(key, head);
            }
            for revision in 1..=i64::try_from(dice.below(3)).unwrap() + 1 {
                let status = dice.of(&STATUSES);
                let mut one = order(owner.order.as_str(), status);
                one.revision = revision;
                one.tenant_id = owner.tenant.clone();
                one.provider = owner.provider;
                one.endpoint_id = owner.endpoint.clone();
                let time = |dice: &mut Dice| {
                    let seconds = dice.seconds(200_000);
                    (!dice.one_in(4)).then(|| at(seconds))
                };
                one.created_at = time(dice);
                one.first_assigned_at = time(dice);
                one.assigned_at = time(dice);
                one.picked_up_at = time(dice);
                one.delivered_at = time(dice);
                one.ended_at = time(dice);
                one.price = dice.one_in(2).then(|| money("12.5"));
                one.external_order_id = dice.one_in(2).then(|| owner.order.to_string());
                one.late_count = dice.seconds(3);
                one.fulfilment = dice
                    .one_in(4)
                    .then(|| dice.of(&[Fulfilment::Courier, Fulfilment::Takeaway]));
                one.is_final = status.is_final() || (status == Status::Failed && dice.one_in(2));
                if linked {
                    one.root_order_id = root.clone();
                    one.generation = generation;
                }
                one.chained = linked;
                self.orders.push(one);
            }
        }
        self.link(&taken);
    }

    fn link(&mut self, taken: &BTreeMap<(TenantId, Provider, OrderId), OrderId>) {
        // a root knows of its chain as soon as a link has reached it
        let roots: Vec<(TenantId, Provider, OrderId)> = self
            .orders
            .iter()
            .filter(|one| one.chained)
            .map(|one| {
                (
                    one.tenant_id.clone(),
                    one.provider,
                    one.root_order_id.clone(),
                )
            })
            .collect();
        for one in &mut self.orders {
            let key = (one.tenant_id.clone(), one.provider, one.order_id.clone());
            one.chained |= roots.contains(&key);
            one.replaced_by_order_id = taken.get(&key).cloned();
        }
    }
}

/// Where a chain goes on.
#[derive(Clone)]
struct Head {
    root: OrderId,
    order: OrderId,
    generation: i32,
}

fn owner(dice: &mut Dice, number: u64) -> Owner {
    let tenant = dice.of(&["acme", "bolt"]);
    let provider = dice.of(&[Provider::Lalamove, Provider::Ordatic]);
    Owner {
        tenant: TenantId::new(tenant).unwrap(),
        provider,
        endpoint: EndpointId::new(format!("{tenant}-{}", provider.as_str())).unwrap(),
        order: OrderId::new(format!("o{number:02}")).unwrap(),
    }
}
