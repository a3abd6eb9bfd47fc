#!/usr/bin/env bash
# The requests of Tiki Marketplace's document "Authorization code flow", a curl each, against a running sandbox.
# Needs curl and jq. KIMBAI_URL is the realm's address.
set -euo pipefail
cd "$(dirname "$0")"
# shellcheck source-path=SCRIPTDIR source=log-in.sh
. ./log-in.sh

KIMBAI_URL=${KIMBAI_URL:-http://localhost:4602}
client_id=7590139168389961
client_secret=tfSl0c6VFv3fAB_z9F-m22IhEnmwq6ew
redirect_uri=http://localhost:8080/callback
scope='offline product order inventory'
state=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

number=0
step() { number=$((number + 1)) && printf '%2d. %s\n' "$number" "$1"; }
fail() { printf 'FAILED in step %d: %s\n' "$number" "$1" >&2 && exit 1; }
expect() { [[ $2 == "$3" ]] || fail "$1 is «$2», not «$3»"; }
escape() { jq -rn --arg value "$1" '$value | @uri'; }
member() { jq -r ".$1 // \"\"" "$work/body"; }

# The parameter $1 of the address $2, without its escapes.
parameter() {
  local value
  value=$(sed -nE "s/[^?]*[?](.*&)?$1=([^&#]*).*/\2/p" <<<"$2")
  printf '%b' "${value//%/\\x}"
}

# The token call: Basic header, and client_id in the body too. Leaves the body in $work/body.
token() { # PARAMETER…
  local -a data=()
  for parameter in "$@"; do data+=(--data-urlencode "$parameter"); done
  status=$(curl -sS -D "$work/head" -o "$work/body" -w '%{http_code}' -u "$client_id:$client_secret" \
    -H 'Accept: application/json' --data-urlencode "client_id=$client_id" "${data[@]}" "$KIMBAI_URL/sc/oauth2/token")
}

expect_tokens() {
  expect status "$status" 200
  grep -qiE '^cache-control:.*no-store' "$work/head" || fail 'the answer may be cached'
  expect token_type "$(member token_type | tr '[:upper:]' '[:lower:]')" bearer
  expect scope "$(member scope | tr ' ' '\n' | sort | xargs)" "$(tr ' ' '\n' <<<"$scope" | sort | xargs)"
  expect 'expires_in is a number above 0' "$(jq '.expires_in | type == "number" and . > 0' "$work/body")" true
  access_token=$(member access_token) refresh_token=$(member refresh_token)
  [[ $access_token =~ ^[A-Za-z0-9_-]{43}\.[A-Za-z0-9_-]{43}$ ]] || fail 'the access token is not of the form 43.43'
  [[ $refresh_token =~ ^[A-Za-z0-9_-]{43}\.[A-Za-z0-9_-]{43}$ ]] || fail 'the refresh token is not of the form 43.43'
}

expect_refusal() { # ERROR
  expect status "$status" 400
  expect error "$(member error)" "$1"
  echo "    $(jq -c . "$work/body")"
}

seller() { # ACCESS_TOKEN
  status=$(curl -sS -D "$work/head" -o "$work/body" -w '%{http_code}' -H "Authorization: Bearer $1" \
    "$KIMBAI_URL/integration/v2/sellers/me")
}

query="response_type=code&client_id=$client_id&redirect_uri=$(escape "$redirect_uri")"
url="$KIMBAI_URL/sc/oauth2/auth?$query&scope=$(escape "$scope")&state=$state"
step "The app sends the browser to $url"

step 'The seller logs in and agrees'
location=$(log_in "$url" "$redirect_uri" an kimbai-demo) || fail 'no code'
expect error "$(parameter error "$location")" ''
expect state "$(parameter state "$location")" "$state"
expect iss "$(parameter iss "$location")" "$KIMBAI_URL"
code=$(parameter code "$location")
[[ -n $code ]] || fail "no code in $location"
echo "    ${location%%code=*}code=${code:0:8}…"

step 'The app redeems the code'
token grant_type=authorization_code "code=$code" "redirect_uri=$redirect_uri"
expect_tokens
first=$refresh_token
echo "    access token ${access_token:0:8}…, refresh token ${first:0:8}…"

step 'The access token opens GET /integration/v2/sellers/me'
seller "$access_token"
expect status "$status" 200
echo "    $(jq -c '{id, name}' "$work/body")"

step 'Refresh'
token grant_type=refresh_token "refresh_token=$first"
expect_tokens
second=$refresh_token second_access=$access_token
[[ $second != "$first" ]] || fail 'the refresh token was not rotated'
echo "    refresh token ${second:0:8}…"

step 'The same refresh again, as after a lost answer: the same tokens'
token grant_type=refresh_token "refresh_token=$first"
expect_tokens
expect refresh_token "$refresh_token" "$second"
expect access_token "$access_token" "$second_access"

step 'Refresh with the new one'
token grant_type=refresh_token "refresh_token=$second"
expect_tokens
third=$refresh_token newest=$access_token
[[ $third != "$second" ]] || fail 'the refresh token was not rotated'
echo "    refresh token ${third:0:8}…"

step 'The first one once more: reuse, refused'
token grant_type=refresh_token "refresh_token=$first"
expect_refusal invalid_grant

step 'The grant is revoked: the newest refresh token is refused'
token grant_type=refresh_token "refresh_token=$third"
expect_refusal invalid_grant

step 'and the newest access token opens nothing'
seller "$newest"
expect status "$status" 401
grep -qi '^www-authenticate: *bearer' "$work/head" || fail 'no WWW-Authenticate: Bearer'

echo 'All as documented.'
