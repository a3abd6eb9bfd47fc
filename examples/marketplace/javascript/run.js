// The requests of Tiki Marketplace's document "Authorization code flow" with openid-client, against a running sandbox.
// KIMBAI_URL is the realm's address.

import assert from 'node:assert/strict'
import * as client from 'openid-client'
import { logIn } from './log-in.js'

const KIMBAI_URL = process.env.KIMBAI_URL ?? 'http://localhost:4602'
const CLIENT_ID = '7590139168389961'
const CLIENT_SECRET = 'tfSl0c6VFv3fAB_z9F-m22IhEnmwq6ew'
const REDIRECT_URI = 'http://localhost:8080/callback'
const SCOPE = 'offline product order inventory'
const SELLER = new URL('/integration/v2/sellers/me', KIMBAI_URL)

let steps = 0
const step = (text) => console.log(`${String(++steps).padStart(2)}. ${text}`)
const words = (text) => text.split(' ').sort()

// openid-client sends the Basic header; the document wants client_id in the body as well.
function basicWithClientId(server, app, body, headers) {
  client.ClientSecretBasic(CLIENT_SECRET)(server, app, body, headers)
  body.set('client_id', app.client_id)
}

// Plain http, because the sandbox is on this machine.
const config = await client.discovery(new URL(KIMBAI_URL), CLIENT_ID, undefined, basicWithClientId, {
  algorithm: 'oauth2',
  execute: [client.allowInsecureRequests],
})

const state = client.randomState()
const url = client.buildAuthorizationUrl(config, { redirect_uri: REDIRECT_URI, scope: SCOPE, state })
step(`The app sends the browser to ${url.href}`)

step('The seller logs in and agrees')
const location = await logIn(url, REDIRECT_URI, 'an', 'kimbai-demo')
assert.equal(location.searchParams.get('error'), null)
assert.equal(location.searchParams.get('iss'), KIMBAI_URL)
console.log(`    code ${location.searchParams.get('code').slice(0, 8)}…`)

step('The app redeems the code')
const first = await client.authorizationCodeGrant(config, location, { expectedState: state })
expectTokens(first)
console.log(`    refresh token ${first.refresh_token.slice(0, 8)}…`)

step('The access token opens GET /integration/v2/sellers/me')
const answer = await client.fetchProtectedResource(config, first.access_token, SELLER, 'GET')
assert.equal(answer.status, 200)
console.log(`    ${(await answer.json()).name}`)

step('Refresh')
const second = await refresh(first.refresh_token)
assert.notEqual(second.refresh_token, first.refresh_token)

step('The same refresh again, as after a lost answer: the same tokens')
const again = await refresh(first.refresh_token)
assert.equal(again.refresh_token, second.refresh_token)
assert.equal(again.access_token, second.access_token)

step('Refresh with the new one')
const third = await refresh(second.refresh_token)
assert.notEqual(third.refresh_token, second.refresh_token)

step('The first one once more: reuse, refused')
await expectRefused(first.refresh_token)

step('The grant is revoked: the newest refresh token is refused')
await expectRefused(third.refresh_token)

step('and the newest access token opens nothing')
await assert.rejects(client.fetchProtectedResource(config, third.access_token, SELLER, 'GET'), (error) => {
  assert.ok(error instanceof client.WWWAuthenticateChallengeError)
  assert.equal(error.response.status, 401)
  assert.equal(error.cause[0].scheme, 'bearer')
  return true
})

console.log('All as documented.')

async function refresh(refreshToken) {
  const tokens = await client.refreshTokenGrant(config, refreshToken)
  expectTokens(tokens)
  return tokens
}

async function expectRefused(refreshToken) {
  await assert.rejects(client.refreshTokenGrant(config, refreshToken), (error) => {
    assert.ok(error instanceof client.ResponseBodyError, String(error))
    assert.equal(error.error, 'invalid_grant')
    assert.equal(error.status, 400)
    console.log(`    ${JSON.stringify(error.cause)}`)
    return true
  })
}

function expectTokens(tokens) {
  assert.equal(tokens.token_type, 'bearer')
  assert.deepEqual(words(tokens.scope), words(SCOPE))
  assert.ok(tokens.expires_in > 0)
}
