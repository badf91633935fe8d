//! Dates as labels write them: YYMMDD, where day 00 is the month's last.

/// The date as `2026-11-30`; none if there is no such day. Two digits of a year mean the year that is no more
/// than 49 years before `year` and no more than 50 after it (GS1 General Specifications, 7.12).
pub(super) fn date(text: &str, year: i32) -> Option<String> {
    let part = |from: usize| text.get(from..from + 2)?.parse::<i32>().ok();
    let (short, month, day) = (part(0)?, part(2)?, part(4)?);
    let year = whole_year(short, year);
    let last = last_day(year, month)?;
    let day = if day == 0 { last } else { day };
    (day <= last).then(|| format!("{year:04}-{month:02}-{day:02}"))
}

fn whole_year(short: i32, now: i32) -> i32 {
    let century = now.div_euclid(100) * 100;
    match short - now.rem_euclid(100) {
        51.. => century - 100 + short,
        ..=-50 => century + 100 + short,
        -49..=50 => century + short,
    }
}

fn last_day(year: i32, month: i32) -> Option<i32> {
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => Some(31),
        4 | 6 | 9 | 11 => Some(30),
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => Some(29),
        2 => Some(28),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_in_the_nearest_century_and_day_nought_is_the_last() {
        let cases = [
            ("261130", 2026, Some("2026-11-30")),
            ("270200", 2026, Some("2027-02-28")),
            ("280200", 2026, Some("2028-02-29")),
            ("000200", 2026, Some("2000-02-29")),
            ("760101", 2026, Some("2076-01-01")),
            ("770101", 2026, Some("1977-01-01")),
            ("490101", 2099, Some("2149-01-01")),
            ("500101", 2099, Some("2050-01-01")),
            ("990101", 2001, Some("1999-01-01")),
            ("261131", 2026, None),
            ("261300", 2026, None),
            ("260001", 2026, None),
            ("2611", 2026, None),
            ("26é130", 2026, None),
        ];
        for (text, year, expected) in cases {
            assert_eq!(date(text, year).as_deref(), expected, "{text} in {year}");
        }
    }
}
