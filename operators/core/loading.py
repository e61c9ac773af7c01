"""Loading models of PyTorch in threads of one process."""

from __future__ import annotations

import threading

LOADING = threading.RLock()
"""Held while transformers loads a model. It sets PyTorch's default dtype, which is the whole process's, to that of the
model, and sets it back: two loads that overlap would take each other's dtype, and leave one of them behind.

What builds a network without transformers need not wait for it: it converts the network to its own dtype before it
loads the weights.
"""
