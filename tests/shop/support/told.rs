//! What is said of a story that fails.

/// Names the seed if the story fails while this lives, so that it can be told again.
pub struct Told(pub u64);

impl Drop for Told {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("this was seed {}", self.0);
        }
    }
}
