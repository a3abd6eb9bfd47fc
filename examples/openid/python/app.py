"""A web app that logs people in with OpenID Connect: Flask and Authlib, as Authlib's documentation has it.

It knows the issuer, its clients and their secrets; everything else is in the issuer's discovery document.
KIMBAI_STANDARD_URL is the realm's address.
"""

import os

from authlib.integrations.flask_client import OAuth
from flask import Flask, redirect, request, session, url_for

ISSUER = os.environ.get("KIMBAI_STANDARD_URL", "http://localhost:4600")
APP_URL = "http://localhost:8080"
# One and the same app thrice: its ID tokens are signed with RS256, ES256 and EdDSA.
CLIENTS = {
    "demo-web": "demo-web-secret-0123456789abcdef",
    "demo-web-es256": "demo-web-es256-secret-0123456789",
    "demo-web-eddsa": "demo-web-eddsa-secret-0123456789",
}
SCOPE = "openid profile email offline_access"

# Authlib speaks plain http only when it is told to; the sandbox is on this machine.
os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"

app = Flask(__name__)
app.secret_key = os.urandom(32)
app.config["SERVER_NAME"] = "localhost:8080"

oauth = OAuth(app)
for client_id, client_secret in CLIENTS.items():
    oauth.register(
        client_id,
        client_id=client_id,
        client_secret=client_secret,
        server_metadata_url=ISSUER + "/.well-known/openid-configuration",
        client_kwargs={"scope": SCOPE, "code_challenge_method": "S256"},
    )

# The tokens of who is logged in, by client. An app with more than one person keeps them by `sub`.
tokens = {}


@app.get("/log-in/<client_id>")
def log_in(client_id):
    session["client_id"] = client_id
    return oauth.create_client(client_id).authorize_redirect(url_for("callback", _external=True))


@app.get("/callback")
def callback():
    client_id = session["client_id"]
    # Compares state and nonce, redeems the code and verifies the ID token.
    tokens[client_id] = oauth.create_client(client_id).authorize_access_token()
    return redirect("/")


@app.get("/log-out/<client_id>")
def log_out(client_id):
    return oauth.create_client(client_id).logout_redirect(
        post_logout_redirect_uri=APP_URL + "/", id_token_hint=tokens[client_id]["id_token"]
    )


@app.get("/")
def home():
    if "state" in request.args:
        oauth.create_client(session["client_id"]).validate_logout_response()
        return "Logged out"
    return "Hello"


def refresh(client_id):
    """Redeems the refresh token. The new ID token is verified; it has no nonce, for no browser was asked."""
    client = oauth.create_client(client_id)
    token = client.fetch_access_token(grant_type="refresh_token", refresh_token=tokens[client_id]["refresh_token"])
    token["userinfo"] = client.parse_id_token(token, nonce=None)
    tokens[client_id] = token


def userinfo(client_id):
    """What the userinfo endpoint says."""
    return oauth.create_client(client_id).userinfo(token=tokens[client_id])
