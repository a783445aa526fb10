//! An endpoint as the generator calls it: webhooks as bytes on the wire, signed as its carrier would.

use std::{io::Write as _, rc::Rc, sync::Arc};

use ingest::{
    providers::sign::{Signed, Unsigned, sign},
    tenants::{Endpoint, Verification},
};

use super::http::Target;
use crate::{WrongUse, sender::Sender};

/// One request, ready to be written.
#[derive(Clone)]
pub(super) struct Request {
    pub(super) bytes: Rc<[u8]>,
    /// What was signed, to make a forgery of.
    pub(super) signed: Rc<Signed>,
    /// The place of its endpoint.
    pub(super) endpoint: usize,
}

/// An endpoint that is called.
pub(super) struct Post {
    pub(super) endpoint: Arc<Endpoint>,
    address: String,
    /// Of a request, up to the length of its body.
    head: String,
    /// What signing adds to a body.
    added: usize,
}

impl Post {
    pub(super) fn new(
        endpoint: &Arc<Endpoint>,
        target: &Target,
        sender: &Sender,
    ) -> anyhow::Result<Self> {
        let address = sender.address(endpoint)?;
        let head = format!(
            "POST {} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\n",
            address.path(),
            target.authority
        );
        Ok(Self {
            endpoint: Arc::clone(endpoint),
            address: address.into(),
            head,
            added: 0,
        })
    }

    /// Whether something would be wrong with a forgery.
    pub(super) fn is_checked(&self) -> bool {
        self.endpoint.verification != Verification::Off && !self.endpoint.secrets.is_empty()
    }

    /// How much longer than its text a webhook comes out.
    pub(super) const fn added(&self) -> usize {
        self.added
    }

    /// Learns that from one webhook.
    pub(super) fn measure(&mut self, text: &str, seconds: i64) -> anyhow::Result<()> {
        let signed = self.signed(text, seconds)?;
        self.added = signed.body.len().saturating_sub(text.len());
        Ok(())
    }

    pub(super) fn signed(&self, text: &str, seconds: i64) -> anyhow::Result<Signed> {
        let Some(secret) = self.endpoint.secrets.first() else {
            return Ok(Signed {
                body: text.as_bytes().to_vec(),
                headers: Vec::new(),
            });
        };
        let webhook = Unsigned {
            body: text.as_bytes(),
            address: &self.address,
            seconds,
        };
        Ok(sign(&self.endpoint, secret, &webhook).map_err(|why| {
            let id = &self.endpoint.id;
            WrongUse(format!("endpoint {id}: a webhook can't be signed: {why}"))
        })?)
    }

    pub(super) fn bytes(&self, signed: &Signed) -> Rc<[u8]> {
        let mut bytes = Vec::with_capacity(self.head.len() + signed.body.len() + 160);
        bytes.extend(self.head.as_bytes());
        for (name, value) in &signed.headers {
            write!(bytes, "{name}: {value}\r\n").ok();
        }
        write!(bytes, "content-length: {}\r\n\r\n", signed.body.len()).ok();
        bytes.extend(&signed.body);
        bytes.into()
    }
}
