-- The passwords of the two roles that observe.sql and replication.sql have made, from the Secret's files.
\set ON_ERROR_STOP on
\set agent `cat "$SECRETS/pgsidecar"`
\set standbys `cat "$SECRETS/replicator"`
SET log_min_error_statement = panic;
ALTER ROLE pgsidecar PASSWORD :'agent';
ALTER ROLE replicator PASSWORD :'standbys';
