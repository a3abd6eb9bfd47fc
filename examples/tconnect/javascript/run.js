// A TCONNECT partner: log in, call, refresh, refresh again, against a running sandbox. Node's own library alone.
// KIMBAI_TCONNECT_URL is the realm's address.

import assert from 'node:assert/strict'
import { createCipheriv, randomBytes } from 'node:crypto'

const KIMBAI_TCONNECT_URL = process.env.KIMBAI_TCONNECT_URL ?? 'http://localhost:4603'
const PARTNER_CODE = 'DEMO'
// 32 bytes. The digits are not the key: they spell it.
const KEY = Buffer.from('000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f', 'hex')
const LOG_IN = {
  username: 'demo@yourdomain.vn',
  password: 'Password#123',
  client_id: 'fMLgZltRRtetnsOHXgxsHQ',
  client_secret: 'hUFhGJIqz746zcxsYVtrwhkveDuEfcYd',
}

let steps = 0
const step = (text) => console.log(`${String(++steps).padStart(2)}. ${text}`)

// A fresh IV, then the cipher text, in hex digits. Node pads with PKCS#7.
function seal(payload) {
  const iv = randomBytes(16)
  const cipher = createCipheriv('aes-256-cbc', KEY, iv)
  return Buffer.concat([iv, cipher.update(payload, 'utf8'), cipher.final()]).toString('hex')
}

async function post(path, payload, accessToken) {
  const headers = { 'Content-Type': 'application/json', 'Partner-Code': PARTNER_CODE }
  if (accessToken) headers.Authorization = `Bearer ${accessToken}`
  const body = JSON.stringify({ data: seal(JSON.stringify(payload)) })
  const answer = await fetch(`${KIMBAI_TCONNECT_URL}/openapi/v1${path}`, { method: 'POST', body, headers })
  return { status: answer.status, json: await answer.json() }
}

const jti = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url')).jti

step('The partner logs in: a user and a client at once, in one envelope')
const loggedIn = await post('/auth/login', LOG_IN)
assert.equal(loggedIn.status, 200)
const first = loggedIn.json
assert.equal(first.token_type, 'Bearer')
console.log(`    good for ${first.expires_in} s, to be refreshed within ${first.refresh_expires_in} s`)

step('The access token opens the API, beside the partner it was issued to')
const called = await post('/qr', { order_id: '1' }, first.access_token)
assert.equal(called.status, 200)
console.log(`    ${called.json.partner_code}, ${called.json.username}`)

step('It refreshes, and has a new pair')
const refresh = { refresh_token: first.refresh_token }
const refreshed = await post('/auth/refresh', refresh)
assert.equal(refreshed.status, 200)
const second = refreshed.json
assert.notEqual(second.refresh_token, first.refresh_token)

step('The same refresh again, as after a lost answer: the same pair')
const again = await post('/auth/refresh', refresh)
assert.equal(again.json.refresh_token, second.refresh_token)
assert.equal(jti(again.json.access_token), jti(second.access_token))

step('The new access token opens the API')
assert.equal((await post('/qr', { order_id: '2' }, second.access_token)).status, 200)

step('A refresh token is no access token, and nobody is told what was wrong')
assert.equal((await post('/qr', { order_id: '3' }, second.refresh_token)).status, 401)

console.log('All as documented.')
