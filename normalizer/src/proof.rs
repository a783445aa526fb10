//! Proofs that come inside a webhook: found out what they are, named by their hash, and handed on
//! to be stored apart. A picture on Kafka would be in every reader's way.

use base64::{
    Engine as _,
    alphabet::{STANDARD, URL_SAFE},
    engine::{
        DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::URL_SAFE_NO_PAD,
    },
};
use runtime::blobs;
use schemas::delivery_event::Proof;
use sha2::{Digest, Sha256};

use crate::normalize::{Blob, Webhook};

/// As senders write it: padded or not, with stray bits in the last digit.
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);

/// What a proof's text turns out to be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found<'a> {
    /// An address; what lies there stays there.
    Link(&'a str),
    /// A content of its own.
    Content {
        /// Such as `image/png`.
        media_type: &'static str,
        bytes: Vec<u8>,
    },
    /// Anything else: a name, a code, a sentence.
    Text(&'a str),
}

/// Tells an address, Base64 of a known kind of file (a data URL too), and a text apart.
pub(crate) fn read(text: &str) -> Found<'_> {
    let text = text.trim();
    if is_link(text) {
        return Found::Link(text);
    }
    let declared = text
        .strip_prefix("data:")
        .and_then(|rest| rest.split_once(";base64,"));
    let digits = declared.map_or(text, |(_, digits)| digits);
    let Some(bytes) = decode(digits).filter(|bytes| !bytes.is_empty()) else {
        return Found::Text(text);
    };
    match (sniff(&bytes), declared) {
        (Some(media_type), _) => Found::Content { media_type, bytes },
        // Said to be a file, of a kind that is not known here.
        (None, Some(_)) => Found::Content {
            media_type: "application/octet-stream",
            bytes,
        },
        // Many a word reads as Base64 of nothing in particular.
        (None, None) => Found::Text(text),
    }
}

/// An address has no blanks and no letters of any language but one; a sentence that begins like one has.
fn is_link(text: &str) -> bool {
    let rest = text.strip_prefix("https://");
    let rest = rest.or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_graphic()))
}

fn decode(digits: &str) -> Option<Vec<u8>> {
    let mut plain = digits.as_bytes().to_vec();
    plain.retain(|byte| !byte.is_ascii_whitespace());
    let is_url_safe = plain.iter().any(|byte| matches!(byte, b'-' | b'_'));
    let alphabet = if is_url_safe { &URL_SAFE } else { &STANDARD };
    GeneralPurpose::new(alphabet, LENIENT).decode(plain).ok()
}

/// The kind of a file by how it begins.
pub(crate) fn sniff(bytes: &[u8]) -> Option<&'static str> {
    const KINDS: [(&[u8], &str); 8] = [
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff", "image/jpeg"),
        (b"GIF87a", "image/gif"),
        (b"GIF89a", "image/gif"),
        (b"%PDF-", "application/pdf"),
        (b"II*\0", "image/tiff"),
        (b"MM\0*", "image/tiff"),
        (b"<svg", "image/svg+xml"),
    ];
    let known = KINDS.iter().find(|(start, _)| bytes.starts_with(start));
    if let Some((_, kind)) = known {
        return Some(kind);
    }
    match (bytes.get(..4), bytes.get(4..8), bytes.get(8..12)) {
        (Some(b"RIFF"), _, Some(b"WEBP")) => Some("image/webp"),
        (_, Some(b"ftyp"), Some(b"heic" | b"heix" | b"mif1")) => Some("image/heic"),
        (_, Some(b"ftyp"), Some(b"avif")) => Some("image/avif"),
        _ => None,
    }
}

/// A content as the event names it, and the blob to store; without a store only the name, by which
/// the same content is known wherever it lies (RFC 6920).
pub(crate) fn content<'a>(
    webhook: Webhook<'a>,
    media_type: &'a str,
    bytes: Vec<u8>,
) -> (Proof<&'a str>, Option<Blob>) {
    let digest = Sha256::digest(&bytes);
    let sha256 = webhook.arena.hex::<32, 64>(&digest.into());
    let path = blobs::path(blobs::Kind::Proof, webhook.headers.tenant.as_str(), sha256);
    let uri = match webhook.rules.blobs_url {
        Some(url) => blobs::uri(url, &path),
        None => format!("ni:///sha-256;{}", URL_SAFE_NO_PAD.encode(digest)),
    };
    let proof = Proof {
        role: "delivery",
        stop_index: None,
        uri: webhook.arena.copied(&uri),
        sha256: Some(sha256),
        media_type: Some(media_type),
        bytes: i64::try_from(bytes.len()).ok(),
    };
    let blob = webhook.rules.blobs_url.map(|_| Blob { path, bytes });
    (proof, blob)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The smallest PNG: one transparent pixel.
    const PIXEL: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";

    fn media_type(text: &str) -> Option<&'static str> {
        match read(text) {
            Found::Content { media_type, .. } => Some(media_type),
            Found::Link(_) | Found::Text(_) => None,
        }
    }

    #[test]
    fn base64_of_a_picture_reads_however_it_is_wrapped() {
        let unpadded = PIXEL.trim_end_matches('=');
        let wrapped = format!("{}\r\n{}\n", &PIXEL[..40], &PIXEL[40..]);
        let data = format!("data:image/png;base64,{PIXEL}");
        let url_safe = PIXEL.replace('+', "-").replace('/', "_");
        for text in [PIXEL, unpadded, &wrapped, &data, &url_safe] {
            assert_eq!(media_type(text), Some("image/png"), "{text}");
        }
        assert_eq!(media_type("/9j/4AAQSkZJRg=="), Some("image/jpeg"));
        assert_eq!(
            media_type("data:x/y;base64,AAAA"),
            Some("application/octet-stream")
        );
    }

    #[test]
    fn a_word_is_no_picture_and_an_address_is_an_address() {
        for text in ["Delivered", "AAAA", "Left at the door", "1234", "iVBOR é"] {
            assert_eq!(read(text), Found::Text(text));
        }
        let link = "https://example.test/proof.png?id=1";
        assert_eq!(read(link), Found::Link(link));
        for text in ["https://", "https://Maria, Odos 7", "http://Μαρία"] {
            assert_eq!(read(text), Found::Text(text));
        }
    }

    #[test]
    fn the_kind_of_a_file_is_told_by_its_first_bytes() {
        let check = |bytes: &[u8], kind: Option<&str>| assert_eq!(sniff(bytes), kind);
        check(b"GIF89a;", Some("image/gif"));
        check(b"RIFF\0\0\0\0WEBPVP8 ", Some("image/webp"));
        check(b"\0\0\0\x18ftypheic\0", Some("image/heic"));
        check(b"%PDF-1.7", Some("application/pdf"));
        check(b"", None);
        check(b"\x89PNG", None);
    }
}
