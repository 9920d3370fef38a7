FROM python:3.13-slim
WORKDIR /app
COPY requirements.lock .
RUN pip install --no-cache-dir --require-hashes -r requirements.lock && useradd --create-home ccx
COPY run.py ./
COPY ccx_addons ccx_addons
COPY ccx_admin ccx_admin
COPY scripts scripts
RUN mkdir -p config data && chown -R ccx config data
USER ccx
ENV BIND_HOST=0.0.0.0
EXPOSE 3000
VOLUME ["/app/config", "/app/data"]
HEALTHCHECK CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:3000/health/ready')"]
CMD ["python", "run.py"]
