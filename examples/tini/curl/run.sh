#!/usr/bin/env bash
# A Tini App's back end: exchange, refresh, me, a curl each, against a running sandbox. Signed with openssl.
# Needs curl, jq and openssl. KIMBAI_TINI_URL is the realm's address.
set -euo pipefail

KIMBAI_TINI_URL=${KIMBAI_TINI_URL:-http://localhost:4601}
client_id=RLCKb7Ae9kx4DXtXsCWjnDXtggFnM43W
client_secret=EhjGcsUUuRSJTHiYPbW5fxzyaKEx0JuAZIKRQ4HnIfNFidB2kMg6locQbTIEz3Vf
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

number=0
step() { number=$((number + 1)) && printf '%2d. %s\n' "$number" "$1"; }
fail() { printf 'FAILED in step %d: %s\n' "$number" "$1" >&2 && exit 1; }
expect() { [[ $2 == "$3" ]] || fail "$1 is «$2», not «$3»"; }
member() { jq -r ".$1" "$work/body"; }
now() { date +%s%3N; } # milliseconds

# The HMAC over the base64url, without padding, of the canonical string $1. A real app keeps its secret out of `ps`.
sign() {
  local payload
  payload=$(printf '%s' "$1" | openssl base64 -A | tr '+/' '-_' | tr -d '=')
  printf '%s' "$payload" | openssl dgst -sha256 -hmac "$client_secret" -r | cut -d' ' -f1
}

post() { # PATH BODY HEADER…
  local -a headers=()
  for header in "${@:3}"; do headers+=(-H "$header"); done
  status=$(curl -sS -o "$work/body" -w '%{http_code}' -H 'Content-Type: application/json' "${headers[@]}" \
    --data-binary "$2" "$KIMBAI_TINI_URL$1")
}

# Generation 4: the signature is in headers, over timestamp, app and the very bytes of the body.
signed() { # PATH BODY
  local timestamp
  timestamp=$(now)
  post "/tiniapp-open-api$1" "$2" "X-Tiniapp-Client-Id: $client_id" "X-Tiniapp-Timestamp: $timestamp" \
    "X-Tiniapp-Signature: $(sign "$timestamp.$client_id.$2")"
}

step 'The super-app gives a code to the app: my.getAuthCode'
post /sandbox/code "{\"client_id\":\"$client_id\",\"user\":\"an\",\"scopes\":[\"offline\",\"user_profile\"]}"
expect status "$status" 200
code=$(member code)

step 'The back end exchanges it, here over GraphQL: the fields are signed, sorted, without spaces'
timestamp=$(now)
signature=$(sign "{\"client_id\":\"$client_id\",\"code\":\"$code\",\"timestamp\":$timestamp}")
# shellcheck disable=SC2016 # the variables are jq's
query=$(jq -nc --arg code "$code" --arg client_id "$client_id" --arg signature "$signature" --arg timestamp "$timestamp" \
  '{query: "query {\n  get_auth_access_token(input: {\n    code: \"\($code)\"\n    client_id: \"\($client_id)\"\n    timestamp: \($timestamp)\n    signature: \"\($signature)\"\n  }) {\n    access_token\n    refresh_token\n    expires_in\n    scopes\n  }\n}"}')
post /tiniapp/api/graphql/query "$query"
expect status "$status" 200
expect errors "$(member errors)" null
first=$(member data.get_auth_access_token.refresh_token)
expect scopes "$(jq -c '.data.get_auth_access_token.scopes' "$work/body")" '["offline","user_profile"]'
echo "    refresh token ${first:0:8}…"

step 'It refreshes, here by REST'
signed /oauth/auth/token/refresh "{\"refresh_token\":\"$first\"}"
expect status "$status" 200
second=$(member data.refresh_token) access_token=$(member data.access_token)
[[ $second != "$first" ]] || fail 'the refresh token was not rotated'

step 'The same refresh again, as after a lost answer: the same token'
signed /oauth/auth/token/refresh "{\"refresh_token\":\"$first\"}"
expect refresh_token "$(member data.refresh_token)" "$second"

step 'Whom does the access token speak for?'
signed /oauth/me "{\"access_token\":\"$access_token\"}"
expect status "$status" 200
expect customer_id "$(member data.customer_id)" 1
echo "    $(member data.customer_name)"

step 'The access token opens the Open API'
status=$(curl -sS -o "$work/body" -w '%{http_code}' -H "Authorization: Bearer $access_token" \
  "$KIMBAI_TINI_URL/ecom/v1/customers/profile")
expect status "$status" 200

step 'Without a signature nothing is said'
post /tiniapp-open-api/oauth/me "{\"access_token\":\"$access_token\"}"
expect status "$status" 400
expect reason "$(member error.reason)" invalid_signature

echo 'All as documented.'
