// OpenID Connect's pages: the account to go on with, the form that is posted to the app, log-out.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { person } from './browser.js'
import { answer, finish, isArrived, logIn, press, standardRequest } from './flow.js'
import { startSandbox } from './sandbox.js'

const SCOPE = 'openid profile'

test('another account is one click and one log-in away', async (t) => {
  const { standard } = await startSandbox(t)
  const page = await (await person(t)).newPage()
  await page.goto(standardRequest(standard, { scope: SCOPE }).url)
  await finish(page)
  await page.goto(standardRequest(standard, { scope: SCOPE, prompt: 'select_account' }).url)
  await press(page, '#account-continue')
  assert.ok((await answer(page)).code)
  await page.goto(standardRequest(standard, { scope: SCOPE, prompt: 'select_account' }).url)
  await press(page, '#account-another')
  await logIn(page, 'binh')
  await press(page, '#consent-allow')
  assert.ok((await answer(page)).code)
})

test('prompt=login asks for the password, once, and the back button does not ask again for what is settled', async (t) => {
  const { standard } = await startSandbox(t)
  const page = await (await person(t)).newPage()
  await page.goto(standardRequest(standard, { scope: SCOPE }).url)
  await finish(page)
  await page.goto(standardRequest(standard, { scope: SCOPE, prompt: 'login' }).url)
  await logIn(page)
  assert.ok((await answer(page)).code)
})

for (const javaScriptEnabled of [true, false]) {
  test(`a form_post response arrives ${javaScriptEnabled ? 'by itself' : 'at the press of its button'}`, async (t) => {
    const { standard } = await startSandbox(t)
    const page = await (await person(t, { javaScriptEnabled })).newPage()
    await page.goto(standardRequest(standard, { scope: SCOPE }).url)
    await finish(page)
    await page.goto(standardRequest(standard, { scope: SCOPE, response_mode: 'form_post', nonce: 'n' }).url)
    if (!javaScriptEnabled) await press(page, '#form-post')
    await page.waitForURL((url) => url.pathname === '/sandbox/callback')
    assert.ok(isArrived(page))
    assert.equal(new URL(page.url()).search, '')
    assert.match(await page.locator('#command').innerText(), /grant_type=authorization_code/)
  })
}

test('after log-out the session is gone', async (t) => {
  const { standard } = await startSandbox(t)
  const page = await (await person(t)).newPage()
  await page.goto(standardRequest(standard, { scope: SCOPE }).url)
  await finish(page)
  await page.goto(`${standard}/logout`)
  await press(page, '#logout-confirm')
  assert.equal(await page.locator('#logged-out').count(), 1)
  await page.goto(standardRequest(standard, { scope: SCOPE, prompt: 'none' }).url)
  assert.equal((await answer(page)).error, 'login_required')
})
