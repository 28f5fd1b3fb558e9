//! Where plugins are looked for, and what is there.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use oxisasl::config;
use oxisasl::log::Level;
use oxisasl::{Error, Result};

use super::journal::Journal;

/// Where plugins are looked for when nobody says where: Debian's directory.
#[cfg(target_arch = "x86_64")]
pub const PLUGIN_PATH: &str = "/usr/lib/x86_64-linux-gnu/sasl2";
#[cfg(target_arch = "aarch64")]
pub const PLUGIN_PATH: &str = "/usr/lib/aarch64-linux-gnu/sasl2";
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub const PLUGIN_PATH: &str = "/usr/lib/sasl2";

/// The longest search path, as long as a path may be.
const PATH_MAX: usize = 4096;

/// The longest line of a libtool file that is looked at, and the longest such file.
const LA_MAX: u64 = 64 << 10;

/// A search path: directories with colons between them; what follows an equals sign does not count.
pub struct SearchPath {
    text: String,
    /// Whether directories may be named from where the program happens to run: not by the environment.
    relative: bool,
}

impl SearchPath {
    /// The one that the application gives, else that of `SASL_PATH`, unless the process has more rights than its caller,
    /// else Debian's.
    ///
    /// # Errors
    /// When it is too long.
    pub fn choose(given: Option<String>) -> Result<Self> {
        let environment = || config::environment("SASL_PATH").map(|text| SearchPath { text, relative: false });
        let path = given
            .map(|text| SearchPath { text, relative: true })
            .or_else(environment)
            .unwrap_or_else(|| SearchPath { text: PLUGIN_PATH.to_owned(), relative: false });
        if path.text.len() >= PATH_MAX {
            return Err(Error::fail("the search path for plugins is too long"));
        }
        Ok(path)
    }

    /// What `SASL_PATH`, or Debian, says.
    pub fn default_text() -> String {
        config::environment("SASL_PATH").unwrap_or_else(|| PLUGIN_PATH.to_owned())
    }

    /// The files that may be plugins: directory after directory, in each by name.
    pub fn candidates(&self, journal: &Journal<'_>) -> Vec<Candidate> {
        let list = self.text.split_once('=').map_or(self.text.as_str(), |(list, _)| list);
        let mut found = Vec::new();
        for directory in list.split(':').filter(|directory| !directory.is_empty()) {
            if !self.relative && !directory.starts_with('/') {
                let why = "SASL_PATH may not name directories from where the program runs";
                journal.write(Level::Warn, &format!("plugins of {directory} are not looked for: {why}"));
                continue;
            }
            match list_directory(Path::new(directory), journal) {
                Ok(files) => found.extend(files),
                Err(error) => journal.write(Level::Debug, &format!("no plugins in {directory}: {error}")),
            }
        }
        found
    }
}

/// A file that may be a plugin.
#[derive(Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The file to open.
    pub path: PathBuf,
    /// The plugin's name: that of the file without `lib` and what follows the first dot.
    pub name: String,
}

impl Candidate {
    /// A file, under the name that it gives the plugin.
    pub fn of(path: PathBuf) -> Self {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name = name.strip_prefix("lib").unwrap_or(&name);
        let name = name.split('.').next().unwrap_or_default().to_owned();
        Candidate { path, name }
    }
}

/// The objects of a directory. Beside an object its libtool file may name another one of the same directory to be opened
/// in its place.
fn list_directory(directory: &Path, journal: &Journal<'_>) -> std::io::Result<Vec<Candidate>> {
    // By stem: whether there is an object, and whether there is a libtool file.
    let mut stems: BTreeMap<String, (bool, bool)> = BTreeMap::new();
    for entry in fs::read_dir(directory)? {
        let Ok(name) = entry?.file_name().into_string() else { continue };
        for (suffix, is_object) in [(".so", true), (".la", false)] {
            if let Some(stem) = name.strip_suffix(suffix).filter(|stem| !stem.is_empty()) {
                let (object, libtool) = stems.entry(stem.to_owned()).or_default();
                *if is_object { object } else { libtool } = true;
            }
        }
    }
    let choose = |(stem, (object, libtool)): (String, (bool, bool))| {
        let named = if libtool { named_by_libtool(directory, &stem, journal) } else { None };
        let path = named.or_else(|| object.then(|| directory.join(format!("{stem}.so"))))?;
        Some(Candidate { path, ..Candidate::of(PathBuf::from(format!("{stem}.so"))) })
    };
    Ok(stems.into_iter().filter_map(choose).collect())
}

/// The object that a libtool file names, if it is there.
fn named_by_libtool(directory: &Path, stem: &str, journal: &Journal<'_>) -> Option<PathBuf> {
    let file = directory.join(format!("{stem}.la"));
    let ignored = |why: &str| {
        journal.write(Level::Debug, &format!("{} is not looked at: {why}", file.display()));
        None
    };
    let is_short = fs::metadata(&file).is_ok_and(|metadata| metadata.is_file() && metadata.len() <= LA_MAX);
    let text = match fs::read(&file) {
        Ok(text) if is_short => String::from_utf8_lossy(&text).into_owned(),
        Ok(_) => return ignored("it is too long, or no file"),
        Err(error) => return ignored(&error.to_string()),
    };
    let quoted = |line: &str| Some(line.strip_prefix("dlname='")?.split_once('\'')?.0.to_owned());
    match text.lines().find_map(quoted) {
        Some(name) if !name.is_empty() && !name.contains('/') && directory.join(&name).exists() => {
            Some(directory.join(name))
        }
        Some(name) => ignored(&format!("it names {name:?}, which is not in its directory")),
        None => ignored("it names no object"),
    }
}
