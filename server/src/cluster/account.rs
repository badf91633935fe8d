//! Who runs Postgres: the user who runs us, or, when that is root, a user of lesser rights.
//!
//! Postgres refuses to run as root. The account's supplementary groups are never used: a folder
//! must be open to the user itself, so that what is reachable doesn't depend on who started us.

use std::{
    fs,
    os::unix::fs::{MetadataExt, chown},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use nix::unistd::{User, geteuid};

use super::ClusterError;

/// Whom root asks to run Postgres, the first that exists.
const LENT_NAMES: [&str; 2] = ["postgres", "nobody"];

/// The user that runs Postgres and owns its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Account {
    pub name: String,
    pub uid: u32,
    pub gid: u32,
    /// True when we are root and step down to this user.
    pub is_lent: bool,
}

impl Account {
    /// Ourselves, or, when we are root, the first of [`LENT_NAMES`] that this machine knows.
    pub fn choose() -> Result<Self, ClusterError> {
        let own = geteuid();
        if own.is_root() {
            let lent = LENT_NAMES.iter().find_map(|name| User::from_name(name).ok().flatten());
            return lent.map(|user| Self::of(user, true)).ok_or(ClusterError::NoAccount);
        }
        let user = User::from_uid(own).ok().flatten();
        user.map(|user| Self::of(user, false)).ok_or(ClusterError::NamelessUser { uid: own.as_raw() })
    }

    fn of(user: User, is_lent: bool) -> Self {
        Self { name: user.name, uid: user.uid.as_raw(), gid: user.gid.as_raw(), is_lent }
    }

    /// A program to be run by this account, with nothing of our environment or terminal.
    ///
    /// Setting a user id from root also clears the supplementary groups.
    pub fn command(&self, program: &Path) -> Command {
        use std::os::unix::process::CommandExt;
        let mut command = Command::new(program);
        command.env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C").current_dir("/").stdin(Stdio::null());
        command.process_group(0);
        if self.is_lent {
            command.uid(self.uid).gid(self.gid);
        }
        command
    }

    /// Gives `path` to this account.
    pub fn take(&self, path: &Path) -> Result<(), ClusterError> {
        if !self.is_lent {
            return Ok(());
        }
        chown(path, Some(self.uid), Some(self.gid)).map_err(ClusterError::file("change the owner of", path))
    }

    /// Refuses a path that this account cannot walk down to. `path` exists and has no links in it.
    pub fn check_reach(&self, path: &Path) -> Result<(), ClusterError> {
        match self.first_closed(path)? {
            None => Ok(()),
            Some(blocked_at) => {
                Err(ClusterError::Unreachable { path: path.into(), blocked_at, account: self.name.clone() })
            }
        }
    }

    fn first_closed(&self, path: &Path) -> Result<Option<PathBuf>, ClusterError> {
        let mut from_the_root: Vec<&Path> = path.ancestors().collect();
        from_the_root.reverse();
        for folder in from_the_root {
            let about = fs::metadata(folder).map_err(ClusterError::file("look at", folder))?;
            if !self.may_enter(about.uid(), about.gid(), about.mode()) {
                return Ok(Some(folder.into()));
            }
        }
        Ok(None)
    }

    /// Whether the mode of a folder lets this account walk through it.
    const fn may_enter(&self, owner: u32, group: u32, mode: u32) -> bool {
        let bit = if owner == self.uid {
            0o100
        } else if group == self.gid {
            0o010
        } else {
            0o001
        };
        mode & bit != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_entered_by_owner_then_group_then_others() {
        let account = Account { name: "postgres".into(), uid: 101, gid: 104, is_lent: true };
        let cases = [
            (0, 0, 0o755, true),
            (0, 0, 0o711, true),
            (0, 0, 0o700, false),
            (101, 0, 0o700, true),
            (101, 0, 0o077, false),
            (0, 104, 0o710, true),
            (0, 104, 0o701, false),
        ];
        for (owner, group, mode, expected) in cases {
            assert_eq!(account.may_enter(owner, group, mode), expected, "{owner} {group} {mode:o}");
        }
    }

    #[test]
    fn root_is_never_who_runs_postgres() {
        assert_ne!(Account::choose().expect("this machine has a user for it").uid, 0);
    }
}
