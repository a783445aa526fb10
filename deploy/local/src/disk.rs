//! Where ClickHouse's tables lie: encrypted, since each of its users can read any file of its folder
//! (`confined.rs` in the launcher). The key is a file beside that folder, out of their reach.

use std::fs::{self, File};
use std::io::Read;
use std::path::PathBuf;

use crate::error::{Error, While};
use crate::place::{Place, write_private};

/// The launcher sets it from the file.
pub(crate) const KEY_VARIABLE: &str = "WAYBILL_DISK_KEY";
/// Of AES-128.
const KEY_BYTES: usize = 16;

/// Made once and kept: without it the tables are lost.
pub(crate) fn key_file(place: &Place) -> Result<PathBuf, Error> {
    let path = place.data().join("clickhouse.key");
    // an empty one is of a start that was killed before there was any table
    if !fs::metadata(&path).is_ok_and(|file| file.len() > 0) {
        write_private(&path, &new_key()?)?;
    }
    Ok(path)
}

fn new_key() -> Result<String, Error> {
    let mut bytes = [0; KEY_BYTES];
    File::open("/dev/urandom")
        .and_then(|mut random| random.read_exact(&mut bytes))
        .doing(|| "making a key out of /dev/urandom".to_owned())?;
    Ok(hex::encode(bytes))
}

/// The volume `before` has the parts of a folder from before there was a key. Nothing new fits there, and
/// what is there moves over in the background, since no disk is wholly free.
pub(crate) fn storage_xml() -> String {
    format!(
        "<storage_configuration>
    <disks>
      <default><keep_free_space_bytes>0</keep_free_space_bytes></default>
      <encrypted>
        <type>encrypted</type>
        <disk>default</disk>
        <path>encrypted/</path>
        <algorithm>AES_128_CTR</algorithm>
        <key_hex from_env=\"{KEY_VARIABLE}\"/>
      </encrypted>
    </disks>
    <policies>
      <default>
        <volumes>
          <before>
            <disk>default</disk>
            <max_data_part_size_bytes>1</max_data_part_size_bytes>
          </before>
          <encrypted><disk>encrypted</disk></encrypted>
        </volumes>
        <move_factor>1</move_factor>
      </default>
    </policies>
  </storage_configuration>"
    )
}
