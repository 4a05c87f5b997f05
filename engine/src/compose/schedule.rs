//! Doing things side by side, each after what it needs.

use porthole_compose::graph::Graph;
use std::collections::BTreeSet;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// So many things are done at once.
const AT_ONCE: usize = 16;

struct State<E> {
    done: BTreeSet<String>,
    running: usize,
    failure: Option<E>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Acts on every name of a graph, on each when those that it needs are done, and on several at once. After a failure nothing new
/// is begun; the first is told.
pub fn walk<E: Send>(graph: &Graph, act: impl Fn(&str) -> Result<(), E> + Sync) -> Result<(), E> {
    let state = Mutex::new(State { done: BTreeSet::new(), running: 0, failure: None });
    let changed = Condvar::new();
    let one = |name: &String, needs: &BTreeSet<String>| {
        let mut now = lock(&state);
        loop {
            if now.failure.is_some() {
                return;
            }
            let ready = needs.iter().all(|needed| now.done.contains(needed) || !graph.contains_key(needed));
            if ready && now.running < AT_ONCE {
                break;
            }
            now = changed.wait(now).unwrap_or_else(PoisonError::into_inner);
        }
        now.running += 1;
        drop(now);
        let result = act(name);
        let mut now = lock(&state);
        now.running -= 1;
        match result {
            Ok(()) => drop(now.done.insert(name.clone())),
            Err(error) => drop(now.failure.get_or_insert(error)),
        }
        changed.notify_all();
    };
    thread::scope(|scope| {
        for (name, needs) in graph {
            scope.spawn(|| one(name, needs));
        }
    });
    let state = state.into_inner().unwrap_or_else(PoisonError::into_inner);
    state.failure.map_or(Ok(()), Err)
}

/// Acts on several things at once; what became of each, in their order.
pub fn each<T: Sync, R: Send>(items: &[T], act: impl Fn(&T) -> R + Sync) -> Vec<R> {
    if let [item] = items {
        return vec![act(item)];
    }
    let mut results = Vec::with_capacity(items.len());
    for part in items.chunks(AT_ONCE) {
        thread::scope(|scope| {
            let threads: Vec<_> = part.iter().map(|item| scope.spawn(|| act(item))).collect();
            results.extend(
                threads.into_iter().map(|one| one.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))),
            );
        });
    }
    results
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_needed_is_done_before() {
        let needs = |names: &[&str]| names.iter().map(ToString::to_string).collect::<BTreeSet<String>>();
        let graph: Graph =
            [("a", needs(&[])), ("b", needs(&["a"])), ("c", needs(&["a"])), ("d", needs(&["b", "c", "elsewhere"]))]
                .map(|(name, needs)| (name.to_owned(), needs))
                .into();
        let order = Mutex::new(Vec::new());
        walk::<()>(&graph, |name| {
            lock(&order).push(name.to_owned());
            Ok(())
        })
        .unwrap();
        let order = lock(&order);
        assert_eq!((order[0].as_str(), order[3].as_str()), ("a", "d"));
        let begun = Mutex::new(Vec::new());
        let failed = walk(&graph, |name| {
            lock(&begun).push(name.to_owned());
            if name == "a" { Err("no") } else { Ok(()) }
        });
        assert_eq!((failed, lock(&begun).as_slice()), (Err("no"), &["a".to_owned()][..]));
    }
}
