//! The channel's events, as reports.

use ipchannel::{Disconnected, Event, Events, Presence};
use ipchannel_testkit::protocol::Report;

use crate::out::Out;

pub(crate) async fn tell(mut events: Events, out: Out) {
    while let Some(event) = events.next().await {
        out.tell(report(event));
    }
}

fn report(event: Event) -> Report {
    match event {
        Event::Connected { id } => Report::Connected { id: id.get() },
        Event::Disconnected { reason } => Report::Disconnected {
            reason: match reason {
                Disconnected::Closed => "closed".to_owned(),
                Disconnected::IdLost { id } => format!("lost {id}"),
                Disconnected::IdentityHeld(identity) => format!("held {identity}"),
                other => format!("{other:?}"),
            },
        },
        Event::HostChanged { host, term } => Report::HostChanged { host: host.get(), term: term.0 },
        Event::HostGained { term } => Report::HostGained { term: term.0 },
        Event::HostLost { term } => Report::HostLost { term: term.0 },
        Event::Joined(member) => Report::Joined { id: member.id().get(), incarnation: member.peer.incarnation.0 },
        Event::Left { member, presence } => Report::Left {
            id: member.id().get(),
            incarnation: member.peer.incarnation.0,
            died: presence == Presence::Died,
        },
        Event::Unhandled { event, .. } => Report::Unhandled { event: event.to_string() },
        Event::HandlerFailed { event, error, .. } => {
            Report::HandlerFailed { event: event.to_string(), error: error.to_string() }
        }
        Event::Trouble { error } => Report::Trouble { error: error.to_string() },
        Event::Missed { events } => Report::Missed { events },
        other => panic!("an event nobody knows here: {other:?}"),
    }
}
