"""Gold and predicted to counts, counts to P, R and F1; each number says what it is."""

import sys

from chinchilla import CallableRoom

sys.modules[__name__].__class__ = CallableRoom
