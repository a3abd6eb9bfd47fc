// Every page, light and dark, phone-sized and wide: no serious or critical violation, nothing wider than the screen.
// KIMBAI_SCREENSHOTS names a folder that gets a picture of each.

import { AxeBuilder } from '@axe-core/playwright'
import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { person } from './browser.js'
import { finish, logIn, marketplaceRequest, oneidRequest, press, standardRequest } from './flow.js'
import { startSandbox } from './sandbox.js'

const pictures = process.env.KIMBAI_SCREENSHOTS
if (pictures) mkdirSync(pictures, { recursive: true })

const SCREENS = {
  phone: { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true },
  wide: { viewport: { width: 1280, height: 900 } },
}

// Each screen is seen in both colours and both languages, each language in both colours.
const LOOKS = [
  ['phone', 'light', 'vi-VN'],
  ['phone', 'dark', 'en-GB'],
  ['wide', 'light', 'en-GB'],
  ['wide', 'dark', 'vi-VN'],
]

for (const [screen, colorScheme, locale] of LOOKS) {
  const look = `${screen}-${colorScheme}-${locale.slice(0, 2)}`
  test(`pages are accessible: ${look}`, (t) => everyPage(t, look, { ...SCREENS[screen], colorScheme, locale }))
}

async function everyPage(t, look, options) {
  const { marketplace: issuer, standard, oneid } = await startSandbox(t)
  const context = await person(t, options)
  const page = await context.newPage()
  const seen = (name) => inspect(page, `${name}-${look}`)

  await page.goto(marketplaceRequest(issuer).url)
  await seen('login')
  await logIn(page, 'an', 'not the password')
  await seen('login-error')
  await logIn(page)
  await seen('consent')
  await press(page, '#consent-deny')
  await seen('callback-error')
  await page.goto(marketplaceRequest(issuer).url)
  await finish(page)
  await seen('callback-code')
  await page.goto(marketplaceRequest(issuer, { redirect_uri: 'https://thief.example/' }).url)
  await seen('error')
  await page.goto(`${issuer}/`)
  await seen('sandbox')
  await page.goto(`${issuer}/sandbox/requests`)
  await seen('requests')

  await page.goto(oneidRequest(oneid).url)
  await seen('login-dressed')
  await logIn(page)
  await seen('consent-documents')

  await page.goto(standardRequest(standard, { scope: 'openid profile' }).url)
  await finish(page)
  await page.goto(standardRequest(standard, { scope: 'openid profile', prompt: 'select_account' }).url)
  await seen('account')
  await page.goto(`${standard}/logout`)
  await seen('logout')
  await press(page, '#logout-confirm')
  await seen('logged-out')
}

async function inspect(page, name) {
  if (pictures) await page.screenshot({ path: join(pictures, `${name}.png`), fullPage: true })
  const { violations } = await new AxeBuilder({ page }).analyze()
  const grave = violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, help, nodes }) => nodes.map(({ target, failureSummary }) => ({ id, help, target, failureSummary })))
  assert.deepEqual(grave, [], name)
  const tooWide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)
  assert.ok(tooWide <= 0, `${name} is ${tooWide} pixels wider than the screen`)
}
