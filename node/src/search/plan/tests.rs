use std::collections::BTreeSet;

use outpost_schema::synonym::Group;

use super::{
    super::{
        meanings::{Meanings, OTHERS_MAX},
        typed,
    },
    *,
};

/// Words with their uses; nearness is a table.
struct Words(&'static [(&'static str, u64)], &'static [(&'static str, u8, &'static str)]);

impl Dictionary for Words {
    fn uses(&self, term: &str) -> u64 {
        self.0.iter().find(|(word, _)| *word == term).map_or(0, |(_, uses)| *uses)
    }

    fn near(&self, word: &str, distance: u8) -> Vec<(String, u64)> {
        let near = self.1.iter().filter(|(from, at, _)| *from == word && *at <= distance);
        near.map(|(.., to)| ((*to).to_owned(), self.uses(to))).collect()
    }

    fn begun(&self, beginning: &str) -> Vec<(String, u64)> {
        let begun = self.0.iter().filter(|(word, _)| word.starts_with(beginning));
        begun.map(|(word, uses)| ((*word).to_owned(), *uses)).collect()
    }
}

const SHOP: Words = Words(
    &[
        ("coca", 9),
        ("cola", 20),
        ("cocacola", 3),
        ("tea", 50),
        ("~tea", 7),
        ("green", 30),
        ("milk", 10),
        ("silk", 2),
        ("x200", 1),
        ("kx1234", 1),
        ("ab", 4),
        ("40", 8),
        ("chocolate", 12),
        ("~chocol", 6),
        ("=g500000", 5),
        ("^m", 3),
        ("<m", 8),
        ("<mi", 6),
        ("/mi", 2),
        ("<40", 8),
    ],
    &[
        ("milc", 1, "milk"),
        ("mlk", 1, "milk"),
        ("milk", 1, "silk"),
        ("chocolade", 1, "chocolate"),
        ("chocolade", 2, "cocacola"),
        ("cohcolatte", 2, "chocolate"),
        ("chocolate", 2, "cocacola"),
        ("x201", 1, "x200"),
    ],
);

fn said(text: &str, pass: Pass) -> Option<String> {
    said_with(&[], text, pass)
}

fn said_with(groups: &[&str], text: &str, pass: Pass) -> Option<String> {
    planned(groups, &typed::read(text, false), pass)
}

fn planned(groups: &[&str], typed: &Typed, pass: Pass) -> Option<String> {
    let mut forms = Forms::new();
    let groups: Vec<Group> = groups.iter().map(|line| line.parse().expect("a group")).collect();
    let meant = Meanings::of(&groups, &mut forms).of_typed(typed, &mut forms);
    let plan = Planner::new(&SHOP, &mut forms, &meant).plan(typed, pass)?;
    let way = |way: &Way| way.terms.iter().map(|terms| terms.join("/")).collect::<Vec<_>>().join("+");
    let need = |need: &Need| need.iter().map(way).collect::<Vec<_>>().join("|");
    let alternative = |one: &Alternative| {
        let needs = one.needs.iter().map(need).collect::<Vec<_>>().join(" ");
        let least = one.at_least.map_or(String::new(), |least| format!("{least} of "));
        format!("{}{least}{needs}", if one.weight < 1.0 { "below " } else { "" })
    };
    Some(plan.alternatives.iter().map(alternative).collect::<Vec<_>>().join(" or "))
}

#[test]
fn each_pass_looks_for_more() {
    use Pass::{All, Mistyped, Some as Any};
    let cases = [
        ("green tea", All, Some("green tea|~tea")),
        ("teas", All, Some("~tea|tea")),
        ("coca cola", All, Some("cocacola or coca cola")),
        ("greentea", All, Some("green+tea")),
        ("ab40", All, Some("ab+40")),
        ("tea 500g", All, Some("tea|~tea =g500000")),
        ("green milc", All, None),
        ("green milc", Mistyped, Some("green milk")),
        ("green milk", Mistyped, Some("green milk|silk")),
        ("mlk", Mistyped, None),
        ("x201", Mistyped, None),
        ("cohcolatte", Mistyped, Some("chocolate")),
        ("chocolade", Mistyped, Some("chocolate")),
        ("chocolate", Mistyped, None),
        ("green nothing", Mistyped, None),
        ("green nothing milc", Any, Some("1 of green milk")),
        ("nothing", Any, None),
        ("green tea milk silk cola coca x200", All, None),
        ("", All, None),
    ];
    for (text, pass, expected) in cases {
        assert_eq!(said(text, pass).as_deref(), expected, "{text} {pass:?}");
    }
}

#[test]
fn the_last_word_may_be_a_beginning() {
    let cases = [
        ("m", "^m"),
        ("t", "tea"),
        ("mi", "<mi"),
        ("green m", "green <m"),
        ("green mi", "green <mi|/mi"),
        ("green mil", "green milk"),
        ("green choc", "green chocolate"),
        ("40", "40|<40"),
    ];
    for (text, expected) in cases {
        assert_eq!(planned(&[], &typed::read(text, true), Pass::All).as_deref(), Some(expected), "{text}");
    }
    let (typed, mut forms) = (typed::read("green mi", true), Forms::new());
    let plan = Planner::new(&SHOP, &mut forms, &[]).plan(&typed, Pass::All).expect("a plan");
    let weights: Vec<f32> = plan.alternatives[0].needs[1].iter().map(|way| way.weight).collect();
    assert_eq!(weights, [BEGUN, BEGUN_CATEGORY]);
}

#[test]
fn a_code_of_letters_and_digits_counts_more_than_a_word() {
    let weight = |text: &str, is_typing| {
        let (typed, mut forms) = (typed::read(text, is_typing), Forms::new());
        let plan = Planner::new(&SHOP, &mut forms, &[]).plan(&typed, Pass::All)?;
        plan.alternatives[0].needs[0].first().map(|way| way.weight)
    };
    assert_eq!(weight("x200", false), Some(NAMED));
    assert_eq!(weight("x200", true), Some(NAMED));
    assert_eq!(weight("tea", false), Some(1.0));
    assert_eq!(weight("40", false), Some(1.0), "a number names nothing");
    assert_eq!(weight("x20", true), Some(BEGUN), "a short one may be a size");
    assert_eq!(weight("kx12", true), Some(BEGUN * NAMED), "what was typed of a longer one");
}

#[test]
fn what_was_meant_is_told() {
    let mut forms = Forms::new();
    let mut planner = Planner::new(&SHOP, &mut forms, &[]);
    let meant = |planner: &mut Planner<'_, Words>, text: &str| planner.meant(&typed::read(text, false));
    assert_eq!(meant(&mut planner, "green milc").as_deref(), Some("green milk"));
    assert_eq!(meant(&mut planner, "green milk"), None);
}

#[test]
fn what_is_meant_besides_is_looked_for_below_what_was_typed() {
    use Pass::{All, Mistyped, Some as Any};
    let cola = "soft drink, cola, green tea";
    let cases: [(&[&str], _, _, Option<&str>); 12] = [
        (&[cola], "cola", All, Some("cola or below cola|green+tea/~tea")),
        (&[cola], "soft drinks", All, Some("below cola|green+tea/~tea")),
        (&[cola], "milk cola", All, Some("milk cola or below milk cola|green+tea/~tea")),
        (&[cola], "green tea", All, Some("green tea|~tea or below cola")),
        (&["brew => tea"], "brew", All, Some("below tea|~tea")),
        (&["brew => tea"], "tea", All, Some("tea|~tea")),
        (&["brew, infusion"], "brew", All, None),
        (&["fizz, coca-cola"], "fizz", All, Some("below cocacola|coca+cola")),
        (&["brew, tea"], "brew milc", All, None),
        (&["brew, tea"], "brew milc", Mistyped, Some("below tea|~tea milk")),
        (&["brew, tea"], "brew nothing", Any, Some("below 1 of tea|~tea")),
        (&["milc, tea"], "green milc", Mistyped, Some("green milk or below green milk|tea|~tea")),
    ];
    for (groups, text, pass, expected) in cases {
        assert_eq!(said_with(groups, text, pass).as_deref(), expected, "{groups:?} {text} {pass:?}");
    }
}

#[test]
fn phrases_that_stand_beside_each_other_are_replaced_alone_and_together() {
    let groups = ["soft drink, cola", "green leaf, tea"];
    let together = said_with(&groups, "soft drink green leaf", Pass::All).expect("a plan");
    assert_eq!(together, "below cola tea|~tea", "no product has a leaf, or is soft");
    let groups = ["green tea, cola", "milk chocolate, silk"];
    assert_eq!(
        said_with(&groups, "green tea milk chocolate", Pass::All).expect("a plan"),
        "green tea|~tea milk chocolate|~chocol or below cola milk chocolate|~chocol or below green tea|~tea silk or below cola silk"
    );
}

/// Has every word, and no form of any.
struct Everything;

impl Dictionary for Everything {
    fn uses(&self, term: &str) -> u64 {
        u64::from(forms::is_written(term))
    }

    fn near(&self, _: &str, _: u8) -> Vec<(String, u64)> {
        Vec::new()
    }

    fn begun(&self, _: &str) -> Vec<(String, u64)> {
        Vec::new()
    }
}

#[test]
fn no_search_looks_for_more_than_a_few_other_words() {
    let words: Vec<String> = ('a'..='z').map(|letter| format!("xyz{letter}")).collect();
    let line = |some: &[String]| format!("milk, {}", some.join(", ")).parse().expect("a group");
    let groups: Vec<Group> = words.chunks(13).map(line).collect();
    let (typed, mut forms) = (typed::read("milk", false), Forms::new());
    let meant = Meanings::of(&groups, &mut forms).of_typed(&typed, &mut forms);
    let plan = Planner::new(&Everything, &mut forms, &meant).plan(&typed, Pass::All).expect("a plan");
    let terms: BTreeSet<&String> = plan.alternatives[1].needs[0].iter().flat_map(|way| &way.terms[0]).collect();
    assert_eq!(words.iter().filter(|word| terms.contains(word)).count(), OTHERS_MAX);
}
