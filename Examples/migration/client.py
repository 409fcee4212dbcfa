"""A JSON client of one server, with a kept connection for each thread."""

import http.client
import json
import threading
import time
import urllib.parse

# A server closes connections that are not used; it shall not do so in the moment of a request.
IDLE_SECONDS_MAX = 30


class Refused(Exception):
    """The server's own words."""

    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


class Client:
    def __init__(self, url):
        self.host = urllib.parse.urlsplit(url).netloc
        self.local = threading.local()

    def post(self, path, body):
        return self.request("POST", path, body)

    def get(self, path):
        return self.request("GET", path)

    def request(self, method, path, body=None):
        if not hasattr(self.local, "connection"):
            self.local.connection = http.client.HTTPConnection(self.host, timeout=60)
        connection = self.local.connection
        try:
            content = None if body is None else json.dumps(body)
            headers = {
                "Content-Type": "application/json", "Accept": "application/json", "Authorization": "Bearer root:Milvus"}
            if connection.sock and time.monotonic() - self.local.used > IDLE_SECONDS_MAX:
                connection.close()
            connection.request(method, path, content, headers)
            response = connection.getresponse()
            self.local.used = time.monotonic()
            text = response.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise OSError(f"{method} {path}: {error!r}") from error
        if response.status >= 300:
            raise Refused(response.status, message_of(text))
        return json.loads(text) if text else None


def message_of(text):
    try:
        error = json.loads(text)["error"]
        return error["message"] if isinstance(error, dict) else str(error)
    except (ValueError, KeyError, TypeError):
        return text.decode(errors="replace")[:500]
