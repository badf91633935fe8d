//! How a machine lists what it does: what both lists would repeat is written out by these two.

/// Lists how far a machine's pieces of work come, each with its word: makes `Moment`.
#[macro_export]
macro_rules! moments {
    ($($(#[doc = $doc:literal])+ $moment:ident = $word:literal;)+) => {
        /// How far a piece of work has come.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Moment {
            $($(#[doc = $doc])+ $moment,)+
        }

        impl $crate::stage::Moment for Moment {
            fn word(self) -> &'static str {
                match self { $(Self::$moment => $word),+ }
            }
        }
    };
}

/// Lists what a machine does whole or not at all, each with its word and moments: makes `Work`, its `Stage`, and
/// `all`, `check`, `reach` and `reach_migration` for it. First comes the list's own file, and what gives the
/// migrations; `Moment` is there already.
#[macro_export]
macro_rules! works {
    (FILE = $file:literal; MIGRATIONS = $migrations:expr;
     $($(#[doc = $doc:literal])+ $work:ident = $word:literal: $moments:expr;)+) => {
        /// A piece of work that is done whole or not at all.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Work {
            $($(#[doc = $doc])+ $work,)+
        }

        impl $crate::stage::Work for Work {
            type Moment = Moment;
            const ALL: &'static [Self] = &[$(Self::$work),+];
            const MIGRATION: Self = Self::Migration;
            const FILE: &'static str = $file;

            fn word(self) -> &'static str {
                match self { $(Self::$work => $word),+ }
            }

            fn moments(self) -> &'static [Moment] {
                match self { $(Self::$work => $moments),+ }
            }

            fn migrations() -> Vec<(&'static str, &'static [Moment])> {
                $migrations
            }
        }

        impl Work {
            /// The stages of this work, each migration's by itself.
            pub fn stages(self) -> Vec<Stage> {
                Stage::of(self)
            }

            /// This work at this moment, which is one of its own.
            pub fn at(self, moment: Moment) -> Stage {
                Stage::at(self, moment)
            }
        }

        /// One stage: a piece of work at one of its moments.
        pub type Stage = $crate::stage::Stage<Work>;

        /// Every stage there is.
        pub fn all() -> Vec<Stage> {
            Stage::all()
        }

        /// Looks whether the stage that was asked for exists. A release build knows none, and looks at nothing.
        ///
        /// # Errors
        /// `unknown_stage`.
        pub fn check() -> Result<(), $crate::wire::Problem> {
            $crate::stage::check::<Work>()
        }

        /// Ends the process here, with nothing flushed and nothing dropped, if a test asked for it.
        pub(crate) fn reach(work: Work, moment: Moment) {
            $crate::stage::reach(work, None, moment);
        }

        /// The same for one migration.
        pub(crate) fn reach_migration(name: &str, moment: Moment) {
            $crate::stage::reach(Work::Migration, Some(name), moment);
        }
    };
}
