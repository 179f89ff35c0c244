# One image for bridge, worker, device and console; docker-compose.yml says which command each runs.

FROM python:3.11-slim-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends g++ make && rm -rf /var/lib/apt/lists/*
WORKDIR /src
# The compiler's work, minutes of it, is cached until one of these files changes. They name Pyfhel's version; what else
# Blindsight needs is in pyproject.toml, which isn't here yet. The engine takes less, and changes more often.
COPY tools ./tools
RUN PYTHON=python3 BLINDSIGHT_CACHE=/cache tools/build-pyfhel.sh
COPY engine ./engine
RUN PYTHON=python3 BLINDSIGHT_CACHE=/cache tools/build-engine.sh
COPY . .
RUN python3 -m venv /opt/blindsight \
    && /opt/blindsight/bin/pip install --no-cache-dir --find-links /cache/wheels --only-binary Pyfhel ".[web]" \
    && /opt/blindsight/bin/pip install --no-cache-dir --no-deps /cache/wheels/blindsight_engine-*.whl

FROM python:3.11-slim-bookworm
# libgomp: Pyfhel is linked against OpenMP.
RUN apt-get update && apt-get install -y --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /var/lib/blindsight --create-home blindsight \
    # New volumes take their owner from these.
    && install -d -o blindsight -g blindsight -m 0700 /site /state
COPY --from=build /opt/blindsight /opt/blindsight
ENV PATH=/opt/blindsight/bin:$PATH PYTHONUNBUFFERED=1
USER blindsight
WORKDIR /var/lib/blindsight
ENTRYPOINT ["blindsight"]
