"""An app changes the token that it has of a shop into a pair of new ones, against a running sandbox. Python's own library
alone.

KIMBAI_HARAVAN_URL is the accounts server's address.
"""

import itertools
import json
import os
import pathlib
import re
import sys
import urllib.error
import urllib.parse
import urllib.request

KIMBAI_HARAVAN_URL = os.environ.get("KIMBAI_HARAVAN_URL", "http://localhost:4604")
CLIENT_ID = "00112233445566778899aabbccddeeff"
CLIENT_SECRET = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
SCOPES = [
    *("openid", "profile", "email", "org", "userinfo", "grant_service"),  # mandatory
    "offline_access",
]
# What the app has had of this shop for years.
LEGACY_TOKEN = (pathlib.Path(__file__).parent.parent / "legacy-token").read_text().strip()

numbers = itertools.count(1)


def step(text):
    print(f"{next(numbers):2}. {text}", flush=True)


def expect(what, found, wanted):
    if found != wanted:
        sys.exit(f"FAILED: {what} is {found!r}, not {wanted!r}")


def expect_token(token):
    expect("64 hex digits", bool(re.fullmatch("[0-9a-f]{64}", token)), True)


def send(path, data=None, headers=None):
    request = urllib.request.Request(KIMBAI_HARAVAN_URL + path, data, headers or {})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def exchange(secret_name="secret_key"):
    """On the platform a POST to https://{shop}.myharavan.com; the sandbox takes the shop's label from a header, too."""
    request = {"client_id": CLIENT_ID, secret_name: CLIENT_SECRET, "scopes": SCOPES}
    headers = {
        "Authorization": "Bearer " + LEGACY_TOKEN,
        "Content-Type": "application/json",
        "X-Kimbai-Shop": "demo-shop",
    }
    return send("/admin/token_exchange.json", json.dumps({"token_exchange": request}).encode(), headers)


def refresh(token):
    form = {
        "grant_type": "refresh_token",
        "refresh_token": token,
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
    }
    return send("/connect/token", urllib.parse.urlencode(form).encode())


def shop(token):
    return send("/com/shop.json", headers={"Authorization": "Bearer " + token})


def main():
    step(f"The app has a token of the shop, {len(LEGACY_TOKEN)} characters long, and it works")
    status, answer = shop(LEGACY_TOKEN)
    expect("status", status, 200)
    print(f"    {answer['shop']['name']}")

    step("It is exchanged at the address of the shop")
    status, answer = exchange()
    expect("status", status, 200)
    pair = answer["token"]
    expect("token_type", pair["token_type"], "Bearer")
    expect("expires_in", pair["expires_in"], 2**31 - 1)  # seconds: some 68 years
    expect_token(pair["access_token"])
    expect_token(pair["refresh_token"])
    print(f"    access token {pair['access_token'][:8]}…, refresh token {pair['refresh_token'][:8]}…")

    step("The same exchange again, as after a lost answer: the same pair")
    status, answer = exchange()
    expect("status", status, 200)
    expect("pair", answer["token"], pair)

    step("The new token opens the API")
    status, answer = shop(pair["access_token"])
    expect("status", status, 200)
    print(f"    {answer['shop']['name']}, {answer['shop']['domain']}")

    step("It is refreshed at the accounts server")
    status, second = refresh(pair["refresh_token"])
    expect("status", status, 200)
    expect_token(second["refresh_token"])
    expect("rotated", second["refresh_token"] != pair["refresh_token"], True)

    step("The same refresh again, as after a lost answer: the same refresh token")
    status, again = refresh(pair["refresh_token"])
    expect("status", status, 200)
    expect("refresh_token", again["refresh_token"], second["refresh_token"])

    step("The old token still works: the app can move shop by shop")
    for token in (LEGACY_TOKEN, second["access_token"]):
        expect("status", shop(token)[0], 200)

    step("With client_secret for secret_key nothing is exchanged")
    expect("refused", exchange("client_secret"), (422, {"error": "Unprocessable Entity"}))

    print("All as documented.")


if __name__ == "__main__":
    main()
