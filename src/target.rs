//! Whom a message is for, as users write it.

use ipchannel_core::{Member, PeerId, PeerRef, Target};

use crate::Channel;
use crate::sender::{Sender, SenderId};
use crate::to::{To, ToMany};

/// Every member of the channel, the sender included: `channel.to(All)`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct All;

/// Every member but the sender: `channel.to(Others)`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Others;

/// What [`Channel::to`] takes: a number, a [`PeerId`], a member or the sender of a message for one peer; [`All`] or
/// [`Others`] for many.
pub trait IntoTarget {
    /// What sends to it: [`To`] or [`ToMany`].
    type To<'a>;

    /// Addresses it.
    fn address(self, channel: &Channel) -> Self::To<'_>;
}

macro_rules! one_peer {
    ($($type:ty => |$value:ident| $target:expr;)*) => {$(
        impl IntoTarget for $type {
            type To<'a> = To<'a>;

            fn address(self, channel: &Channel) -> To<'_> {
                let $value = self;
                To::new(channel, $target)
            }
        }
    )*};
}

one_peer! {
    u32 => |number| PeerId::new(number).map(Target::Peer).ok_or(NoTarget::Zero);
    PeerId => |id| Ok(Target::Peer(id));
    PeerRef => |peer| Ok(Target::Member(peer));
    &Member => |member| Ok(Target::Member(member.peer));
    &Sender => |sender| sender.peer.map(Target::Member).ok_or(NoTarget::Guest);
    SenderId => |id| match id {
        SenderId::Peer(id) => Ok(Target::Peer(id)),
        SenderId::Guest => Err(NoTarget::Guest),
    };
}

impl IntoTarget for All {
    type To<'a> = ToMany<'a>;

    fn address(self, channel: &Channel) -> ToMany<'_> {
        ToMany::new(channel, Target::All)
    }
}

impl IntoTarget for Others {
    type To<'a> = ToMany<'a>;

    fn address(self, channel: &Channel) -> ToMany<'_> {
        ToMany::new(channel, Target::Others)
    }
}

/// What cannot be addressed, told when something is sent to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum NoTarget {
    Zero,
    Guest,
}

impl NoTarget {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            NoTarget::Zero => "no peer has the id 0: ids begin with 1",
            NoTarget::Guest => "the sender is a guest, which receives nothing but the replies to its calls",
        }
    }
}
