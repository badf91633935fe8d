//! Columns for people: as wide as what stands in them, numbers to the right.

/// Prints rows under their headings; nothing but a sentence if there are none.
pub(super) fn print<const N: usize>(headings: [&str; N], rows: &[[String; N]], none: &str) {
    if rows.is_empty() {
        println!("{none}");
        return;
    }
    lines(headings, rows).iter().for_each(|line| println!("{line}"));
}

fn lines<const N: usize>(headings: [&str; N], rows: &[[String; N]]) -> Vec<String> {
    let headings = headings.map(str::to_owned);
    let all = || [&headings].into_iter().chain(rows);
    let width = |column: usize| all().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    let right: [bool; N] = std::array::from_fn(|column| rows.iter().all(|row| is_number(&row[column])));
    let cell = |row: &[String; N], at: usize| match right[at] {
        true => format!("{:>width$}", row[at], width = widths[at]),
        false => format!("{:<width$}", row[at], width = widths[at]),
    };
    all().map(|row| (0..N).map(|at| cell(row, at)).collect::<Vec<_>>().join("  ").trim_end().to_owned()).collect()
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || b"-.".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let rows = [["Tea".to_owned(), "2.50".to_owned()], ["Crème".to_owned(), "12.00".to_owned()]];
        assert_eq!(lines(["name", "price"], &rows), ["name   price", "Tea     2.50", "Crème  12.00"]);
    }
}
