#!/usr/bin/env bash
# An app changes the token that it has of a shop into a pair of new ones: exchange, refresh, a curl each, against a running
# sandbox. Needs curl and jq. KIMBAI_HARAVAN_URL is the accounts server's address; the shop's has a label before it.
set -euo pipefail
cd "$(dirname "$0")"

KIMBAI_HARAVAN_URL=${KIMBAI_HARAVAN_URL:-http://localhost:4604}
shop_url=${KIMBAI_HARAVAN_URL/localhost/demo-shop.localhost} # https://{shop}.myharavan.com
client_id=00112233445566778899aabbccddeeff
client_secret=00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff
scopes='["openid","profile","email","org","userinfo","grant_service","offline_access"]'
legacy_token=$(<../legacy-token) # what the app has had of this shop for years
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

number=0
step() { number=$((number + 1)) && printf '%2d. %s\n' "$number" "$1"; }
fail() { printf 'FAILED in step %d: %s\n' "$number" "$1" >&2 && exit 1; }
expect() { [[ $2 == "$3" ]] || fail "$1 is «$2», not «$3»"; }
member() { jq -r "$1 // \"\"" "$work/body"; }

request() { # CURL ARGUMENTS…
  status=$(curl -sS -o "$work/body" -w '%{http_code}' "$@")
}

# A real app keeps tokens and secrets out of `ps`.
exchange() { # NAME OF THE SECRET'S MEMBER
  local body
  # shellcheck disable=SC2016 # the variables are jq's
  body=$(jq -nc --arg id "$client_id" --arg secret "$client_secret" --arg name "$1" --argjson scopes "$scopes" \
    '{token_exchange: {client_id: $id, ($name): $secret, scopes: $scopes}}')
  request -H "Authorization: Bearer $legacy_token" -H 'Content-Type: application/json' -d "$body" \
    "$shop_url/admin/token_exchange.json"
}

refresh() { # REFRESH TOKEN
  request "$KIMBAI_HARAVAN_URL/connect/token" -d grant_type=refresh_token -d "refresh_token=$1" \
    -d "client_id=$client_id" -d "client_secret=$client_secret"
}

shop() { # ACCESS TOKEN
  request -H "Authorization: Bearer $1" "$KIMBAI_HARAVAN_URL/com/shop.json"
}

expect_token() { # TOKEN
  [[ $1 =~ ^[0-9a-f]{64}$ ]] || fail 'a token is not 64 hex digits'
}

step "The app has a token of the shop, ${#legacy_token} characters long, and it works"
shop "$legacy_token"
expect status "$status" 200
echo "    $(jq -r .shop.name "$work/body")"

step 'It is exchanged at the address of the shop'
exchange secret_key
expect status "$status" 200
expect token_type "$(member .token.token_type)" Bearer
expect expires_in "$(member .token.expires_in)" 2147483647 # seconds: some 68 years
access_token=$(member .token.access_token) first=$(member .token.refresh_token) created_time=$(member .token.created_time)
expect_token "$access_token"
expect_token "$first"
echo "    access token ${access_token:0:8}…, refresh token ${first:0:8}…"

step 'The same exchange again, as after a lost answer: the same pair'
exchange secret_key
expect access_token "$(member .token.access_token)" "$access_token"
expect refresh_token "$(member .token.refresh_token)" "$first"
expect created_time "$(member .token.created_time)" "$created_time"

step 'The new token opens the API'
shop "$access_token"
expect status "$status" 200
echo "    $(jq -c '.shop | {id, name, domain}' "$work/body")"

step 'It is refreshed at the accounts server'
refresh "$first"
expect status "$status" 200
second=$(member .refresh_token) access_token=$(member .access_token)
expect_token "$second"
[[ $second != "$first" ]] || fail 'the refresh token was not rotated'

step 'The same refresh again, as after a lost answer: the same refresh token'
refresh "$first"
expect status "$status" 200
expect refresh_token "$(member .refresh_token)" "$second"

step 'The old token still works: the app can move shop by shop'
shop "$legacy_token"
expect status "$status" 200
shop "$access_token"
expect status "$status" 200

step 'With client_secret for secret_key nothing is exchanged'
exchange client_secret
expect status "$status" 422
expect error "$(member .error)" 'Unprocessable Entity'

echo 'All as documented.'
