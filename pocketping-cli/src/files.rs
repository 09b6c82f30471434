//! Files that hold what only their owner is to read, and whether two names are of one file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use fs4::FileExt;

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

/// Keeps other calls of this program from changing a file until what is given is dropped. It is a file beside it: the file itself
/// is replaced when it changes, and a lock on it with it.
pub(crate) fn lock(path: &Path) -> io::Result<File> {
    // As `replace` does it: one file has one lock, whatever links to it.
    let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let mut name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_owned();
    name.push(".lock");
    let file = append(&path.with_file_name(name))?;
    FileExt::lock(&file)?;
    Ok(file)
}

/// Writes a file of its own beside it, readable by nobody else, and puts it in its place.
pub(crate) fn replace(path: &Path, text: &str) -> io::Result<()> {
    // What is linked to stays linked to, and what is no file, such as a terminal, is nothing that could be replaced.
    let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no ordinary file"));
    }
    let mut name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = path.with_file_name(name);
    let written = write_private(&temporary, text).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // It may not be there; what matters is the error that is given.
        drop(fs::remove_file(&temporary));
    }
    written
}

fn write_private(path: &Path, text: &str) -> io::Result<()> {
    // One that a killed process with this id left.
    if let Err(error) = fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let mut file = private(OpenOptions::new().write(true).create_new(true)).open(path)?;
    file.write_all(text.as_bytes())?;
    // Or a power cut could leave the new name with nothing in it.
    file.sync_data()
}

/// Makes a directory that only its owner can look into; one that is there stays as it is.
pub(crate) fn make_private(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)
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
