//! Small text files: a first line, then one `key value` per line.

use std::collections::BTreeMap;

/// The fields, or `None` if this is not a whole file of that kind.
pub(crate) fn fields<'a>(content: &'a str, first_line: &str) -> Option<BTreeMap<&'a str, &'a str>> {
    let body = content.strip_prefix(first_line)?.strip_prefix('\n')?;
    body.strip_suffix('\n')?.split('\n').map(|line| line.split_once(' ')).collect()
}

/// A value without line ends.
pub(crate) fn escape(value: &str) -> String {
    value.replace('%', "%25").replace('\n', "%0A")
}

pub(crate) fn unescape(value: &str) -> String {
    value.replace("%0A", "\n").replace("%25", "%")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_escaped_comes_back() {
        for value in ["", "plain", "%0A", "%250A", "100%\n\n%25%", "  spaces "] {
            assert!(!escape(value).contains('\n'));
            assert_eq!(unescape(&escape(value)), value);
        }
    }

    #[test]
    fn half_a_file_has_no_fields() {
        assert_eq!(fields("kind 1\na b\nc \n", "kind 1").map(|fields| fields["a"]), Some("b"));
        for content in ["", "kind 1", "kind 1\n", "kind 1\na b", "kind 1\na\n", "kind 12\na b\n", "\0\0\0\0"] {
            assert_eq!(fields(content, "kind 1"), None, "{content:?}");
        }
    }
}
