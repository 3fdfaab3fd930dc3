"""The panels, a module for each area. Importing a module registers its panels; `console/wiring.py` imports those whose
apps are installed. A panel reads a bounded slice or a rollup, never a whole table."""
