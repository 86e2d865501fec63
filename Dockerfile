# The dashboard as an image. PyTorch's own index has wheels without CUDA, a tenth of the size:
#   docker build --build-arg TORCH_INDEX=ADDRESS-OF-THAT-INDEX --tag digits .
#   docker run --rm --read-only --tmpfs /tmp --volume digits:/state --publish 8501:8501 digits
FROM python:3.12-slim

ARG TORCH_INDEX=""
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1

# torch compiles the training step with a C++ compiler; without one it trains uncompiled.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends g++ \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /app
COPY requirements.txt requirements.lock ./
# Every file is checked against the lock; another index has other files of torch.
RUN if [ -z "$TORCH_INDEX" ]; then \
        pip install --require-hashes --requirement requirements.lock; \
    else \
        grep -E '^(torch|torchvision)==' requirements.txt > torch.txt \
        && pip install --index-url "$TORCH_INDEX" --requirement torch.txt \
        && pip install --requirement requirements.txt; \
    fi

COPY . .
RUN python -m compileall -q bnnlib ui pages dashboard.py \
    && useradd --create-home --uid 1000 visitor \
    && install --directory --owner visitor /state

# All that is written goes below /state; the rest may be read-only, but for /tmp.
ENV BNNLIB_RUNS=/state/runs \
    BNNLIB_DATA=/state/data \
    BNNLIB_CACHE=/state/cache \
    BNNLIB_CHECKPOINTS=/state/checkpoints \
    TORCHINDUCTOR_CACHE_DIR=/tmp/torchinductor \
    BNNLIB_TRAINING=off
USER visitor
VOLUME /state
EXPOSE 8501
HEALTHCHECK --interval=15s --timeout=3s --start-period=60s CMD ["python", "deploy/healthy.py"]
CMD ["streamlit", "run", "dashboard.py", "--server.address=0.0.0.0", "--server.headless=true"]
