//! Tables: a header names what stands below it.

use crate::common::{assert_clean, builtin, differences, show, whole, windowed};
use aegis_detect::Confidence;
use aegis_detect::rule_test::unmark;
use std::fmt::Write as _;

const TABLES: [&str; 16] = [
    "id,user,password,since\n1,ann,«lanternRiver52»,2026-01-02\n2,bob,changeme,2026-01-03\n",
    "\"name\",\"login\",\"password\"\n\"Mail, old\",\"ann\",\"«K7!mZ2#pLq4»\"\n",
    "Host;User;Passwort\ndb1;ann;«lanternRiver52»\n",
    "client\tapi_token\tsince\nbilling\t«q8Zt4Lm2Xv7Kp1Rw9Bn3»\t2026-01-02\n",
    "| Host | User | Password |\n|---|---|---|\n| db1 | ann | «lanternRiver52» |\n| db2 | bob | none |\n",
    "| Service | API key |\n|:--|--:|\n| Search | `«q8Zt4Lm2Xv7Kp1Rw9Bn3»` |\n",
    " id | user |    password    \n----+------+----------------\n  1 | ann  | «lanternRiver52»\n(1 row)\n",
    "+----+----------------+\n| id | password       |\n+----+----------------+\n|  1 | «lanternRiver52» |\n+----+----------------+\n",
    "┌──────┬────────────────┐\n│ User │ Password       │\n├──────┼────────────────┤\n│ ann  │ «lanternRiver52» │\n└──────┴────────────────┘\n",
    "┌─────────────┬────────────────┐\n│ NAME        │ VALUE          │\n├─────────────┼────────────────┤\n│ DB_PASSWORD │ «lanternRiver52» │\n└─────────────┴────────────────┘\n",
    "Key         Value\n---         -----\npassword    «lanternRiver52»\nuser        ann\n",
    "NAME   NAMESPACE   PASSWORD        AGE\ndb     shop        «lanternRiver52»  3d\n",
    "INSERT INTO users (id, mail, password) VALUES (1, 'a@b.example', '«lanternRiver52»');\n",
    "COPY users (id, password) FROM stdin;\n1\t«lanternRiver52»\n\\.\n",
    "-[ RECORD 1 ]---\nuser     | ann\npassword | «lanternRiver52»\n",
    "||Host||Password||\n|db1|«lanternRiver52»|\n",
];

const CLEAN: [(&str, &str); 20] = [
    ("columns", "table,column,type\nusers,password,varchar(255)\nusers,token,char(64)\n"),
    ("types", " id |  password   | token\n----+-------------+--------\n  1 | varchar(64) | text[]\n"),
    ("placeholders", "user,password\nbob,(unset)\nann,(not set)\n"),
    ("dates", "user,password_changed,token\nann,2026-01-02,2026-01-03\nbob,never,2026-02-03T10:12:44Z\n"),
    ("flags", "user,password,mfa\nann,true,false\nbob,false,true\n"),
    ("nothing", "user,password,token\nann,,\nbob,NULL,N/A\n"),
    ("options", "| Option | Type |\n|---|---|\n| `password` | string |\n| token | OAuth2 |\n"),
    ("prices", "| Model | Tokens |\n|---|---|\n| small | 128,000 |\n"),
    (
        "plugins",
        "+------+-----------------------+\n| User | password_plugin       |\n+------+-----------------------+\n| app  | caching_sha2_password |\n+------+-----------------------+\n",
    ),
    ("code", "    user,\n    password,\n    token,\n"),
    ("call", "login(user, password, token)\ncheck(a, b1c2d3e4f5, c)\n"),
    (
        "translations",
        "INSERT INTO texts (`key`, `password`) VALUES ('login', 'Password'), ('forgot', 'Forgot it?');\n",
    ),
    ("secrets of a cluster", "NAME         TYPE     DATA   AGE\ndb-password  Opaque   2      41d\n"),
    ("numbered file", "    10\timport os\n    11\tpassword\n    12\tfoo3bar7baz\n    13\tb2c3d4e5f6\n"),
    ("numbered file from its first line", "1\tpassword\n2\tfoo3bar7baz\n3\tb2c3d4e5f6\n"),
    ("help", "Options:\n  user      USER    who logs in\n  password  PASS12  the word of v2beta1\n"),
    ("rows of names", "a1b2c3d4e5  password\nb1c2d3e4f5  token\nq8Zt4Lm2Xv  secret\n"),
    ("results", "| Test | Pass | Fail |\n|---|---|---|\n| a1 | run4711ok | x |\n"),
    (
        "a request",
        r#"{"messages":[{"role":"user","content":"id,password"},{"role":"tool","name":"x1y2z3w4v5,a1b2c3d4e5"}]}"#,
    ),
    ("packages", "Package    Version\n---------  -------\npasslib    1.7.4\ntokenizers 0.15.2\n"),
];

#[test]
fn cells_below_the_name_of_a_secret_are_found() {
    let (rules, mut scanner) = builtin();
    let mut missed = String::new();
    for table in TABLES {
        let string =
            table.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n").replace('\t', "\\t");
        for text in [
            table.to_owned(),
            format!("what is in it?\n{table}that is all\n"),
            format!("{{\"content\":\"{string}\"}}"),
        ] {
            let (text, secret) = unmark(&text);
            let found = whole(&mut scanner, text.as_bytes());
            let sure: Vec<_> =
                found.iter().filter(|f| f.confidence > Confidence::Low).map(|f| f.span).collect();
            if sure != [secret] {
                let _ = writeln!(missed, "{text}\n  got {}", show(&rules, &text, &found));
            }
        }
    }
    assert!(missed.is_empty(), "{missed}");
}

#[test]
fn tables_without_secrets_are_clean() {
    let (rules, mut scanner) = builtin();
    assert_clean(&rules, &mut scanner, &CLEAN);
}

#[test]
fn windows_of_tables_find_the_same() {
    let (rules, mut scanner) = builtin();
    let mut text = String::new();
    for index in 0..400 {
        let table = unmark(TABLES[index * 7 % TABLES.len()]).0;
        let _ = writeln!(text, "{table}{}", CLEAN[index % CLEAN.len()].1);
    }
    text += "id,password\n";
    for index in 0..900 {
        let _ = writeln!(text, "{index},lantern{index}River");
    }
    let expected = whole(&mut scanner, text.as_bytes());
    for size in [300, 611, 4099, 32 * 1024] {
        let found = windowed(&mut scanner, text.as_bytes(), (size..text.len()).step_by(size));
        let wrong = differences(&rules, &text, &found, &expected);
        assert!(found == expected, "windows of {size}: {wrong}");
    }
}
