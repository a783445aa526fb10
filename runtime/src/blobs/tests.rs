use super::*;

fn folder() -> (tempfile::TempDir, Blobs) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("file://{}/a/b", folder.path().display());
    let blobs = Blobs::open(&url).unwrap();
    (folder, blobs)
}

#[tokio::test]
async fn what_was_put_is_got_and_putting_it_twice_changes_nothing() {
    let (_folder, blobs) = folder();
    let path = path(Kind::Body, "acme", "0a");
    assert_eq!(path, "bodies/acme/0a");
    for _ in 0..2 {
        blobs.put(&path, b"body".to_vec()).await.unwrap();
        assert_eq!(blobs.get(&path).await.unwrap(), Bytes::from_static(b"body"));
    }
}

#[tokio::test]
async fn a_blob_that_is_not_there_is_missing_for_good() {
    let (_folder, blobs) = folder();
    let error = blobs.get("proofs/acme/0b").await.unwrap_err();
    assert!(matches!(error, BlobError::Missing) && !error.is_temporary());
}

#[tokio::test]
async fn nobody_leaves_the_folder_by_a_path() {
    let (folder, blobs) = folder();
    fs::write(folder.path().join("secret"), "x").unwrap();
    for path in ["../../secret", "bodies/../../../secret", "/etc/passwd/.."] {
        let error = blobs.get(path).await.unwrap_err();
        assert!(
            matches!(error, BlobError::Path | BlobError::Missing),
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_store_that_fails_may_answer_later() {
    let (folder, blobs) = folder();
    fs::write(
        folder.path().join("a/b/bodies"),
        "a file where a folder should be",
    )
    .unwrap();
    let error = blobs.put("bodies/acme/0c", "x").await.unwrap_err();
    assert!(error.is_temporary(), "{error:?}");
}

#[test]
fn addresses_are_local_folders_or_buckets_and_hold_no_credentials() {
    for good in [
        "file:///data",
        "s3://bucket",
        "s3://bucket/a/b",
        "gs://b/c",
        "az://c/d",
    ] {
        assert!(check(good).is_ok(), "{good}");
    }
    for bad in [
        "",
        "data",
        "file://host/data",
        "file:data",
        "s3://",
        "s3:///a",
        "http://x/y",
        "s3://key:secret@bucket/a",
        "s3://bucket/a?x=1",
    ] {
        assert!(check(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_uri_is_the_address_and_the_path() {
    let path = path(Kind::Proof, "a/b", "0d");
    assert_eq!(path, "proofs/a%2Fb/0d");
    assert_eq!(uri("s3://bucket/x/", "p/q"), "s3://bucket/x/p/q");
}

#[tokio::test]
async fn what_nobody_has_written_for_long_is_forgotten_and_nothing_else() {
    let (folder, blobs) = folder();
    let old = std::time::UNIX_EPOCH;
    for (kind, name, is_old) in [
        (Kind::Body, "0a", true),
        (Kind::Body, "0b", false),
        (Kind::Proof, "0c", true),
    ] {
        let path = path(kind, "acme", name);
        blobs.put(&path, b"x".to_vec()).await.unwrap();
        if is_old {
            let file = folder.path().join("a/b").join(&path);
            fs::File::open(file).unwrap().set_modified(old).unwrap();
        }
    }
    // in 2001
    let before = 1_000_000_000_000_000;
    assert_eq!(blobs.forget(Kind::Body, before).await.unwrap(), 1);
    assert_eq!(blobs.forget(Kind::Body, before).await.unwrap(), 0);
    let missing = blobs.get("bodies/acme/0a").await.unwrap_err();
    assert!(matches!(missing, BlobError::Missing));
    for path in ["bodies/acme/0b", "proofs/acme/0c"] {
        blobs.get(path).await.unwrap();
    }
}
