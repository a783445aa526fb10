use reqwest::{Certificate as Root, Client};

use super::*;

struct Site {
    folder: tempfile::TempDir,
    certificate: Arc<Certificate>,
}

/// Writes a new self-signed pair; gives the certificate.
fn renew(folder: &Path) -> String {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    fs::write(folder.join("cert.pem"), made.cert.pem()).unwrap();
    made.cert.pem()
}

fn files(folder: &Path) -> Files {
    Files {
        certificate: folder.join("cert.pem"),
        key: folder.join("key.pem"),
    }
}

fn site() -> (Site, String) {
    let folder = tempfile::TempDir::new().unwrap();
    let pem = renew(folder.path());
    let certificate = Certificate::read(files(folder.path())).unwrap();
    let site = Site {
        folder,
        certificate,
    };
    (site, pem)
}

fn client(pem: &str) -> Client {
    Client::builder()
        .tls_certs_only([Root::from_pem(pem.as_bytes()).unwrap()])
        .pool_max_idle_per_host(0)
        .build()
        .unwrap()
}

#[actix_web::test]
async fn webhooks_come_over_tls_and_a_renewed_certificate_needs_no_restart() {
    let (site, first) = site();
    let served = crate::routes::tests::tls_site(&site.certificate);
    let url = format!("https://{}/hooks/nobody", served.address());
    let asked = |pem: &str| client(pem).get(&url).send();
    assert_eq!(asked(&first).await.unwrap().status(), 404);
    let plain = url.replace("https", "http");
    assert!(Client::new().get(&plain).send().await.is_err());

    let second = renew(site.folder.path());
    assert!(asked(&second).await.is_err(), "the old one is in use");
    site.certificate
        .look(&Metrics::new(&prometheus::Registry::new()).unwrap());
    assert_eq!(asked(&second).await.unwrap().status(), 404);
    assert!(asked(&first).await.is_err());
}

#[test]
fn files_that_do_not_belong_together_are_refused_and_the_old_pair_stays() {
    let (site, _) = site();
    let registry = prometheus::Registry::new();
    let metrics = Metrics::new(&registry).unwrap();
    let other = tempfile::TempDir::new().unwrap();
    renew(other.path());
    fs::copy(
        other.path().join("key.pem"),
        site.folder.path().join("key.pem"),
    )
    .unwrap();
    let before = site.certificate.current.load_full();
    site.certificate.look(&metrics);
    assert!(Arc::ptr_eq(&before, &site.certificate.current.load_full()));
    let told = prometheus::TextEncoder::new()
        .encode_to_string(&registry.gather())
        .unwrap();
    assert!(told.contains("waybill_ingest_certificate_good 0"));
    let refused = Certificate::read(files(site.folder.path())).unwrap_err();
    assert!(format!("{refused:#}").contains("do not belong together"));
    fs::write(site.folder.path().join("key.pem"), "no key").unwrap();
    let refused = Certificate::read(files(site.folder.path())).unwrap_err();
    assert!(refused.to_string().contains("http.tls_key"));
    fs::write(site.folder.path().join("cert.pem"), "garbage").unwrap();
    let refused = Certificate::read(files(site.folder.path())).unwrap_err();
    let told = refused.to_string();
    assert!(
        told.contains("there is no certificate in") && told.contains("cert.pem"),
        "{told}"
    );
}
