"""The requests of Tiki Marketplace's document "Authorization code flow" with Authlib, against a running sandbox.

Needs the packages of requirements.txt. KIMBAI_URL is the realm's address.
"""

import itertools
import os
import sys
from urllib.parse import parse_qs, urlsplit

from authlib.common.security import generate_token
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session

from log_in import log_in

KIMBAI_URL = os.environ.get("KIMBAI_URL", "http://localhost:4602")
CLIENT_ID = "7590139168389961"
CLIENT_SECRET = "tfSl0c6VFv3fAB_z9F-m22IhEnmwq6ew"
REDIRECT_URI = "http://localhost:8080/callback"
SCOPE = "offline product order inventory"
TOKEN_ENDPOINT = KIMBAI_URL + "/sc/oauth2/token"
SELLER = KIMBAI_URL + "/integration/v2/sellers/me"

# Authlib speaks plain http only when it is told to; the sandbox is on this machine.
os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"

numbers = itertools.count(1)


def step(text):
    print(f"{next(numbers):2}. {text}", flush=True)


def expect(what, found, wanted):
    if found != wanted:
        sys.exit(f"FAILED: {what} is {found!r}, not {wanted!r}")


def expect_tokens(token):
    expect("token_type", token["token_type"].lower(), "bearer")
    expect("scope", set(token["scope"].split()), set(SCOPE.split()))
    expect("expires_in is a number above 0", isinstance(token["expires_in"], int) and token["expires_in"] > 0, True)
    # A copy: Authlib goes on using the object it returned.
    return dict(token)


def refresh(app, refresh_token):
    # Authlib sends the Basic header; the document wants client_id in the body as well.
    return expect_tokens(app.refresh_token(TOKEN_ENDPOINT, refresh_token=refresh_token, client_id=CLIENT_ID))


def expect_refused(app, refresh_token):
    try:
        refresh(app, refresh_token)
    except OAuthError as error:
        expect("error", error.error, "invalid_grant")
        print(f"    {error}")
    else:
        sys.exit("FAILED: the refresh token was accepted")


def main():
    app = OAuth2Session(
        CLIENT_ID,
        CLIENT_SECRET,
        token_endpoint_auth_method="client_secret_basic",
        redirect_uri=REDIRECT_URI,
        scope=SCOPE,
    )
    url, state = app.create_authorization_url(KIMBAI_URL + "/sc/oauth2/auth", state=generate_token(16))
    step(f"The app sends the browser to {url}")

    step("The seller logs in and agrees")
    location = log_in(url, REDIRECT_URI, "an", "kimbai-demo")
    answer = parse_qs(urlsplit(location).query)
    expect("error", answer.get("error"), None)
    expect("iss", answer.get("iss"), [KIMBAI_URL])
    print(f"    code {answer['code'][0][:8]}…")

    step("The app redeems the code")
    token = app.fetch_token(TOKEN_ENDPOINT, authorization_response=location, state=state, client_id=CLIENT_ID)
    first = expect_tokens(token)
    print(f"    access token {first['access_token'][:8]}…, refresh token {first['refresh_token'][:8]}…")

    step("The access token opens GET /integration/v2/sellers/me")
    answer = app.get(SELLER)
    expect("status", answer.status_code, 200)
    print(f"    {answer.json()['name']}")

    step("Refresh")
    second = refresh(app, first["refresh_token"])
    expect("rotated", second["refresh_token"] != first["refresh_token"], True)

    step("The same refresh again, as after a lost answer: the same tokens")
    again = refresh(app, first["refresh_token"])
    expect("refresh_token", again["refresh_token"], second["refresh_token"])
    expect("access_token", again["access_token"], second["access_token"])

    step("Refresh with the new one")
    third = refresh(app, second["refresh_token"])
    expect("rotated", third["refresh_token"] not in (first["refresh_token"], second["refresh_token"]), True)

    step("The first one once more: reuse, refused")
    expect_refused(app, first["refresh_token"])

    step("The grant is revoked: the newest refresh token is refused")
    expect_refused(app, third["refresh_token"])

    step("and the newest access token opens nothing")
    app.token = third
    answer = app.get(SELLER)
    expect("status", answer.status_code, 401)
    expect("WWW-Authenticate", answer.headers.get("WWW-Authenticate", "").split(" ")[0], "Bearer")

    print("All as documented.")


if __name__ == "__main__":
    main()
