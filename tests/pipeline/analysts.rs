//! ANALYSTS.md tells the truth: its queries, asked by the analyst whom `waybill up` makes, give the
//! results that stand there. `WAYBILL_WRITE_ANALYSTS=1` writes them anew.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use nix::{sys::signal::Signal, unistd::Pid};
use pipeline_tests::{
    children::{binary, target_folder},
    wait,
};

/// The demo of all five carriers, running; stopped when dropped.
struct Demo {
    child: Child,
    folder: PathBuf,
}

/// Its last title: everything before it is right.
const LAST_WORDS: &str = "Set aside:";

impl Demo {
    async fn start() -> Self {
        let folder = target_folder().join("analysts-demo");
        drop(fs::remove_dir_all(&folder));
        fs::create_dir_all(&folder).unwrap();
        let output = |name: &str| File::create(folder.join(name)).unwrap();
        let child = Command::new(binary("waybill"))
            .args(["demo", "--port-base", "24900", "--data"])
            .arg(folder.join("data"))
            .stdin(Stdio::null())
            .stdout(output("out"))
            .stderr(output("err"))
            .spawn()
            .unwrap();
        let mut demo = Self { child, folder };
        let folder = demo.folder.clone();
        let child = std::cell::RefCell::new(&mut demo.child);
        wait::until("the demo has shown its tables", || async {
            let said = fs::read_to_string(folder.join("out")).unwrap_or_default();
            if said.contains(LAST_WORDS) {
                return Ok(());
            }
            let course = fs::read_to_string(folder.join("err")).unwrap_or_default();
            let ended = child.borrow_mut().try_wait().unwrap();
            assert!(ended.is_none(), "the demo ended: {said}{course}");
            Err(course)
        })
        .await;
        demo
    }

    fn environment(&self) -> BTreeMap<String, String> {
        let text = fs::read_to_string(self.folder.join("data/waybill.env")).unwrap();
        text.lines()
            .filter_map(|line| line.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        nix::sys::signal::kill(pid, Signal::SIGTERM).ok();
        self.child.wait().ok();
    }
}

struct Question {
    title: String,
    sql: String,
    result: String,
}

const SQL: &str = "```sql\n";
const END: &str = "\n```\n";

/// Each numbered question has one query and, below it, its result.
fn questions(document: &str) -> Vec<Question> {
    document
        .split("\n## ")
        .skip(1)
        .filter(|part| part.starts_with(|c: char| c.is_ascii_digit()))
        .map(|part| {
            let (_, rest) = part.split_once(SQL).expect("a query");
            let (sql, rest) = rest.split_once(END).expect("the query's end");
            let result: Vec<&str> = rest.lines().filter(|line| line.starts_with('|')).collect();
            Question {
                title: part.lines().next().unwrap_or_default().to_owned(),
                sql: sql.to_owned(),
                result: result.join("\n"),
            }
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_questions_of_analysts_have_the_answers_that_the_document_gives() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ANALYSTS.md");
    let mut document = fs::read_to_string(&path).unwrap();
    let questions = questions(&document);
    assert_eq!(questions.len(), 10);
    let demo = Demo::start().await;
    let environment = demo.environment();
    let password = &environment["WAYBILL_ANALYST_PASSWORD_DEMO"];
    let http = reqwest::Client::new();
    let writes = std::env::var("WAYBILL_WRITE_ANALYSTS").is_ok();
    for question in questions {
        let answer = http
            .post(&environment["WAYBILL__CLICKHOUSE__URL"])
            .header("X-ClickHouse-User", "analyst_demo")
            .header("X-ClickHouse-Key", password)
            .header("X-ClickHouse-Database", "waybill")
            .header("X-ClickHouse-Format", "Markdown")
            .body(question.sql.clone())
            .send()
            .await
            .unwrap();
        let good = answer.status().is_success();
        let found = answer.text().await.unwrap().trim_end().to_owned();
        assert!(good, "{}: {found}", question.title);
        assert!(found.lines().count() > 2, "{}: no rows", question.title);
        if writes {
            let (before, rest) = document.split_once(&question.sql).unwrap();
            let rest = rest.replacen(&question.result, &found, 1);
            document = format!("{before}{}{rest}", question.sql);
        } else {
            assert_eq!(found, question.result, "{}", question.title);
        }
    }
    if writes {
        fs::write(&path, document).unwrap();
    }
}
