//! Everything that can happen to a canonical record here, and what follows from it.

use schemas::{Provider, Reason};

/// How a record ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// In `ordered`, in its place.
    Released,
    /// In `ordered`, after an event that occurred later.
    ReleasedLate(Provider),
    /// In `ordered` again, because a replay reads it otherwise.
    Revised,
    /// The same receipt again; its outcome stands.
    Repeated,
    /// In `set-aside`.
    SetAside(Reason),
    /// In `set-aside` beside `ordered`: a part of the event had no effect.
    Remarked(Reason),
}

/// What becomes of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    Done,
    SetAside(Reason),
}

impl Outcome {
    pub fn label(self) -> &'static str {
        match self {
            Self::Released => "released",
            Self::ReleasedLate(_) => "released_late",
            Self::Revised => "revised",
            Self::Repeated => "repeated",
            Self::SetAside(Reason::Duplicate) => "duplicate",
            Self::SetAside(Reason::Expired) => "expired",
            Self::SetAside(_) => "set_aside",
            Self::Remarked(_) => "remarked",
        }
    }

    pub fn disposition(self) -> Disposition {
        match self {
            Self::Released | Self::ReleasedLate(_) | Self::Revised | Self::Repeated => {
                Disposition::Done
            }
            Self::SetAside(reason) | Self::Remarked(reason) => Disposition::SetAside(reason),
        }
    }
}
