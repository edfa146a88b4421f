"""All rows there are, and where what was measured is kept."""

from pathlib import Path

from .rows_in_memory import ROWS as ROWS_IN_MEMORY
from .rows_of_sockets import ROWS as ROWS_OF_SOCKETS

ROWS = (*ROWS_IN_MEMORY, *ROWS_OF_SOCKETS)

RESULTS = Path(__file__).parent / "results"
WHOLE = RESULTS / "whole.json"
QUICK = RESULTS / "quick.json"
GROWTH = RESULTS / "growth.json"
