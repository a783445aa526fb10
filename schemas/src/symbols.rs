//! The closed vocabularies. Every one has `Unknown`, and a symbol that a newer writer added reads as
//! `Unknown` instead of failing; the carrier's own word always stands beside the canonical one.

use std::fmt;

/// Declares an enum whose Avro and JSON form is its upper-case symbol.
macro_rules! symbols {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident => $symbol:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[$vmeta])* $variant,)+ }

        impl $name {
            /// All variants, in the order of the Avro file.
            pub const ALL: &'static [$name] = &[$($name::$variant,)+];
            const SYMBOLS: &'static [&'static str] = &[$($symbol,)+];

            /// The symbol as written.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $($name::$variant => $symbol,)+ }
            }

            /// The variant with exactly this symbol.
            #[must_use]
            pub fn parse(symbol: &str) -> Option<Self> {
                Self::of_bytes(symbol.as_bytes())
            }

            pub(crate) fn of_bytes(symbol: &[u8]) -> Option<Self> {
                $(if symbol == $symbol.as_bytes() { return Some($name::$variant); })+
                None
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_unit_variant(stringify!($name), *self as u32, self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Tag($name);
                impl<'de> serde::Deserialize<'de> for Tag {
                    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                        d.deserialize_identifier(TagVisitor)
                    }
                }
                struct TagVisitor;
                impl serde::de::Visitor<'_> for TagVisitor {
                    type Value = Tag;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("a symbol")
                    }
                    fn visit_str<E: serde::de::Error>(self, v: &str) -> Result<Tag, E> {
                        Ok(Tag($name::parse(v).unwrap_or_default()))
                    }
                    fn visit_u64<E: serde::de::Error>(self, v: u64) -> Result<Tag, E> {
                        let index = usize::try_from(v).unwrap_or(usize::MAX);
                        Ok(Tag($name::ALL.get(index).copied().unwrap_or_default()))
                    }
                }
                struct Visitor;
                impl<'de> serde::de::Visitor<'de> for Visitor {
                    type Value = $name;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str(concat!("a symbol of ", stringify!($name)))
                    }
                    fn visit_enum<A: serde::de::EnumAccess<'de>>(
                        self,
                        access: A,
                    ) -> Result<$name, A::Error> {
                        let (tag, variant) = access.variant::<Tag>()?;
                        serde::de::VariantAccess::unit_variant(variant)?;
                        Ok(tag.0)
                    }
                }
                deserializer.deserialize_enum(stringify!($name), $name::SYMBOLS, Visitor)
            }
        }
    };
}

symbols! {
    /// What happened.
    Kind {
        #[default] Unknown => "UNKNOWN",
        OrderCreated => "ORDER_CREATED",
        OrderStatusChanged => "ORDER_STATUS_CHANGED",
        DriverAssigned => "DRIVER_ASSIGNED",
        OrderAmountChanged => "ORDER_AMOUNT_CHANGED",
        OrderEdited => "ORDER_EDITED",
        /// On the new order; `replaces_order_id` is set.
        OrderReplaced => "ORDER_REPLACED",
        /// On the old order; `replaced_by_order_id` is set.
        OrderSuperseded => "ORDER_SUPERSEDED",
        StopStatusChanged => "STOP_STATUS_CHANGED",
        ProofReceived => "PROOF_RECEIVED",
        RefundIssued => "REFUND_ISSUED",
        BalanceChanged => "BALANCE_CHANGED",
        HandoverCodeChanged => "HANDOVER_CODE_CHANGED",
        TelemetryAlert => "TELEMETRY_ALERT",
        NoteAdded => "NOTE_ADDED",
        ScheduleChanged => "SCHEDULE_CHANGED",
    }
}

symbols! {
    /// Canonical status of an order or of a stop.
    Status {
        #[default] Unknown => "UNKNOWN",
        Created => "CREATED",
        ReadyForPickup => "READY_FOR_PICKUP",
        Assigning => "ASSIGNING",
        Assigned => "ASSIGNED",
        EnRouteToPickup => "EN_ROUTE_TO_PICKUP",
        AtPickup => "AT_PICKUP",
        PickedUp => "PICKED_UP",
        InTransit => "IN_TRANSIT",
        AtDropoff => "AT_DROPOFF",
        Delivered => "DELIVERED",
        PartiallyDelivered => "PARTIALLY_DELIVERED",
        Failed => "FAILED",
        Returning => "RETURNING",
        Returned => "RETURNED",
        Canceled => "CANCELED",
        Rejected => "REJECTED",
        Expired => "EXPIRED",
        Replaced => "REPLACED",
    }
}

symbols! {
    /// How the goods reach the customer.
    Fulfilment {
        #[default] Unknown => "UNKNOWN",
        Courier => "COURIER",
        Takeaway => "TAKEAWAY",
        DineIn => "DINE_IN",
    }
}

symbols! {
    /// Where `occurred_at` comes from.
    OccurredAtSource {
        #[default] Unknown => "UNKNOWN",
        ProviderClock => "PROVIDER_CLOCK",
        ProviderField => "PROVIDER_FIELD",
        Receipt => "RECEIPT",
    }
}

symbols! {
    /// What the carrier's proof covers.
    Assurance {
        #[default] Unknown => "UNKNOWN",
        BodySigned => "BODY_SIGNED",
        CredentialOnly => "CREDENTIAL_ONLY",
        None => "NONE",
    }
}

symbols! {
    /// Why a receipt, or one part of it, was set aside.
    Reason {
        #[default] Unknown => "UNKNOWN",
        SignatureFailed => "SIGNATURE_FAILED",
        Malformed => "MALFORMED",
        Unsupported => "UNSUPPORTED",
        MissingField => "MISSING_FIELD",
        Implausible => "IMPLAUSIBLE",
        Duplicate => "DUPLICATE",
        TooLarge => "TOO_LARGE",
        LineageLimit => "LINEAGE_LIMIT",
        Expired => "EXPIRED",
        Undecodable => "UNDECODABLE",
        RejectedByStore => "REJECTED_BY_STORE",
    }
}

/// Declares an enum whose form everywhere is a lower-case word.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident => $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[$vmeta])* $variant,)+ }

        impl $name {
            /// All variants.
            pub const ALL: &'static [$name] = &[$($name::$variant,)+];

            /// The word as written.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $($name::$variant => $word,)+ }
            }

            /// The variant with exactly this word.
            #[must_use]
            pub fn parse(word: &str) -> Option<Self> {
                Self::of_bytes(word.as_bytes())
            }

            pub(crate) fn of_bytes(word: &[u8]) -> Option<Self> {
                $(if word == $word.as_bytes() { return Some($name::$variant); })+
                None
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor;
                impl serde::de::Visitor<'_> for Visitor {
                    type Value = $name;
                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("one of")?;
                        $(f.write_str(concat!(" ", $word))?;)+
                        Ok(())
                    }
                    fn visit_str<E: serde::de::Error>(self, v: &str) -> Result<$name, E> {
                        $name::parse(v).ok_or_else(|| E::unknown_variant("…", &[$($word,)+]))
                    }
                }
                deserializer.deserialize_str(Visitor)
            }
        }
    };
}
pub(crate) use words;

words! {
    /// What verification said of a webhook.
    Verdict {
        Verified => "verified",
        /// Verification is off for the endpoint.
        Unverified => "unverified",
        /// Kept for a later look; set aside by the normalizer.
        Failed => "failed",
    }
}

words! {
    /// What a tenant wants done with phones, names, addresses and plates.
    PiiRule {
        Pseudonymise => "pseudonymise",
        Keep => "keep",
        Drop => "drop",
    }
}

impl Status {
    /// Place in an order's life, which decides where event times tie or their uncertainties overlap.
    #[must_use]
    pub const fn rank(self) -> u8 {
        match self {
            Self::Unknown => 0,
            Self::Created => 10,
            Self::Assigning => 20,
            Self::Assigned => 30,
            Self::ReadyForPickup => 35,
            Self::EnRouteToPickup => 40,
            Self::AtPickup => 50,
            Self::PickedUp => 60,
            Self::InTransit => 70,
            Self::AtDropoff => 80,
            Self::Failed => 90,
            Self::Returning => 100,
            Self::Returned => 110,
            Self::Expired => 120,
            Self::Rejected => 130,
            Self::Canceled => 140,
            Self::PartiallyDelivered => 150,
            Self::Delivered => 160,
            Self::Replaced => 170,
        }
    }

    /// Whether an order ends with it. `Failed` ends an order only where the mapping says so.
    #[must_use]
    pub const fn is_final(self) -> bool {
        match self {
            Self::Delivered
            | Self::PartiallyDelivered
            | Self::Canceled
            | Self::Rejected
            | Self::Expired
            | Self::Replaced
            | Self::Returned => true,
            Self::Unknown
            | Self::Created
            | Self::ReadyForPickup
            | Self::Assigning
            | Self::Assigned
            | Self::EnRouteToPickup
            | Self::AtPickup
            | Self::PickedUp
            | Self::InTransit
            | Self::AtDropoff
            | Self::Failed
            | Self::Returning => false,
        }
    }
}

impl Kind {
    /// Rank of an event of this kind that bears no status; see [`Status::rank`].
    #[must_use]
    pub const fn rank(self) -> u8 {
        match self {
            Self::OrderReplaced => 1,
            Self::OrderCreated => Status::Created.rank(),
            Self::DriverAssigned => Status::Assigned.rank(),
            Self::OrderSuperseded => Status::Replaced.rank(),
            Self::Unknown
            | Self::OrderStatusChanged
            | Self::OrderAmountChanged
            | Self::OrderEdited
            | Self::StopStatusChanged
            | Self::ProofReceived
            | Self::RefundIssued
            | Self::BalanceChanged
            | Self::HandoverCodeChanged
            | Self::TelemetryAlert
            | Self::NoteAdded
            | Self::ScheduleChanged => 85,
        }
    }
}
