use uuid::Uuid;

use super::*;

fn group(line: &str) -> Group {
    line.parse().unwrap_or_else(|fault| panic!("{line}: {fault}"))
}

fn kept(groups: &[Group]) -> Vec<Synonyms> {
    let numbered = groups.iter().cloned().zip(1..);
    let kept = numbered.map(|(group, number)| Synonyms {
        synonyms_id: SynonymsId(Uuid::from_u128(number)),
        group,
        created_at: Timestamp::from_micros(0),
    });
    kept.collect()
}

/// A word of letters for a number.
fn word(number: usize) -> String {
    format!("w{}", number.to_string().bytes().map(|digit| char::from(digit - b'0' + b'a')).collect::<String>())
}

#[test]
fn a_phrase_is_words_and_nothing_else() {
    for (text, expected) in [
        ("  Soft\tDRINK ", "soft drink"),
        ("Côte d'Or", "côte d'or"),
        ("Cafe\u{301}", "cafe\u{301}"),
        ("coca-cola", "coca-cola"),
        ("- rock & roll -", "rock roll"),
        ("(a+)+$ .*", "a"),
        ("soda\u{0}\u{1b}[Jpop\r\n", "soda jpop"),
        ("чай 茶", "чай 茶"),
        ("İ", "i\u{307}"),
        ("name:* AND NOT", "name and not"),
    ] {
        let phrase: Phrase = text.parse().unwrap_or_else(|fault| panic!("{text:?}: {fault}"));
        assert_eq!(phrase.text(), expected, "{text:?}");
        assert_eq!(phrase.text().parse(), Ok(phrase.clone()), "{text:?} reads as it is kept");
        let body = serde_json::to_string(text).expect("encodes");
        assert_eq!(serde_json::from_str::<Phrase>(&body).is_ok(), text == expected, "{text:?} in a body");
    }
}

#[test]
fn what_is_no_phrase_is_refused_with_its_reason() {
    let long = "x".repeat(PHRASE_MAX + 1);
    for (text, code) in [
        ("", "empty"),
        (" \u{0}*** - ", "empty"),
        (long.as_str(), "too_long"),
        ("7up", "synonym_with_digits"),
        ("m²", "synonym_with_digits"),
        ("kx-ts108w", "synonym_with_digits"),
        ("a word or two too many", "too_many"),
    ] {
        assert_eq!(text.parse::<Phrase>().map_err(|fault| fault.code()), Err(code), "{text:?}");
    }
}

#[test]
fn a_group_reads_as_it_is_written() {
    for (line, expected) in [
        ("soft drink,soda , Pop,", "soft drink, soda, pop"),
        ("trainers=>Sneakers, running shoes", "trainers => sneakers, running shoes"),
        ("soda, pop => cola", "soda, pop => cola"),
    ] {
        let read = group(line);
        assert_eq!(read.to_string(), expected);
        assert_eq!(group(expected), read);
        let body = serde_json::to_value(&read).expect("encodes");
        assert_eq!(serde_json::from_value::<Group>(body).expect("decodes"), read);
    }
    let many = (0..=PHRASES_MAX).map(word).collect::<Vec<_>>().join(",");
    for (line, code) in [
        ("", "not_synonyms"),
        ("soda", "not_synonyms"),
        ("=> soda, pop", "not_synonyms"),
        ("a => b => c", "not_synonyms"),
        ("soda, SODA!", "synonym_twice"),
        ("soda, pop => soda", "synonym_twice"),
        ("soda, ***", "empty"),
        (many.as_str(), "too_many"),
    ] {
        assert_eq!(line.parse::<Group>().map_err(|fault| fault.code()), Err(code), "{line}");
    }
}

#[test]
fn what_is_kept_already_stays_and_what_is_new_is_added_once() {
    let (soda, shoes) = (group("soda, pop"), group("trainers => sneakers"));
    let kept = kept(&[soda.clone(), shoes.clone()]);
    let again = group("pop, soda");
    let new = group("sneakers => trainers");
    let added = |wanted: &[Group], is_all| change(&kept, wanted, is_all).expect("allowed");
    assert_eq!(added(std::slice::from_ref(&again), false), Change::default());
    assert_eq!(
        added(&[new.clone(), again.clone(), new.clone()], false),
        Change { added: vec![new.clone()], removed: vec![] }
    );
    assert_eq!(added(&[again, new.clone()], true), Change { added: vec![new], removed: vec![kept[1].synonyms_id] });
    assert_eq!(added(&[], true).removed.len(), 2);
}

#[test]
fn a_phrase_stands_in_few_groups_and_there_are_not_too_many() {
    let with_soda: Vec<Group> =
        (0..=GROUPS_OF_ONE_MAX).map(|number| group(&format!("soda, {}", word(number)))).collect();
    let (first, all) = (kept(&with_soda[..GROUPS_OF_ONE_MAX]), with_soda.as_slice());
    assert_eq!(change(&[], all, false).map_err(|fault| fault.code()), Err("synonym_too_often"));
    assert_eq!(
        change(&first, &all[GROUPS_OF_ONE_MAX..], false).map_err(|fault| fault.code()),
        Err("synonym_too_often")
    );
    assert!(change(&first, &all[GROUPS_OF_ONE_MAX..], true).is_ok(), "the others go");
    let many: Vec<Group> =
        (0..=GROUPS_MAX).map(|number| group(&format!("{}, {}", word(2 * number), word(2 * number + 1)))).collect();
    assert_eq!(change(&kept(&many[1..]), &many[..1], false).map_err(|fault| fault.code()), Err("too_many"));
}
