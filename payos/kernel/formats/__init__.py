"""How dates are shown in the console: as every bank statement writes them, and sortable by eye."""
