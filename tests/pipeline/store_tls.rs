//! A store behind TLS, with an authority that only its operator knows.

use std::{net::SocketAddr, sync::Arc};

use pipeline_tests::{Pipeline, Webhook, checks::everything_is_accounted_for, model::START, stack};
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;

/// What stands before the store: it speaks TLS with `config` and passes on what is inside.
async fn listen(config: ServerConfig, store: String) -> (SocketAddr, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((from, _)) = listener.accept().await {
            let (acceptor, store) = (acceptor.clone(), store.clone());
            connections.spawn(async move {
                let Ok(mut from) = acceptor.accept(from).await else {
                    return;
                };
                let mut to = TcpStream::connect(store).await.expect("the store");
                copy_bidirectional(&mut from, &mut to).await.ok();
            });
        }
    });
    (address, tasks)
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_become_rows_of_a_store_that_speaks_tls_and_an_unknown_authority_is_refused() {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .expect("they belong together");
    let stack = tokio::task::spawn_blocking(stack::shared)
        .await
        .expect("stack");
    let plain = stack.clickhouse_url();
    let store = plain.trim_start_matches("http://").to_owned();
    let (address, _tasks) = listen(config, store).await;

    let folder = tempfile::tempdir().expect("folder");
    let authority = folder.path().join("authority.pem");
    std::fs::write(&authority, made.cert.pem()).expect("written");
    let (url, authority) = (
        format!("https://{address}"),
        authority.display().to_string(),
    );
    let settings = [
        ("WAYBILL__CLICKHOUSE__URL", url.as_str()),
        ("SSL_CERT_FILE", authority.as_str()),
    ];
    let pipeline = Pipeline::start_with(&settings).await;
    pipeline
        .post(&Webhook::status(
            "7000000000000000001",
            START,
            "",
            "ASSIGNING_DRIVER",
        ))
        .await;
    everything_is_accounted_for(&pipeline, 1).await;
    let unknown = [("SSL_CERT_FILE", "/nonexistent")];
    let refused = pipeline.waybill("clickhouse migrate --plan", &unknown);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.notes.contains("certificate"), "{refused:?}");
}
