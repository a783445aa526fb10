//! The enricher's settings; `settings.default.toml` is their manual.

use runtime::settings::{self, Common, Problems, RegistrySettings};
use schemas::{Provider, registry::Registry};
use serde::Deserialize;

use crate::{partition::Rules, reorder::Holds};

/// The manual, and the defaults.
pub const DEFAULTS: &str = include_str!("../settings.default.toml");

const HOUR_MS: u64 = 3_600_000;
/// A day: longer than a carrier tries again, and far from the limits of a number.
const HOLD_MS_MAX: u64 = 24 * HOUR_MS;
const RETAIN_HOURS_MAX: u64 = 24 * 366;
const WAITING_MAX: usize = 10_000;
const WAITING_MANY_MAX: usize = 10_000_000;

/// All groups of the enricher.
#[derive(Clone, Debug, Deserialize)]
pub struct Settings {
    /// What every service has.
    #[serde(flatten)]
    pub common: Common,
    /// Where schema ids come from.
    pub registry: RegistrySettings,
    /// The local copy of the state.
    pub state: StateSettings,
    /// How long events wait.
    pub window: WindowSettings,
}

/// The local copy of the state.
#[derive(Clone, Debug, Deserialize)]
pub struct StateSettings {
    /// Folder; empty means none.
    pub dir: String,
}

/// How long events wait, and how long orders are kept.
#[derive(Clone, Debug, Deserialize)]
pub struct WindowSettings {
    /// Milliseconds.
    pub hold_ms: u64,
    /// `lalamove=5000,ordatic=0`.
    pub hold_ms_by_provider: String,
    /// Hours.
    pub retain_hours: u64,
    /// Hours.
    pub abandon_hours: u64,
    /// Most waiting events of one order.
    pub waiting_max: usize,
    /// Most waiting events of one tenant in one partition.
    pub waiting_tenant_max: usize,
    /// Most waiting events in one partition.
    pub waiting_all_max: usize,
}

impl WindowSettings {
    /// As the core wants them.
    pub fn rules(&self) -> Rules {
        let ms = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        let by_provider = self.holds().filter_map(Result::ok);
        Rules {
            holds: Holds {
                default_ms: ms(self.hold_ms),
                by_provider: by_provider
                    .map(|(provider, hold)| (provider, ms(hold)))
                    .collect(),
                waiting_max: self.waiting_max,
                waiting_tenant_max: self.waiting_tenant_max,
                waiting_all_max: self.waiting_all_max,
            },
            retain_ms: ms(self.retain_hours.saturating_mul(HOUR_MS)),
            abandon_ms: ms(self
                .abandon_hours
                .max(self.retain_hours)
                .saturating_mul(HOUR_MS)),
        }
    }

    /// The pairs, each as it reads or what is wrong with it.
    fn holds(&self) -> impl Iterator<Item = Result<(Provider, u64), String>> {
        let pairs = self.hold_ms_by_provider.split(',').map(str::trim);
        pairs.filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, hold) = pair
                .split_once('=')
                .ok_or_else(|| format!("{pair}: must be provider=milliseconds"))?;
            let provider =
                Provider::parse(name.trim()).ok_or_else(|| format!("{name}: no such provider"))?;
            let hold = hold.trim().parse().ok().filter(|hold| *hold <= HOLD_MS_MAX);
            let hold = hold.ok_or_else(|| format!("{name}: must be from 0 to {HOLD_MS_MAX}"))?;
            Ok((provider, hold))
        })
    }
}

impl settings::Settings for Settings {
    fn common(&self) -> &Common {
        &self.common
    }

    fn check(&self, problems: &mut Problems) {
        if Registry::new(&self.registry.url, "", "").is_err() {
            let text = "must be the http or https address of the registry's API";
            problems.add("registry.url", text);
        }
        let window = &self.window;
        if window.hold_ms > HOLD_MS_MAX {
            problems.add("window.hold_ms", format!("must be from 0 to {HOLD_MS_MAX}"));
        }
        for wrong in window.holds().filter_map(Result::err) {
            problems.add("window.hold_ms_by_provider", wrong);
        }
        if !(1..=RETAIN_HOURS_MAX).contains(&window.retain_hours) {
            let text = format!("must be from 1 to {RETAIN_HOURS_MAX}");
            problems.add("window.retain_hours", text);
        }
        if !(1..=RETAIN_HOURS_MAX).contains(&window.abandon_hours) {
            let text = format!("must be from 1 to {RETAIN_HOURS_MAX}");
            problems.add("window.abandon_hours", text);
        }
        let limits = [
            ("window.waiting_max", window.waiting_max, WAITING_MAX),
            (
                "window.waiting_tenant_max",
                window.waiting_tenant_max,
                WAITING_MANY_MAX,
            ),
            (
                "window.waiting_all_max",
                window.waiting_all_max,
                WAITING_MANY_MAX,
            ),
        ];
        for (key, value, most) in limits {
            if !(1..=most).contains(&value) {
                problems.add(key, format!("must be from 1 to {most}"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(variables: &[(&str, &str)]) -> Result<Settings, Problems> {
        let environment = variables
            .iter()
            .map(|(name, value)| (format!("WAYBILL__WINDOW__{name}"), (*value).to_owned()));
        let sources = settings::Sources {
            defaults: DEFAULTS,
            environment: environment.collect(),
            ..Default::default()
        };
        settings::load(&sources)
    }

    #[test]
    fn the_defaults_fit_the_type_and_every_key_is_explained() {
        settings::check_defaults::<Settings>(DEFAULTS).unwrap();
    }

    #[test]
    fn a_provider_may_have_a_hold_of_its_own() {
        let settings = with(&[("HOLD_MS_BY_PROVIDER", "lalamove=250, ordatic=0")]).unwrap();
        let rules = settings.window.rules();
        assert_eq!(rules.holds.default_ms, 5_000);
        assert_eq!(
            rules.holds.by_provider,
            [(Provider::Lalamove, 250), (Provider::Ordatic, 0)]
        );
    }

    #[test]
    fn an_order_that_never_ends_is_kept_no_shorter_than_one_that_ended() {
        let settings = with(&[("RETAIN_HOURS", "4000")]).unwrap();
        let rules = settings.window.rules();
        assert_eq!(rules.abandon_ms, rules.retain_ms);
    }

    #[test]
    fn everything_that_is_wrong_with_the_window_is_said_at_once() {
        let wrong = [
            ("HOLD_MS_BY_PROVIDER", "lalamov=1,ahamove,ordatic=-1"),
            ("RETAIN_HOURS", "0"),
            ("ABANDON_HOURS", "9000"),
            ("WAITING_MAX", "0"),
            ("WAITING_ALL_MAX", "0"),
        ];
        let problems = with(&wrong).unwrap_err();
        assert_eq!(problems.iter().count(), 7, "{problems}");
    }
}
