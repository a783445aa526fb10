//! Keys that are read from a file of their own, and that no secret shows.

use super::*;

#[test]
fn any_key_can_be_read_from_a_file_without_its_last_line_end() {
    let folder = TempDir::new().unwrap();
    let password = written(folder.path(), "password", "tr\nicky\r\n");
    let number = written(folder.path(), "number", "55\n");
    let settings = loaded(&[
        ("WAYBILL__REGISTRY__PASSWORD_FILE", &password),
        ("WAYBILL__HTTP__BODY_BYTES_MAX_FILE", &number),
    ]);
    assert_eq!(settings.registry.password.expose(), "tr\nicky");
    assert_eq!(settings.http.body_bytes_max, 55);

    let (_config, sources) = with_file(&format!("[registry]\npassword_file = {password:?}"), &[]);
    assert_eq!(
        load::<Service>(&sources)
            .unwrap()
            .registry
            .password
            .expose(),
        "tr\nicky"
    );
}

#[test]
fn a_key_and_its_file_in_one_place_are_refused_but_the_stronger_place_wins() {
    let both = [
        ("WAYBILL__HTTP__LISTEN", "127.0.0.1:1"),
        ("WAYBILL__HTTP__LISTEN_FILE", "/x"),
    ];
    check_problems(
        &sources(&both),
        &["WAYBILL__HTTP__LISTEN_FILE: given together with WAYBILL__HTTP__LISTEN: give one"],
    );
    let folder = TempDir::new().unwrap();
    let number = written(folder.path(), "number", "55");
    let variables = [("WAYBILL__HTTP__BODY_BYTES_MAX_FILE", number.as_str())];
    let (_config, sources) = with_file("[http]\nbody_bytes_max = 20", &variables);
    assert_eq!(load::<Service>(&sources).unwrap().http.body_bytes_max, 55);
}

#[test]
fn a_file_that_cannot_be_read_is_the_only_problem_of_its_key() {
    let mut sources = sources(&[]);
    sources.environment[0] = (
        "WAYBILL__KAFKA__BOOTSTRAP_SERVERS_FILE".into(),
        "/no/where".into(),
    );
    let problem = "cannot read /no/where: No such file or directory (os error 2)";
    check_problems(
        &sources,
        &[&format!(
            "WAYBILL__KAFKA__BOOTSTRAP_SERVERS_FILE: {problem}"
        )],
    );
    sources.environment[0] = ("WAYBILL__KAFKA__BOOTSTRAP_SERVERS".into(), "a:1".into());
    sources.config = Some("/no/config.toml".into());
    check_problems(
        &sources,
        &["/no/config.toml: cannot be read: No such file or directory (os error 2)"],
    );
}

#[test]
fn no_problem_repeats_a_secret() {
    let check = |text: &str, variables: &[(&str, &str)], expected: &str| {
        let (_folder, sources) = with_file(text, variables);
        let problems = load::<Service>(&sources).unwrap_err().to_string();
        assert!(!problems.contains("sesame"), "{problems}");
        assert!(problems.contains(expected), "{problems}");
    };
    check(
        "[registry]\npassword = \"open sesame",
        &[],
        "not TOML: invalid basic string",
    );
    check("[registry]\n\npassword = sesame", &[], "(line 3)");
    check(
        "[registry]\npassword = [\"sesame\"]",
        &[],
        "registry.password: must be text",
    );
    check(
        "",
        &[("WAYBILL__REGISTRY__PASSWORD", "open sesame")],
        "*** has a blank",
    );
    check(
        "",
        &[("WAYBILL__REGISTRY__PASSWORD", "sesame\u{FFFD}")],
        "is not UTF-8",
    );
    check(
        "",
        &[("WAYBILL__REGISTRY__PASSWRD", "sesame")],
        "no such key",
    );
}

#[test]
fn neither_debug_text_nor_printed_settings_show_a_secret() {
    let sources = sources(&[
        ("WAYBILL__REGISTRY__PASSWORD", "sesame"),
        (
            "WAYBILL__REGISTRY__URL",
            "https://ali:sesame@registry:8081/a@b?key=sesame",
        ),
    ]);
    let settings: Service = load(&sources).unwrap();
    assert_eq!(settings.registry.password.expose(), "sesame");
    assert_eq!(format!("{:?}", settings.registry.password), "***");
    let (text, problems) = effective::<Service>(&sources);
    assert!(problems.is_empty(), "{problems}");
    assert!(!text.contains("sesame"), "{text}");
    assert!(text.contains("password = \"***\""), "{text}");
    assert!(
        text.contains("url = \"https://ali:***@registry:8081/a@b?***\""),
        "{text}"
    );
    assert!(
        text.contains("sasl_password = \"\""),
        "an empty secret is none: {text}"
    );
    assert!(text.contains("body_bytes_max = 1000"), "{text}");
}

#[test]
fn a_key_of_type_secret_is_hidden_even_if_the_catalogue_forgot_it() {
    let own = OWN.replace("username = \"\"", "username = \"sesame\"");
    #[derive(Debug, Deserialize)]
    struct Forgetful {
        #[serde(flatten)]
        common: Common,
        #[expect(dead_code, reason = "read for its debug text only")]
        registry: Hidden,
    }
    #[derive(Debug, Deserialize)]
    struct Hidden {
        #[expect(dead_code, reason = "read for its debug text only")]
        username: Secret,
    }
    impl Settings for Forgetful {
        fn common(&self) -> &Common {
            &self.common
        }
        fn check(&self, _problems: &mut Problems) {}
    }
    let text = format!("{COMMON}{own}");
    let sources = Sources {
        defaults: Box::leak(text.into_boxed_str()),
        ..sources(&[])
    };
    assert!(!effective::<Forgetful>(&sources).0.contains("sesame"));
}
