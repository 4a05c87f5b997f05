//! Looking at many things at once.

use std::thread;

/// Looking is mostly the kernel's work, which few processors do as fast as many.
const MOST: usize = 4;
/// So few things are looked at sooner than a thread is started.
const FEW: usize = 16;

/// What `look` tells of each item, in their order.
pub fn map<T: Sync, R: Send>(items: &[T], look: impl Fn(&T) -> R + Sync) -> Vec<R> {
    spread(items, if items.len() > FEW { processors().min(MOST) } else { 1 }, look)
}

/// As [`map`], of items each of which takes longer than a thread is started.
pub fn map_long<T: Sync, R: Send>(items: &[T], look: impl Fn(&T) -> R + Sync) -> Vec<R> {
    spread(items, processors().min(MOST).min(items.len()).max(1), look)
}

fn spread<T: Sync, R: Send>(items: &[T], threads: usize, look: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let (ours, others) = items.split_at(items.len().div_ceil(threads));
    let look_at = |part: &[T]| part.iter().map(&look).collect::<Vec<R>>();
    thread::scope(|scope| {
        let parts = others.chunks(ours.len().max(1));
        let others: Vec<_> = parts.map(|part| scope.spawn(|| look_at(part))).collect();
        let mut results = look_at(ours);
        for thread in others {
            results.extend(thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        results
    })
}

/// On how many this process may run. (std also reads what its cgroup says, which takes longer than it saves.)
fn processors() -> usize {
    rustix::thread::sched_getaffinity(None).map_or(1, |set| set.count() as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_is_looked_at_in_order() {
        for count in [0, 1, FEW, FEW + 1, 100, 1003] {
            let items: Vec<usize> = (0..count).collect();
            assert_eq!(map(&items, |item| item * 2), items.iter().map(|item| item * 2).collect::<Vec<_>>());
        }
    }
}
