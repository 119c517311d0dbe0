//! Values that are longer than rules read: one finding after the other, to the last byte, in any windows.

use aegis_detect::{MAX_SECRET_LEN, RuleSource, Rules, Scanner};

use crate::common::{builtin, whole, windowed};

/// Made-up letters and digits.
fn value(len: usize) -> String {
    let alphabet = b"ABCDEFGHJKLMNPQRSTVWXYZabcdefghijkmnopqrstuvwxyz0123456789";
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(alphabet[(state >> 33) as usize % alphabet.len()])
    };
    (0..len).map(|_| next()).collect()
}

/// Checks that the findings in `before` + value + `behind` are the value, in pieces, whatever the windows are.
fn check(scanner: &mut Scanner, (before, behind): (&str, &str), len: usize) {
    let filler = "some words of filler\n".repeat(97);
    let text = format!("{filler}{before}{}{behind}{filler}", value(len));
    let (start, end) = (filler.len() + before.len(), filler.len() + before.len() + len);
    let found = whole(scanner, text.as_bytes());
    let spans: Vec<(usize, usize)> = found.iter().map(|f| (f.span.start, f.span.end)).collect();
    let pieces: Vec<(usize, usize)> =
        (start..end).step_by(MAX_SECRET_LEN).map(|at| (at, end.min(at + MAX_SECRET_LEN))).collect();
    assert_eq!(spans, pieces, "{before} {len}");
    for size in [5001, MAX_SECRET_LEN - 1, MAX_SECRET_LEN, 32 * 1024] {
        let windows = windowed(scanner, text.as_bytes(), (size..text.len()).step_by(size));
        assert_eq!(windows, found, "{before} {len} in windows of {size}");
    }
}

#[test]
fn a_value_is_found_to_its_end_in_any_windows() {
    let (_, mut scanner) = builtin();
    for place in [
        ("postgres://app:", "@db.internal/app "),
        ("https://", "@git.internal/app.git "),
        ("password = \"", "\" "),
        ("X=1\nDB_PASSWORD=", "\n"),
        ("https://h.internal/x?access_token=", "&next=1 "),
        ("they said bearer ", " "),
        ("sshpass -p ", " ssh "),
    ] {
        for len in [300, 2048, 2049, MAX_SECRET_LEN - 1, MAX_SECRET_LEN, MAX_SECRET_LEN + 1, 70_000] {
            check(&mut scanner, place, len);
        }
    }
}

#[test]
fn a_shape_without_an_end_is_found_to_its_end() {
    let text = "[[rule]]\nid = \"acme\"\nname = \"Acme\"\ncategory = \"key\"\nseverity = \"low\"\nimpact = \"None.\"\n\
        pattern = 'acme/(k[0-9A-Za-z]{24,1000})'\nmatch = [\"acme/«kQ5kP2vX8nR1tY7wZ3mB6cD9f»\", \"acme/«kQ5kP2vX8nR1tY7wZ3mB6cD9g» x\"]\n\
        no_match = [\"acme/k\", \"acme/kxxxxxxxxxxxxxxxxxxxxxxxx\"]\n";
    let source = RuleSource { name: "own".to_owned(), text: text.to_owned() };
    let mut scanner = Scanner::new(Rules::with_custom(&[source]).unwrap()).unwrap();
    for len in [999, 1000, 1001, MAX_SECRET_LEN - 7, MAX_SECRET_LEN - 6, MAX_SECRET_LEN, 70_000] {
        let text = format!("acme/k{}, acme", value(len));
        let found = whole(&mut scanner, text.as_bytes());
        assert_eq!(found.first().map(|f| f.span.start), Some(5), "{len}");
        assert_eq!(found.last().map(|f| f.span.end), Some(6 + len), "{len}");
        assert!(found.windows(2).all(|pair| pair[0].span.end == pair[1].span.start), "{len}");
        let windows = windowed(&mut scanner, text.as_bytes(), (32 * 1024..text.len()).step_by(32 * 1024));
        assert_eq!(windows, found, "{len}");
    }
}
