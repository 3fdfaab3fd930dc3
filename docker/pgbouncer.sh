#!/bin/sh
# Transaction pooling for the application role. The owner migrates past the pooler, straight to PostgreSQL.
set -eu
umask 077
app=$(cat /run/secrets/app_password)
cat > /run/pgbouncer/userlist.txt <<USERS
"payos_app" "$app"
USERS
cat > /run/pgbouncer/pgbouncer.ini <<INI
[databases]
payos = host=${POSTGRES_HOST:-postgres} port=${POSTGRES_PORT:-5432} dbname=payos

[pgbouncer]
listen_addr = 0.0.0.0
listen_port = 6432
unix_socket_dir =
auth_type = scram-sha-256
auth_file = /run/pgbouncer/userlist.txt
pool_mode = transaction
default_pool_size = ${POOL_SIZE:-20}
max_client_conn = ${MAX_CLIENTS:-500}
server_idle_timeout = 300
# psycopg sends it at connect; the pooler has no use for it.
ignore_startup_parameters = extra_float_digits,options
logfile =
INI
exec pgbouncer /run/pgbouncer/pgbouncer.ini
