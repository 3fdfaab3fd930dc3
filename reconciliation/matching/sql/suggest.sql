-- The best three counterparts of every row that is still open, by score. Written before the rest is classified.
INSERT INTO recon_suggestion (internal, external, confidence, reason)
SELECT ARRAY[i], ARRAY[e], score,
       jsonb_build_object('amount', (ARRAY['equal', 'net of fee', 'within tolerance', 'net of fee', 'opposite sign'])[amount_kind],
                          'days', days, 'difference_minor', difference_minor,
                          'by', CASE WHEN kind = 6 THEN 'similarity' ELSE 'reference' END)
FROM (
    SELECT c.*, row_number() OVER (PARTITION BY i ORDER BY score DESC, rank, abs(days), e) AS turn_i,
           row_number() OVER (PARTITION BY e ORDER BY score DESC, rank, abs(days), i) AS turn_e
    FROM recon_candidate c
    WHERE score >= {suggest_score}
) x
WHERE turn_i <= {per_item} OR turn_e <= {per_item}
-- Of one confidence, the likelier stands first; between equals, who is the other's first choice.
ORDER BY score DESC, rank, turn_e, abs(days), i, e;

INSERT INTO recon_suggestion (internal, external, confidence, reason)
SELECT DISTINCT ON (i, e) ARRAY[i], ARRAY[e], (ARRAY[70, 66, 66, 62])[kind],
       jsonb_build_object('reference', 'the same', 'amount', 'different', 'days', days, 'difference_minor', amount_e - amount_i)
FROM recon_tie t
WHERE kind <= 4 AND of_i <= {per_item} AND of_e <= {per_item}
  AND NOT EXISTS (SELECT FROM recon_candidate c WHERE c.i = t.i AND c.e = t.e AND c.score >= {suggest_score})
ORDER BY i, e, kind;
