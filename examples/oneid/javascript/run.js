// The requests of OneID's pages for PKCE clients with openid-client, against a running sandbox.
// KIMBAI_ONEID_URL is the realm's issuer, with its slash.

import assert from 'node:assert/strict'
import * as client from 'openid-client'
import { logIn } from './log-in.js'

const ISSUER = new URL(process.env.KIMBAI_ONEID_URL ?? 'http://localhost:4605/')
const CLIENT_ID = '1mg'
const REDIRECT_URI = 'http://localhost:8080/callback'
const SCOPE = 'openid offline profile email phone address identity'
const PROFILE = new URL('/user-management/user-info', ISSUER)

let steps = 0
const step = (text) => console.log(`${String(++steps).padStart(2)}. ${text}`)

step(`The app reads what ${ISSUER.href} says of itself`)
// Plain http, because the sandbox is on this machine. The app has no secret.
const config = await client.discovery(ISSUER, CLIENT_ID, undefined, client.None(), {
  execute: [client.allowInsecureRequests, client.enableNonRepudiationChecks],
})
assert.equal(config.serverMetadata().issuer, ISSUER.href)

const pkceCodeVerifier = client.randomPKCECodeVerifier()
const [expectedState, expectedNonce] = [client.randomState(), client.randomNonce()]
const url = client.buildAuthorizationUrl(config, {
  redirect_uri: REDIRECT_URI,
  scope: SCOPE,
  state: expectedState,
  nonce: expectedNonce,
  code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
  code_challenge_method: 'S256',
})
step(`The app sends the browser to ${url.href}`)

step('The person logs in and agrees')
const location = await logIn(url, REDIRECT_URI, 'an', 'kimbai-demo')
assert.equal(location.searchParams.get('error'), null)
assert.equal(location.searchParams.get('iss'), ISSUER.href)

step('The app redeems the code with its verifier, and verifies the ID token')
const first = await client.authorizationCodeGrant(config, location, { pkceCodeVerifier, expectedState, expectedNonce })
expectTokens(first)
const person = first.claims()
console.log(`    sub ${person.sub}, auth_time ${person.auth_time}`)

step('The person’s standard claims, from the userinfo endpoint')
const claims = await client.fetchUserInfo(config, first.access_token, person.sub)
console.log(`    ${claims.name} <${claims.email}>`)

step(`The platform’s own profile: GET ${PROFILE.href}`)
const answer = await client.fetchProtectedResource(config, first.access_token, PROFILE, 'GET')
assert.equal(answer.status, 200)
const { data, meta } = await answer.json()
assert.equal(meta.code, 200)
assert.equal(typeof data.gender, 'number')
console.log(`    ${data.full_name}, ${data.dob}, ${data.addresses[0].city}`)

step('Its document has the header misspelt: that works too')
const misspelt = await fetch(PROFILE, { headers: { authentication: `bearer ${first.access_token}` } })
assert.equal(misspelt.status, 200)

step('Refresh: a new ID token of the same log-in')
const second = await refresh(first.refresh_token)
assert.notEqual(second.refresh_token, first.refresh_token)
for (const claim of ['iss', 'sub', 'aud', 'auth_time']) assert.deepEqual(second.claims()[claim], person[claim])

step('The same refresh again, as from another tab: the same tokens')
assert.equal((await refresh(first.refresh_token)).refresh_token, second.refresh_token)

step('Log-out leads back to the app')
const bye = client.buildEndSessionUrl(config, {
  id_token_hint: second.id_token,
  post_logout_redirect_uri: 'http://localhost:8080/',
  state: expectedState,
})
const back = await fetch(bye, { redirect: 'manual' })
assert.equal(back.headers.get('location'), `http://localhost:8080/?state=${expectedState}`)

step('What was allowed with offline lives on, until it is revoked')
const third = await refresh(second.refresh_token)
await client.tokenRevocation(config, third.refresh_token)
await assert.rejects(client.refreshTokenGrant(config, third.refresh_token), (error) => error.error === 'invalid_grant')

step('and the access token opens nothing')
const refused = await fetch(PROFILE, { headers: { authorization: `Bearer ${third.access_token}` } })
assert.equal(refused.status, 401)
assert.equal((await refused.json()).meta.code, 4010001)

console.log('All as documented.')

async function refresh(refreshToken) {
  const tokens = await client.refreshTokenGrant(config, refreshToken)
  expectTokens(tokens)
  return tokens
}

function expectTokens(tokens) {
  assert.equal(tokens.token_type, 'bearer')
  assert.equal(tokens.scope, SCOPE)
  // A retry is told what is left.
  assert.ok(tokens.expires_in > 3500 && tokens.expires_in <= 3600)
}
