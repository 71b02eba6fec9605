"""Why the calls of a batch wait for a trunk."""

from movoice_box.dialer.channels import Channels
from movoice_box.domain.batch import Batch, BatchState, RecipientState
from movoice_box.domain.routing import Wish


def waiting_reason(batch: Batch, channels: Channels) -> str | None:
    """What the owner should know of: a trunk that is down or rests, ports that are used up.

    None while calls go out, and where they wait for no more than a free channel.
    """
    if batch.state is not BatchState.RUNNING or not batch.tally.count(RecipientState.QUEUED):
        return None
    obstacle = channels.obstacle(Wish(trunk_id=batch.trunk_id))
    return obstacle.reason if obstacle and obstacle.is_visible else None
