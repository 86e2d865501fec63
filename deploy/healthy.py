"""Ask the server in this container whether it is well: exit code 0 or 1."""

import os
import sys
import urllib.request

base = os.environ.get("STREAMLIT_SERVER_BASE_URL_PATH", "").strip("/")
port = os.environ.get("STREAMLIT_SERVER_PORT", "8501")
address = f"http://127.0.0.1:{port}/{base + '/' if base else ''}_stcore/health"

try:
    with urllib.request.urlopen(address, timeout=2) as answer:
        sys.exit(answer.read().strip() != b"ok")
except OSError:
    sys.exit(1)
