//! Custom rules: they work like built-in ones, and what is wrong with one is said precisely. The compile cache.

use crate::common::whole;
use aegis_detect::{CacheKey, Category, Pack, RuleError, RuleSource, Rules, Scanner, Selection};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

fn source(text: &str) -> RuleSource {
    RuleSource { name: "acme.toml".to_owned(), text: text.to_owned() }
}

fn rule(body: &str) -> RuleSource {
    source(&format!(
        "[[rule]]\nid = \"acme-key\"\nname = \"Acme key\"\ncategory = \"key\"\nseverity = \"high\"\nimpact = \"Acme\"\n{body}\n"
    ))
}

/// The error of a rule, as people read it.
fn refusal(file: RuleSource) -> String {
    Rules::with_custom(&[file]).expect_err("must be refused").to_string()
}

#[test]
fn a_custom_rule_finds_and_wins() {
    let rules = Rules::with_custom(&[rule("pattern = 'acme_[0-9a-f]{24}'")]).unwrap();
    let index = rules.find("acme-key").unwrap();
    assert_eq!(rules.get(index).category, Category::Key);
    assert_eq!(rules.get(index).group, "acme.toml");
    assert!(rules.len() > Rules::builtin().unwrap().len());
    let mut scanner = Scanner::new(rules).unwrap();
    let text = b"API_KEY=acme_0123456789abcdef01234567 and ghp_Q5kP2vX8nR1tY7wZ3mB6cD9fG4hJ0L1c2b3A";
    let findings = whole(&mut scanner, text);
    assert_eq!(findings.len(), 2, "{findings:?}");
    assert_eq!(findings[0].rule, index);
    assert_eq!(&text[findings[0].span.start..findings[0].span.end], b"acme_0123456789abcdef01234567");
}

#[test]
fn a_custom_keyword_rule_finds() {
    let rules = Rules::with_custom(&[rule("keywords = [\"acmecorp\"]\nvalue = '[0-9a-z]{20}'")]).unwrap();
    let mut scanner = Scanner::new(rules.clone()).unwrap();
    let findings = whole(&mut scanner, b"acmecorp_license: 'q8w7e6r5t4y3u2i1o0p9'");
    assert_eq!(findings.len(), 1);
    assert_eq!(rules.get(findings[0].rule).id, "acme-key");
}

#[test]
fn what_is_wrong_is_said() {
    let cases = [
        (rule("pattern = '[a-z]*'"), "matches the empty string"),
        (rule("pattern = 'acme_a{16379}b'"), "asks for 16385 bytes at least, and secrets have at most 16384"),
        (
            rule("pattern = 'acme_(?:(?:(?:(?:ab){64}){64}){64}){64}'"),
            "more than 1024 bytes and classes in a row",
        ),
        (rule("entropy = -0.1\npattern = 'acme_[0-9a-f]{24}'"), "entropy is from 0 to 8 bits a byte"),
        (rule("entropy = nan\npattern = 'acme_[0-9a-f]{24}'"), "entropy is from 0 to 8 bits a byte"),
        (rule("pattern = '[a-z]{2}'"), "too costly"),
        (rule("pattern = '(acme|'"), "unclosed group"),
        (rule("pattern = 'acme(?=x)[0-9]{20}'"), "look-around"),
        (rule("pattern = '\\bacme_[0-9]{20}'"), "use `left` and `right`"),
        (rule("pattern = 'acme_([0-9]{9})-([0-9]{9})'"), "more than one capture group"),
        (rule("pattern = 'acme_[0-9]{20}'\ncolour = \"red\""), "unknown field `colour`"),
        (rule("value = '[0-9]{20}'"), "needs `keywords`"),
        (rule("finder = \"assignment\"\nkeywords = [\"acme\"]"), "needs a `strength`"),
        (rule(""), "needs exactly one of"),
        (rule("pattern = 'acme_[0-9a-z]{5,900}x[0-9a-z]{8}'"), "costs too much"),
        (rule("pattern = '(?:ab|bc|c)(?:ab|bc|c)(?:ab|bc|c)(?:ab|bc|c)acme_[0-9]{20}'"), "forms"),
        (source("[[rule]]\nid = \"x\""), "missing field `name`"),
        (source("[[rule"), "acme.toml"),
        (source("pack = \"persnal\""), "expected `personal`"),
    ];
    for (file, expected) in cases {
        let text = file.text.clone();
        let message = refusal(file);
        assert!(message.contains(expected) && message.contains("acme.toml"), "{text}\n -> {message}");
    }
}

#[test]
fn ids_are_unique_and_well_formed() {
    let twice = "pattern = 'acme_[0-9]{20}'";
    let both = [rule(twice), rule(twice)];
    assert!(matches!(
        Rules::with_custom(&both),
        Err(RuleError::Rule { ref rule, ref message, .. }) if rule == "acme-key" && message.contains("already taken")
    ));
    let builtin = rule(twice);
    let text = builtin.text.replace("acme-key", "github-pat");
    assert!(refusal(RuleSource { text, ..builtin }).contains("already taken"));
    let named = rule(twice);
    let text = named.text.replace("acme-key", "Acme Key");
    assert!(refusal(RuleSource { text, ..named }).contains("a-z, 0-9"));
}

fn seal(byte: u8) -> CacheKey {
    CacheKey::new(Zeroizing::new([byte; CacheKey::LEN]))
}

#[test]
fn a_cache_gives_the_same_rules() {
    let files = [rule("pattern = 'acme_[0-9a-f]{24}'")];
    let rules = Rules::with_custom(&files).unwrap();
    let bytes = rules.to_cache(&seal(1)).unwrap();
    let selection = Selection { custom: &files, ..Selection::default() };
    let restored = Rules::from_cache(&selection, &seal(1), &bytes).unwrap();
    assert_eq!(restored.len(), rules.len());
    let text = b"acme_0123456789abcdef01234567 password = \"hunter2-x\"";
    let expected = whole(&mut Scanner::new(rules).unwrap(), text);
    assert_eq!(whole(&mut Scanner::new(restored).unwrap(), text), expected);
    assert_eq!(expected.len(), 2);
}

#[test]
fn a_cache_that_does_not_fit_is_refused() {
    let files = [rule("pattern = 'acme_[0-9a-f]{24}'")];
    let bytes = Rules::with_custom(&files).unwrap().to_cache(&seal(1)).unwrap();
    let stale = |files: &[RuleSource], bytes: &[u8]| {
        let selection = Selection { custom: files, ..Selection::default() };
        matches!(Rules::from_cache(&selection, &seal(1), bytes), Err(RuleError::StaleCache))
    };
    assert!(stale(&[], &bytes));
    assert!(stale(&[rule("pattern = 'acmf_[0-9a-f]{24}'")], &bytes));
    assert!(stale(&files, &bytes[..bytes.len() - 1]));
    assert!(stale(&files, b""));
    for at in [0, 8, 40, bytes.len() / 2, bytes.len() - 33, bytes.len() - 1] {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1;
        assert!(stale(&files, &flipped), "a bit at {at}");
    }
}

#[test]
fn a_cache_under_another_seal_never_reaches_the_engine() {
    let files = [rule("pattern = 'acme_[0-9a-f]{24}'")];
    let rules = Rules::with_custom(&files).unwrap();
    let selection = Selection { custom: &files, ..Selection::default() };
    let refused =
        |bytes: &[u8]| matches!(Rules::from_cache(&selection, &seal(1), bytes), Err(RuleError::StaleCache));
    let bytes = rules.to_cache(&seal(1)).unwrap();
    assert!(!refused(&bytes));
    assert!(refused(&rules.to_cache(&seal(2)).unwrap()));
    // What anybody can make: the same bytes, changed, under an unkeyed hash or another key's HMAC.
    let body = &bytes[..bytes.len() - 32];
    let forged = |sum: &[u8]| [body, sum].concat();
    assert!(refused(&forged(&Sha256::digest(body))));
    let mac = Hmac::<Sha256>::new_from_slice(&[2; 32]).unwrap().chain_update(body);
    assert!(refused(&forged(&mac.finalize().into_bytes())));
    assert_eq!(format!("{:?}", seal(1)), "CacheKey(..)");
}

#[test]
fn a_pack_is_on_only_when_it_is_selected() {
    let base = Rules::builtin().unwrap();
    let mut file = rule("pattern = 'acme_[0-9a-f]{24}'");
    file.text.insert_str(0, "pack = \"personal\"\n");
    let files = [file];
    let load = |packs: &[Pack], custom| Rules::load(&Selection { packs, custom, known: None }).unwrap();
    assert_eq!(load(&[], &[]).len(), base.len());
    assert!(load(&[], &files).find("acme-key").is_none());
    let both = load(&[Pack::Personal, Pack::Personal], &files);
    let pack = load(&Pack::ALL, &[]);
    assert!(both.find("acme-key").is_some());
    assert_eq!(both.len(), pack.len() + 1);
    for (index, rule) in base.iter() {
        assert_eq!(both.get(index).id, rule.id);
    }
}

#[test]
fn a_cache_of_other_packs_is_refused() {
    let selection = Selection { packs: &Pack::ALL, ..Selection::default() };
    let rules = Rules::load(&selection).unwrap();
    let bytes = rules.to_cache(&seal(1)).unwrap();
    assert_eq!(Rules::from_cache(&selection, &seal(1), &bytes).unwrap().len(), rules.len());
    assert!(matches!(Rules::from_cache(&Selection::default(), &seal(1), &bytes), Err(RuleError::StaleCache)));
}

/// How often `word` stands in a text, in any case and overlapping itself.
fn count(text: &str, word: &str) -> usize {
    (0..text.len()).filter(|at| text.as_bytes()[*at..].starts_with(word.as_bytes())).count()
}

#[test]
fn what_costs_too_much_is_refused_at_the_limit() {
    let sample = include_str!("../../data/sample.txt").to_ascii_lowercase();
    let with = |word: &str| rule(&format!("keywords = [\"{word}\"]\nvalue = '[0-9a-z]{{20}}'"));
    let accepted = Rules::with_custom(&[with("acmecorp")]).unwrap();
    let cost = accepted.cost(accepted.find("acme-key").unwrap()).unwrap();
    assert_eq!((cost.candidates, cost.sample), (0, sample.len()));
    // Words that stand in the sample just as often as is allowed, and once more.
    let words = |times: usize| {
        let all = sample.split(|c: char| !c.is_ascii_lowercase()).filter(|word| word.len() >= 2);
        all.filter(|word| count(&sample, word) == times).collect::<std::collections::BTreeSet<_>>()
    };
    let just = words(cost.limit);
    assert!(!just.is_empty());
    for word in just {
        let rules = Rules::with_custom(&[with(word)]).unwrap();
        assert_eq!(rules.cost(rules.find("acme-key").unwrap()).unwrap().candidates, cost.limit, "{word}");
    }
    let over = words(cost.limit + 1);
    assert!(!over.is_empty());
    for word in over {
        let message = refusal(with(word));
        let expected = format!("stands {} times", cost.limit + 1);
        assert!(
            message.starts_with("acme.toml:2:6: rule `acme-key`: costs too much")
                && message.contains(&expected),
            "{message}"
        );
        assert!(message.contains("rarer keywords"), "{message}");
    }
    // A pattern whose beginning is every other word; its shape would be unlikely enough on random bytes.
    assert!(refusal(rule("pattern = '[a-z]{4}[a-z ]{4,40}!'")).contains("costs too much"));
}

#[test]
fn a_cache_has_a_name_of_its_own() {
    let key = |files: &[RuleSource], packs: &[Pack]| {
        Rules::cache_key(&Selection { custom: files, packs, known: None })
    };
    let files = [rule("pattern = 'acme_[0-9a-f]{24}'")];
    let other = [rule("pattern = 'acme_[0-9a-f]{25}'")];
    let keys =
        [key(&[], &[]), key(&files, &[]), key(&other, &[]), key(&files, &Pack::ALL), key(&[], &Pack::ALL)];
    assert_eq!(key(&files, &[]), keys[1]);
    assert_eq!(keys.iter().collect::<std::collections::BTreeSet<_>>().len(), keys.len(), "{keys:?}");
    assert!(keys.iter().all(|key| key.len() == 32 && key.bytes().all(|b| b.is_ascii_hexdigit())));
}

#[test]
fn the_sample_that_costs_are_counted_in_holds_no_secret() {
    let (rules, mut scanner) = crate::common::builtin();
    let sample = include_str!("../../data/sample.txt");
    let findings = whole(&mut scanner, sample.as_bytes());
    assert!(findings.is_empty(), "{}", crate::common::show(&rules, sample, &findings));
}

#[test]
fn errors_name_the_line() {
    let good = rule("pattern = 'acme_[0-9a-f]{24}'").text;
    let bad = rule("pattern = '[a-z]*'").text.replace("acme-key", "acme-other");
    let message = refusal(source(&format!("# Ours\n\n{good}\n{bad}")));
    assert!(message.starts_with("acme.toml:12:6: rule `acme-other`: "), "{message}");
    let twice = refusal(source(&format!("{good}\n{good}")));
    assert!(twice.starts_with("acme.toml:10:6: rule `acme-key`: the id is already taken"), "{twice}");
}

#[test]
fn everything_that_is_wrong_is_named_and_not_the_first() {
    let named = |name: &str, text: &str| RuleSource { name: name.to_owned(), text: text.to_owned() };
    let with = |id: &str, line: &str| rule(line).text.replace("acme-key", id);
    let places = |files: &[RuleSource]| -> Vec<String> {
        let selection = Selection { custom: files, ..Selection::default() };
        assert!(Rules::load(&selection).is_err());
        let errors = Rules::custom_errors(&selection);
        errors
            .iter()
            .map(|error| error.to_string().split(": ").take(2).collect::<Vec<_>>().join(": "))
            .collect()
    };
    let good = with("fine", "pattern = 'acme_[0-9a-f]{24}'");
    let two = with("one", "pattern = '[a-z]*'") + &good + &with("two", "pattern = '('");
    let unread = with("three", "colour = 1") + &good.replace("fine", "five") + &with("four", "entropy = 9");
    let files = [named("a.toml", &two), named("b.toml", &unread), named("c.toml", "[[rule]\n")];
    assert_eq!(
        places(&files),
        [
            "a.toml:2:6: rule `one`",
            "a.toml:16:6: rule `two`",
            "b.toml:7:1: unknown field `colour`, expected one of `id`, `name`, `category`, `severity`, `impact`, `pattern`, `value`, `finder`, \
             `personal`, `strength`, `services`, `keywords`, `left`, `right`, `check`, `entropy`, `confidence`, `rank`, `match`, `no_match`",
            "b.toml:21:11: entropy is from 0 to 8 bits a byte",
            "c.toml:1:8: unclosed array table, expected `]`",
        ]
    );
    let costly = "value = '[0-9]{9}'\nkeywords = ['in']";
    let both = with("one", costly) + &good + &with("two", costly);
    assert_eq!(places(&[named("a.toml", &both)]), ["a.toml:2:6: rule `one`", "a.toml:17:6: rule `two`"]);
}

#[test]
fn a_file_without_a_rule_is_empty() {
    for (text, is_empty) in [("", true), ("# none\npack = \"personal\"\n", true), ("[[rule]", false)] {
        assert_eq!(source(text).is_empty(), is_empty, "{text:?}");
    }
    assert!(!rule("pattern = 'acme_[0-9a-f]{24}'").is_empty());
}

#[test]
fn examples_are_tried() {
    let examples = "match = [\"x «acme_0123456789abcdef01234567» y\", \"acme_0123\"]\n\
                    no_match = [\"acme_\", \"acme_0123456789abcdef01234567\"]";
    let rules = Rules::with_custom(&[rule(&format!("pattern = 'acme_[0-9a-f]{{24}}'\n{examples}"))]).unwrap();
    let index = rules.find("acme-key").unwrap();
    let mut scanner = Scanner::new(rules).unwrap();
    let failures = aegis_detect::rule_test::try_rule(&mut scanner, index);
    assert_eq!(failures.len(), 2, "{failures:?}");
    assert_eq!((&*failures[0].example, failures[0].surroundings), ("acme_0123", "nothing"));
    assert_eq!((failures[0].expected, failures[0].found.len()), (Some(aegis_detect::Span::new(0, 9)), 0));
    assert_eq!((failures[1].expected, failures[1].found[0].rule), (None, index));
}

#[test]
fn patterns_at_the_limits_are_taken() {
    let row = |count: usize| rule(&format!("entropy = 8\npattern = 'acme_{}[0-9]{{9}}'", "ab".repeat(count)));
    assert!(Rules::with_custom(&[row(509)]).is_ok(), "1,024 steps");
    assert!(refusal(row(510)).contains("in a row"));
    assert!(Rules::with_custom(&[rule("pattern = 'acme_a{16378}b'")]).is_ok(), "as long as a secret may be");
}

/// The names that a refusal offers instead of one that does not exist.
fn offered(key: &str) -> Vec<String> {
    let message = refusal(rule(&format!("{key} = \"no-such-name\"")));
    let (_, names) = message.split_once(", expected ").expect("a list of names");
    names.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn the_page_on_rules_names_all_that_a_rule_may_say() {
    let page = include_str!("../../../../docs/writing-rules.md");
    let nothing = refusal(rule("no-such-key = 1"));
    let (_, keys) = nothing.split_once(", expected one of ").expect("a list of keys");
    let keys = keys.split('`').skip(1).step_by(2).map(str::to_owned);
    let names =
        ["check", "finder", "strength", "left", "right", "confidence", "rank"].into_iter().flat_map(offered);
    let missing: Vec<String> =
        keys.chain(names).filter(|name| !page.contains(&format!("`{name}`"))).collect();
    assert!(missing.is_empty(), "docs/writing-rules.md says nothing of {missing:?}");
}
