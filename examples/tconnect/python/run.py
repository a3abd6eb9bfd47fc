"""A TCONNECT partner: log in, call, refresh, refresh again, against a running sandbox.

Python has no AES of its own; it comes from the package cryptography. KIMBAI_TCONNECT_URL is the realm's address.
"""

import base64
import itertools
import json
import os
import sys
import urllib.error
import urllib.request

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

KIMBAI_TCONNECT_URL = os.environ.get("KIMBAI_TCONNECT_URL", "http://localhost:4603")
PARTNER_CODE = "DEMO"
# 32 bytes. The digits are not the key: they spell it.
KEY = bytes.fromhex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")
LOG_IN = {
    "username": "demo@yourdomain.vn",
    "password": "Password#123",
    "client_id": "fMLgZltRRtetnsOHXgxsHQ",
    "client_secret": "hUFhGJIqz746zcxsYVtrwhkveDuEfcYd",
}

numbers = itertools.count(1)


def step(text):
    print(f"{next(numbers):2}. {text}", flush=True)


def expect(what, found, wanted):
    if found != wanted:
        sys.exit(f"FAILED: {what} is {found!r}, not {wanted!r}")


def seal(payload: bytes) -> str:
    """A fresh IV, then the cipher text, in hex digits."""
    iv = os.urandom(16)
    padder = PKCS7(128).padder()
    padded = padder.update(payload) + padder.finalize()
    encryptor = Cipher(algorithms.AES256(KEY), modes.CBC(iv)).encryptor()
    return (iv + encryptor.update(padded) + encryptor.finalize()).hex()


def post(path, payload, access_token=None):
    body = json.dumps({"data": seal(json.dumps(payload).encode())}).encode()
    headers = {"Content-Type": "application/json", "Partner-Code": PARTNER_CODE}
    if access_token:
        headers["Authorization"] = "Bearer " + access_token
    request = urllib.request.Request(f"{KIMBAI_TCONNECT_URL}/openapi/v1{path}", body, headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def jti(token: str) -> str:
    claims = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["jti"]


def main():
    step("The partner logs in: a user and a client at once, in one envelope")
    status, first = post("/auth/login", LOG_IN)
    expect("status", status, 200)
    expect("token_type", first["token_type"], "Bearer")
    print(f"    good for {first['expires_in']} s, to be refreshed within {first['refresh_expires_in']} s")

    step("The access token opens the API, beside the partner it was issued to")
    status, answer = post("/qr", {"order_id": "1"}, first["access_token"])
    expect("status", status, 200)
    print(f"    {answer['partner_code']}, {answer['username']}")

    step("It refreshes, and has a new pair")
    refresh = {"refresh_token": first["refresh_token"]}
    status, second = post("/auth/refresh", refresh)
    expect("status", status, 200)
    expect("rotated", second["refresh_token"] != first["refresh_token"], True)

    step("The same refresh again, as after a lost answer: the same pair")
    status, again = post("/auth/refresh", refresh)
    expect("status", status, 200)
    expect("refresh_token", again["refresh_token"], second["refresh_token"])
    expect("jti", jti(again["access_token"]), jti(second["access_token"]))

    step("The new access token opens the API")
    status, _ = post("/qr", {"order_id": "2"}, second["access_token"])
    expect("status", status, 200)

    step("A refresh token is no access token, and nobody is told what was wrong")
    status, _ = post("/qr", {"order_id": "3"}, second["refresh_token"])
    expect("status", status, 401)

    print("All as documented.")


if __name__ == "__main__":
    main()
