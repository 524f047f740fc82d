# syntax=docker/dockerfile:1
# Two images from one file: `site` (web, workers on a processor, schedule) and `gpu` (workers on a GPU).

FROM node:22-slim AS workbench
WORKDIR /build
COPY workbench/package.json workbench/package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY workbench/ ./
RUN npm run build

FROM python:3.11-slim AS packages
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/venv
COPY requirements/runtime.lock /tmp/
RUN /opt/venv/bin/pip install --require-hashes --no-deps -r /tmp/runtime.lock

FROM packages AS packages-gpu
COPY requirements/gpu.lock /tmp/
RUN /opt/venv/bin/pip install --require-hashes --no-deps -r /tmp/gpu.lock

FROM python:3.11-slim AS base
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp
RUN useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin earmark \
 && install -d -o earmark -g earmark -m 0700 /data /data/media /data/models
WORKDIR /srv/earmark
COPY manage.py ./
COPY config/ config/
COPY workers/ workers/
COPY annotation/ annotation/
COPY transcription/ transcription/
COPY models/ models/
COPY --from=workbench /build/dist/ workbench/dist/
USER earmark
VOLUME ["/data/media", "/data/models"]
EXPOSE 8000
# A command of config/processes.py follows: `uvicorn config.asgi:application ...`, `celery -A config worker ...`
ENTRYPOINT ["python", "-m"]
CMD ["uvicorn", "config.asgi:application", "--host", "0.0.0.0", "--lifespan", "off", "--no-access-log"]

FROM base AS gpu
COPY --from=packages-gpu /opt/venv /opt/venv
# CTranslate2 looks for the libraries of CUDA by name.
ENV LD_LIBRARY_PATH=/opt/venv/lib/python3.11/site-packages/nvidia/cublas/lib:/opt/venv/lib/python3.11/site-packages/nvidia/cudnn/lib

FROM base AS site
COPY --from=packages /opt/venv /opt/venv
