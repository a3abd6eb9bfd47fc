// An app changes the token that it has of a shop into a pair of new ones, against a running sandbox. Node's own library
// alone. KIMBAI_HARAVAN_URL is the accounts server's address.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'

const KIMBAI_HARAVAN_URL = process.env.KIMBAI_HARAVAN_URL ?? 'http://localhost:4604'
const CLIENT_ID = '00112233445566778899aabbccddeeff'
const CLIENT_SECRET = '00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff'
const MANDATORY = ['openid', 'profile', 'email', 'org', 'userinfo', 'grant_service']
const SCOPES = [...MANDATORY, 'offline_access']
// What the app has had of this shop for years.
const LEGACY_TOKEN = readFileSync(new URL('../legacy-token', import.meta.url), 'utf8').trim()

let steps = 0
const step = (text) => console.log(`${String(++steps).padStart(2)}. ${text}`)

async function send(path, request) {
  const answer = await fetch(KIMBAI_HARAVAN_URL + path, request)
  return { status: answer.status, json: await answer.json() }
}

// On the platform a POST to https://{shop}.myharavan.com; the sandbox takes the shop's label from a header, too.
function exchange(secretName = 'secret_key') {
  const exchanged = { client_id: CLIENT_ID, [secretName]: CLIENT_SECRET, scopes: SCOPES }
  return send('/admin/token_exchange.json', {
    method: 'POST',
    headers: {
      Authorization: `Bearer ${LEGACY_TOKEN}`,
      'Content-Type': 'application/json',
      'X-Kimbai-Shop': 'demo-shop',
    },
    body: JSON.stringify({ token_exchange: exchanged }),
  })
}

function refresh(token) {
  const form = { grant_type: 'refresh_token', refresh_token: token, client_id: CLIENT_ID, client_secret: CLIENT_SECRET }
  return send('/connect/token', { method: 'POST', body: new URLSearchParams(form) })
}

const shop = (token) => send('/com/shop.json', { headers: { Authorization: `Bearer ${token}` } })

step(`The app has a token of the shop, ${LEGACY_TOKEN.length} characters long, and it works`)
const old = await shop(LEGACY_TOKEN)
assert.equal(old.status, 200)
console.log(`    ${old.json.shop.name}`)

step('It is exchanged at the address of the shop')
const exchanged = await exchange()
assert.equal(exchanged.status, 200)
const pair = exchanged.json.token
assert.equal(pair.token_type, 'Bearer')
assert.equal(pair.expires_in, 2 ** 31 - 1) // seconds: some 68 years
for (const token of [pair.access_token, pair.refresh_token]) assert.match(token, /^[0-9a-f]{64}$/)
console.log(`    access token ${pair.access_token.slice(0, 8)}…, refresh token ${pair.refresh_token.slice(0, 8)}…`)

step('The same exchange again, as after a lost answer: the same pair')
assert.deepEqual((await exchange()).json.token, pair)

step('The new token opens the API')
const opened = await shop(pair.access_token)
assert.equal(opened.status, 200)
console.log(`    ${opened.json.shop.name}, ${opened.json.shop.domain}`)

step('It is refreshed at the accounts server')
const second = await refresh(pair.refresh_token)
assert.equal(second.status, 200)
assert.match(second.json.refresh_token, /^[0-9a-f]{64}$/)
assert.notEqual(second.json.refresh_token, pair.refresh_token)

step('The same refresh again, as after a lost answer: the same refresh token')
const again = await refresh(pair.refresh_token)
assert.equal(again.json.refresh_token, second.json.refresh_token)

step('The old token still works: the app can move shop by shop')
for (const token of [LEGACY_TOKEN, second.json.access_token]) assert.equal((await shop(token)).status, 200)

step('With client_secret for secret_key nothing is exchanged')
assert.deepEqual(await exchange('client_secret'), { status: 422, json: { error: 'Unprocessable Entity' } })

console.log('All as documented.')
