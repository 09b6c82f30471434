//! Files that hold what only their owner is to read, and whether two names are of one file.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// A file that is made is readable by its owner only.
pub(crate) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

/// Opens a file to append to, or makes it: readable by its owner only, whatever it was before.
pub(crate) fn append(path: &Path) -> io::Result<File> {
    let file = private(OpenOptions::new().append(true).read(true).create(true)).open(path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let metadata = file.metadata()?;
        if metadata.is_file() && metadata.permissions().mode() & 0o077 != 0 {
            file.set_permissions(fs::Permissions::from_mode(0o600))?;
        }
    }
    Ok(file)
}

/// Whether two names lead to the same file, or would if it were made.
pub(crate) fn is_same(one: &Path, other: &Path) -> bool {
    #[cfg(unix)]
    if let (Ok(one), Ok(other)) = (fs::metadata(one), fs::metadata(other)) {
        use std::os::unix::fs::MetadataExt;
        return one.dev() == other.dev() && one.ino() == other.ino();
    }
    match (whole(one), whole(other)) {
        (Some(one), Some(other)) => one == other,
        _ => one == other,
    }
}

/// The one path of a file, which need not be there yet.
fn whole(path: &Path) -> Option<PathBuf> {
    if let Ok(path) = fs::canonicalize(path) {
        return Some(path);
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Some(fs::canonicalize(folder).ok()?.join(path.file_name()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_one_file_are_known_before_it_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (folder.path().join("one"), folder.path().join("./one"));
        assert!(is_same(&one, &other) && !is_same(&one, &folder.path().join("two")));
        fs::write(&one, "").unwrap();
        assert!(is_same(&one, &other) && !is_same(&one, &folder.path().join("two")));
        assert!(is_same(Path::new("one"), Path::new("./one")) && !is_same(Path::new("one"), Path::new("two")));
        assert!(is_same(Path::new("/nowhere/one"), Path::new("/nowhere/one")));
    }
}
