"""What tests share: the loops they run on, waiting without sleeping, and a list of the modules."""

from __future__ import annotations

from .loops import (
    LOOP_FACTORIES as LOOP_FACTORIES,
    QUICK_LOOP_FACTORIES as QUICK_LOOP_FACTORIES,
    LoopErrors as LoopErrors,
    LoopFactory as LoopFactory,
    run_what_waits_for_a_loop as run_what_waits_for_a_loop,
    settle as settle,
)
from .modules import PACKAGES as PACKAGES, ROOT as ROOT, all_modules as all_modules, public_modules as public_modules
