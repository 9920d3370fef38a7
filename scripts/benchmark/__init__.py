"""Parts of ``scripts/bench.py``: an upstream with canned answers, the load, the programs compared, the report."""
