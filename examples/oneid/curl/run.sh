#!/usr/bin/env bash
# The requests of OneID's pages for PKCE clients, a curl each, against a running sandbox. Needs curl, jq and openssl.
# KIMBAI_ONEID_URL is the realm's issuer, with its slash.
set -euo pipefail
cd "$(dirname "$0")"
# shellcheck source-path=SCRIPTDIR source=log-in.sh
. ./log-in.sh

issuer=${KIMBAI_ONEID_URL:-http://localhost:4605/}
base=${issuer%/}
client_id=1mg
redirect_uri=http://localhost:8080/callback
scope='openid offline profile email phone address identity'
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

number=0
step() { number=$((number + 1)) && printf '%2d. %s\n' "$number" "$1"; }
fail() { printf 'FAILED in step %d: %s\n' "$number" "$1" >&2 && exit 1; }
expect() { [[ $2 == "$3" ]] || fail "$1 is «$2», not «$3»"; }
escape() { jq -rn --arg value "$1" '$value | @uri'; }
member() { jq -r "$1 // \"\"" "$work/body"; }
base64url() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }

# The parameter $1 of the address $2, without its escapes.
parameter() {
  local value
  value=$(sed -nE "s/[^?]*[?](.*&)?$1=([^&#]*).*/\2/p" <<<"$2")
  printf '%b' "${value//%/\\x}"
}

request() { # CURL ARGUMENTS…
  status=$(curl -sS -D "$work/head" -o "$work/body" -w '%{http_code}' "$@")
}

# The claims of an ID token. Only looked at: whoever relies on them verifies the signature, as the other programs do.
claims() {
  local payload=${1#*.}
  payload=$(tr -- '-_' '+/' <<<"${payload%%.*}")
  while ((${#payload} % 4)); do payload+='='; done
  openssl base64 -d -A <<<"$payload"
}

expect_tokens() {
  expect status "$status" 200
  expect token_type "$(member .token_type)" bearer
  expect scope "$(member .scope)" "$scope"
  # A retry is told what is left.
  expect 'expires_in is an hour or hardly less' "$(member '.expires_in > 3500 and .expires_in <= 3600')" true
  access_token=$(member .access_token) refresh_token=$(member .refresh_token) id_token=$(member .id_token)
  expect iss "$(claims "$id_token" | jq -r .iss)" "$issuer"
  expect aud "$(claims "$id_token" | jq -r .aud)" "$client_id"
}

step "The app reads $base/.well-known/openid-configuration"
request "$base/.well-known/openid-configuration"
expect issuer "$(member .issuer)" "$issuer"
authorize=$(member .authorization_endpoint) token=$(member .token_endpoint) log_out=$(member .end_session_endpoint)
userinfo=$(member .userinfo_endpoint) revoke=$(member .revocation_endpoint)

verifier=$(openssl rand 32 | base64url)
challenge=$(printf %s "$verifier" | openssl dgst -sha256 -binary | base64url)
state=$(openssl rand 16 | base64url) nonce=$(openssl rand 16 | base64url)
url="$authorize?response_type=code&client_id=$client_id&redirect_uri=$(escape "$redirect_uri")&scope=$(escape "$scope")"
url+="&state=$state&nonce=$nonce&code_challenge=$challenge&code_challenge_method=S256"
step "The app sends the browser to $url"

step 'The person logs in and agrees'
location=$(log_in "$url" "$redirect_uri" an kimbai-demo) || fail 'no code'
expect error "$(parameter error "$location")" ''
expect state "$(parameter state "$location")" "$state"
expect iss "$(parameter iss "$location")" "$issuer"
code=$(parameter code "$location")
echo "    code ${code:0:8}…"

step 'The app redeems the code with its verifier, and without a secret'
request -d grant_type=authorization_code -d "code=$code" -d "code_verifier=$verifier" -d "client_id=$client_id" \
  --data-urlencode "redirect_uri=$redirect_uri" "$token"
expect_tokens
expect nonce "$(claims "$id_token" | jq -r .nonce)" "$nonce"
first=$refresh_token sub=$(claims "$id_token" | jq -r .sub) auth_time=$(claims "$id_token" | jq -r .auth_time)
echo "    sub $sub, auth_time $auth_time"

step "The person's standard claims: GET $userinfo"
request -H "Authorization: Bearer $access_token" "$userinfo"
expect status "$status" 200
expect sub "$(member .sub)" "$sub"
echo "    $(jq -c '{sub, name, email}' "$work/body")"

step "The platform's own profile: GET $base/user-management/user-info"
request -H "Authorization: bearer $access_token" "$base/user-management/user-info"
expect status "$status" 200
expect code "$(member .meta.code)" 200
expect gender "$(jq -r '.data.gender | type' "$work/body")" number
echo "    $(jq -c '.data | {full_name, dob, phone_number}' "$work/body")"

step 'Its document has the header misspelt: that works too'
request -H "Authentication: bearer $access_token" "$base/user-management/user-info"
expect status "$status" 200

step 'Refresh, as the document has it: a multipart form, with a redirect_uri that means nothing'
refresh() {
  request --form grant_type=refresh_token --form "refresh_token=$1" --form "client_id=$client_id" \
    --form redirect_uri=https://your-home-page "$token"
}
refresh "$first"
expect_tokens
expect sub "$(claims "$id_token" | jq -r .sub)" "$sub"
expect auth_time "$(claims "$id_token" | jq -r .auth_time)" "$auth_time"
second=$refresh_token
[[ $second != "$first" ]] || fail 'the refresh token was not rotated'

step 'The same refresh again, as from another tab: the same refresh token'
refresh "$first"
expect_tokens
expect refresh_token "$refresh_token" "$second"

step 'Log-out leads back to the app'
request "$log_out?id_token_hint=$id_token&post_logout_redirect_uri=$(escape http://localhost:8080/)&state=$state"
expect status "$status" 303
grep -qi "^location: http://localhost:8080/?state=$state" "$work/head" || fail 'not to the app'

step 'What was allowed with offline lives on, until it is revoked'
refresh "$second"
expect_tokens
request -d "token=$refresh_token" -d "client_id=$client_id" "$revoke"
expect status "$status" 200
refresh "$refresh_token"
expect status "$status" 400
expect error "$(member .error)" invalid_grant

step 'and the access token opens nothing'
request -H "Authorization: Bearer $access_token" "$base/user-management/user-info"
expect status "$status" 401
expect code "$(member .meta.code)" 4010001

echo 'All as documented.'
