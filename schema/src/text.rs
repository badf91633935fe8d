//! Text as it may be kept: valid UTF-8 by its type, without NUL, within a limit, never blank where
//! something is needed.

use crate::fault::Fault;

/// Names, e-mails, skus, references, single lines of an address: in bytes of UTF-8.
pub const LINE_MAX: usize = 500;

/// Descriptions, comments and notes: in bytes of UTF-8.
pub const PROSE_MAX: usize = 8 * 1024;

/// Checks text that may be empty.
///
/// # Errors
/// [`Fault::TooLong`] beyond `max` bytes, [`Fault::NulCharacter`] with a NUL inside.
pub fn check(field: &'static str, text: &str, max: usize) -> Result<(), Fault> {
    if text.len() > max {
        return Err(Fault::TooLong { field, max });
    }
    if text.contains('\0') {
        return Err(Fault::NulCharacter { field });
    }
    Ok(())
}

/// Checks text that must say something.
///
/// # Errors
/// Those of [`check`], and [`Fault::Empty`] if nothing but white space is there.
pub fn require(field: &'static str, text: &str, max: usize) -> Result<(), Fault> {
    if text.trim().is_empty() {
        return Err(Fault::Empty { field });
    }
    check(field, text, max)
}

/// Checks an e-mail address as far as that is useful without writing to it: something, an `@`, a
/// domain, no white space. Case is folded by the caller, because shops compare without it.
///
/// # Errors
/// [`Fault::NotAnEmail`], and those of [`require`].
pub fn email(text: &str) -> Result<(), Fault> {
    require("email", text, LINE_MAX)?;
    let parts = text.split_once('@');
    let sound = parts.is_some_and(|(name, domain)| !name.is_empty() && !domain.is_empty() && !domain.contains('@'));
    if sound && !text.contains(char::is_whitespace) { Ok(()) } else { Err(Fault::NotAnEmail) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_bounded_and_free_of_nul() {
        assert_eq!(
            check("name", &"x".repeat(LINE_MAX + 1), LINE_MAX),
            Err(Fault::TooLong { field: "name", max: LINE_MAX })
        );
        assert_eq!(check("name", "a\0b", LINE_MAX), Err(Fault::NulCharacter { field: "name" }));
        assert_eq!(require("name", " \t", LINE_MAX), Err(Fault::Empty { field: "name" }));
        assert_eq!(require("name", "Crème brûlée 🍮", LINE_MAX), Ok(()));
    }

    #[test]
    fn an_email_has_a_name_and_a_domain() {
        assert_eq!(email("ada@example.com"), Ok(()));
        for wrong in ["ada", "@example.com", "ada@", "a da@example.com", "a@b@c"] {
            assert_eq!(email(wrong), Err(Fault::NotAnEmail), "{wrong}");
        }
    }
}
