"""Log-in, refresh, userinfo and log-out with Authlib, against a running sandbox. Needs the packages of requirements.txt.

run.py             a walk through all of it, step by step
run.py rotate [S]  verifies ID tokens for S seconds (60) while the sandbox's keys follow each other
"""

import itertools
import sys
import time
from urllib.parse import parse_qs, urlsplit

from authlib.integrations.base_client import OAuthError
from joserfc.jws import extract_compact

import app as web
from person import Person

KEYS_MIN = 15  # what a minute with new keys every five seconds must show, five for each of three algorithms

numbers = itertools.count(1)


def step(text):
    print(f"{next(numbers):2}. {text}", flush=True)


def expect(what, found, wanted):
    if found != wanted:
        sys.exit(f"FAILED: {what} is {found!r}, not {wanted!r}")


def header(client_id):
    return extract_compact(web.tokens[client_id]["id_token"].encode()).headers()


class Visit:
    """A person's browser, and its session with the app."""

    def __init__(self):
        self.person = Person()
        self.site = web.app.test_client()

    def log_in(self, client_id):
        request = self.site.get(f"/log-in/{client_id}").location
        answer = self.person.follow(request, web.APP_URL + "/callback")
        expect("iss of the response", parse_qs(urlsplit(answer).query)["iss"], [web.ISSUER])
        expect("status", self.site.get(answer).status_code, 302)
        return web.tokens[client_id]

    def log_out(self, client_id):
        request = self.site.get(f"/log-out/{client_id}").location
        back = self.person.follow(request, web.APP_URL + "/")
        expect("the page after log-out", self.site.get(back).text, "Logged out")

    def is_logged_in(self, client_id):
        """Asks the provider without showing a page."""
        with web.app.test_request_context():
            client = web.oauth.create_client(client_id)
            request = client.create_authorization_url(web.APP_URL + "/callback", prompt="none")["url"]
        answer = parse_qs(urlsplit(self.person.follow(request, web.APP_URL + "/callback")).query)
        return answer.get("error") != ["login_required"]


def walk():
    visit = Visit()
    for client_id, algorithm in zip(web.CLIENTS, ("RS256", "ES256", "EdDSA")):
        step(f"{client_id} logs a person in and verifies the ID token ({algorithm})")
        claims = visit.log_in(client_id)["userinfo"]
        expect("alg", header(client_id)["alg"], algorithm)
        expect("sub", claims["sub"], "1")
        print(f"    sub {claims['sub']}, auth_time {claims['auth_time']}, amr {claims['amr']}")

        step("The userinfo endpoint knows more")
        person = web.userinfo(client_id)
        expect("sub", person["sub"], claims["sub"])
        print(f"    {person['name']} <{person['email']}>")

        step("Refresh: the new ID token is of the same log-in")
        web.refresh(client_id)
        new = web.tokens[client_id]["userinfo"]
        for claim in ("iss", "sub", "aud", "auth_time"):
            expect(claim, new[claim], claims[claim])
        expect("alg", header(client_id)["alg"], algorithm)

    step("Log-out, and back to the app")
    expect("logged in", visit.is_logged_in("demo-web"), True)
    visit.log_out("demo-web-eddsa")
    expect("logged in", visit.is_logged_in("demo-web"), False)

    step("What was allowed with offline_access lives on")
    web.refresh("demo-web")

    print("All as expected.")


def rotate(seconds):
    visit, verified, keys = Visit(), 0, set()
    end = time.monotonic() + seconds
    for client_id in web.CLIENTS:
        visit.log_in(client_id)
    while time.monotonic() < end:
        for client_id in web.CLIENTS:
            web.refresh(client_id) if verified % 2 else visit.log_in(client_id)
            keys.add(header(client_id)["kid"])
            verified += 1
        time.sleep(0.3)
    print(f"Authlib: {verified} ID tokens verified, signed by {len(keys)} keys")
    expect(f"{KEYS_MIN} keys or more", len(keys) >= KEYS_MIN, True)


if __name__ == "__main__":
    try:
        if sys.argv[1:2] == ["rotate"]:
            rotate(int(sys.argv[2]) if len(sys.argv) > 2 else 60)
        else:
            walk()
    except OAuthError as error:
        sys.exit(f"FAILED: {error}")
