// Log-in, refresh, userinfo and log-out with openid-client, against a running sandbox. KIMBAI_STANDARD_URL is the realm's
// address.
//
//   run.js             a walk through all of it, step by step
//   run.js rotate [S]  verifies ID tokens for S seconds (60) while the sandbox's keys follow each other

import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { App } from './app.js'
import { Person } from './person.js'

const KIMBAI_STANDARD_URL = process.env.KIMBAI_STANDARD_URL ?? 'http://localhost:4600'
// One and the same app four times: its ID tokens are signed with RS256, ES256 and EdDSA, and once so is userinfo.
const CLIENTS = [
  ['demo-web', 'demo-web-secret-0123456789abcdef', { id_token_signed_response_alg: 'RS256' }],
  [
    'demo-web-signed',
    'demo-web-signed-secret-0123456789',
    { id_token_signed_response_alg: 'RS256', userinfo_signed_response_alg: 'ES256' },
  ],
  ['demo-web-es256', 'demo-web-es256-secret-0123456789', { id_token_signed_response_alg: 'ES256' }],
  ['demo-web-eddsa', 'demo-web-eddsa-secret-0123456789', { id_token_signed_response_alg: 'EdDSA' }],
]
const KEYS_MIN = 15 // what a minute with new keys every five seconds must show, five for each of three algorithms

let steps = 0
const step = (text) => console.log(`${String(++steps).padStart(2)}. ${text}`)
const header = (tokens) => JSON.parse(Buffer.from(tokens.id_token.split('.')[0], 'base64url'))

const [command, seconds] = process.argv.slice(2)
await (command === 'rotate' ? rotate(Number(seconds ?? 60)) : walk())

async function walk() {
  const browser = new Person()
  let app
  let tokens
  for (const [clientId, clientSecret, metadata] of CLIENTS) {
    const algorithm = metadata.id_token_signed_response_alg
    step(`${clientId} discovers the issuer`)
    app = await App.discover(KIMBAI_STANDARD_URL, clientId, clientSecret, metadata)

    step(`It logs a person in and verifies the ID token (${algorithm})`)
    const first = await app.logIn(browser)
    const claims = first.claims()
    assert.equal(header(first).alg, algorithm)
    assert.equal(claims.sub, '1')
    console.log(`    sub ${claims.sub}, auth_time ${claims.auth_time}, amr ${claims.amr}`)

    step('The userinfo endpoint knows more')
    const person = await app.userinfo(first)
    console.log(`    ${person.name} <${person.email}>`)

    step('Refresh: the new ID token is of the same log-in')
    tokens = await app.refresh(first)
    assert.equal(header(tokens).alg, algorithm)
    for (const claim of ['iss', 'sub', 'aud', 'auth_time']) assert.deepEqual(tokens.claims()[claim], claims[claim], claim)
  }

  step('Log-out, and back to the app')
  assert.equal(await app.isLoggedIn(browser), true)
  const { state, back } = await app.logOut(browser, tokens)
  assert.equal(back.searchParams.get('state'), state)
  assert.equal(await app.isLoggedIn(browser), false)

  step('What was allowed with offline_access lives on')
  assert.equal((await app.refresh(tokens)).claims().sub, '1')

  console.log('All as expected.')
}

async function rotate(seconds) {
  const end = Date.now() + seconds * 1000
  const browser = new Person('binh')
  const keys = new Set()
  let verified = 0
  const renew = async ({ app, tokens }) => {
    for (let round = 0; Date.now() < end; round += 1, await pause(300)) {
      tokens = round % 2 ? await app.logIn(browser) : await app.refresh(tokens)
      keys.add(header(tokens).kid)
      verified += 1
    }
  }
  const visits = []
  for (const client of CLIENTS) {
    const app = await App.discover(KIMBAI_STANDARD_URL, ...client)
    visits.push({ app, tokens: await app.logIn(browser) })
  }
  await Promise.all(visits.map(renew))
  console.log(`openid-client: ${verified} ID tokens verified, signed by ${keys.size} keys`)
  assert.ok(keys.size >= KEYS_MIN, `fewer than ${KEYS_MIN} keys`)
}
