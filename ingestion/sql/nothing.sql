-- Going back needs nothing: the older migration holds the same functions.
SELECT 1;
