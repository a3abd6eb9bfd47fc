// Every kind of page, in both languages: what inspection.js asks of it.

import { test } from 'node:test'
import { person } from './browser.js'
import { finish, haravanRequest, logIn, marketplaceRequest, oneidRequest, press, sheetUrl, standardRequest } from './flow.js'
import { inspect } from './inspection.js'
import { startSandbox } from './sandbox.js'

// A claim by name is asked for by the scope it belongs to.
const CLAIMS = JSON.stringify({ userinfo: { email: { essential: true }, phone_number: null } })

const PAGES = {
  'log-in and consent': logInAndConsent,
  'pages dressed by an app': dressed,
  'account, form post and log-out': openid,
  'the choice of a shop': shops,
  'errors and the sandbox': sandbox,
}

for (const locale of ['vi-VN', 'en-GB']) {
  const language = locale.slice(0, 2)
  for (const [name, pages] of Object.entries(PAGES)) {
    test(`${name} are accessible in ${language}`, async (t) => {
      const realms = await startSandbox(t)
      const page = await (await person(t, { locale })).newPage()
      await pages(page, realms, (name) => inspect(page, `${name}-${language}`))
    })
  }
}

async function logInAndConsent(page, { marketplace }, seen) {
  await page.goto(marketplaceRequest(marketplace).url)
  await seen('login')
  await logIn(page, 'an', 'not the password')
  await seen('login-error')
  await logIn(page)
  await seen('consent')
  await press(page, '#consent-deny')
  await seen('callback-error')
  await page.goto(marketplaceRequest(marketplace).url)
  await finish(page)
  await seen('callback-code')
}

async function dressed(page, { oneid, standard }, seen) {
  await page.goto(oneidRequest(oneid).url)
  await seen('login-dressed')
  await logIn(page, 'an', 'not the password')
  await seen('login-dressed-error')
  await logIn(page)
  await seen('consent-documents')
  await page.goto(standardRequest(standard, { scope: 'openid profile offline_access', claims: CLAIMS }).url)
  await logIn(page)
  await seen('consent-claims')
}

async function openid(page, { standard }, seen) {
  const scope = 'openid profile'
  await page.goto(standardRequest(standard, { scope }).url)
  await finish(page)
  await page.goto(standardRequest(standard, { scope, prompt: 'select_account' }).url)
  await seen('account')

  // Its script would go on at once.
  await page.route('**/form-post*.js', (route) => route.abort())
  await page.goto(standardRequest(standard, { scope, response_mode: 'form_post' }).url)
  await seen('form-post')

  await page.goto(`${standard}/logout`)
  await seen('logout')
  await press(page, '#logout-confirm')
  await seen('logged-out')
}

async function shops(page, { haravan }, seen) {
  await page.goto(haravanRequest(haravan).url)
  await logIn(page, 'chi')
  await seen('organization')
  await press(page, '#organization-other-shop')
  await seen('consent-organization')
}

async function sandbox(page, { marketplace, tini }, seen) {
  await page.goto(marketplaceRequest(marketplace, { redirect_uri: 'https://thief.example/' }).url)
  await seen('error')
  await page.goto(`${marketplace}/nothing-here`)
  await seen('error-not-found')
  await page.goto(`${marketplace}/`)
  await seen('sandbox')
  await page.goto(`${marketplace}/sandbox/callback`)
  await seen('callback-nothing')
  await page.goto(`${marketplace}/sandbox/requests`)
  await seen('requests')
  await page.goto(sheetUrl(tini))
  await seen('sheet')
  await press(page, '#sheet-confirm')
  await seen('sheet-result')
}
