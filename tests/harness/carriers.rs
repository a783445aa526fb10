//! How the other four carriers prove themselves, written apart from the product.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::Pipeline;

/// A carrier with one endpoint in the tenants file of every pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    Ahamove,
    Ordatic,
    Sendstack,
    Dellyman,
}

pub const ALL: [Carrier; 4] = [
    Carrier::Ahamove,
    Carrier::Ordatic,
    Carrier::Sendstack,
    Carrier::Dellyman,
];

/// Every carrier's secret here; a carrier never signs with this one.
const SECRET: &str = "a-secret-shared-with-the-carrier";
const WRONG: &str = "a-secret-shared-with-nobody";
const DELLYMAN_URL: &str = "https://hooks.example.test/hooks/dellyman-registered";

impl Carrier {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ahamove => "ahamove",
            Self::Ordatic => "ordatic",
            Self::Sendstack => "sendstack",
            Self::Dellyman => "dellyman",
        }
    }

    pub fn token(self) -> String {
        format!("harness-token-{}-0123456789", self.name())
    }

    /// The headers that this carrier would send with a body.
    fn headers(self, body: &[u8], secret: &str) -> Vec<(&'static str, String)> {
        match self {
            Self::Ahamove => vec![("apikey", secret.into())],
            Self::Ordatic => vec![("authorization", secret.into())],
            Self::Sendstack => vec![("x-sendstack-signature", mac(secret, body))],
            Self::Dellyman => {
                vec![("x-dellyman-signature", mac(secret, DELLYMAN_URL.as_bytes()))]
            }
        }
    }

    /// Posts as the carrier; returns the receipt id.
    pub async fn post(self, pipeline: &Pipeline, body: &str) -> String {
        let headers = self.headers(body.as_bytes(), SECRET);
        let (status, answer) = pipeline
            .post_with(&self.token(), body.as_bytes().to_vec(), &headers)
            .await;
        assert_eq!(status, 200, "{}: {answer}", self.name());
        answer["receipt_id"]
            .as_str()
            .expect("receipt id")
            .to_owned()
    }

    /// Posts with a proof made of another secret; returns the answer's status.
    pub async fn forge(self, pipeline: &Pipeline, body: &str) -> u16 {
        let headers = self.headers(body.as_bytes(), WRONG);
        pipeline
            .post_with(&self.token(), body.as_bytes().to_vec(), &headers)
            .await
            .0
    }
}

fn mac(secret: &str, message: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any key length");
    mac.update(message);
    hex::encode(mac.finalize().into_bytes())
}

/// Their part of the tenants file.
pub(crate) fn endpoints() -> String {
    ALL.iter()
        .map(|carrier| {
            let name = carrier.name();
            let own = match carrier {
                Carrier::Ahamove => "service = \"instant\"\ntimezone = \"Asia/Ho_Chi_Minh\"\ncurrency = \"VND\"",
                Carrier::Ordatic => "currency = \"EUR\"",
                Carrier::Sendstack => "timezone = \"Africa/Lagos\"\ncurrency = \"NGN\"",
                Carrier::Dellyman => &format!("timezone = \"Africa/Lagos\"\ncurrency = \"NGN\"\npublic_url = \"{DELLYMAN_URL}\""),
            };
            let scheme = if *carrier == Carrier::Ahamove { "scheme = \"apikey\"" } else { "" };
            format!(
                "\n[[tenants.acme.endpoints]]\nid = \"acme-{name}\"\nprovider = \"{name}\"\ntoken = \"{}\"\nverification = \"required\"\n{own}\n\n[[tenants.acme.endpoints.secrets]]\nid = \"2026-11\"\nvalue = \"{SECRET}\"\n{scheme}\n",
                carrier.token()
            )
        })
        .collect()
}
