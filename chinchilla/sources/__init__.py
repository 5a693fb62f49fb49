"""One module and one card a published source: rows of its files to the fields of records.

A module declares `rows` and `to_fields`; `corpus.read` lists what else it may declare. A card
with a field mapping needs no module, and cards are discovered: nothing names the sources.
"""

import sys

from chinchilla import CallableRoom

sys.modules[__name__].__class__ = CallableRoom
