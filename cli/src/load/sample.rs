//! One endpoint of each carrier, for tests.

use ingest::tenants::Tenants;

pub(super) fn tenants() -> Tenants {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tenants.toml");
    let endpoint = |(provider, more, secret): (&str, &str, &str)| {
        format!(
            "[[tenants.acme.endpoints]]\nid = \"acme-{provider}\"\nprovider = \"{provider}\"\n\
             token = \"token-of-{provider}-0123456789\"\nverification = \"required\"\n{more}\n\
             [[tenants.acme.endpoints.secrets]]\nid = \"1\"\nvalue = \"a-secret\"\n{secret}\n"
        )
    };
    let all = [
        ("lalamove", "", "api_key = \"pk_1\""),
        ("ahamove", "", "scheme = \"apikey\""),
        ("ordatic", "", ""),
        ("sendstack", "", ""),
        ("dellyman", "", ""),
    ];
    let text: String = all.into_iter().map(endpoint).collect();
    std::fs::write(&path, format!("[tenants.acme]\n{text}")).unwrap();
    ingest::tenants::load(&path).unwrap()
}
