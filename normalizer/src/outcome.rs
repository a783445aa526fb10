//! Everything that can happen to a raw record here, and what follows from it.

use schemas::{
    Kind, Provider, Reason, avro::AvroError, raw_webhook::InvalidHeader, set_aside::Why,
};

/// What became of one raw record.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Its events go on to canonical.
    Normalized(Vec<Written>),
    /// It is not one of ingest's.
    Foreign(InvalidHeader),
    /// The webhook gives no events.
    Refused(Why),
    /// An event does not fit its schema: a fault of ours, which must not stop everybody's orders.
    Unwritable(AvroError),
}

/// An event's bytes, and what else is asked of it.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) provider: Provider,
    pub(crate) kind: Kind,
    pub(crate) key: String,
    pub(crate) value: Vec<u8>,
}

/// What is done with a record.
#[derive(Debug)]
pub(crate) enum Disposition {
    /// Write the events.
    Done(Vec<Written>),
    /// Write why there are none.
    SetAside(Why),
}

impl Outcome {
    pub(crate) fn disposition(self) -> Disposition {
        let because = |reason, detail: &str| {
            Disposition::SetAside(Why {
                reason,
                detail: detail.to_owned(),
            })
        };
        match self {
            Self::Normalized(events) => Disposition::Done(events),
            Self::Foreign(header) => because(Reason::Malformed, &header.to_string()),
            Self::Refused(why) => Disposition::SetAside(why),
            Self::Unwritable(error) => {
                tracing::error!(%error, "an event does not fit its schema, its record is set aside");
                because(Reason::Unknown, "an event does not fit its schema")
            }
        }
    }
}

impl Disposition {
    /// The value of the `outcome` label.
    pub(crate) const fn label(&self) -> &'static str {
        match self {
            Self::Done(_) => "normalized",
            Self::SetAside(why) => label(why.reason),
        }
    }
}

const fn label(reason: Reason) -> &'static str {
    match reason {
        Reason::SignatureFailed => "signature_failed",
        Reason::Malformed => "malformed",
        Reason::Unsupported => "unsupported",
        Reason::MissingField => "missing_field",
        Reason::Implausible => "implausible",
        Reason::Duplicate => "duplicate",
        Reason::TooLarge => "too_large",
        Reason::LineageLimit => "lineage_limit",
        Reason::Expired => "expired",
        Reason::Undecodable => "undecodable",
        Reason::RejectedByStore => "rejected_by_store",
        Reason::Unknown => "unknown",
    }
}
