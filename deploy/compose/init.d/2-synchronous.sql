-- A commit waits for pg-1, from the next start on. pg-2 is asynchronous.
ALTER SYSTEM SET synchronous_standby_names = 'FIRST 1 ("pg-1")';
