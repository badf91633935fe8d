//! Finds the machine's own Postgres, or says how to install it.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use nix::unistd::geteuid;

use super::ClusterError;

/// The oldest Postgres that will do: the first with `xid8` and `pg_snapshot`, which the feed needs.
const MAJOR_MIN: u32 = 13;

/// What a folder must hold to be a server's.
const PROGRAMS: [&str; 3] = ["initdb", "postgres", "pg_ctl"];

/// Folders with one subfolder per version, and where in it the programs lie.
const VERSIONED: [(&str, &str); 5] = [
    ("/usr/lib/postgresql", ""),
    ("/usr", "pgsql-"),
    ("/opt/homebrew/opt", "postgresql"),
    ("/usr/local/opt", "postgresql"),
    ("/home/linuxbrew/.linuxbrew/opt", "postgresql"),
];

/// A folder of Postgres programs, all of one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Binaries {
    folder: PathBuf,
    major: u32,
}

impl Binaries {
    /// The machine's Postgres; of the version that wrote `data` if there is data already.
    pub fn find(data: &Path) -> Result<Self, ClusterError> {
        Self::among(candidates(), data, Installer::detect())
    }

    /// Programs that can speak to a server of this version and read what it wrote: of that one or newer.
    pub fn at_least(major: u32) -> Result<Self, ClusterError> {
        let mut found = candidates().into_iter().filter_map(Self::at);
        found.find(|one| one.major >= major).ok_or_else(|| ClusterError::NoBinaries {
            min: major,
            install: Installer::command(Installer::detect(), Some(major)),
        })
    }

    fn among(
        candidates: impl IntoIterator<Item = PathBuf>,
        data: &Path,
        installer: Option<Installer>,
    ) -> Result<Self, ClusterError> {
        let mut found = candidates.into_iter().filter_map(Self::at);
        match written_by(data) {
            Some(major) => found.find(|one| one.major == major).ok_or_else(|| ClusterError::OtherVersion {
                data: data.into(),
                major,
                install: Installer::command(installer, Some(major)),
            }),
            None => found.find(|one| one.major >= MAJOR_MIN).ok_or_else(|| ClusterError::NoBinaries {
                min: MAJOR_MIN,
                install: Installer::command(installer, None),
            }),
        }
    }

    fn at(folder: PathBuf) -> Option<Self> {
        if !PROGRAMS.iter().all(|program| folder.join(program).is_file()) {
            return None;
        }
        let major = major_of(&said_by(Command::new(folder.join("postgres")).arg("--version"))?)?;
        Some(Self { folder, major })
    }

    /// One of the programs that speak to a running server; some systems package them apart.
    pub fn client(&self, program: &'static str) -> Result<PathBuf, ClusterError> {
        let path = self.folder.join(program);
        let install = || Installer::clients(Installer::detect(), self.major);
        if path.is_file() { Ok(path) } else { Err(ClusterError::NoProgram { program, path, install: install() }) }
    }

    /// The program that makes a data folder.
    pub fn initdb(&self) -> PathBuf {
        self.folder.join("initdb")
    }

    /// The server itself.
    pub fn postgres(&self) -> PathBuf {
        self.folder.join("postgres")
    }

    /// The program that stops a server and waits until it is gone.
    pub fn pg_ctl(&self) -> PathBuf {
        self.folder.join("pg_ctl")
    }
}

/// The major version in `postgres (PostgreSQL) 15.13 (Debian …)`, also of a beta such as `18beta1`.
fn major_of(version: &str) -> Option<u32> {
    let number = version.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
    number.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

fn written_by(data: &Path) -> Option<u32> {
    fs::read_to_string(data.join("PG_VERSION")).ok()?.trim().parse().ok()
}

fn said_by(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Every folder where a Postgres may lie: what `pg_config` says, packages' places, then the PATH.
fn candidates() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> =
        said_by(Command::new("pg_config").arg("--bindir")).map(PathBuf::from).into_iter().collect();
    for (parent, prefix) in VERSIONED {
        folders.extend(versions_below(Path::new(parent), prefix));
    }
    folders.extend(search_path());
    folders
}

/// The `bin` folders of the versions below `parent`, newest first.
fn versions_below(parent: &Path, prefix: &str) -> Vec<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = fs::read_dir(parent)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name();
            let version = name.to_str()?.strip_prefix(prefix)?.trim_start_matches('@');
            Some((version.parse().unwrap_or(0), entry.path().join("bin")))
        })
        .collect();
    versions.sort_by(|a, b| b.cmp(a));
    versions.into_iter().map(|(_, folder)| folder).filter(|folder| folder.is_dir()).collect()
}

fn search_path() -> Vec<PathBuf> {
    env::var_os("PATH").map(|path| env::split_paths(&path).collect()).unwrap_or_default()
}

/// The ways to install a package that we know the words of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Installer {
    Apt,
    Dnf,
    Brew,
}

impl Installer {
    fn detect() -> Option<Self> {
        let has = |program: &str| search_path().iter().any(|folder| folder.join(program).is_file());
        [("apt-get", Self::Apt), ("dnf", Self::Dnf), ("brew", Self::Brew)]
            .into_iter()
            .find_map(|(program, installer)| has(program).then_some(installer))
    }

    /// The command that installs the programs that speak to a running server.
    fn clients(installer: Option<Self>, major: u32) -> String {
        let sudo = if geteuid().is_root() { "" } else { "sudo " };
        match installer {
            Some(Self::Apt) => format!("{sudo}apt-get install -y postgresql-client-{major}"),
            Some(Self::Dnf) => format!("{sudo}dnf install -y postgresql{major}"),
            Some(Self::Brew) | None => Self::command(installer, Some(major)),
        }
    }

    fn command(installer: Option<Self>, major: Option<u32>) -> String {
        let number = |separator: &str| major.map(|major| format!("{separator}{major}")).unwrap_or_default();
        let sudo = if geteuid().is_root() { "" } else { "sudo " };
        match installer {
            Some(Self::Apt) => format!("{sudo}apt-get install -y postgresql{}", number("-")),
            Some(Self::Dnf) => format!("{sudo}dnf install -y postgresql{}-server", number("")),
            Some(Self::Brew) => format!("brew install postgresql@{}", major.unwrap_or(17)),
            None => format!("your system's package manager: the package of the PostgreSQL{} server", number(" ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_postgres_the_error_names_the_package() {
        let nowhere = Path::new("/nowhere");
        let error = Binaries::among([nowhere.into()], nowhere, Some(Installer::Apt)).expect_err("nothing is there");
        assert_eq!(error.code(), "postgres_missing");
        assert!(error.to_string().contains("apt-get install -y postgresql"), "{error}");
    }

    #[test]
    fn data_of_a_version_that_is_gone_asks_for_that_version() {
        let data = tempfile::tempdir().expect("a folder");
        fs::write(data.path().join("PG_VERSION"), "9\n").expect("written");
        let error = Binaries::among(candidates(), data.path(), Some(Installer::Brew)).expect_err("9 is long gone");
        assert_eq!(error.code(), "postgres_other_version");
        assert!(error.to_string().contains("brew install postgresql@9"), "{error}");
    }

    #[test]
    fn every_installer_has_its_words() {
        let cases = [
            (Some(Installer::Apt), Some(15), "apt-get install -y postgresql-15"),
            (Some(Installer::Dnf), None, "dnf install -y postgresql-server"),
            (Some(Installer::Dnf), Some(16), "dnf install -y postgresql16-server"),
            (Some(Installer::Brew), None, "brew install postgresql@17"),
            (None, None, "the package of the PostgreSQL server"),
        ];
        for (installer, major, expected) in cases {
            assert!(Installer::command(installer, major).ends_with(expected), "{installer:?} {major:?}");
        }
    }

    #[test]
    fn the_version_is_read_from_what_postgres_says() {
        let cases = [
            ("postgres (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)", Some(15)),
            ("postgres (PostgreSQL) 18beta1", Some(18)),
            ("postgres (PostgreSQL) 9.6.24", Some(9)),
            ("nothing", None),
        ];
        for (said, expected) in cases {
            assert_eq!(major_of(said), expected, "{said}");
        }
    }

    #[test]
    fn newer_versions_come_first_by_number_not_by_letter() {
        let parent = tempfile::tempdir().expect("a folder");
        for version in ["pgsql-9", "pgsql-15", "pgsql-16", "other"] {
            fs::create_dir_all(parent.path().join(version).join("bin")).expect("made");
        }
        let found = versions_below(parent.path(), "pgsql-");
        let expected: Vec<PathBuf> =
            ["pgsql-16", "pgsql-15", "pgsql-9"].iter().map(|version| parent.path().join(version).join("bin")).collect();
        assert_eq!(found, expected);
    }
}
