//! Finds import circles and shows each as the shortest chain of files that closes it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write;

use super::imports::Imports;

/// Describes every import circle, the largest first. Empty: there is none.
pub(super) fn circles(files: &[String], imports: &Imports) -> Vec<String> {
    let reachable: Vec<BTreeSet<usize>> = (0..files.len()).map(|file| reachable(imports, file)).collect();
    let mut done = BTreeSet::<usize>::new();
    let mut found = Vec::new();
    for file in 0..files.len() {
        if done.contains(&file) || !reachable[file].contains(&file) {
            continue;
        }
        let circle: BTreeSet<usize> =
            reachable[file].iter().copied().filter(|other| reachable[*other].contains(&file)).collect();
        done.extend(&circle);
        found.push(circle);
    }
    found.sort_by_key(|circle| std::cmp::Reverse(circle.len()));
    found.iter().map(|circle| describe(files, imports, circle)).collect()
}

fn reachable(imports: &Imports, from: usize) -> BTreeSet<usize> {
    let mut seen = BTreeSet::new();
    let mut open = vec![from];
    while let Some(file) = open.pop() {
        open.extend(
            imports.get(&file).into_iter().flat_map(BTreeMap::keys).filter(|next| seen.insert(**next)),
        );
    }
    seen
}

fn describe(files: &[String], imports: &Imports, circle: &BTreeSet<usize>) -> String {
    let chain = circle
        .iter()
        .filter_map(|file| shortest_chain(imports, *file))
        .min_by_key(Vec::len)
        .expect("a circle closes");
    let mut text = match circle.len() - chain.len() {
        0 => format!("an import circle of {} files:", circle.len()),
        _ => format!("an import circle of {} files, of which the shortest part is:", circle.len()),
    };
    for (index, file) in chain.iter().enumerate() {
        let next = chain[(index + 1) % chain.len()];
        let names: Vec<&str> = imports[file][&next].iter().map(String::as_str).collect();
        let _ = write!(text, "\n    {} imports {} ({})", files[*file], files[next], names.join(", "));
    }
    if circle.len() > chain.len() {
        let others: Vec<&str> =
            circle.iter().filter(|file| !chain.contains(file)).map(|file| files[*file].as_str()).collect();
        let _ = write!(text, "\n    and also in it: {}", others.join(", "));
    }
    text
}

/// The shortest way from a file back to itself.
fn shortest_chain(imports: &Imports, start: usize) -> Option<Vec<usize>> {
    let mut came_from: BTreeMap<usize, usize> = BTreeMap::new();
    let mut open = VecDeque::from([start]);
    while let Some(file) = open.pop_front() {
        for next in imports.get(&file).into_iter().flat_map(BTreeMap::keys) {
            if *next == start {
                let mut chain = vec![file];
                while let Some(before) = chain.last().filter(|file| **file != start) {
                    chain.push(came_from[before]);
                }
                chain.reverse();
                return Some(chain);
            }
            if !came_from.contains_key(next) {
                came_from.insert(*next, file);
                open.push_back(*next);
            }
        }
    }
    None
}
