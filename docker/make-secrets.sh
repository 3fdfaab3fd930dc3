#!/bin/sh
# Makes docker/secrets: one file per secret in a folder that only its owner may enter. What exists is kept.
# Run it once, before the first `docker compose up`, and back the folder up apart from the database:
# without `field_keys` the encrypted columns cannot be read again.
set -eu
umask 077
cd "$(dirname "$0")"
mkdir -p secrets
cd secrets

keep() { # keep NAME VALUE: the value is written only where there is none
    [ -s "$1" ] || printf '%s' "$2" > "$1"
}
word() { openssl rand -hex 24; }

keep postgres_password "$(word)"
keep owner_password "$(word)"
keep app_password "$(word)"
keep valkey_password "$(word)"
keep secret_key "$(openssl rand -base64 60 | tr -d '\n')"
keep hash_key "$(openssl rand -base64 48 | tr -d '\n')"
keep field_keys "k1:$(openssl rand -base64 32)"
keep database_url "postgresql://payos_app:$(cat app_password)@pgbouncer:6432/payos"
keep database_owner_url "postgresql://payos_owner:$(cat owner_password)@postgres:5432/payos"
keep redis_url "redis://:$(cat valkey_password)@valkey:6379/0"
# The folder is shut; the files themselves are open, because the containers' users read them through the mount.
chmod 0444 ./*
chmod 0700 .
echo "The secrets are in docker/secrets. Keep a copy in a safe place."
