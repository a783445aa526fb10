//! Everything that can happen to a request here, and what it is answered with.

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Proved itself and is safe.
    Accepted,
    /// Verification is off for the endpoint; safe.
    Unverified,
    /// Proved nothing, kept to be set aside; safe.
    Quarantined,
    /// An empty body: the carrier tries the address.
    Probe,
    /// A GET or HEAD: somebody tries the address.
    Looked,
    /// For an endpoint that takes nothing any more.
    Retired,
    /// Proved nothing, and the endpoint requires it.
    Refused,
    /// No endpoint has this token.
    UnknownToken,
    /// Not an address of webhooks.
    UnknownPath,
    /// Neither POST, GET nor HEAD.
    Method,
    /// The body ended before its end.
    Incomplete,
    /// The body was not there in time.
    Slow,
    /// The body is over the limit.
    TooLarge,
    /// The body is over what a record of the raw topic holds, and there is no blob store.
    NeedsBlobs,
    /// The body is compressed.
    Encoded,
    /// Too many bytes are held already.
    Busy,
    /// Kafka, or the blob store, did not confirm it.
    NotDurable,
    /// Nobody is known yet.
    NoTenants,
    /// The process is about to end.
    Stopping,
}

/// How a request is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// 200.
    Done,
    /// The carrier is not to blame and may come again: 503 with Retry-After.
    Retry(Problem),
    /// The request can't be taken as it is.
    Refuse(Problem),
}

/// Content of a problem+json answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Problem {
    /// HTTP status.
    pub status: u16,
    /// The same for every problem of this type.
    pub title: &'static str,
    /// What the caller can do about it.
    pub detail: &'static str,
}

const fn refuse(status: u16, title: &'static str, detail: &'static str) -> Disposition {
    Disposition::Refuse(Problem {
        status,
        title,
        detail,
    })
}

const fn retry(title: &'static str, detail: &'static str) -> Disposition {
    Disposition::Retry(Problem {
        status: 503,
        title,
        detail,
    })
}

impl Outcome {
    /// All, in the order of declaration.
    pub const ALL: &'static [Outcome] = &[
        Self::Accepted,
        Self::Unverified,
        Self::Quarantined,
        Self::Probe,
        Self::Looked,
        Self::Retired,
        Self::Refused,
        Self::UnknownToken,
        Self::UnknownPath,
        Self::Method,
        Self::Incomplete,
        Self::Slow,
        Self::TooLarge,
        Self::NeedsBlobs,
        Self::Encoded,
        Self::Busy,
        Self::NotDurable,
        Self::NoTenants,
        Self::Stopping,
    ];

    /// Its word in metrics and in the type of a problem.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Unverified => "unverified",
            Self::Quarantined => "quarantined",
            Self::Probe => "probe",
            Self::Looked => "looked",
            Self::Retired => "retired",
            Self::Refused => "refused",
            Self::UnknownToken => "unknown-token",
            Self::UnknownPath => "unknown-path",
            Self::Method => "method",
            Self::Incomplete => "incomplete",
            Self::Slow => "slow",
            Self::TooLarge => "too-large",
            Self::NeedsBlobs => "needs-blobs",
            Self::Encoded => "encoded",
            Self::Busy => "busy",
            Self::NotDurable => "not-durable",
            Self::NoTenants => "no-tenants",
            Self::Stopping => "stopping",
        }
    }

    /// What it is answered with.
    #[must_use]
    pub const fn disposition(self) -> Disposition {
        match self {
            Self::Accepted
            | Self::Unverified
            | Self::Quarantined
            | Self::Probe
            | Self::Looked
            | Self::Retired => Disposition::Done,
            Self::Refused => refuse(
                401,
                "Signature missing or wrong",
                "Sign with a secret that is registered for this address, or send its header.",
            ),
            Self::UnknownToken => refuse(
                404,
                "Unknown address",
                "No webhook is expected at this address; check the last part of the path.",
            ),
            Self::UnknownPath => refuse(404, "Not found", "Webhooks go to /hooks/{token}."),
            Self::Method => refuse(405, "Method not allowed", "Send webhooks by POST."),
            Self::Incomplete => refuse(
                400,
                "Body incomplete",
                "The body ended early or was framed wrongly.",
            ),
            Self::Slow => refuse(
                408,
                "Body too slow",
                "The whole body must arrive within the time limit.",
            ),
            Self::TooLarge => refuse(413, "Body too large", "The body is over the size limit."),
            Self::NeedsBlobs => refuse(
                413,
                "Body too large",
                "Bodies over 900 kB need a blob store (blobs.url), and none is set.",
            ),
            Self::Encoded => refuse(
                415,
                "Content-Encoding not accepted",
                "Send the body as it was signed, without compression.",
            ),
            Self::Busy => retry("Too much in flight", "Too many bytes are being taken in."),
            Self::NotDurable => retry("Not stored", "The webhook could not be stored safely."),
            Self::NoTenants => retry("Not configured yet", "No tenants are loaded yet."),
            Self::Stopping => retry("Shutting down", "This instance is about to end."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_is_in_the_openapi_document_and_the_reverse() {
        let document = include_str!("../../schemas/openapi.yaml");
        let named: Vec<&str> = document
            .lines()
            .filter_map(|line| line.trim().strip_prefix("- urn:waybill:problem:"))
            .collect();
        let ours: Vec<&str> = Outcome::ALL
            .iter()
            .filter(|outcome| outcome.disposition() != Disposition::Done)
            .map(|outcome| outcome.label())
            .collect();
        assert_eq!(named, ours);
    }
}
