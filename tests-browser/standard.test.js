// A public client with PKCE in the standard realm, in a real browser.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { person } from './browser.js'
import { answer, finish, isArrived, standardRequest } from './flow.js'
import { startSandbox } from './sandbox.js'

async function scene(t) {
  const { standard: issuer } = await startSandbox(t)
  return { issuer, page: await (await person(t)).newPage() }
}

async function redeem(issuer, code, { redirectUri, verifier }) {
  const response = await fetch(`${issuer}/token`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'authorization_code', code, redirect_uri: redirectUri, client_id: 'demo-spa', code_verifier: verifier,
    }),
  })
  return { status: response.status, body: await response.json() }
}

test('a public client gets its tokens with the verifier, and a wrong one leaves the code usable', async (t) => {
  const { issuer, page } = await scene(t)
  const asked = standardRequest(issuer)
  await page.goto(asked.url)
  const { code, state, iss } = await finish(page)
  assert.equal(state, asked.state)
  assert.equal(iss, issuer)

  const wrong = await redeem(issuer, code, { ...asked, verifier: standardRequest(issuer).verifier })
  assert.equal(wrong.status, 400)
  assert.equal(wrong.body.error, 'invalid_grant')

  const { status, body } = await redeem(issuer, code, asked)
  assert.equal(status, 200, JSON.stringify(body))
  assert.equal(body.token_type.toLowerCase(), 'bearer')
  assert.ok(body.refresh_token)
})

test('a public client without a challenge is refused', async (t) => {
  const { issuer, page } = await scene(t)
  const asked = standardRequest(issuer, { code_challenge: null, code_challenge_method: null })
  await page.goto(asked.url)
  const { error, state } = await answer(page)
  assert.equal(error, 'invalid_request')
  assert.equal(state, asked.state)
})

test('the consent of a client that is set so is remembered', async (t) => {
  const { issuer, page } = await scene(t)
  await page.goto(standardRequest(issuer).url)
  await finish(page)
  await page.goto(standardRequest(issuer).url)
  assert.ok(isArrived(page))
})
