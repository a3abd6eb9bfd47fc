"""The requests of OneID's pages for PKCE clients with Authlib, against a running sandbox.

Needs the packages of requirements.txt. KIMBAI_ONEID_URL is the realm's issuer, with its slash.
"""

import itertools
import os
import sys
from urllib.parse import parse_qs, urlsplit

import requests
from authlib.common.security import generate_token
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from joserfc import jwt
from joserfc.jwk import KeySet

from log_in import log_in

ISSUER = os.environ.get("KIMBAI_ONEID_URL", "http://localhost:4605/")
CLIENT_ID = "1mg"
REDIRECT_URI = "http://localhost:8080/callback"
SCOPE = "openid offline profile email phone address identity"
PROFILE = ISSUER + "user-management/user-info"

# Authlib speaks plain http only when it is told to; the sandbox is on this machine.
os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"

numbers = itertools.count(1)


def step(text):
    print(f"{next(numbers):2}. {text}", flush=True)


def expect(what, found, wanted):
    if found != wanted:
        sys.exit(f"FAILED: {what} is {found!r}, not {wanted!r}")


class Provider:
    """What discovery says, and the keys that it names."""

    def __init__(self):
        # Not urljoin: the issuer is compared character by character, and its slash belongs to it.
        self.metadata = requests.get(ISSUER.rstrip("/") + "/.well-known/openid-configuration", timeout=10).json()
        expect("issuer", self.metadata["issuer"], ISSUER)
        self.keys = KeySet.import_key_set(requests.get(self.metadata["jwks_uri"], timeout=10).json())

    def claims(self, id_token, nonce=None):
        """The claims of an ID token that was made here for this app, now."""
        claims = jwt.decode(id_token, self.keys, algorithms=["RS256"]).claims
        rules = {"iss": {"essential": True, "value": ISSUER}, "aud": {"essential": True, "value": CLIENT_ID}}
        if nonce:
            rules["nonce"] = {"essential": True, "value": nonce}
        jwt.JWTClaimsRegistry(**rules).validate(claims)
        return claims


def expect_tokens(token):
    expect("token_type", token["token_type"], "bearer")
    expect("scope", token["scope"], SCOPE)
    # A retry is told what is left.
    expect("expires_in is an hour or hardly less", 3500 < token["expires_in"] <= 3600, True)
    # A copy: Authlib goes on using the object it returned.
    return dict(token)


def main():
    step(f"The app reads what {ISSUER} says of itself")
    provider = Provider()
    endpoint = provider.metadata
    app = OAuth2Session(
        CLIENT_ID,
        token_endpoint_auth_method="none",
        redirect_uri=REDIRECT_URI,
        scope=SCOPE,
        code_challenge_method="S256",
    )
    verifier, nonce = generate_token(48), generate_token(16)
    url, state = app.create_authorization_url(
        endpoint["authorization_endpoint"], state=generate_token(16), nonce=nonce, code_verifier=verifier
    )
    step(f"The app sends the browser to {url}")

    step("The person logs in and agrees")
    location = log_in(url, REDIRECT_URI, "an", "kimbai-demo")
    answer = parse_qs(urlsplit(location).query)
    expect("error", answer.get("error"), None)
    expect("iss", answer.get("iss"), [ISSUER])

    step("The app redeems the code with its verifier, and verifies the ID token")
    token_endpoint = endpoint["token_endpoint"]
    token = app.fetch_token(token_endpoint, authorization_response=location, state=state, code_verifier=verifier)
    first = expect_tokens(token)
    person = provider.claims(first["id_token"], nonce)
    print(f"    sub {person['sub']}, auth_time {person['auth_time']}")

    step("The person's standard claims, from the userinfo endpoint")
    claims = app.get(endpoint["userinfo_endpoint"]).json()
    expect("sub", claims["sub"], person["sub"])
    print(f"    {claims['name']} <{claims['email']}>")

    step(f"The platform's own profile: GET {PROFILE}")
    profile = app.get(PROFILE).json()
    expect("meta.code", profile["meta"]["code"], 200)
    expect("gender is a number", isinstance(profile["data"]["gender"], int), True)
    for document in profile["data"]["identity_documents"]:
        print(f"    {document['identity_type']} {document['identity_number']}")

    step("Its document has the header misspelt: that works too")
    misspelt = {"Authentication": "bearer " + first["access_token"]}
    expect("status", requests.get(PROFILE, headers=misspelt, timeout=10).status_code, 200)

    step("Refresh: a new ID token of the same log-in")
    second = expect_tokens(app.refresh_token(token_endpoint, refresh_token=first["refresh_token"]))
    expect("rotated", second["refresh_token"] != first["refresh_token"], True)
    new = provider.claims(second["id_token"])
    for claim in ("sub", "aud", "auth_time"):
        expect(claim, new[claim], person[claim])

    step("The same refresh again, as from another tab: the same tokens")
    again = expect_tokens(app.refresh_token(token_endpoint, refresh_token=first["refresh_token"]))
    expect("refresh_token", again["refresh_token"], second["refresh_token"])

    step("Log-out leads back to the app")
    asked = {
        "id_token_hint": second["id_token"],
        "post_logout_redirect_uri": "http://localhost:8080/",
        "state": state,
    }
    answer = requests.get(endpoint["end_session_endpoint"], params=asked, allow_redirects=False, timeout=10)
    expect("Location", answer.headers.get("Location"), f"http://localhost:8080/?state={state}")

    step("What was allowed with offline lives on, until it is revoked")
    third = expect_tokens(app.refresh_token(token_endpoint, refresh_token=second["refresh_token"]))
    app.revoke_token(endpoint["revocation_endpoint"], token=third["refresh_token"]).raise_for_status()
    try:
        app.refresh_token(token_endpoint, refresh_token=third["refresh_token"])
    except OAuthError as error:
        expect("error", error.error, "invalid_grant")
    else:
        sys.exit("FAILED: the refresh token was accepted")

    step("and the access token opens nothing")
    answer = requests.get(PROFILE, headers={"Authorization": "Bearer " + third["access_token"]}, timeout=10)
    expect("status", answer.status_code, 401)
    expect("meta.code", answer.json()["meta"]["code"], 4010001)

    print("All as documented.")


if __name__ == "__main__":
    main()
