//! Writes each entry's seeds to `corpus/<entry>/`, where cargo-fuzz looks for them.

fn main() -> std::io::Result<()> {
    for (name, _, seeds) in coldstart_fuzz::ENTRIES {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
        std::fs::create_dir_all(&folder)?;
        for (number, bytes) in seeds().iter().enumerate() {
            std::fs::write(folder.join(format!("seed-{number}")), bytes)?;
        }
    }
    Ok(())
}
