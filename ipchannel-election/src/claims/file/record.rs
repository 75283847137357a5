//! What a claim's file says, as text that people can read.

use ipchannel_core::{Endpoint, Identity, Incarnation, Lineage, Member, PeerId, PeerRef};

use crate::claims::Name;
use crate::text;

const FIRST_LINE: &str = "ipchannel claim 1";

/// The content of a claim.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Record {
    pub(super) holder: Member,
    /// Names the life of its holder; also tells this claim from any other that ever had its name and number.
    pub(super) life: String,
}

impl Record {
    pub(super) fn to_text(&self) -> String {
        let Member { peer, lineage, identity, endpoint, pid } = &self.holder;
        let identity = identity.as_ref().map(|identity| format!("identity {}\n", text::escape(identity.as_str())));
        format!(
            "{FIRST_LINE}\nid {}\nincarnation {}\nlineage {}\n{}endpoint {}\npid {pid}\nlife {}\n",
            peer.id,
            peer.incarnation.0,
            text::escape(lineage.as_str()),
            identity.unwrap_or_default(),
            text::escape(&endpoint.to_string()),
            self.life,
        )
    }

    /// `None` if this version does not understand it, or the system crashed before it was on disk.
    pub(super) fn parse(content: &str) -> Option<Record> {
        let fields = text::fields(content, FIRST_LINE)?;
        let field = |key: &str| fields.get(key).copied().map(text::unescape);
        let holder = Member {
            peer: PeerRef {
                id: PeerId::new(field("id")?.parse().ok()?)?,
                incarnation: Incarnation(field("incarnation")?.parse().ok()?),
            },
            lineage: Lineage::from_text(field("lineage")?),
            identity: field("identity").map(Identity::new),
            endpoint: Endpoint::parse(&field("endpoint")?)?,
            pid: field("pid")?.parse().ok()?,
        };
        Some(Record { holder, life: field("life")? })
    }
}

pub(super) fn file_name(name: Name, number: u64) -> String {
    format!("{name}.{number}")
}

/// The claim whose file has this name.
pub(super) fn parse_file_name(file: &str) -> Option<(Name, u64)> {
    let (name, number) = file.split_once('.')?;
    let name = match name.strip_prefix("seat-") {
        Some(id) => Name::Seat(PeerId::new(id.parse().ok()?)?),
        None if name == "host" => Name::Host,
        None => return None,
    };
    let number = number.parse().ok()?;
    // Nothing but the one way to write it, or two files would be one claim.
    (file_name(name, number) == file).then_some((name, number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(identity: Option<&str>) -> Record {
        let holder = Member {
            peer: PeerRef { id: PeerId::new(7).unwrap(), incarnation: Incarnation(u64::MAX) },
            lineage: Lineage::of_executable("/with spaces\nand %0A lines"),
            identity: identity.map(Identity::new),
            endpoint: Endpoint::new("uds", "/tmp/x y.sock"),
            pid: 0,
        };
        Record { holder, life: "0123456789abcdef".into() }
    }

    #[test]
    fn a_record_comes_back_as_it_was_written() {
        for identity in [None, Some("worker"), Some(""), Some("a\nlife forged")] {
            let record = record(identity);
            assert_eq!(Record::parse(&record.to_text()), Some(record));
        }
    }

    #[test]
    fn no_part_of_a_record_passes_for_a_whole() {
        let text = record(Some("worker")).to_text();
        for end in 0..text.len() {
            assert_eq!(Record::parse(&text[..end]), None, "{:?}", &text[..end]);
        }
    }

    #[test]
    fn each_claim_has_one_file_name() {
        let seat = Name::Seat(PeerId::new(12).unwrap());
        assert_eq!(parse_file_name(&file_name(seat, 34)), Some((seat, 34)));
        assert_eq!(parse_file_name(&file_name(Name::Host, 0)), Some((Name::Host, 0)));
        for other in ["host", "host.", "host.01", "host.+1", "host.1.2", "seat-0.1", "seat-01.1", "seat-.1", "x.1"] {
            assert_eq!(parse_file_name(other), None, "{other}");
        }
    }
}
