//! The tree of categories as it is searched and narrowed by.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ops::Bound,
};

use outpost_schema::{catalogue::Category, id::CategoryId};

use super::words;

/// Categories within categories that are followed; a ring of them ends there.
const DEPTH_MAX: usize = 32;

/// Every category.
#[derive(Clone, Debug, Default)]
pub(super) struct Tree {
    all: HashMap<CategoryId, Category>,
    /// Those that lie in each.
    children: HashMap<CategoryId, Vec<CategoryId>>,
    /// Those that are called by each word.
    words: BTreeMap<String, Vec<CategoryId>>,
}

impl Tree {
    /// Of these.
    pub(super) fn new(categories: Vec<Category>) -> Self {
        let mut children: HashMap<CategoryId, Vec<CategoryId>> = HashMap::new();
        for Category { category_id, parent_id, .. } in &categories {
            parent_id.iter().for_each(|parent| children.entry(*parent).or_default().push(*category_id));
        }
        let mut words: BTreeMap<String, Vec<CategoryId>> = BTreeMap::new();
        for Category { category_id, name, .. } in &categories {
            words::words(name).into_iter().for_each(|word| words.entry(word.text).or_default().push(*category_id));
        }
        let all = categories.into_iter().map(|category| (category.category_id, category)).collect();
        Self { all, children, words }
    }

    /// The category.
    pub(super) fn get(&self, id: CategoryId) -> Option<&Category> {
        self.all.get(&id)
    }

    /// A category and those that it lies in, up to the top.
    pub(super) fn up(&self, id: CategoryId) -> impl Iterator<Item = &Category> {
        let parent = |category: &&Category| category.parent_id.and_then(|id| self.get(id));
        std::iter::successors(self.get(id), parent).take(DEPTH_MAX)
    }

    /// The names of a category and of those that it lies in.
    pub(super) fn names(&self, id: Option<CategoryId>) -> Vec<&str> {
        id.into_iter().flat_map(|id| self.up(id)).map(|category| category.name.as_str()).collect()
    }

    /// A category and all within it.
    pub(super) fn within(&self, id: CategoryId) -> BTreeSet<CategoryId> {
        let (mut within, mut next) = (BTreeSet::new(), vec![id]);
        while let Some(one) = next.pop() {
            if within.insert(one) {
                next.extend(self.children.get(&one).into_iter().flatten());
            }
        }
        within
    }

    /// How many there are in each category and all within it, by how many there are in each alone.
    pub(super) fn summed(&self, alone: impl Iterator<Item = (CategoryId, u64)>) -> HashMap<CategoryId, u64> {
        let mut sums: HashMap<CategoryId, u64> = HashMap::new();
        for (id, count) in alone {
            self.up(id).for_each(|category| *sums.entry(category.category_id).or_default() += count);
        }
        sums
    }

    /// Categories in whose name so many of the beginnings begin a word, the shortest names first.
    pub(super) fn called(&self, beginnings: &[String], at_least: usize, most: usize) -> Vec<&Category> {
        let mut times: HashMap<CategoryId, usize> = HashMap::new();
        for beginning in beginnings {
            let ids: BTreeSet<CategoryId> = self.beginning(beginning).copied().collect();
            ids.into_iter().for_each(|id| *times.entry(id).or_default() += 1);
        }
        let often = times.into_iter().filter(|(_, times)| *times >= at_least);
        let mut found: Vec<&Category> = often.filter_map(|(id, _)| self.get(id)).collect();
        found.sort_unstable_by_key(|category| (category.name.len(), &category.name, category.category_id));
        found.truncate(most);
        found
    }

    /// Categories of which a word begins so.
    fn beginning<'a>(&'a self, letters: &'a str) -> impl Iterator<Item = &'a CategoryId> {
        let from = self.words.range::<str, _>((Bound::Included(letters), Bound::Unbounded));
        from.take_while(move |(word, _)| word.starts_with(letters)).flat_map(|(_, ids)| ids)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn id(number: u128) -> CategoryId {
        CategoryId(Uuid::from_u128(number))
    }

    fn tree(parents: &[(u128, &str, Option<u128>)]) -> Tree {
        let category = |&(number, name, parent): &(u128, &str, Option<u128>)| Category {
            category_id: id(number),
            name: name.to_owned(),
            parent_id: parent.map(id),
        };
        Tree::new(parents.iter().map(category).collect())
    }

    #[test]
    fn counts_go_up_and_filters_go_down() {
        let tree = tree(&[(1, "Food", None), (2, "Tea", Some(1)), (3, "Green Tea", Some(2)), (4, "Toys", None)]);
        assert_eq!(tree.names(Some(id(3))), ["Green Tea", "Tea", "Food"]);
        assert_eq!(tree.within(id(2)), [id(2), id(3)].into());
        let sums = tree.summed([(id(3), 2), (id(2), 1), (id(4), 5), (id(9), 7)].into_iter());
        assert_eq!([1, 2, 3, 4].map(|number| sums[&id(number)]), [3, 3, 2, 5]);
        let called: Vec<&str> =
            tree.called(&["te".to_owned()], 1, 9).into_iter().map(|one| one.name.as_str()).collect();
        assert_eq!(called, ["Tea", "Green Tea"]);
    }

    #[test]
    fn a_ring_ends() {
        let tree = tree(&[(1, "a", Some(2)), (2, "b", Some(1))]);
        assert_eq!(tree.names(Some(id(1))).len(), DEPTH_MAX);
        assert_eq!(tree.within(id(1)).len(), 2);
    }
}
