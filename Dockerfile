# Tags of one version and one Debian. Their publisher may still push them anew; who wants the very bytes pins the digest, which
#   docker buildx imagetools inspect python:3.13.9-slim-trixie
# shows: python:3.13.9-slim-trixie@sha256:... in both places. The libraries are pinned by their hashes.
FROM python:3.13.9-slim-trixie AS libraries
COPY requirements-cluster.lock .
RUN python -m venv /opt/ccx && /opt/ccx/bin/pip install --no-cache-dir --require-hashes -r requirements-cluster.lock

FROM python:3.13.9-slim-trixie
WORKDIR /app
COPY --from=libraries /opt/ccx /opt/ccx
COPY run.py pyproject.toml LICENSE ./
COPY ccx_addons ccx_addons
COPY ccx_admin ccx_admin
COPY scripts scripts
RUN useradd --uid 1000 --create-home ccx && mkdir config data && chown ccx:ccx config data && chmod 700 config data \
    && printf '#!/bin/sh\nexec /opt/ccx/bin/python /app/run.py "$@"\n' >/usr/local/bin/ccx && chmod 755 /usr/local/bin/ccx \
    && /opt/ccx/bin/python -m compileall -q -o 0 -o 1 ccx_addons ccx_admin /opt/ccx/lib
USER ccx
ENV BIND_HOST=0.0.0.0
EXPOSE 3000
VOLUME ["/app/config", "/app/data"]
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s CMD ["ccx", "health"]
ENTRYPOINT ["ccx"]
CMD ["serve"]
