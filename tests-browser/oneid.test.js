// OneID's pages: what an app's registration puts on them.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { person } from './browser.js'
import { answer, logIn, oneidRequest, press } from './flow.js'
import { startSandbox } from './sandbox.js'

async function scene(t) {
  const { oneid } = await startSandbox(t)
  const page = await (await person(t)).newPage()
  const asked = oneidRequest(oneid)
  await page.goto(asked.url)
  return { oneid, page, asked }
}

/** Whether an image was loaded, which a content security policy without its origin prevents. */
const isDrawn = (image) => image.evaluate((image) => image.complete && image.naturalWidth > 0)

test('the log-in page wears what the app registered: background, hotline, support address', async (t) => {
  const { page } = await scene(t)
  assert.ok(await isDrawn(page.locator('.backdrop')))
  const { width, height } = page.viewportSize()
  assert.deepEqual(await page.locator('.backdrop').boundingBox(), { x: 0, y: 0, width, height })
  assert.equal(await page.locator('#hotline').getAttribute('href'), 'tel:19006900')
  assert.equal(await page.locator('#hotline').innerText(), '1900 6900')
  assert.equal(await page.locator('#support-email').getAttribute('href'), 'mailto:hotro@example.vn')
})

test('the consent page has the logo, the policy and the terms, and leads to a code that works', async (t) => {
  const { oneid, page, asked } = await scene(t)
  await logIn(page)
  assert.ok(await isDrawn(page.locator('.tile img')))
  assert.equal(await page.locator('#consent-policy').getAttribute('href'), 'https://example.com/privacy')
  assert.equal(await page.locator('#consent-tos').getAttribute('href'), 'https://example.com/terms')
  assert.equal(await page.locator('.backdrop').count(), 0)

  await press(page, '#consent-allow')
  const { code, state } = await answer(page)
  assert.equal(state, asked.state)
  const response = await fetch(`${oneid}/oauth2/token`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'authorization_code', code, redirect_uri: asked.redirectUri,
      client_id: '1mg-web', client_secret: 'demo-oneid-secret-0123456789abcd',
    }),
  })
  const tokens = await response.json()
  assert.equal(response.status, 200, JSON.stringify(tokens))
  assert.equal(tokens.scope, 'openid offline profile identity')
  assert.ok(tokens.id_token)
})
