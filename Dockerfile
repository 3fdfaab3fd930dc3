# syntax=docker/dockerfile:1
# Two images from one file: `payos` (web, worker, beat and every manage.py command) and `pgbouncer`.

FROM python:3.11-slim-bookworm AS packages
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PYTHONDONTWRITEBYTECODE=1
RUN python -m venv /opt/venv
COPY requirements.lock /tmp/requirements.lock
RUN /opt/venv/bin/pip install --require-hashes -r /tmp/requirements.lock

FROM python:3.11-slim-bookworm AS payos
# Pango draws the PDF reports; fonts so that they show more than boxes.
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fonts-dejavu-core tini \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 payos \
    && useradd --uid 10001 --gid payos --no-create-home --home-dir /app --shell /usr/sbin/nologin payos \
    && install -d -o payos -g payos /data
COPY --from=packages /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 MALLOC_ARENA_MAX=2 \
    DJANGO_SETTINGS_MODULE=payos.settings PAYOS_HOME=/data RAW_STORE=/data/raw
WORKDIR /app
COPY . .
# Static files are part of the image; collecting them needs settings that make sense, not a database.
RUN python -m compileall -q . && python -m payos.supervisor.deploycheck collectstatic --noinput --verbosity 0
USER payos
VOLUME /data
EXPOSE 8000
# One process a container, so that /metrics tells all of it; scale by containers.
ENTRYPOINT ["tini", "--"]
CMD ["granian", "--interface", "wsgi", "--host", "0.0.0.0", "--port", "8000", "--workers", "1", "--blocking-threads", "16", "--no-ws", "--respawn-failed-workers", "payos.wsgi:application"]

FROM debian:bookworm-slim AS pgbouncer
RUN apt-get update \
    && apt-get install -y --no-install-recommends pgbouncer postgresql-client tini \
    && rm -rf /var/lib/apt/lists/*
COPY docker/pgbouncer.sh /usr/local/bin/pgbouncer-start
RUN chmod 0755 /usr/local/bin/pgbouncer-start && install -d -o postgres -g postgres /run/pgbouncer
USER postgres
EXPOSE 6432
ENTRYPOINT ["tini", "--", "/usr/local/bin/pgbouncer-start"]
