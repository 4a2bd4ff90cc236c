"""Calls through API Gateway, each held to what the OpenAPI document says about its operation."""

import http.client
import json
import urllib.request
from urllib.parse import quote, urlencode, urlsplit

from .report import Failed, check, short


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body


class Api:
    def __init__(self, endpoint, url, operations):
        # The output's host is Amazon's; MiniStack knows the API by the first label of the name.
        host, self.stage = urlsplit(url).hostname, urlsplit(url).path
        self.address = urlsplit(endpoint)
        self.host = f"{host.split('.')[0]}.execute-api.localhost:{self.address.port}"
        self.operations = operations
        self.tenant = self.key = self.issuer = None
        self.called = set()
        self.documented = {}

    def enter(self, tenant, key, issuer):
        """From now on calls are to this tenant, with its key or with tokens of this issuer."""
        self.tenant, self.key, self.issuer = tenant, key, issuer

    def read_description(self):
        """The OpenAPI document, which the deployed function answers, and which has the template's operations."""
        document = self.call("getOpenApi", None, 200).body
        for path, methods in document["paths"].items():
            for method, operation in methods.items():
                if "operationId" in operation:
                    self.documented[operation["operationId"]] = (method.upper(), path, operation["responses"])
        routes = {name: (method, path) for name, (method, path, _) in self.documented.items()}
        check("the OpenAPI document and the template have the same operations", routes == self.operations)

    def credential(self, who):
        if who is None:
            return {}
        if who == "key":
            return {"X-API-Key": self.key}
        body = json.dumps({"sub": who}).encode()
        request = urllib.request.Request(f"{self.issuer}/dev/token", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return {"Authorization": f"Bearer {json.load(answer)['token']}"}

    def call(self, operation, who, status, body=None, query=None, headers=None, **path):
        """Calls an operation as somebody, and holds the answer to its contract."""
        method, template = self.operations[operation]
        target = template.format(**{name: quote(value, safe="") for name, value in path.items()})
        if query:
            target += "?" + urlencode(query)
        answer = self.send(method, target, self.credential(who) | (headers or {}), body)
        self.called.add(operation)
        what = f"{operation} as {who or 'nobody'}: {answer.status} {short(answer.body, 800)}"
        if answer.status != status:
            raise Failed(f"{what}, not {status}")
        if "x-request-id" not in answer.headers:
            raise Failed(f"{what} has no X-Request-ID")
        if self.documented and str(status) not in self.documented[operation][2]:
            raise Failed(f"{what} is not documented")
        # An answer without a body has the type API Gateway gives it.
        kind = answer.headers.get("content-type", "").split(";")[0]
        kinds = self.documented[operation][2][str(status)].get("content") if self.documented else None
        if kinds and kind not in kinds:
            raise Failed(f"{what} is {kind}, which is not documented")
        if status >= 400:
            of_call = answer.headers["x-request-id"]
            if not answer.body.get("code") or answer.body["details"].get("request_id") != of_call:
                raise Failed(f"{what} is no error of ours")
        return answer

    def send(self, method, target, headers, body=None):
        headers = {"Host": self.host, **headers}
        if self.tenant:
            headers["X-Tenant-ID"] = self.tenant
        if body is not None:
            headers["Content-Type"] = "application/json"
            body = json.dumps(body)
        connection = http.client.HTTPConnection(self.address.hostname, self.address.port, timeout=60)
        try:
            connection.request(method, self.stage + target, body, headers)
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        found = {name.lower(): value for name, value in answer.getheaders()}
        try:
            return Answer(answer.status, found, json.loads(text) if text else None)
        except ValueError:
            return Answer(answer.status, found, text.decode(errors="replace"))
