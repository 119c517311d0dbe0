//! What values cost that are hidden wherever they stand: those that a client's earlier requests held, those that are new
//! in a body, which is then read twice, and those that a body repeats.
//!
//! Every case is measured in turn with its base, round by round, in processor time of the thread, so that neighbours on
//! the machine hit both alike; the ratio is taken within each round. `--once GROUP CASE N` does nothing but N readings of
//! one case, for tools that count instructions; `repeat_case` is the function to count.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use aegis_bench::load::stats::Spread;
use aegis_bench::mock::quote::quote;
use aegis_bench::mock::scenario::Escape;
use aegis_bench::{corpus, machine};
use aegis_detect::{
    Carry, FoundList, FoundValues, KnownKey, LEFT_CONTEXT, Reach, Rules, Scanner, SearchValues, Window,
};
use aegis_shield::{Format, Keyring, Policy, RequestLimits, ShardScratch, Shield, Splice, Tokenizer};
use nix::time::{ClockId, clock_gettime};

const SIZES: [(&str, usize); 2] = [("64KB", 64 << 10), ("1MB", 1 << 20)];
/// The text of one reading of the scanner alone.
const TEXT: usize = 1 << 20;
/// As the gateway's windows are.
const WINDOW: usize = 32 * 1024;
/// Processor time of one round of one case, at least, in nanoseconds.
const ROUND: u64 = 60_000_000;
const ROUNDS: usize = 9;
/// Bodies that hold something new, and so are read twice: how many values, and how often each stands bare.
const NEW: [(&str, usize, usize); 5] = [
    ("base", 0, 0),
    ("1 new", 1, 0),
    ("20 new", 20, 0),
    ("1 new, 50 times bare", 1, 50),
    ("20 new, each 50 times bare", 20, 50),
];
const KEY: [u8; 32] = [9; 32];
/// What of a head is scanned with every request, since it is never the same: nothing remembers it to be clean.
const FIELDS: [(&str, &str); 3] = [
    ("one field", "x-request-id: 0b9f4c7e-5a1d-4e63-9c2b-7d8f3a6e1c50\n"),
    (
        "three fields",
        "x-request-id: 0b9f4c7e-5a1d-4e63-9c2b-7d8f3a6e1c50\n\
         traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\nidempotency-key: stainless-node-retry-7f1c\n",
    ),
    (
        "names in Train-Case",
        "Host\nContent-Type\nAccept\nAuthorization\nUser-Agent\nContent-Length\nX-Stainless-Retry-Count\n\
         X-Stainless-Timeout\nAnthropic-Version\nAnthropic-Beta\nAccept-Encoding\n",
    ),
];

/// What kind of values are remembered.
#[derive(Clone, Copy)]
enum Kind {
    /// 16 to 40 letters and digits.
    Keys,
    /// 12 to 24 characters with symbols between them.
    Passwords,
    /// Three keys to each password, as files of settings hold them.
    Mixed,
    /// Passwords, of which one is so short that pieces nearer to each other must be looked up for all of them.
    Short,
}

/// Numbers that are equal in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap_or(0) % limit
    }

    fn word(&mut self, letters: &[u8], length: usize) -> String {
        (0..length).map(|_| char::from(letters[self.below(letters.len())])).collect()
    }
}

/// So many values of a kind.
fn values(kind: Kind, count: usize) -> Vec<String> {
    const PLAIN: usize = 62;
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&*+-_.";
    let mut numbers = Numbers(88_172_645_463_325_252);
    let one = |index: usize| {
        if matches!(kind, Kind::Keys) || (matches!(kind, Kind::Mixed) && !index.is_multiple_of(4)) {
            let length = 16 + numbers.below(25);
            numbers.word(&LETTERS[..PLAIN], length)
        } else {
            let length = 12 + numbers.below(13);
            numbers.word(LETTERS, length)
        }
    };
    let mut values: Vec<String> = (0..count).map(one).collect();
    if matches!(kind, Kind::Short) {
        "kR4!wq#9".clone_into(&mut values[0]);
    }
    values
}

fn remembered(rules: &Rules, kind: Kind, count: usize) -> Arc<FoundValues> {
    let mut list = FoundList::new(KnownKey::new(&KEY));
    let rule = rules.find("generic-password").expect("a built-in rule");
    for value in values(kind, count) {
        list.insert(value.as_bytes(), rule, Reach::Everywhere).expect("a value that is rare");
    }
    Arc::new(FoundValues::new(&list))
}

/// A chat of about this size whose messages hold `inserted`, spread evenly.
fn chat(text: &str, size: usize, inserted: &[String]) -> Vec<u8> {
    let body = corpus::chat_of(&|n, seed| machine::slice(text, n, seed).to_owned(), size, true, false, 1);
    let body = String::from_utf8_lossy(&body).into_owned();
    let mut out = String::with_capacity(body.len() + 64 * inserted.len());
    let (mut done, step) = (0, body.len() / (inserted.len() + 1));
    for (index, line) in inserted.iter().enumerate() {
        // Behind a line of a text.
        let from = step * (index + 1);
        let at = body.as_bytes()[from..]
            .windows(2)
            .position(|pair| pair == b"\\n")
            .map_or(done, |at| from + at + 2);
        out.push_str(&body[done..at]);
        let line = quote(line, Escape::Minimal);
        out.push_str(&line[1..line.len() - 1]);
        done = at;
    }
    out.push_str(&body[done..]);
    out.into_bytes()
}

/// One reading of one case.
type Measured = Box<dyn FnMut() -> usize>;

/// Cases of one group; the first is what the others are compared with.
struct CaseGroup {
    name: String,
    cases: Vec<(String, Measured)>,
}

impl CaseGroup {
    fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), cases: Vec::new() }
    }

    /// Makes a case, if it is wanted.
    fn add(&mut self, wanted: &GroupFilter, name: String, make: impl FnOnce() -> Measured) {
        let is_wanted = match wanted {
            GroupFilter::Once { group, case } => *group == self.name && *case == name,
            GroupFilter::Groups(parts) => {
                parts.is_empty() || parts.iter().any(|part| self.name.contains(part))
            }
        };
        if is_wanted {
            self.cases.push((name, make()));
        }
    }
}

/// Which cases are made.
enum GroupFilter {
    /// One.
    Once { group: String, case: String },
    /// Those of the groups whose names hold one of these; all without any.
    Groups(Vec<String>),
}

struct Setup {
    rules: Arc<Rules>,
    text: String,
}

impl Setup {
    fn new() -> Self {
        let rules = Rules::builtin().expect("the built-in rules compile");
        Self { rules, text: machine::text(4 << 20).text }
    }

    /// The scanner alone over plain text.
    fn scan(&self, found: Option<Arc<FoundValues>>, text: &str) -> Measured {
        let mut scanner = Scanner::new(Arc::clone(&self.rules)).expect("memory for the scanner");
        scanner.search_for(SearchValues { remembered: found, ..SearchValues::default() });
        let text = text.to_owned();
        Box::new(move || scan(&mut scanner, black_box(text.as_bytes())))
    }

    fn shield(&self) -> Arc<Shield> {
        let keyring = Keyring::new(&[7; 32], "bench", 0, &[]).expect("one epoch is allowed");
        Arc::new(Shield {
            rules: Arc::clone(&self.rules),
            policy: Policy::default(),
            keyring: Arc::new(keyring),
            search_key: KnownKey::new(&KEY),
            limits: RequestLimits::default(),
        })
    }

    /// A body through the tokenizer.
    fn tokenize(&self, found: Option<Arc<FoundValues>>, body: Vec<u8>) -> Measured {
        let shield = self.shield();
        let mut scratch = ShardScratch::new(&shield.rules).expect("memory for the scanner");
        let mut splice = Splice::new();
        Box::new(move || {
            let mut tokenizer = Tokenizer::new(Arc::clone(&shield), Format::Text).in_head();
            tokenizer.begin_body(Format::Json, found.clone());
            read(&mut tokenizer, &mut scratch, &mut splice, black_box(&body))
        })
    }

    /// Fields of a head, scanned together as the gateway does.
    fn head(&self, text: &'static str) -> Measured {
        let shield = self.shield();
        let mut scratch = ShardScratch::new(&shield.rules).expect("memory for the scanner");
        let mut splice = Splice::new();
        Box::new(move || {
            let mut tokenizer = Tokenizer::new(Arc::clone(&shield), Format::Text).in_head();
            read(&mut tokenizer, &mut scratch, &mut splice, black_box(text.as_bytes()))
        })
    }

    fn groups(&self, wanted: &GroupFilter) -> Vec<CaseGroup> {
        let kinds = [
            ("keys", Kind::Keys),
            ("passwords", Kind::Passwords),
            ("passwords, one of 8 bytes", Kind::Short),
            ("mixed", Kind::Mixed),
        ];
        let plain = machine::slice(&self.text, TEXT, 1);
        let mut scan = CaseGroup::new("scan 1MB");
        scan.add(wanted, "base".to_owned(), || self.scan(None, plain));
        for (name, kind) in kinds {
            for count in [1, 100, 10_000] {
                let found = || Some(remembered(&self.rules, kind, count));
                scan.add(wanted, format!("{count} {name}"), || self.scan(found(), plain));
            }
        }
        let mut groups = vec![scan];
        for (size_name, size) in SIZES {
            let mut tokenize = CaseGroup::new(format!("tokenize {size_name}, remembered"));
            let clean = || chat(&self.text, size, &[]);
            tokenize.add(wanted, "base".to_owned(), || self.tokenize(None, clean()));
            for (name, kind) in kinds {
                for count in [100, 10_000] {
                    let found = || Some(remembered(&self.rules, kind, count));
                    tokenize.add(wanted, format!("{count} {name}"), || self.tokenize(found(), clean()));
                    if matches!(kind, Kind::Mixed) {
                        let repeated = || chat(&self.text, size, &values(kind, 20));
                        let name = format!("{count} {name}, 20 of them in the body");
                        tokenize.add(wanted, name, || self.tokenize(found(), repeated()));
                    }
                }
            }
            groups.push(tokenize);
            let mut new = CaseGroup::new(format!("tokenize {size_name}, new"));
            for (name, count, repeats) in NEW {
                let body = || new_values(&self.text, size, count, repeats);
                new.add(wanted, name.to_owned(), || self.tokenize(None, body()));
            }
            groups.push(new);
        }
        let mut fields = CaseGroup::new("fields beside a body of 1KB");
        fields.add(wanted, "base".to_owned(), || self.tokenize(None, chat(&self.text, 1 << 10, &[])));
        for (name, text) in FIELDS {
            fields.add(wanted, name.to_owned(), || self.head(text));
        }
        groups.push(fields);
        groups.retain(|group| !group.cases.is_empty());
        groups
    }
}

/// A body in which so many values are found, each of which stands bare so many times besides.
fn new_values(text: &str, size: usize, count: usize, repeats: usize) -> Vec<u8> {
    let values = values(Kind::Mixed, count);
    let named = values.iter().map(|value| format!("DB_PASSWORD='{value}'\n"));
    let bare = values.iter().cycle().take(count * repeats).map(|value| format!(" {value} "));
    chat(text, size, &named.chain(bare).collect::<Vec<_>>())
}

/// Scans a text window by window, as the gateway does; gives the number of findings.
fn scan(scanner: &mut Scanner, text: &[u8]) -> usize {
    let (mut fresh, mut found) = (0, 0);
    let mut carry = Carry::default();
    while fresh < text.len() {
        let left = fresh.min(LEFT_CONTEXT);
        let end = text.len().min(fresh - left + WINDOW);
        let window = Window { text: &text[fresh - left..end], fresh: left, last: end == text.len() };
        let scan = scanner.scan_on(window, &mut carry);
        found += scan.findings.len();
        fresh += scan.settled - left;
    }
    found
}

/// Reads a body, a second time if something new was found; gives the number of findings.
fn read(tokenizer: &mut Tokenizer, scratch: &mut ShardScratch, splice: &mut Splice, body: &[u8]) -> usize {
    loop {
        splice.clear();
        let mut rest = body;
        while !tokenizer.is_finished() {
            let used = tokenizer.push(scratch, rest, true, splice).expect("a sound body");
            rest = &rest[used..];
        }
        if !tokenizer.rewind() {
            return usize::try_from(tokenizer.report().total()).unwrap_or(usize::MAX);
        }
    }
}

/// The time that this thread ran on a processor, in nanoseconds. What the kernel shows in files goes by its ticks.
fn cpu() -> u64 {
    let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(Duration::ZERO, Duration::from);
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn per_reading(reading: &mut Measured, count: usize) -> f64 {
    let begin = cpu();
    (0..count).for_each(|_| {
        black_box(reading());
    });
    (cpu() - begin) as f64 / count as f64 / 1e3
}

fn measure(group: &mut CaseGroup) {
    let mut times = vec![Vec::new(); group.cases.len()];
    let begin = cpu();
    group.cases[0].1();
    let count = usize::try_from(ROUND / (cpu() - begin).max(1)).unwrap_or(1).max(1);
    let findings: Vec<usize> = group.cases.iter_mut().map(|(_, reading)| reading()).collect();
    for round in 0..ROUNDS {
        for turn in 0..group.cases.len() {
            let index = (round + turn) % group.cases.len();
            times[index].push(per_reading(&mut group.cases[index].1, count));
        }
    }
    println!("\n| {} | findings | us | of base |\n|---|---:|---:|---:|", group.name);
    for (index, (name, _)) in group.cases.iter().enumerate() {
        let ratios: Vec<f64> = times[index].iter().zip(&times[0]).map(|(own, base)| own / base).collect();
        let (time, ratio) = (Spread::of(&times[index]), Spread::of(&ratios));
        println!(
            "| {name} | {} | {:.0} ({:.0}-{:.0}) | {:.3} ({:.3}-{:.3}) |",
            findings[index], time.median, time.low, time.high, ratio.median, ratio.low, ratio.high
        );
    }
}

/// So many readings of one case; apart, so that tools that count can be given its name.
#[inline(never)]
fn repeat_case(reading: &mut Measured, count: usize) -> usize {
    (0..count).map(|_| reading()).sum()
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let once = match &arguments[..] {
        [once, group, case, count] if once == "--once" => {
            Some((GroupFilter::Once { group: group.clone(), case: case.clone() }, count.clone()))
        }
        _ => None,
    };
    let Some((wanted, count)) = once else {
        return Setup::new().groups(&GroupFilter::Groups(arguments)).iter_mut().for_each(measure);
    };
    let mut groups = Setup::new().groups(&wanted);
    let reading = groups.first_mut().and_then(|group| group.cases.first_mut());
    let (_, reading) = reading.expect("a group's and a case's name");
    println!("{} findings", repeat_case(reading, count.parse().expect("a number of readings")));
}
