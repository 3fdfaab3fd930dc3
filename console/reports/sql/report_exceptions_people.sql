SELECT u.username,
       count(*),
       percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM c.resolved_at - c.created_at)),
       max(extract(epoch FROM c.resolved_at - c.created_at))
FROM operations_case c
LEFT JOIN partners_user u ON u.id = c.resolved_by_id
WHERE c.state = 'resolved' AND c.resolved_at >= %(start)s AND c.resolved_at < %(end)s
GROUP BY u.username
ORDER BY count(*) DESC, u.username
LIMIT 200
