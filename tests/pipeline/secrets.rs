//! A secret is changed at the carrier while webhooks come: which one each of them proved itself by can
//! be seen, so that the old one goes only when nobody uses it.

use pipeline_tests::{
    Pipeline, Webhook,
    model::START,
    pipeline::{API_KEY, OLDER_SECRET, SECRET, TOKEN},
    wait,
};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn each_webhook_tells_by_which_secret_it_was_proven() {
    let pipeline = Pipeline::start().await;
    let path = format!("/hooks/{TOKEN}");
    for (order, secret) in [
        ("700000000001", OLDER_SECRET),
        ("700000000002", SECRET),
        ("700000000003", SECRET),
    ] {
        let webhook = Webhook::status(order, START, "", "ASSIGNING_DRIVER");
        let body = webhook.body(API_KEY, secret, &path);
        let (status, answer) = pipeline.post_bytes(TOKEN, body).await;
        assert_eq!(status, 200, "{answer}");
    }
    let forged = Webhook::status("700000000004", START, "", "ASSIGNING_DRIVER");
    let forged = forged.body(API_KEY, "sk_of_nobody", &path);
    assert_eq!(pipeline.post_bytes(TOKEN, forged).await.0, 200);

    let used = "SELECT endpoint_id, secret_id, toInt64(sum(verified)) AS verified FROM secret_use \
                GROUP BY ALL ORDER BY secret_id";
    let expected = [
        json!({"endpoint_id": "acme-lalamove", "secret_id": "2026-10", "verified": 1}),
        json!({"endpoint_id": "acme-lalamove", "secret_id": "2026-11", "verified": 2}),
    ];
    pipeline.wait_count("SELECT count() FROM receipts", 4).await;
    wait::until("the use of each secret", || async {
        let found = pipeline.store.rows(used).await?;
        if found == expected {
            Ok(())
        } else {
            Err(format!("{found:?}"))
        }
    })
    .await;
}
