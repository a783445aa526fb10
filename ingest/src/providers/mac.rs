//! HMAC-SHA256, the one function that all signing carriers use.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::tenants::Secret;

pub(super) type HmacSha256 = Hmac<Sha256>;

pub(super) const TAG_BYTES: usize = 32;

/// HMAC takes keys of any length; the type can't say so.
pub(super) fn keyed(secret: &[u8]) -> Option<HmacSha256> {
    HmacSha256::new_from_slice(secret).ok()
}

/// With the parts of a message taken in, one after the other.
pub(super) fn fed(mut mac: HmacSha256, parts: &[&[u8]]) -> HmacSha256 {
    for part in parts {
        mac.update(part);
    }
    mac
}

/// A secret, ready to sign with.
pub(super) struct Key {
    pub(super) secret_id: String,
    mac: HmacSha256,
}

impl Key {
    pub(super) fn of(secret: &Secret) -> Option<Self> {
        Some(Self {
            secret_id: secret.id.clone(),
            mac: keyed(secret.value.expose().as_bytes())?,
        })
    }

    /// The signature of a message in lower-case hexadecimal.
    pub(super) fn signature(&self, parts: &[&[u8]]) -> String {
        hex::encode(fed(self.mac.clone(), parts).finalize().into_bytes())
    }
}

/// Whether both are the same, in a time that tells neither where they differ nor how long they are.
pub(super) fn same(given: &[u8], expected: &[u8]) -> bool {
    let Some(blind) = keyed(b"waybill") else {
        return false;
    };
    let expected = fed(blind.clone(), &[expected]).finalize().into_bytes();
    fed(blind, &[given]).verify_slice(&expected).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_equal_bytes_are_the_same() {
        for (given, expected, is_same) in [
            ("", "", true),
            ("token", "token", true),
            ("token", "toke", false),
            ("toke", "token", false),
            ("", "token", false),
            ("Token", "token", false),
        ] {
            assert_eq!(same(given.as_bytes(), expected.as_bytes()), is_same);
        }
    }
}
