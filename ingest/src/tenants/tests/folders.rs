//! Many files, many tenants, and what changes while we look.

use super::*;

#[test]
fn the_files_of_a_folder_are_one() {
    let folder = TempDir::new().unwrap();
    assert!(
        load(folder.path()).unwrap_err()[0]
            .text
            .contains("holds no *.toml")
    );
    let second = whole("sg", OTHER_TOKEN).replace("acme", "bell");
    fs::write(folder.path().join("a.toml"), whole("hk", TOKEN)).unwrap();
    fs::write(folder.path().join("b.toml"), &second).unwrap();
    fs::write(folder.path().join(".b.toml"), "not toml").unwrap();
    fs::write(folder.path().join("notes.txt"), "not toml").unwrap();
    assert_eq!(load(folder.path()).unwrap().endpoints().len(), 2);
    fs::write(folder.path().join("c.toml"), second).unwrap();
    let texts: Vec<_> = load(folder.path())
        .unwrap_err()
        .into_iter()
        .map(|p| p.text)
        .collect();
    assert_eq!(texts.len(), 3, "{texts:?}");
}

#[test]
fn ten_thousand_tenants_are_read_and_found() {
    let text: String = (0..10_000)
        .map(|n| whole(&format!("e{n}"), &format!("{n:022}")).replace("acme", &format!("t{n}")))
        .collect();
    let tenants = read(&text).unwrap();
    assert_eq!(
        tenants
            .by_token(&format!("{:022}", 9_999))
            .unwrap()
            .endpoint
            .id
            .as_str(),
        "e9999"
    );
}

/// A folder of many files, which several threads read.
fn many(files: usize) -> TempDir {
    let folder = TempDir::new().unwrap();
    for n in 0..files {
        let text = whole(&format!("e{n}"), &format!("{n:022}"));
        let file = folder.path().join(format!("{n:04}.toml"));
        fs::write(file, text.replace("acme", &format!("t{n}"))).unwrap();
    }
    folder
}

#[test]
fn many_files_are_read_in_their_order_by_however_many_threads() {
    let folder = many(400);
    for haste in [file::Haste::All, file::Haste::OneThread] {
        let tenants = file::read(folder.path(), haste).outcome.unwrap();
        let ids: Vec<String> = tenants
            .endpoints()
            .iter()
            .map(|endpoint| endpoint.id.to_string())
            .collect();
        let expected: Vec<String> = (0..400).map(|n| format!("e{n}")).collect();
        assert_eq!(ids, expected);
    }
}

#[test]
fn what_stands_in_two_of_many_files_is_told_where_it_stands_again() {
    let folder = many(400);
    let again = whole("e7", &format!("{:022}", 8)).replace("acme", "t9");
    fs::write(folder.path().join("0399.toml"), again).unwrap();
    let problems = load(folder.path()).unwrap_err();
    let told: Vec<(Option<usize>, bool)> = problems
        .iter()
        .map(|p| (p.line, p.file.ends_with("0399.toml")))
        .collect();
    // the tenant, the id, the token
    assert_eq!(
        told,
        [(Some(2), true), (Some(3), true), (Some(5), true)],
        "{problems:?}"
    );
}

#[test]
fn a_change_is_read_once_it_has_stood_for_one_look() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("tenants.toml");
    let mut follower = Follower::new(file.clone());
    assert!(follower.look().unwrap().is_err());
    assert!(follower.look().is_none());

    fs::write(&file, whole("hk", TOKEN)).unwrap();
    assert!(follower.look().is_none());
    assert!(follower.look().unwrap().is_ok());
    assert!(follower.look().is_none());

    fs::write(&file, "[tenants").unwrap();
    assert!(follower.look().is_none());
    fs::write(&file, whole("hk", OTHER_TOKEN)).unwrap();
    assert!(follower.look().is_none());
    assert!(
        follower
            .look()
            .unwrap()
            .unwrap()
            .by_token(OTHER_TOKEN)
            .is_some()
    );
}

#[test]
fn a_change_of_a_secrets_file_is_a_change() {
    let folder = TempDir::new().unwrap();
    let (file, secret) = (folder.path().join("tenants.toml"), folder.path().join("s"));
    let text = whole("hk", TOKEN).replace("value = \"sk_1\"", "value_file = \"s\"");
    fs::write(&file, text).unwrap();
    fs::write(&secret, "one").unwrap();
    let mut follower = Follower::new(file);
    assert!(follower.look().unwrap().is_ok());
    assert!(follower.look().is_none());
    fs::write(&secret, "another").unwrap();
    assert!(follower.look().is_none());
    let tenants = follower.look().unwrap().unwrap();
    assert_eq!(tenants.endpoints()[0].secrets[0].value.expose(), "another");
}
