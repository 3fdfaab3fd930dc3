-- Where a rail nets, what came back since the closing before goes into the sum of this batch: of the same partner, mode and
-- currency, each return once. The mark on the submission makes it once: rows are locked as they are marked, and one whose
-- mark another closing wrote meanwhile no longer qualifies. What came back of a transfer that was sent again since is kept
-- on its own submission, and so is not lost.
WITH netted AS (
    UPDATE settlement_submission s SET netted_in_id = %(batch)s
      FROM settlement_transfer t
     WHERE s.rail_id = %(rail)s AND s.returned_minor IS NOT NULL AND s.netted_in_id IS NULL
       AND t.id = s.transfer_id AND t.partner_id = %(partner)s AND t.livemode = %(livemode)s AND t.currency = %(currency)s
    RETURNING s.returned_minor
), totals AS (
    SELECT count(*) AS n, coalesce(sum(returned_minor), 0)::bigint AS total FROM netted
)
UPDATE settlement_settlementbatch b SET returned_count = totals.n, returned_minor = totals.total
  FROM totals WHERE b.id = %(batch)s
RETURNING b.returned_count, b.returned_minor
