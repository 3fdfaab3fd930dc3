"""How money moves: one module a rail behind the interface of `base.py`. Adding a rail touches its module, one registry line and its tests."""
