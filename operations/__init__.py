"""Operations: what every app calls when a person must look. Cases, approvals (four eyes) and alerts.

A Case is anything a person must look at, opened through one call (`services.open_case`); the same cause is the
same case and counts up. An Approval is a second pair of eyes on one exact act: who asks never approves, what
will happen is shown before, and if the subject changed since it was asked the approval is void.

Invariants: one open case per cause; a case is worked by one person at a time (a lease); requester and approver
differ (a database constraint); an approved act is carried out once, in the transaction of the decision.
Start reading at `models/case.py`, then `services/cases.py` and `services/approvals.py`.
"""
