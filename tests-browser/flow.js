// What apps ask for and what people do on the pages. The ids used here never change.

import { createHash, randomBytes } from 'node:crypto'

const PAGES_MAX = 6

export const APP = { id: '7590139168389961', secret: 'tfSl0c6VFv3fAB_z9F-m22IhEnmwq6ew' }
export const TINI_APP = {
  id: 'RLCKb7Ae9kx4DXtXsCWjnDXtggFnM43W',
  secret: 'EhjGcsUUuRSJTHiYPbW5fxzyaKEx0JuAZIKRQ4HnIfNFidB2kMg6locQbTIEz3Vf',
}
export const HARAVAN_APP = {
  id: '00112233445566778899aabbccddeeff',
  secret: '00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff',
}
export const SCOPE = 'offline product order inventory'

/** An authorization request of Marketplace's demo app; `changes` replaces parameters, null leaves one out. */
export function marketplaceRequest(issuer, changes = {}) {
  return request(`${issuer}/sc/oauth2/auth`, {
    response_type: 'code',
    client_id: APP.id,
    redirect_uri: callbackOf(issuer),
    scope: SCOPE,
    state: randomBytes(12).toString('hex'),
    ...changes,
  })
}

/** An authorization request of OneID's web app, which dresses its log-in page. */
export function oneidRequest(base, changes = {}) {
  return request(`${base}/oauth2/auth`, {
    response_type: 'code',
    client_id: '1mg-web',
    redirect_uri: callbackOf(base),
    scope: 'openid offline profile identity',
    state: randomBytes(12).toString('hex'),
    ...changes,
  })
}

/** The log-in of Haravan's demo app; `grant_service` in the scope asks for its installation. */
export function haravanRequest(issuer, changes = {}) {
  return request(`${issuer}/connect/authorize`, {
    response_type: 'code',
    client_id: HARAVAN_APP.id,
    redirect_uri: callbackOf(issuer),
    scope: 'openid profile email org userinfo',
    state: randomBytes(12).toString('hex'),
    ...changes,
  })
}

/** An authorization request of the standard realm's public client, and the verifier that belongs to it. */
export function standardRequest(issuer, changes = {}) {
  const verifier = randomBytes(32).toString('base64url')
  const asked = request(`${issuer}/authorize`, {
    response_type: 'code',
    client_id: 'demo-spa',
    redirect_uri: callbackOf(issuer),
    scope: 'orders.read offline_access',
    state: randomBytes(12).toString('hex'),
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    ...changes,
  })
  return { ...asked, verifier }
}

/** The sheet on which the super-app asks for `scopes`, for the demo Tini App. */
export function sheetUrl(issuer, scopes = 'offline,user_profile') {
  const url = new URL(`${issuer}/sandbox/tini/consent`)
  url.searchParams.set('client_id', TINI_APP.id)
  url.searchParams.set('scopes', scopes)
  return url.href
}

export const callbackOf = (issuer) => `${issuer}/sandbox/callback`

function request(endpoint, parameters) {
  const url = new URL(endpoint)
  for (const [name, value] of Object.entries(parameters)) if (value !== null) url.searchParams.set(name, value)
  return { url: url.href, state: parameters.state, redirectUri: parameters.redirect_uri }
}

/** Fills in the log-in page, and waits for the page that follows. */
export async function logIn(page, username = 'an', password = 'kimbai-demo') {
  await page.locator('#username').fill(username)
  await page.locator('#password').fill(password)
  await press(page, '#login')
}

/** Presses a button that leads to another page, and waits for it. */
export async function press(page, selector) {
  const loaded = page.waitForEvent('domcontentloaded')
  await page.locator(selector).click()
  await loaded
}

/** Goes on from wherever the page is, as a person would, until the app has its answer. */
export async function finish(page, username = 'an') {
  for (let pages = 0; pages < PAGES_MAX; pages += 1) {
    if (isArrived(page)) return answer(page)
    if ((await page.locator('#username').count()) > 0) await logIn(page, username)
    else await press(page, '#consent-allow')
  }
  throw new Error(`no answer after ${PAGES_MAX} pages, at ${page.url()}`)
}

export const isArrived = (page) => new URL(page.url()).pathname === '/sandbox/callback'

/** What the app was answered: the parameters of the redirect. */
export async function answer(page) {
  await page.waitForURL((url) => url.pathname === '/sandbox/callback')
  return Object.fromEntries(new URL(page.url()).searchParams)
}

/** The names and values of a page's hidden inputs. */
export function hiddenInputs(page) {
  return page
    .locator('form input[type=hidden]')
    .evaluateAll((inputs) => inputs.map((input) => [input.name, input.value]))
}

/** Puts hidden inputs of another page into this one's form. */
export async function overwriteHiddenInputs(page, inputs) {
  await page.locator('form:has(input[type=hidden])').evaluate((form, values) => {
    for (const [name, value] of values) form.elements.namedItem(name).value = value
  }, inputs)
}
