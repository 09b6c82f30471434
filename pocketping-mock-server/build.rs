//! Deflates the descriptions and the page, which the server carries and few who run it ask for.

use std::error::Error;
use std::path::Path;
use std::{env, fs};

/// As small as it gets.
const LEVEL: u8 = 10;

fn main() -> Result<(), Box<dyn Error>> {
    let out = env::var_os("OUT_DIR").ok_or("cargo says no OUT_DIR")?;
    for folder in ["src/openapi", "src/page"] {
        println!("cargo::rerun-if-changed={folder}");
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let name = path.file_name().ok_or("a file without a name")?;
            if path.is_file() && path.extension().is_none_or(|extension| extension != "rs") {
                let deflated = miniz_oxide::deflate::compress_to_vec(&fs::read(&path)?, LEVEL);
                fs::write(Path::new(&out).join(name), deflated)?;
            }
        }
    }
    Ok(())
}
