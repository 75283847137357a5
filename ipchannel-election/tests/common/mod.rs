#[allow(dead_code, reason = "not every test binary runs processes")]
pub(crate) mod crew;

use ipchannel_core::{Endpoint, Identity, Incarnation, Lineage, Member, PeerId, PeerRef};
use ipchannel_election::claims::{Claims, Held, Name};

pub(crate) fn seat(id: u32) -> Name {
    Name::Seat(PeerId::new(id).unwrap())
}

/// What this test writes into a claim.
pub(crate) fn member(name: Name, number: u64) -> Member {
    let id = match name {
        Name::Host => PeerId::FIRST,
        Name::Seat(id) => id,
    };
    Member {
        peer: PeerRef { id, incarnation: Incarnation(number) },
        lineage: Lineage::of_executable("/usr/bin/test"),
        identity: Some(Identity::new(format!("{name} {number}"))),
        endpoint: Endpoint::new("uds", &format!("/tmp/{name}.sock")),
        pid: std::process::id(),
    }
}

/// Takes the lowest seat that is free.
pub(crate) fn sit(claims: &dyn Claims) -> Box<dyn Held> {
    loop {
        let all = claims.look_all().unwrap();
        let is_held = |name| all.iter().any(|claim| claim.name == name && claim.liveness.is_held());
        let name = (1..).map(seat).find(|&name| !is_held(name)).unwrap();
        if let Some(held) = claims.take(name, None, &|number| member(name, number)).unwrap().won() {
            return held;
        }
    }
}
