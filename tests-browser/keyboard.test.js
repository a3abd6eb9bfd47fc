// Nobody needs a mouse: what has the focus is seen, comes in the order of the page, and no Enter says yes by itself.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { person } from './browser.js'
import { answer, finish, marketplaceRequest, oneidRequest, sheetUrl, standardRequest } from './flow.js'
import { startSandbox } from './sandbox.js'

const STOPS_MAX = 30

// A phone's window: what is fixed to its lower end must not cover what has the focus.
const SMALL = { viewport: { width: 390, height: 640 } }

async function scene(t) {
  const realms = await startSandbox(t)
  return { ...realms, page: await (await person(t, SMALL)).newPage() }
}

/** Presses Tab until `selector` has the focus, and looks at every stop on the way: their ids, or else their values. */
async function tabTo(page, selector) {
  const stops = []
  while (stops.length < STOPS_MAX) {
    await page.keyboard.press('Tab')
    const stop = await page.evaluate(focused, selector)
    assert.deepEqual(stop.faults, [], stop.name)
    stops.push(stop.name)
    if (stop.isWanted) return stops
  }
  throw new Error(`${selector} is not among the first ${STOPS_MAX} stops: ${stops}`)
}

/** Runs in the page: what has the focus, and what is wrong with how it is seen. */
function focused(selector) {
  const element = document.activeElement
  const faults = []
  const { outlineStyle, outlineWidth } = getComputedStyle(element)
  if (outlineStyle === 'none' || parseFloat(outlineWidth) < 2) faults.push('the focus is not seen')
  const { left, top, width, height } = element.getBoundingClientRect()
  const front = document.elementFromPoint(left + width / 2, top + height / 2)
  if (front === null || !(element.contains(front) || front.contains(element))) faults.push('it is covered or outside')
  const name = element.id || element.value || element.getAttribute('href')
  return { name, isWanted: element.matches(selector), faults }
}

/** Presses a key that leads to another page, and waits for it. */
async function leave(page, key) {
  const loaded = page.waitForEvent('domcontentloaded')
  await page.keyboard.press(key)
  await loaded
}

/** Logs in from the log-in page, whose first field has the focus. */
async function typeLogIn(page) {
  await page.locator('#username:focus').waitFor()
  await page.keyboard.type('an')
  await tabTo(page, '#password')
  await page.keyboard.type('kimbai-demo')
  await leave(page, 'Enter')
}

test('from log-in over consent to a code; no is before yes, and Enter alone is neither', async (t) => {
  const { marketplace, page } = await scene(t)
  const asked = marketplaceRequest(marketplace)
  await page.goto(asked.url)
  await typeLogIn(page)
  const consent = page.url()
  assert.equal(await page.evaluate(() => document.activeElement.localName), 'body')
  await page.keyboard.press('Enter')
  assert.equal(page.url(), consent)
  const stops = await tabTo(page, '#consent-allow')
  assert.deepEqual(stops.slice(-4), ['consent-policy', 'consent-tos', 'consent-deny', 'consent-allow'])
  await leave(page, 'Enter')
  const { code, state } = await answer(page)
  assert.ok(code)
  assert.equal(state, asked.state)
})

test('Enter on a scope that can be left out never says yes, Space leaves it out', async (t) => {
  const { standard, page } = await scene(t)
  const asked = standardRequest(standard, { scope: 'openid profile email' })
  await page.goto(asked.url)
  await typeLogIn(page)
  await tabTo(page, 'input[value=profile]')
  await leave(page, 'Enter')
  assert.equal((await answer(page)).error, 'access_denied')

  await page.goto(asked.url)
  await tabTo(page, 'input[value=profile]')
  await page.keyboard.press('Space')
  await tabTo(page, '#consent-allow')
  await leave(page, 'Space')
  const { code } = await answer(page)
  const response = await fetch(`${standard}/token`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'authorization_code', code, redirect_uri: asked.redirectUri, client_id: 'demo-spa',
      code_verifier: asked.verifier,
    }),
  })
  assert.equal((await response.json()).scope, 'openid email')
})

test('the log-in page of an app that dresses it: after the password the button, then help', async (t) => {
  const { oneid, page } = await scene(t)
  await page.goto(oneidRequest(oneid).url)
  await page.locator('#username:focus').waitFor()
  const stops = await tabTo(page, '#support-email')
  assert.deepEqual(stops, ['password', 'login', 'hotline', 'support-email'])
})

test('the account is chosen, and another one logs in', async (t) => {
  const { standard, page } = await scene(t)
  const choice = { scope: 'openid profile', prompt: 'select_account' }
  await page.goto(standardRequest(standard, { scope: 'openid profile' }).url)
  await finish(page, 'binh')
  await page.goto(standardRequest(standard, choice).url)
  await tabTo(page, '#account-continue')
  await leave(page, 'Enter')
  assert.ok((await answer(page)).code)

  await page.goto(standardRequest(standard, choice).url)
  const stops = await tabTo(page, '#account-another')
  assert.deepEqual(stops.slice(-2), ['account-continue', 'account-another'])
  await leave(page, 'Enter')
  await typeLogIn(page)
  await tabTo(page, '#consent-allow')
  await leave(page, 'Enter')
  assert.ok((await answer(page)).code)
})

test('log-out is confirmed, and not by Enter alone', async (t) => {
  const { standard, page } = await scene(t)
  await page.goto(standardRequest(standard, { scope: 'openid profile' }).url)
  await finish(page)
  await page.goto(`${standard}/logout`)
  await page.keyboard.press('Enter')
  assert.equal(await page.locator('#logged-out').count(), 0)
  await tabTo(page, '#logout-confirm')
  await leave(page, 'Enter')
  assert.equal(await page.locator('#logged-out').count(), 1)
})

test('the sheet: Space switches a scope off, arrows choose the person, Enter on a switch gives nothing', async (t) => {
  const { tini, page } = await scene(t)
  const result = async () => JSON.parse(await page.locator('#sheet-result').innerText())
  await page.goto(sheetUrl(tini))
  await tabTo(page, 'input[value=offline]')
  await page.keyboard.press('Space')
  await tabTo(page, 'input[name=user]')
  await page.keyboard.press('ArrowDown')
  assert.equal(await page.locator('input[name=user]:checked').inputValue(), 'binh')
  await tabTo(page, '#sheet-confirm')
  await leave(page, 'Enter')
  assert.deepEqual((await result()).authSuccessScopes, ['user_profile'])

  await page.goto(sheetUrl(tini))
  await tabTo(page, 'input[value=user_profile]')
  await leave(page, 'Enter')
  assert.equal((await result()).authCode, null)
})
