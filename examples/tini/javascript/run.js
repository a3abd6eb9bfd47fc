// A Tini App's back end: exchange, refresh, me, against a running sandbox. Node's own library alone.
// KIMBAI_TINI_URL is the realm's address.

import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'

const KIMBAI_TINI_URL = process.env.KIMBAI_TINI_URL ?? 'http://localhost:4601'
const CLIENT_ID = 'RLCKb7Ae9kx4DXtXsCWjnDXtggFnM43W'
const CLIENT_SECRET = 'EhjGcsUUuRSJTHiYPbW5fxzyaKEx0JuAZIKRQ4HnIfNFidB2kMg6locQbTIEz3Vf'
const OPEN_API = '/tiniapp-open-api'

let steps = 0
const step = (text) => console.log(`${String(++steps).padStart(2)}. ${text}`)

// The HMAC runs over the base64url, which Node writes without padding.
function sign(canonical) {
  return createHmac('sha256', CLIENT_SECRET).update(Buffer.from(canonical).toString('base64url')).digest('hex')
}

async function post(path, body, headers = {}) {
  headers = { 'Content-Type': 'application/json', ...headers }
  const answer = await fetch(KIMBAI_TINI_URL + path, { method: 'POST', body, headers })
  return { status: answer.status, json: await answer.json() }
}

// The first generation: the fields are signed, their keys sorted, without spaces; the timestamp is a number.
async function graphql(field, name, value) {
  const fields = { [name]: value, client_id: CLIENT_ID, timestamp: Date.now() }
  const signature = sign(JSON.stringify(fields, Object.keys(fields).sort()))
  const query = `query ($value: String!, $client_id: String!, $timestamp: Timestamp!, $signature: String!) {
  ${field}(input: {
    ${name}: $value
    client_id: $client_id
    timestamp: $timestamp
    signature: $signature
  }) {
    access_token
    refresh_token
    expires_in
    scopes
  }
}`
  const { [name]: _, ...others } = fields
  const variables = { value, signature, ...others }
  const { status, json } = await post('/tiniapp/api/graphql/query', JSON.stringify({ query, variables }))
  assert.equal(status, 200)
  assert.equal(json.errors, undefined)
  return json.data[field]
}

// The fourth generation: serialised once; those bytes are signed, and those bytes are sent.
function signed(path, members) {
  const body = JSON.stringify(members)
  const timestamp = String(Date.now())
  return post(OPEN_API + path, body, {
    'X-Tiniapp-Client-Id': CLIENT_ID,
    'X-Tiniapp-Timestamp': timestamp,
    'X-Tiniapp-Signature': sign(`${timestamp}.${CLIENT_ID}.${body}`),
  })
}

step('The super-app gives a code to the app: my.getAuthCode')
const wanted = { client_id: CLIENT_ID, user: 'an', scopes: ['offline', 'user_profile'] }
const { code } = (await post('/sandbox/code', JSON.stringify(wanted))).json

step('The back end exchanges it, here over GraphQL')
const first = await graphql('get_auth_access_token', 'code', code)
assert.deepEqual(first.scopes, ['offline', 'user_profile'])
console.log(`    refresh token ${first.refresh_token.slice(0, 8)}…`)

step('It refreshes, here by REST')
const refreshed = await signed('/oauth/auth/token/refresh', { refresh_token: first.refresh_token })
assert.equal(refreshed.status, 200)
const second = refreshed.json.data
assert.notEqual(second.refresh_token, first.refresh_token)

step('The same refresh again, as after a lost answer: the same token')
const again = await signed('/oauth/auth/token/refresh', { refresh_token: first.refresh_token })
assert.equal(again.json.data.refresh_token, second.refresh_token)

step('Whom does the access token speak for?')
const me = await signed('/oauth/me', { access_token: second.access_token })
assert.equal(me.json.data.customer_id, 1)
console.log(`    ${me.json.data.customer_name}`)

step('The access token opens the Open API')
const headers = { Authorization: `Bearer ${second.access_token}` }
const profile = await fetch(`${KIMBAI_TINI_URL}/ecom/v1/customers/profile`, { headers })
assert.equal(profile.status, 200)

step('Without a signature nothing is said')
const refused = await post(`${OPEN_API}/oauth/me`, JSON.stringify({ access_token: second.access_token }))
assert.deepEqual([refused.status, refused.json.error.reason], [400, 'invalid_signature'])

console.log('All as documented.')
