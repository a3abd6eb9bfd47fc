// Haravan's pages: whoever works for several shops says for which.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { person } from './browser.js'
import { HARAVAN_APP, answer, haravanRequest, isArrived, logIn, press } from './flow.js'
import { startSandbox } from './sandbox.js'

async function scene(t, username, options = {}) {
  const { haravan } = await startSandbox(t)
  const page = await (await person(t, options)).newPage()
  const asked = haravanRequest(haravan)
  await page.goto(asked.url)
  await logIn(page, username)
  return { haravan, page, asked }
}

/** What the userinfo endpoint says to the app that was answered with this code. */
async function userinfo(haravan, code, redirectUri) {
  const body = new URLSearchParams({
    grant_type: 'authorization_code', code, redirect_uri: redirectUri,
    client_id: HARAVAN_APP.id, client_secret: HARAVAN_APP.secret,
  })
  const response = await fetch(`${haravan}/connect/token`, { method: 'POST', body })
  const tokens = await response.json()
  assert.equal(response.status, 200, JSON.stringify(tokens))
  const headers = { authorization: `Bearer ${tokens.access_token}` }
  return (await fetch(`${haravan}/connect/userinfo`, { headers })).json()
}

for (const javaScriptEnabled of [true, false]) {
  const how = javaScriptEnabled ? 'with' : 'without'
  test(`a shop is chosen ${how} JavaScript, and the app acts for it`, async (t) => {
    const { haravan, page, asked } = await scene(t, 'chi', { javaScriptEnabled })
    assert.equal(await page.locator('h1').innerText(), 'Choose a shop')
    const buttons = page.locator('button[name=organization]')
    assert.deepEqual(await buttons.allInnerTexts(), ['Tiệm Hoa Ngọc Ảnh\ndemo-shop', 'Sách Cũ Quỳnh Chi\nother-shop'])
    await press(page, '#organization-other-shop')
    assert.match(await page.locator('.facts').innerText(), /For the shop\s+Sách Cũ Quỳnh Chi/)
    await press(page, '#consent-allow')
    const { code, state } = await answer(page)
    assert.equal(state, asked.state)
    const { orgid, orgname, role } = await userinfo(haravan, code, asked.redirectUri)
    assert.deepEqual({ orgid, orgname, role }, { orgid: '200000001002', orgname: 'Sách Cũ Quỳnh Chi', role: ['admin'] })
  })
}

test('whoever works for one shop sees no choice, and the way back leads to one that still counts', async (t) => {
  const { page } = await scene(t, 'an')
  assert.equal(await page.locator('button[name=organization]').count(), 0)
  assert.match(await page.locator('.facts').innerText(), /For the shop\s+Tiệm Hoa Ngọc Ảnh/)

  const chi = await scene(t, 'chi')
  await press(chi.page, '#organization-demo-shop')
  await chi.page.goBack()
  await press(chi.page, '#organization-other-shop')
  assert.match(await chi.page.locator('.facts').innerText(), /For the shop\s+Sách Cũ Quỳnh Chi/)
})

test('the page is used with the keyboard alone', async (t) => {
  const { page } = await scene(t, 'chi')
  for (let presses = 0; presses < 20; presses += 1) {
    await page.keyboard.press('Tab')
    if ((await page.evaluate(() => document.activeElement.id)) === 'organization-other-shop') break
  }
  const loaded = page.waitForEvent('domcontentloaded')
  await page.keyboard.press('Enter')
  await loaded
  assert.match(await page.locator('.facts').innerText(), /For the shop\s+Sách Cũ Quỳnh Chi/)
})

test('an installation is refused to those who are no admin, and the app is told', async (t) => {
  const { haravan, page } = await scene(t, 'binh')
  await page.goto(haravanRequest(haravan, { scope: 'openid org grant_service' }).url)
  assert.ok(isArrived(page))
  const { error, code } = await answer(page)
  assert.deepEqual([error, code], ['access_denied', undefined])
})
