"""Alerts: rules over metrics and cases, told to people at most once per cause and period.

A tick (`evaluate`) reads what the rules watch, opens or counts up one Alert per cause, resolves what is over, and writes
one AlertNotice per message (its unique row is the promise to tell once). A second tick (`deliver`) sends what is due,
outside the transaction that wrote it, with retries. Quiet hours hold a message back, they never drop it.
Start reading at `evaluate.py`, then `channels.py` for what goes over the wire.
"""

from operations.alerts.channels import Answer
from operations.alerts.deliver import deliver, test_channel
from operations.alerts.evaluate import acknowledge, evaluate, matching, samples

__all__ = ["Answer", "acknowledge", "deliver", "evaluate", "matching", "samples", "test_channel"]
