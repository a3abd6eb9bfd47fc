"""A Tini App's back end: exchange, refresh, me, against a running sandbox. Python's own library alone.

KIMBAI_TINI_URL is the realm's address.
"""

import base64
import hashlib
import hmac
import itertools
import json
import os
import sys
import time
import urllib.error
import urllib.request

KIMBAI_TINI_URL = os.environ.get("KIMBAI_TINI_URL", "http://localhost:4601")
CLIENT_ID = "RLCKb7Ae9kx4DXtXsCWjnDXtggFnM43W"
CLIENT_SECRET = "EhjGcsUUuRSJTHiYPbW5fxzyaKEx0JuAZIKRQ4HnIfNFidB2kMg6locQbTIEz3Vf"
OPEN_API = "/tiniapp-open-api"

numbers = itertools.count(1)


def step(text):
    print(f"{next(numbers):2}. {text}", flush=True)


def expect(what, found, wanted):
    if found != wanted:
        sys.exit(f"FAILED: {what} is {found!r}, not {wanted!r}")


def now_ms():
    return time.time_ns() // 1_000_000


def sign(canonical: str) -> str:
    """The HMAC runs over the base64url, its padding cut off."""
    payload = base64.urlsafe_b64encode(canonical.encode()).rstrip(b"=")
    return hmac.new(CLIENT_SECRET.encode(), payload, hashlib.sha256).hexdigest()


def send(path, body=None, headers=None):
    data = None if body is None else body.encode()
    headers = {"Content-Type": "application/json", **(headers or {})}
    request = urllib.request.Request(KIMBAI_TINI_URL + path, data, headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def graphql(field, name, value):
    """The first generation: the fields are signed, their keys sorted, without spaces; the timestamp is a number."""
    fields = {name: value, "client_id": CLIENT_ID, "timestamp": now_ms()}
    signature = sign(json.dumps(fields, sort_keys=True, separators=(",", ":")))
    arguments = "\n".join(f"    {key}: {json.dumps(member)}" for key, member in {**fields, "signature": signature}.items())
    query = f"query {{\n  {field}(input: {{\n{arguments}\n  }}) {{\n    access_token refresh_token expires_in scopes\n  }}\n}}"
    status, answer = send("/tiniapp/api/graphql/query", json.dumps({"query": query}))
    expect("status", status, 200)
    expect("errors", answer.get("errors"), None)
    return answer["data"][field]


def signed(path, **members):
    """The fourth generation: serialised once; those bytes are signed, and those bytes are sent."""
    body, timestamp = json.dumps(members), now_ms()
    headers = {
        "X-Tiniapp-Client-Id": CLIENT_ID,
        "X-Tiniapp-Timestamp": str(timestamp),
        "X-Tiniapp-Signature": sign(f"{timestamp}.{CLIENT_ID}.{body}"),
    }
    return send(OPEN_API + path, body, headers)


def main():
    step("The super-app gives a code to the app: my.getAuthCode")
    wanted = {"client_id": CLIENT_ID, "user": "an", "scopes": ["offline", "user_profile"]}
    status, answer = send("/sandbox/code", json.dumps(wanted))
    expect("status", status, 200)

    step("The back end exchanges it, here over GraphQL")
    first = graphql("get_auth_access_token", "code", answer["code"])
    expect("scopes", first["scopes"], ["offline", "user_profile"])
    print(f"    refresh token {first['refresh_token'][:8]}…")

    step("It refreshes, here by REST")
    status, answer = signed("/oauth/auth/token/refresh", refresh_token=first["refresh_token"])
    expect("status", status, 200)
    second = answer["data"]
    expect("rotated", second["refresh_token"] != first["refresh_token"], True)

    step("The same refresh again, as after a lost answer: the same token")
    _, answer = signed("/oauth/auth/token/refresh", refresh_token=first["refresh_token"])
    expect("refresh_token", answer["data"]["refresh_token"], second["refresh_token"])

    step("Whom does the access token speak for?")
    status, answer = signed("/oauth/me", access_token=second["access_token"])
    expect("status", status, 200)
    expect("customer_id", answer["data"]["customer_id"], 1)
    print(f"    {answer['data']['customer_name']}")

    step("The access token opens the Open API")
    bearer = {"Authorization": "Bearer " + second["access_token"]}
    status, _ = send("/ecom/v1/customers/profile", headers=bearer)
    expect("status", status, 200)

    step("Without a signature nothing is said")
    status, answer = send(OPEN_API + "/oauth/me", json.dumps({"access_token": second["access_token"]}))
    expect("refused", (status, answer["error"]["reason"]), (400, "invalid_signature"))

    print("All as documented.")


if __name__ == "__main__":
    main()
