#!/bin/bash
# Runs once, when the database is made: a user for Grafana that may only read, and not for long.
set -euo pipefail
hash=$(tr -d '\n' < /run/secrets/grafana_store_password | sha256sum | cut -d ' ' -f 1)
clickhouse-client --user "$CLICKHOUSE_USER" --password "$(cat /run/secrets/clickhouse_password)" --multiquery <<SQL
CREATE USER IF NOT EXISTS grafana IDENTIFIED WITH sha256_hash BY '$hash'
  SETTINGS readonly = 1, max_execution_time = 30 CHANGEABLE_IN_READONLY, max_memory_usage = 1000000000;
GRANT SELECT ON adpulse.* TO grafana;
SQL
