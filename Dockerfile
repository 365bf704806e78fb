# One image for the review pages, the Airflow services and the command line.
# syntax directives are left out on purpose: any OCI builder will do.
ARG PYTHON_TAG=3.11-slim-bookworm

FROM python:${PYTHON_TAG} AS builder
ARG UV_VERSION=0.13.9
ENV UV_LINK_MODE=copy UV_NO_CACHE=1 UV_PYTHON_DOWNLOADS=never
RUN pip install --no-cache-dir --disable-pip-version-check "uv==${UV_VERSION}"
RUN uv venv --python "$(command -v python3)" /opt/lastseen
WORKDIR /src
COPY pyproject.toml requirements.lock ./
RUN uv pip sync --python /opt/lastseen/bin/python --require-hashes --compile-bytecode requirements.lock
COPY README.md LICENSE ./
COPY lastseen lastseen
COPY extractors extractors
COPY matchers matchers
COPY storage storage
COPY pipeline pipeline
COPY dags dags
COPY review review
RUN uv pip install --python /opt/lastseen/bin/python --no-deps --compile-bytecode . \
    && ln -s "$(/opt/lastseen/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/dags" /opt/lastseen/dags

FROM python:${PYTHON_TAG} AS runtime
# Debian's archive keeps only the newest build of a release: a pinned one could not be installed next month.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends bubblewrap \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --user-group --home-dir /var/lib/lastseen --create-home --shell /usr/sbin/nologin lastseen \
    && install --directory --owner lastseen --group lastseen --mode 0700 /var/lib/airflow /var/lib/lastseen/models \
    && install --directory --owner lastseen --group lastseen --mode 0700 /var/lib/volumes/proxy \
    && install --directory --owner 1000 --group 1000 --mode 0700 /var/lib/volumes/evidence /var/lib/volumes/minio
COPY --from=builder /opt/lastseen /opt/lastseen
ENV PATH=/opt/lastseen/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    LASTSEEN_DATA_DIR=/var/lib/lastseen \
    LASTSEEN_SANDBOX=required \
    AIRFLOW_HOME=/var/lib/airflow \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/lastseen/dags \
    AIRFLOW__CORE__LOAD_EXAMPLES=False
USER 10001:10001
WORKDIR /var/lib/lastseen
EXPOSE 8470 8080
CMD ["lastseen", "review"]
