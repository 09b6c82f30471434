//! Deflates the descriptions and the page, which the server carries and few who run it ask for.

use std::error::Error;
use std::path::Path;
use std::{env, fs};

/// As small as it gets.
const LEVEL: u8 = 10;

fn main() -> Result<(), Box<dyn Error>> {
    let out = env::var_os("OUT_DIR").ok_or("cargo says no OUT_DIR")?;
    for folder in ["openapi", "page"] {
        let (from, to) = (Path::new("src").join(folder), Path::new(&out).join(folder));
        println!("cargo::rerun-if-changed={}", from.display());
        // What is no file any more must not be found.
        if to.exists() {
            fs::remove_dir_all(&to)?;
        }
        fs::create_dir(&to)?;
        for entry in fs::read_dir(from)? {
            let path = entry?.path();
            if path.is_file() && path.extension().is_none_or(|extension| extension != "rs") {
                let name = path.file_name().ok_or("a file without a name")?;
                fs::write(to.join(name), miniz_oxide::deflate::compress_to_vec(&fs::read(&path)?, LEVEL))?;
            }
        }
    }
    Ok(())
}
