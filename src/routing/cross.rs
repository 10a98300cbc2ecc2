//! Two plans put together, whole routes at a time (the idea of Nagata and Kobayashi, "A memetic algorithm for the
//! pickup and delivery problem with time windows using selective route exchange crossover", PPSN XI, 2010).

use std::cmp::Reverse;

use super::rng::Rng;

/// `base` with up to half the routes of `other` in it, those around one place; each stands where the route was that
/// shares most stops with it, of those for which `same(route of base, route of other)` holds. What is served twice
/// leaves the routes of `base`; what is served no more is left to the caller.
///
/// `near` are stops by distance from that place; visits numbered `stops` and more are no stops and stay where they are.
pub(crate) fn crossed(
    base: &[Vec<u32>],
    other: &[Vec<u32>],
    stops: usize,
    near: &[u32],
    same: impl Fn(usize, usize) -> bool,
    rng: &mut Rng,
) -> Vec<Vec<u32>> {
    let mut of = vec![usize::MAX; stops];
    for (route, visits) in other.iter().enumerate() {
        visits.iter().filter(|&&v| (v as usize) < stops).for_each(|&v| of[v as usize] = route);
    }
    let used = other.iter().filter(|route| !route.is_empty()).count();
    let count = 1 + rng.below(used.div_ceil(2));
    let mut taken: Vec<usize> = Vec::with_capacity(count);
    for route in near.iter().map(|&stop| of[stop as usize]) {
        if taken.len() < count && route != usize::MAX && !taken.contains(&route) {
            taken.push(route);
        }
    }
    let in_taken = |visit: u32| of.get(visit as usize).is_some_and(|route| taken.contains(route));
    let rest = |route: &Vec<u32>| route.iter().copied().filter(|&visit| !in_taken(visit)).collect();
    let mut child: Vec<Vec<u32>> = base.iter().map(rest).collect();
    let mut replaced = vec![false; base.len()];
    for &route in &taken {
        let shared = |at: usize| base[at].iter().filter(|&&v| of.get(v as usize) == Some(&route)).count();
        let free = (0..base.len()).filter(|&at| !replaced[at] && same(at, route));
        match free.max_by_key(|&at| (shared(at), Reverse(at))) {
            Some(at) => {
                replaced[at] = true;
                child[at].clone_from(&other[route]);
            }
            None => child.push(other[route].clone()),
        }
    }
    child
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_around_a_place_stand_where_they_share_most_and_nothing_is_there_twice() {
        let base = [vec![0, 1, 2], vec![3, 4, 5], vec![6, 7]];
        let other = [vec![4, 3, 2], vec![0, 1, 5, 9], vec![], vec![7, 6]];
        let near = [3, 2, 4, 0, 1, 5, 6, 7];
        let mut seen = Vec::new();
        for seed in 0..20 {
            seen.push(crossed(&base, &other, 8, &near, |_, _| true, &mut Rng::new(seed)));
        }
        seen.sort();
        seen.dedup();
        let one = vec![vec![0, 1], vec![4, 3, 2], vec![6, 7]];
        let two = vec![vec![0, 1, 5, 9], vec![4, 3, 2], vec![6, 7]];
        assert_eq!(seen, [one, two]);
        let own = |a: usize, b: usize| a == b;
        let fixed = crossed(&base, &other, 8, &near[..1], own, &mut Rng::new(0));
        assert_eq!(fixed, [vec![4, 3, 2], vec![5], vec![6, 7]]);
    }

    #[test]
    fn what_is_no_stop_stays() {
        let (base, other) = ([vec![0, 9, 1], vec![2, 9, 3]], [vec![0, 3], vec![1, 9, 2]]);
        let own = |a: usize, b: usize| a == b;
        let child = crossed(&base, &other, 4, &[0], own, &mut Rng::new(0));
        assert_eq!(child, [vec![0, 3], vec![2, 9]]);
    }
}
