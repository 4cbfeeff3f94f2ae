"""What the packages we build on would send home, switched off: photoseek contacts nobody it was not told to."""

from __future__ import annotations

import os
from typing import Final

_SWITCHES: Final = {
    # ONNX Runtime reads it as it is imported; its own disable_telemetry_events() comes too late.
    "ORT_DISABLE_TELEMETRY": "1",
    # Read by huggingface_hub as it is imported, and through it by transformers, open_clip and timm.
    "HF_HUB_DISABLE_TELEMETRY": "1",
    # transformers would have the hub convert a model's old weights, and ask there for a change to its repository.
    "DISABLE_SAFETENSORS_CONVERSION": "1",
}


def disable_telemetry() -> None:
    """Switch telemetry off in this process and those it starts; what the user's environment says already stands.

    To be called right before such a package is imported, and never as a module of ours is.
    """
    for name, value in _SWITCHES.items():
        os.environ.setdefault(name, value)
