//! What a message goes through on its way to one peer.

use tower_layer::Layer;
use tower_service::Service;

use crate::envelope::Envelope;
use crate::error::Undelivered;
use crate::layer::{Deadline, DeadlineLayer, QueueUntilReady, QueueUntilReadyLayer, Trace, TraceLayer};
use crate::receipt::Receipt;

/// What the layers of a user are put around: it takes messages in order, at any time, and fails those whose deadline
/// passes before the link accepts them.
pub type PeerService<L> = Deadline<QueueUntilReady<L, Envelope>>;

/// The stack of one peer around its link, without boxes.
///
/// `layers` are the user's: any tower layer, or several as a tuple or a `tower::ServiceBuilder`, or
/// [`Identity`](tower_layer::Identity) for none. Their errors become the fate of the message, see
/// [`OutboxDriver`](super::OutboxDriver). `room` is how many messages wait for the link; what is above that waits before
/// the layers.
pub fn peer_stack<L, U>(link: L, layers: U, room: usize) -> Trace<U::Service>
where
    L: Service<Envelope, Response = Receipt, Error = Undelivered>,
    U: Layer<PeerService<L>>,
{
    // Outermost first.
    let stack = (
        TraceLayer::new(),               // sees every message, and the time that all other layers take
        layers,                          // before the deadline: what they do with a message counts as waiting, too
        DeadlineLayer::new(),            // over the queue, so that it takes what has expired out of it
        QueueUntilReadyLayer::new(room), // so that sending works before the link is up, and while it is not
    );
    stack.layer(link)
}
