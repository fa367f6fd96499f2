"""Settings of every test: one thread a process, since tests run in several; no deadlines."""

import os

from hypothesis import settings

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

# A first call may import torch, on a busy machine.
settings.register_profile("suite", deadline=None)
settings.load_profile("suite")
