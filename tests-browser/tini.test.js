// The sandbox's consent sheet of the super-app, and what a Tini App does with what it gives.

import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { test } from 'node:test'
import { person } from './browser.js'
import { press, sheetUrl, TINI_APP } from './flow.js'
import { startSandbox } from './sandbox.js'

const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true }

async function scene(t, scopes) {
  const { tini } = await startSandbox(t)
  const page = await (await person(t, PHONE)).newPage()
  await page.goto(sheetUrl(tini, scopes))
  return { tini, page }
}

const switchOf = (page, scope) => page.locator(`input[name=granted][value=${scope}]`)

/** What the callback of my.getAuthCode is given. */
const result = async (page) => JSON.parse(await page.locator('#sheet-result').innerText())

/** Exchanges a code as the app's back end: those bytes are signed, and those bytes are sent. */
async function exchange(tini, code) {
  const body = JSON.stringify({ code })
  const timestamp = String(Date.now())
  const signed = Buffer.from(`${timestamp}.${TINI_APP.id}.${body}`).toString('base64url')
  const response = await fetch(`${tini}/tiniapp-open-api/oauth/auth/token`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'x-tiniapp-client-id': TINI_APP.id,
      'x-tiniapp-timestamp': timestamp,
      'x-tiniapp-signature': createHmac('sha256', TINI_APP.secret).update(signed).digest('hex'),
    },
    body,
  })
  return { status: response.status, ...(await response.json()) }
}

test('all that is asked for is given, and the code is exchanged by a signed request, once', async (t) => {
  const { tini, page } = await scene(t)
  assert.equal(await page.locator('#sheet-result').count(), 0)
  await press(page, '#sheet-confirm')
  const { authCode, authErrorScopes, authSuccessScopes } = await result(page)
  assert.deepEqual(authErrorScopes, {})
  assert.deepEqual(authSuccessScopes, ['offline', 'user_profile'])

  const { status, data } = await exchange(tini, authCode)
  assert.equal(status, 200)
  assert.deepEqual(data.scopes, ['offline', 'user_profile'])
  assert.ok(data.refresh_token)
  assert.equal(data.customer.name, 'Đặng Thị Ngọc Ảnh')
  assert.equal((await exchange(tini, authCode)).status, 400)
})

test('a scope that is switched off is told to the app as refused, and the token is without it', async (t) => {
  const { tini, page } = await scene(t)
  await switchOf(page, 'offline').tap()
  await page.locator('input[name=user][value=binh]').tap()
  await press(page, '#sheet-confirm')
  const { authCode, authErrorScopes, authSuccessScopes } = await result(page)
  assert.deepEqual(authErrorScopes, { offline: 2 })
  assert.deepEqual(authSuccessScopes, ['user_profile'])
  assert.deepEqual([await switchOf(page, 'offline').isChecked(), await switchOf(page, 'user_profile').isChecked()],
    [false, true])

  const { data } = await exchange(tini, authCode)
  assert.deepEqual(data.scopes, ['user_profile'])
  assert.equal(data.refresh_token, null)
  assert.equal(data.customer.name, 'Nguyễn Hòa Bình')
})

test('a scope that the app may not ask for has no switch, and is told apart from a refused one', async (t) => {
  const { page } = await scene(t, 'user_profile,tini:auth_code')
  assert.equal(await page.locator('input[name=granted]').count(), 1)
  await press(page, '#sheet-confirm')
  const { authErrorScopes } = await result(page)
  assert.deepEqual(authErrorScopes, { 'tini:auth_code': 1 })
})

test('who says no gives no code, whatever is switched on', async (t) => {
  const { page } = await scene(t)
  await press(page, '#sheet-deny')
  assert.deepEqual(await result(page), {
    authCode: null, authErrorScopes: { offline: 2, user_profile: 2 }, authSuccessScopes: [],
  })
})
