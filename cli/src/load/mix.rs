//! What is sent, one webhook after the other: many orders side by side, each told in its order but for
//! the shares that are asked for. Decided by the seed alone, but for the times, which are today's.

use std::{
    collections::{HashSet, VecDeque},
    rc::Rc,
    sync::Arc,
};

use ingest::tenants::Endpoint;
use runtime::clock::SharedClock;
use schemas::Provider;

use super::{
    Shares,
    http::Target,
    lives::{self, Body, Life, Of},
    post::{Post, Request},
    random::Random,
    template::{Facts, Template},
};
use crate::sender::Sender;

/// Of these repeats and forgeries are made.
const RECENT_MAX: usize = 512;
const NUMBER_BITS: u32 = 36;
/// Room for the longest body that can be asked for.
pub(crate) const BODY_BYTES_MAX: usize = 65_536;

/// What one worker needs to make its part of the load.
#[derive(Clone)]
pub(super) struct Plan {
    pub(super) endpoints: Vec<Arc<Endpoint>>,
    pub(super) target: Target,
    pub(super) sender: Arc<Sender>,
    pub(super) shares: Shares,
    pub(super) seed: u64,
    /// This worker's number and how many there are.
    pub(super) worker: (u64, u64),
    /// Orders that are open side by side.
    pub(super) open: usize,
    /// Bodies are filled up to this.
    pub(super) body_bytes: usize,
    pub(super) clock: SharedClock,
}

/// Why a webhook is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// An order's next webhook.
    Story,
    /// One that was sent before.
    Duplicate,
    /// One that was sent before, changed after signing.
    Forged,
}

impl Kind {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Story => "told",
            Self::Duplicate => "repeated",
            Self::Forged => "forged",
        }
    }
}

/// A webhook to send.
pub(super) struct Made {
    pub(super) request: Request,
    pub(super) kind: Kind,
    pub(super) provider: Provider,
}

struct Order {
    endpoint: usize,
    life: &'static Life,
    ids: [String; 2],
    start: i64,
    driver: String,
    todo: VecDeque<usize>,
}

/// One worker's part of the load.
pub(super) struct Mix {
    plan: Plan,
    posts: Vec<Post>,
    templates: Vec<Template>,
    random: Random,
    orders: VecDeque<Order>,
    begun: u64,
    recent: VecDeque<Request>,
    padding: String,
}

impl Mix {
    pub(super) fn new(plan: Plan) -> anyhow::Result<Self> {
        let post = |endpoint| Post::new(endpoint, &plan.target, &plan.sender);
        let posts = plan.endpoints.iter().map(post);
        let template = |(_, text): &(Body, &str)| Template::new(text);
        let mut mix = Self {
            posts: posts.collect::<Result<_, _>>()?,
            templates: Body::ALL.iter().map(template).collect::<Result<_, _>>()?,
            random: Random::new(plan.seed, plan.worker.0),
            orders: VecDeque::new(),
            begun: 0,
            recent: VecDeque::new(),
            padding: String::new(),
            plan,
        };
        mix.measure()?;
        mix.padding = "0123456789abcdef".repeat(BODY_BYTES_MAX.div_ceil(16));
        Ok(mix)
    }

    /// What the carriers add to a text when they sign it; the same for all endpoints of one.
    fn measure(&mut self) -> anyhow::Result<()> {
        let mut measured = HashSet::new();
        for index in 0..self.posts.len() {
            let Some(provider) = self.posts.get(index).map(|post| post.endpoint.provider) else {
                continue;
            };
            if !measured.insert(provider.as_str()) {
                continue;
            }
            let order = self.begin(Some(index));
            let text = self.text(&order, 0, "");
            let mut own = self
                .posts
                .iter_mut()
                .filter(|p| p.endpoint.provider == provider);
            own.try_for_each(|post| post.measure(&text, order.start))?;
        }
        self.begun = 0;
        Ok(())
    }

    /// The next webhook; there is always one.
    pub(super) fn next(&mut self) -> anyhow::Result<Made> {
        let shares = self.plan.shares;
        if self.random.chance(shares.bad_signatures)
            && let Some(forged) = self.forged()?
        {
            return Ok(forged);
        }
        if self.random.chance(shares.duplicates) {
            let index = self.random.below(self.recent.len());
            if let Some(request) = self.recent.get(index) {
                return Ok(self.made(request.clone(), Kind::Duplicate));
            }
        }
        let request = self.story()?;
        if self.recent.len() == RECENT_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back(request.clone());
        Ok(self.made(request, Kind::Story))
    }

    fn made(&self, request: Request, kind: Kind) -> Made {
        let post = self.posts.get(request.endpoint);
        Made {
            provider: post.map_or(Provider::Lalamove, |post| post.endpoint.provider),
            request,
            kind,
        }
    }

    fn forged(&mut self) -> anyhow::Result<Option<Made>> {
        let index = self.random.below(self.recent.len());
        let Some(request) = self.recent.get(index) else {
            return Ok(None);
        };
        let Some(post) = self.posts.get(request.endpoint).filter(|p| p.is_checked()) else {
            return Ok(None);
        };
        let mut signed = (*request.signed).clone();
        self.plan.sender.tamper(&post.endpoint, &mut signed)?;
        let request = Request {
            bytes: post.bytes(&signed),
            signed: Rc::new(signed),
            endpoint: request.endpoint,
        };
        Ok(Some(self.made(request, Kind::Forged)))
    }

    /// The next webhook of the order that has waited longest, so that two of one order never follow
    /// closely.
    fn story(&mut self) -> anyhow::Result<Request> {
        let waiting = if self.orders.len() < self.plan.open {
            None
        } else {
            self.orders.pop_front()
        };
        let mut order = match waiting {
            Some(order) => order,
            None => self.begin(None),
        };
        if order.todo.len() > 1 && self.random.chance(self.plan.shares.disorder) {
            order.todo.swap(0, 1);
        }
        let step = order.todo.pop_front().unwrap_or_default();
        let event = event_id(&mut self.random);
        let text = self.text(&order, step, &event);
        let (endpoint, seconds) = (order.endpoint, order.start);
        if !order.todo.is_empty() {
            self.orders.push_back(order);
        }
        let post = self.posts.get(endpoint);
        let post = post.ok_or_else(|| anyhow::anyhow!("the load has no endpoint"))?;
        let signed = post.signed(&text, seconds)?;
        Ok(Request {
            bytes: post.bytes(&signed),
            signed: Rc::new(signed),
            endpoint,
        })
    }

    /// A new order at one of the endpoints.
    fn begin(&mut self, endpoint: Option<usize>) -> Order {
        let endpoint = endpoint.unwrap_or_else(|| self.random.below(self.posts.len()));
        let provider = self.posts.get(endpoint);
        let provider = provider.map_or(Provider::Lalamove, |post| post.endpoint.provider);
        let life = match lives::replaced(provider) {
            Some(life) if self.random.chance(self.plan.shares.replacements) => life,
            Some(_) | None => usual(provider, self.random.below(100)),
        };
        let ids = [self.number(), self.number()];
        Order {
            endpoint,
            life,
            ids: ids.map(|number| lives::order_id(provider, number)),
            // it has happened by now, all of it
            start: self.plan.clock.now_ms().div_euclid(1000) - life.seconds(),
            driver: (70_000 + self.random.below(20_000)).to_string(),
            todo: (0..life.steps.len()).collect(),
        }
    }

    /// Unlike those of all other workers, and of runs with a seed that differs by less than a million.
    fn number(&mut self) -> u64 {
        let (worker, workers) = self.plan.worker;
        let number = self.begun * workers + worker;
        self.begun += 1;
        ((self.plan.seed % (1 << 20)) << NUMBER_BITS) | (number % (1 << NUMBER_BITS))
    }

    fn text(&self, order: &Order, step: usize, event: &str) -> String {
        let Some(step) = order.life.steps.get(step) else {
            return String::new();
        };
        let Some(template) = self.templates.get(step.body as usize) else {
            return String::new();
        };
        let [first, second] = &order.ids;
        let (order_id, other) = match step.of {
            Of::First => (first, second),
            Of::Second => (second, first),
        };
        let mut facts = Facts {
            start: order.start,
            after: step.after,
            order: order_id,
            other,
            event,
            driver: &order.driver,
            word: step.word,
            before: step.before,
            padding: "",
        };
        let bare = template.fill(&facts);
        let added = self.posts.get(order.endpoint).map_or(0, Post::added);
        let short = self.plan.body_bytes.saturating_sub(bare.len() + added);
        if short == 0 {
            return bare;
        }
        facts.padding = self.padding.get(..short).unwrap_or_default();
        template.fill(&facts)
    }
}

fn usual(provider: Provider, percent: usize) -> &'static Life {
    let mut below = 0;
    let lives = lives::of(provider);
    let found = lives.iter().find(|life| {
        below += life.percent;
        percent < below
    });
    found.or(lives.first()).unwrap_or(&NOTHING)
}

const NOTHING: Life = Life {
    percent: 0,
    steps: &[],
};

/// As Lalamove writes it.
fn event_id(random: &mut Random) -> String {
    let (high, low) = (random.next(), random.next());
    let digits = format!("{high:016X}{low:016X}");
    let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
    let parts = [
        part(0, 8),
        part(8, 12),
        part(12, 16),
        part(16, 20),
        part(20, 32),
    ];
    parts.join("-")
}

#[cfg(test)]
mod tests;
