#!/usr/bin/env bash
# A TCONNECT partner: log in, call, refresh, refresh again, a curl each, against a running sandbox. Sealed with openssl.
# Needs curl, jq and openssl. KIMBAI_TCONNECT_URL is the realm's address.
set -euo pipefail

KIMBAI_TCONNECT_URL=${KIMBAI_TCONNECT_URL:-http://localhost:4603}
partner=DEMO
key=000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f # 32 bytes, as hex digits
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

number=0
step() { number=$((number + 1)) && printf '%2d. %s\n' "$number" "$1"; }
fail() { printf 'FAILED in step %d: %s\n' "$number" "$1" >&2 && exit 1; }
expect() { [[ $2 == "$3" ]] || fail "$1 is «$2», not «$3»"; }
member() { jq -r ".$1" "$work/body"; }
jti() { jq -rR 'split(".")[1] | gsub("-"; "+") | gsub("_"; "/") | @base64d | fromjson.jti' <<<"$1"; }

# The envelope of the payload $1: a fresh IV, then the cipher text, in hex digits. A real partner keeps its key out of `ps`.
seal() {
  local iv
  iv=$(openssl rand -hex 16)
  printf '%s' "$iv"
  printf '%s' "$1" | openssl enc -aes-256-cbc -K "$key" -iv "$iv" | od -An -v -tx1 | tr -d ' \n'
}

post() { # PATH PAYLOAD HEADER…
  local -a headers=()
  for header in "${@:3}"; do headers+=(-H "$header"); done
  status=$(curl -sS -o "$work/body" -w '%{http_code}' -H 'Content-Type: application/json' \
    -H "Partner-Code: $partner" "${headers[@]}" --data-binary "{\"data\":\"$(seal "$2")\"}" \
    "$KIMBAI_TCONNECT_URL/openapi/v1$1")
}

step 'The partner logs in: a user and a client at once, in one envelope'
post /auth/login '{"username":"demo@yourdomain.vn","password":"Password#123",
  "client_id":"fMLgZltRRtetnsOHXgxsHQ","client_secret":"hUFhGJIqz746zcxsYVtrwhkveDuEfcYd"}'
expect status "$status" 200
expect token_type "$(member token_type)" Bearer
first=$(member refresh_token) access_token=$(member access_token)
echo "    good for $(member expires_in) s, to be refreshed within $(member refresh_expires_in) s"

step 'The access token opens the API, beside the partner it was issued to'
post /qr '{"order_id":"1"}' "Authorization: Bearer $access_token"
expect status "$status" 200
echo "    $(member partner_code), $(member username)"

step 'It refreshes, and has a new pair'
post /auth/refresh "{\"refresh_token\":\"$first\"}"
expect status "$status" 200
second=$(member refresh_token) access_token=$(member access_token)
[[ $second != "$first" ]] || fail 'the refresh token was not rotated'

step 'The same refresh again, as after a lost answer: the same pair'
post /auth/refresh "{\"refresh_token\":\"$first\"}"
expect refresh_token "$(member refresh_token)" "$second"
expect jti "$(jti "$(member access_token)")" "$(jti "$access_token")"

step 'The new access token opens the API'
post /qr '{"order_id":"2"}' "Authorization: Bearer $access_token"
expect status "$status" 200

step 'A refresh token is no access token, and nobody is told what was wrong'
post /qr '{"order_id":"3"}' "Authorization: Bearer $second"
expect status "$status" 401

echo 'All as documented.'
