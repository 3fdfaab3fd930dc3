"""The matching workbench: one discrepancy, the bank's lines on the left, our items on the right, the best suggestion
preselected with its score and reasons in words. Whatever is picked, the residual is always shown; a match is only made
when it is zero, or when the rest is written off within what the person may do alone (else a second person is asked).

`bench.py` gathers what is shown, `actions.py` decides (through reconciliation's services and nothing else), `views.py`
is the page. What was done hangs on the case, so that undo reverses it: the ledger keeps both.
"""
