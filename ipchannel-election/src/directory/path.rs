//! The name of a channel's directory.

/// A short name for the directory: 64 bits of FNV-1a, which is the same in every build for ever. Two names that meet are told
/// apart by the stamp.
pub(super) fn folder_name(channel: &str) -> String {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in channel.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::folder_name;

    #[test]
    fn the_directory_of_a_channel_never_changes_its_name() {
        // Published test vectors of FNV-1a: another value here would split channels between versions.
        assert_eq!(folder_name(""), "cbf29ce484222325");
        assert_eq!(folder_name("a"), "af63dc4c8601ec8c");
        assert_eq!(folder_name("foobar"), "85944171f73967e8");
    }
}
