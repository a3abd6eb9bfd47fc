// The seller's way through Marketplace's pages, in a real browser, and what must not be possible on it.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { person } from './browser.js'
import { answer, APP, callbackOf, finish, hiddenInputs, isArrived, logIn } from './flow.js'
import { marketplaceRequest, overwriteHiddenInputs, press, SCOPE } from './flow.js'
import { startSandbox } from './sandbox.js'

/** A sandbox, and a page of someone's new browser. */
async function scene(t, options) {
  const { marketplace: issuer } = await startSandbox(t)
  const context = await person(t, options)
  return { issuer, context, page: await context.newPage() }
}

async function redeem(issuer, code, redirectUri) {
  const response = await fetch(`${issuer}/sc/oauth2/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa(`${APP.id}:${APP.secret}`)}` },
    body: new URLSearchParams({
      grant_type: 'authorization_code', code, redirect_uri: redirectUri, client_id: APP.id,
    }),
  })
  return { status: response.status, body: await response.json() }
}

test('a wrong password shows the page again, the right one leads over consent to a code that works', async (t) => {
  const { issuer, page } = await scene(t)
  const asked = marketplaceRequest(issuer)
  await page.goto(asked.url)
  assert.equal(await page.locator('#error').count(), 0)

  await logIn(page, 'an', 'not the password')
  assert.notEqual((await page.locator('#error').innerText()).trim(), '')
  assert.equal(await page.locator('#username').inputValue(), 'an')
  assert.equal(await page.locator('#password').inputValue(), '')

  await logIn(page)
  const text = await page.locator('main').innerText()
  for (const scope of SCOPE.split(' ')) assert.match(text, new RegExp(`\\b${scope}\\b`))
  assert.match(text, /Đặng Thị Ngọc Ảnh/)

  await press(page, '#consent-allow')
  const { code, state, iss, error } = await answer(page)
  assert.equal(error, undefined)
  assert.equal(state, asked.state)
  assert.equal(iss, issuer)
  assert.equal(await page.locator('#code').innerText(), code)

  const { status, body } = await redeem(issuer, code, asked.redirectUri)
  assert.equal(status, 200, JSON.stringify(body))
  assert.deepEqual(body.scope.split(' ').sort(), SCOPE.split(' ').sort())
})

test('deny answers access_denied', async (t) => {
  const { issuer, page } = await scene(t)
  const asked = marketplaceRequest(issuer)
  await page.goto(asked.url)
  await logIn(page)
  await press(page, '#consent-deny')
  const { code, state, iss, error } = await answer(page)
  assert.equal(error, 'access_denied')
  assert.equal(state, asked.state)
  assert.equal(iss, issuer)
  assert.equal(code, undefined)
  assert.equal(await page.locator('#error').innerText(), 'access_denied')

  // A no is not remembered as a yes.
  await page.goto(marketplaceRequest(issuer).url)
  await page.locator('#consent-allow').waitFor()
})

test('a browser that is logged in is asked again only for more than was allowed', async (t) => {
  const { issuer, page } = await scene(t)
  await page.goto(marketplaceRequest(issuer, { scope: 'offline product' }).url)
  const first = await finish(page)

  for (const scope of ['offline product', 'product']) {
    const asked = marketplaceRequest(issuer, { scope })
    await page.goto(asked.url)
    assert.ok(isArrived(page), `asked again for ${scope}`)
    const again = await answer(page)
    assert.equal(again.state, asked.state)
    assert.notEqual(again.code, first.code)
  }

  await page.goto(marketplaceRequest(issuer, { scope: 'offline product order' }).url)
  await page.locator('#consent-allow').waitFor()
  assert.equal(await page.locator('#username').count(), 0)
})

test('a redirect URI that is not registered is answered in place', async (t) => {
  const { issuer, page } = await scene(t)
  const others = [`${callbackOf(issuer)}/`, 'http://localhost:8080/other', 'https://thief.example/', null]
  for (const redirect_uri of others) {
    const { url } = marketplaceRequest(issuer, { redirect_uri })
    await expectErrorInPlace(page, url)
  }
})

test('an unknown client is answered in place', async (t) => {
  const { issuer, page } = await scene(t)
  for (const client_id of ['7590139168389962', '<b>x</b>', null]) {
    const { url } = marketplaceRequest(issuer, { client_id })
    await expectErrorInPlace(page, url)
  }
})

async function expectErrorInPlace(page, url) {
  const response = await page.goto(url)
  assert.equal(response.status(), 400, url)
  assert.equal(response.request().redirectedFrom(), null, url)
  assert.equal(page.url(), url)
  assert.notEqual((await page.locator('#error').innerText()).trim(), '')
}

test('a state that is too short goes back to the app as invalid_state', async (t) => {
  const { issuer, page } = await scene(t)
  await page.goto(marketplaceRequest(issuer, { state: '1234567' }).url)
  const { error, state } = await answer(page)
  assert.equal(error, 'invalid_state')
  assert.equal(state, '1234567')
})

test('after log-in the back button still leads to a code', async (t) => {
  const { issuer, page } = await scene(t)
  const asked = marketplaceRequest(issuer)
  await page.goto(asked.url)
  await logIn(page)
  await page.locator('#consent-allow').waitFor()
  await page.goBack()
  const { code, state } = await finish(page)
  assert.ok(code)
  assert.equal(state, asked.state)
})

test('after the answer the back button leads to another code', async (t) => {
  const { issuer, page } = await scene(t)
  const asked = marketplaceRequest(issuer)
  await page.goto(asked.url)
  const first = await finish(page)
  await page.goBack()
  const second = await finish(page)
  assert.equal(second.state, asked.state)
  assert.equal((await redeem(issuer, second.code, asked.redirectUri)).status, 200)
  assert.notEqual(first.code, second.code)
})

test('two tabs with two requests at once both succeed', async (t) => {
  const { issuer, context, page: left } = await scene(t)
  const right = await context.newPage()
  const requests = [marketplaceRequest(issuer), marketplaceRequest(issuer)]
  await left.goto(requests[0].url)
  await right.goto(requests[1].url)
  await logIn(left)
  await logIn(right)
  const answers = [await finish(left), await finish(right)]
  assert.deepEqual(answers.map(({ state }) => state), requests.map(({ state }) => state))
  assert.notEqual(answers[0].code, answers[1].code)
  for (const [index, { code }] of answers.entries()) {
    assert.equal((await redeem(issuer, code, requests[index].redirectUri)).status, 200)
  }
})

test('a log-in form that another browser got is not accepted', async (t) => {
  const { issuer, page: thief } = await scene(t)
  const victim = await (await person(t)).newPage()
  const { url } = marketplaceRequest(issuer)
  await thief.goto(url)
  await victim.goto(url)
  await overwriteHiddenInputs(victim, await hiddenInputs(thief))
  await logIn(victim)
  assert.ok(!isArrived(victim))
  assert.equal(await victim.locator('#consent-allow').count(), 0)

  // Nobody was logged in by it either.
  await victim.goto(marketplaceRequest(issuer).url)
  await victim.locator('#username').waitFor()
})

test('a consent form that another browser got is not accepted', async (t) => {
  const { issuer, page: thief } = await scene(t)
  const victim = await (await person(t)).newPage()
  const { url } = marketplaceRequest(issuer)
  await thief.goto(url)
  await logIn(thief, 'binh')
  await victim.goto(url)
  await logIn(victim, 'an')
  await overwriteHiddenInputs(victim, await hiddenInputs(thief))
  await press(victim, '#consent-allow')
  assert.ok(!isArrived(victim))

  // Nothing was allowed by it either.
  await victim.goto(marketplaceRequest(issuer).url)
  await victim.locator('#consent-allow').waitFor()
})

test('the form leads to a redirect URI of another origin', async (t) => {
  const { issuer, page } = await scene(t)
  await page.goto(marketplaceRequest(issuer, { redirect_uri: 'http://localhost:8080/callback' }).url)
  await logIn(page)
  // Nobody listens there: that the browser asks is what a form-action that is too strict would prevent.
  const asked = page.waitForRequest((request) => request.url().startsWith('http://localhost:8080/callback?'))
  await page.locator('#consent-allow').click()
  assert.ok(new URL((await asked).url()).searchParams.get('code'))
})

test('cookies are HttpOnly and SameSite=Lax', async (t) => {
  const { issuer, context, page } = await scene(t)
  await page.goto(marketplaceRequest(issuer).url)
  const before = await context.cookies()
  await logIn(page)
  const cookies = await context.cookies()
  assert.ok(cookies.length > before.length)
  for (const { name, httpOnly, sameSite } of cookies) {
    assert.deepEqual({ name, httpOnly, sameSite }, { name, httpOnly: true, sameSite: 'Lax' })
  }
})

test('pages speak the language of the browser', async (t) => {
  const { marketplace: issuer } = await startSandbox(t)
  const languages = [
    { locale: 'vi-VN', lang: 'vi', words: /Đăng nhập/ },
    { locale: 'en-GB', lang: 'en', words: /Log in/ },
  ]
  for (const { locale, lang, words } of languages) {
    const page = await (await person(t, { locale })).newPage()
    await page.goto(marketplaceRequest(issuer).url)
    assert.equal(await page.locator('html').getAttribute('lang'), lang)
    assert.match(await page.locator('main').innerText(), words)
    await page.goto(marketplaceRequest(issuer, { client_id: '1' }).url)
    assert.equal(await page.locator('html').getAttribute('lang'), lang)
  }
})

test('everything works without JavaScript', async (t) => {
  const { issuer, page } = await scene(t, { javaScriptEnabled: false })
  const asked = marketplaceRequest(issuer)
  await page.goto(asked.url)
  await logIn(page, 'an', 'not the password')
  await page.locator('#error').waitFor()
  const { code, state } = await finish(page)
  assert.equal(state, asked.state)
  assert.equal((await redeem(issuer, code, asked.redirectUri)).status, 200)
})
