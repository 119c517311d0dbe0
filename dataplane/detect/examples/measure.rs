//! `measure [--packs] [--known N[:LENGTH]] FILE...`: scans the files and prints findings by rule and the speed beside
//! the bare engine's, with all packs when asked to, and with N known values beside that without.

use aegis_detect::{
    KnownKey, KnownList, KnownValues, LEFT_CONTEXT, LOOKAHEAD, Pack, Rules, Scanner, Selection, Window,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

/// The size of a window, as the gateway uses it.
const WINDOW: usize = 32 * 1024;
/// How many bytes one measurement takes at least.
const MEASURED: usize = 500_000_000;

#[expect(clippy::cast_precision_loss, reason = "speeds are shown with two digits")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let begin = Instant::now();
    let mut arguments = std::env::args().skip(1).peekable();
    let packs: &[Pack] = if arguments.next_if_eq("--packs").is_some() { &Pack::ALL } else { &[] };
    let rules = Rules::load(&Selection { packs, ..Selection::default() })?;
    println!("{} rules, compiled in {:?}, {} bytes", rules.len(), begin.elapsed(), rules.database_size());
    let mut scanner = Scanner::new(rules.clone())?;
    let known = arguments.next_if_eq("--known").and_then(|_| arguments.next());
    let mut with_known = known.map(|known| knowing(&known)).transpose()?;
    let files: Vec<Vec<u8>> = arguments.filter_map(|f| std::fs::read(f).ok()).collect();
    let total: usize = files.iter().map(Vec::len).sum();
    let mut counts: BTreeMap<String, (usize, Vec<String>)> = BTreeMap::new();
    for text in &files {
        each(&mut scanner, text, |rule, secret| {
            let entry = counts.entry(rules.get(rule).id.clone()).or_default();
            entry.0 += 1;
            if entry.1.len() < 6 {
                entry.1.push(String::from_utf8_lossy(&secret[..secret.len().min(70)]).into_owned());
            }
        });
    }
    for (rule, (count, samples)) in &counts {
        println!("{count:6} {rule} {samples:?}");
    }
    let rounds = (MEASURED / total.max(1)).max(1);
    let speed = |begin: f64| (total * rounds) as f64 / (cpu_nanoseconds() - begin);
    for _ in 0..3 {
        let begin = cpu_nanoseconds();
        let bare: usize = (0..rounds).flat_map(|_| &files).map(|t| bare(&mut scanner, t)).sum();
        let engine = speed(begin);
        let begin = cpu_nanoseconds();
        (0..rounds).flat_map(|_| &files).for_each(|t| each(&mut scanner, t, |_, _| ()));
        let all = speed(begin);
        let share = 100.0 * all / engine;
        println!(
            "{total} bytes, {} candidates: engine {engine:.2} GB/s, all {all:.2} GB/s, {share:.0} %",
            bare / rounds
        );
        if let Some(knowing) = &mut with_known {
            let begin = cpu_nanoseconds();
            (0..rounds).flat_map(|_| &files).for_each(|t| each(knowing, t, |_, _| ()));
            println!("with known values {:.2} GB/s", speed(begin));
        }
    }
    Ok(())
}

/// A scanner that also looks for so many made-up values: of so many letters and digits, like keys, or of 8 to 40
/// characters with symbols, like passwords.
fn knowing(wanted: &str) -> Result<Scanner, Box<dyn std::error::Error>> {
    const PLAIN: usize = 62;
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&*+-_.";
    let (count, length) =
        wanted.split_once(':').map_or((wanted, None), |(count, length)| (count, Some(length)));
    let (count, length) = (count.parse()?, length.map(str::parse::<usize>).transpose()?);
    let letters = if length.is_some() { &LETTERS[..PLAIN] } else { LETTERS };
    let mut list = KnownList::new(KnownKey::new(&[7; 32]));
    let mut state = 88_172_645_463_325_252u64;
    let mut next = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 33) as usize % below
    };
    while list.len() < count {
        let length = length.unwrap_or_else(|| 8 + next(33));
        let value: Vec<u8> = (0..length).map(|_| letters[next(letters.len())]).collect();
        list.insert(&value)?;
    }
    let begin = Instant::now();
    let known = Arc::new(KnownValues::new(&list));
    println!("{count} known values, prepared in {:?}", begin.elapsed());
    Ok(Scanner::new(Rules::load(&Selection { known: Some(&known), ..Selection::default() })?)?)
}

/// The time that this thread ran on a processor, which neighbours on a shared machine do not change much.
fn cpu_nanoseconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    stat.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0.0)
}

/// The windows of [`each`] through the engine alone; how often it reports.
fn bare(scanner: &mut Scanner, text: &[u8]) -> usize {
    let (mut from, mut end, mut found) = (0, WINDOW.min(text.len()), 0);
    loop {
        found += scanner.bare_scan(&text[from..end]);
        if end == text.len() {
            return found;
        }
        from = (end - LOOKAHEAD).saturating_sub(LEFT_CONTEXT);
        end = (from + WINDOW).min(text.len());
    }
}

fn each(scanner: &mut Scanner, text: &[u8], mut found: impl FnMut(aegis_detect::RuleIndex, &[u8])) {
    let (mut from, mut fresh, mut end) = (0, 0, WINDOW.min(text.len()));
    let mut carry = aegis_detect::Carry::default();
    loop {
        let last = end == text.len();
        let scan = scanner.scan_on(Window { text: &text[from..end], fresh: fresh - from, last }, &mut carry);
        scan.findings.iter().for_each(|f| found(f.rule, &text[from + f.span.start..from + f.span.end]));
        fresh = from + scan.settled;
        if last {
            return;
        }
        from = fresh.saturating_sub(LEFT_CONTEXT);
        end = (from + WINDOW).min(text.len());
    }
}
