//! What proves nothing.

use super::*;

#[actix_web::test]
async fn a_wrong_signature_is_quarantined_where_refusing_would_cost_the_feed() {
    let site = Site::open();
    for body in [
        forged(QUARANTINE),
        genuine(REQUIRED),
        "not json".into(),
        "[1]".into(),
    ] {
        receipt(site.post(QUARANTINE, body).await).await;
    }
    let written = site.written();
    assert_eq!(written.len(), 4);
    for (headers, _, _) in written {
        assert_eq!(
            (headers.verdict, headers.assurance),
            (Verdict::Failed, Assurance::None)
        );
        assert_eq!((headers.signature_scheme, headers.secret_id), (None, None));
    }
    let counted = "waybill_ingest_unproven_total{answer=\"quarantined\",endpoint=\"quarantine\",tenant=\"acme\"} 4";
    assert!(site.metrics().contains(counted), "{}", site.metrics());
}

#[actix_web::test]
async fn a_wrong_signature_is_refused_where_one_is_required_and_nothing_is_written() {
    let site = Site::open();
    problem(site.post(REQUIRED, forged(REQUIRED)).await, 401, "refused").await;
    problem(site.post(REQUIRED, "garbage").await, 401, "refused").await;
    assert!(site.written().is_empty());
    let counted =
        "waybill_ingest_unproven_total{answer=\"refused\",endpoint=\"required\",tenant=\"acme\"} 2";
    assert!(site.metrics().contains(counted), "{}", site.metrics());
    receipt(site.post(REQUIRED, genuine(REQUIRED)).await).await;
    assert_eq!(site.written().len(), 1);
}

#[actix_web::test]
async fn a_stranger_s_webhooks_leave_the_carrier_s_attempts_alone_and_a_wrong_secret_s_do_not() {
    let site = Site::open();
    let unsigned = genuine(REQUIRED).replacen("\"signature\"", "\"unsigned\"", 1);
    for body in [unsigned, "garbage".to_owned()] {
        problem(site.post(REQUIRED, body).await, 401, "refused").await;
    }
    let left = "waybill_ingest_attempts_left{";
    assert!(!site.metrics().contains(left), "{}", site.metrics());
    problem(site.post(REQUIRED, forged(REQUIRED)).await, 401, "refused").await;
    assert!(site.metrics().contains(left), "{}", site.metrics());
}

#[actix_web::test]
async fn nothing_is_checked_where_verification_is_off() {
    let site = Site::open();
    receipt(site.post(OFF, genuine(OFF)).await).await;
    receipt(site.post(OFF, vec![0xff, 0xfe, 0x00]).await).await;
    for (headers, _, _) in site.written() {
        assert_eq!(
            (headers.verdict, headers.assurance),
            (Verdict::Unverified, Assurance::None)
        );
    }
}
