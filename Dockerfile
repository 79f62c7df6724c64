# The demo (default) and the workbench in one image:
#   docker build -t unmask .
#   docker run --rm -p 7860:7860 -v unmask:/data unmask
#   docker run --rm -p 8501:8501 -v unmask:/data unmask workbench
FROM python:3.12-slim-bookworm

ENV PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1 \
    UNMASK_PROFILE=cpu \
    UNMASK_DATA_DIR=/data/unmask \
    GRADIO_ANALYTICS_ENABLED=False \
    GRADIO_SERVER_NAME=0.0.0.0 \
    GRADIO_SERVER_PORT=7860 \
    GRADIO_TEMP_DIR=/tmp/gradio \
    HOME=/home/unmask

RUN useradd --create-home --uid 1000 unmask && mkdir -p /data && chown unmask:unmask /data

WORKDIR /app
COPY requirements.txt ./
RUN pip install -r requirements.txt
COPY --chown=root:root . .
RUN chmod 0755 docker/start docker/healthy && python -m compileall -q app.py workbench.py core pages

USER unmask
VOLUME /data
EXPOSE 7860 8501

HEALTHCHECK --interval=30s --timeout=10s --start-period=180s --retries=3 CMD ["docker/healthy"]

ENTRYPOINT ["docker/start"]
CMD ["demo"]
