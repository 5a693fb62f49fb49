"""IREE: events in investment research; read through the field mapping of its card.

https://www.luge.ai (id 72). The data is behind a registration and its format is not known
here, so the card's mapping (the field names of DuEE1.0 by default) is for the user to adapt in
raw/iree/card.toml:

    {"id": "...", "text": "...", "event_list": [{"event_type": "...", "trigger": "...",
     "trigger_start_index": 2, "arguments": [{"role": "...", "argument": "...",
     "argument_start_index": 0}]}]}
"""

from chinchilla.corpus.mapped import boundary, check_file, load

__all__ = ["boundary", "check_file", "load"]
